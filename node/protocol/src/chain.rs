//! The chain: takes headers and blocks, keeps the best chain, and owns the store.
//!
//! The best chain is the valid one with most work; of equal work, the one seen first. Every change of it, a
//! block on top or a reorganization of any depth, is one commit.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::check::block::{CheckedBlock, check_block};
use cairn_core::check::header::{HeaderError, ParentContext, check_header_alone, check_header_on_parent};
use cairn_core::check::transaction::SpendContext;
use cairn_core::coin::Coin;
use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::params::ChainParams;
use cairn_core::signature::Verifier;
use cairn_core::time::Timestamp;
use cairn_core::transaction::OutPoint;
use cairn_core::work::Work;

pub mod block_overrides;
pub mod coin_overlay;
pub mod failure;
pub mod future_blocks;
pub mod locator;
pub mod memory_store;
pub mod open;
pub mod reorg;
pub mod store;
pub mod tree;
pub mod verdict;

pub use verdict::{Accepted, BlockRejection, BlockVerdict, ChainChange};

use block_overrides::{BlockOverride, OverrideError};
use future_blocks::FutureBlocks;
use open::{OpenError, StoredChain};
use reorg::{InvalidBlock, ReorgPlan, ReorgPlanner};
use store::{BlockStatus, ChainStore, Commit, HeaderRecord, StoreError};
use tree::{BlockIndexEntry, HeaderTree};

use crate::chain::failure::Failure;
use crate::limits::LOW_WORK_BLOCKS;

/// Headers, blocks and coins of one chain.
pub struct Chain<S> {
    params: ChainParams,
    store: S,
    verifier: Box<dyn Verifier + Send>,
    tree: HeaderTree,
    /// The hash of each height.
    best_chain: Vec<BlockHash>,
    /// Index of the tip in the tree.
    tip: usize,
    future_blocks: FutureBlocks,
    /// Records changed by a block override, for the next commit.
    overridden: Vec<HeaderRecord>,
}

/// Invalid blocks that were found on the way to the best chain, and the change to it.
#[derive(Default)]
struct Improvement {
    change: Option<ChainChange>,
    invalid: Vec<InvalidBlock>,
}

impl<S: ChainStore> Chain<S> {
    /// Opens the chain of a store, or begins one in a new store.
    ///
    /// # Errors
    /// When the store fails or belongs to another chain.
    pub fn open(
        params: ChainParams,
        genesis: &Arc<Block>,
        mut store: S,
        verifier: Box<dyn Verifier + Send>,
    ) -> Result<Self, OpenError> {
        let StoredChain { tree, best_chain } = open::load(&mut store, &params, genesis)?;
        let (future_blocks, tip) = (FutureBlocks::default(), tree.index_of_last(&best_chain));
        let overridden = Vec::new();
        let mut chain = Self { params, store, verifier, tree, best_chain, tip, future_blocks, overridden };
        chain.connect_up_to_stored_tip()?;
        // Bodies that were stored and not yet connected when the node stopped.
        chain.improve()?;
        Ok(chain)
    }

    /// Accepts a header, unless it is known; returns whether it was new.
    ///
    /// # Errors
    /// The rule it breaks. A header too far ahead of the clock may be valid later.
    pub fn accept_header(&mut self, now: Timestamp, header: &Header) -> Result<bool, BlockRejection> {
        let hash = header.hash();
        if let Some(known) = self.tree.get(&hash) {
            return if known.is_invalid() { Err(BlockRejection::KnownInvalid { hash }) } else { Ok(false) };
        }
        // Work first: it is the cheapest proof that the sender is honest.
        check_header_alone(header, &self.params)?;
        let parent = header.previous_block_hash;
        let parent = self.tree.get(&parent).ok_or(BlockRejection::UnknownParent { parent })?;
        if parent.is_invalid() {
            return Err(BlockRejection::DescendsFromInvalid { hash });
        }
        check_header_on_parent(header, &self.tree.context(parent, &self.params), &self.params, now)?;
        self.tree.insert(*header, &self.params);
        Ok(true)
    }

    /// Accepts a block, mined here or received.
    ///
    /// # Errors
    /// When the block breaks a rule, or the store fails.
    pub fn accept_block(
        &mut self,
        now: Timestamp,
        block: Arc<Block>,
    ) -> Result<Accepted, Failure<BlockRejection>> {
        if self.tree.get(&block.hash()).is_some_and(BlockIndexEntry::has_body) {
            return Ok(Accepted { verdict: BlockVerdict::Duplicate, change: None });
        }
        let header = self.accept_header(now, block.header());
        if let Err(BlockRejection::Header(HeaderError::TimeTooNew(ahead))) = header {
            // A false body must not take the place of the true one until then (ATTACKS 17).
            let checked = check_block(block, &self.params).map_err(BlockRejection::from)?;
            self.future_blocks.keep(ahead.time.saturating_sub(ahead.allowed), &checked);
            return Ok(Accepted { verdict: BlockVerdict::TooEarly(ahead), change: None });
        }
        header?;
        // The header of a body that fails here stays valid: the true body may still come.
        let checked = check_block(block, &self.params).map_err(BlockRejection::from)?;
        self.accept_checked(checked)
    }

    /// Carries out the operator's decision about a block; returns the change of the best chain.
    ///
    /// # Errors
    /// When the block is unknown or genesis, or the store fails.
    pub fn override_block(
        &mut self,
        hash: BlockHash,
        decision: BlockOverride,
    ) -> Result<Option<ChainChange>, Failure<OverrideError>> {
        if decision == BlockOverride::Precious && self.could_be_best(&hash) {
            match self.switch_to(hash, None) {
                Ok(change) => return Ok(Some(change)),
                Err(failure) => {
                    failure.rejection()?;
                }
            }
        } else {
            self.overridden = block_overrides::apply(&mut self.tree, &self.store, hash, decision)?;
        }
        let change = self.improve()?.change;
        let headers = core::mem::take(&mut self.overridden);
        if !headers.is_empty() {
            self.store.commit(Commit { headers, ..Commit::default() })?;
        }
        Ok(change)
    }

    /// Blocks that were ahead of the clock and whose time has come.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Arc<Block>> {
        self.future_blocks.take_due(now)
    }

    /// The time from which [`Self::take_due`] returns a block.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.future_blocks.next_due()
    }

    /// Returns when every commit so far survives a crash or power loss.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.store.flush()
    }

    fn accept_checked(&mut self, checked: CheckedBlock) -> Result<Accepted, Failure<BlockRejection>> {
        let (block, hash) = (checked.block().clone(), checked.block().hash());
        self.tree.body_arrived(&hash);
        let mut first = None;
        if block.header().previous_block_hash == self.tip().hash() {
            // The usual case: body, coins and tip in one commit, and nothing is read back.
            let change = self.switch_to(hash, Some(checked));
            first = Some(change.map_err(|failure| failure.map(|invalid| *invalid.error))?);
        } else {
            let headers = self.tree.take_unrecorded(&hash);
            self.store.commit(Commit { headers, bodies: vec![block], ..Commit::default() })?;
        }
        let Improvement { change: next, invalid } = self.improve()?;
        if let Some(own) = invalid.into_iter().find(|invalid| invalid.hash == hash) {
            return Err((*own.error).into());
        }
        let verdict = match self.tree.get(&hash) {
            Some(entry) if entry.is_invalid() => {
                return Err(BlockRejection::DescendsFromInvalid { hash }.into());
            }
            Some(entry) if self.is_in_best_chain(entry) => BlockVerdict::Connected,
            Some(entry) if entry.is_whole => BlockVerdict::SideBranch,
            _ => BlockVerdict::AncestorMissing,
        };
        Ok(Accepted { verdict, change: ChainChange::merge(first, next) })
    }

    /// Connects again the blocks above the coins that a crash left, up to the tip that was committed last.
    fn connect_up_to_stored_tip(&mut self) -> Result<(), StoreError> {
        while let Some(stored) = self.store.tip_to_reach().and_then(|tip| self.tree.get(&tip)) {
            if self.tip().hash() == stored.hash() || stored.is_invalid() {
                break;
            }
            if let Err(failure) = self.switch_to(stored.hash(), None) {
                failure.rejection()?;
            }
        }
        Ok(())
    }

    /// Makes the best candidate the best chain, until no candidate has more work.
    fn improve(&mut self) -> Result<Improvement, StoreError> {
        let mut improvement = Improvement::default();
        while let Some(candidate) = self.tree.best_candidate(self.tip()) {
            match self.switch_to(candidate, None) {
                Ok(next) => improvement.change = ChainChange::merge(improvement.change, Some(next)),
                Err(failure) => improvement.invalid.push(failure.rejection()?),
            }
        }
        Ok(improvement)
    }

    fn could_be_best(&self, hash: &BlockHash) -> bool {
        self.tree
            .get(hash)
            .is_some_and(|entry| entry.is_whole && entry.work >= self.work() && !self.is_in_best_chain(entry))
    }

    /// Makes the branch that ends in `candidate` the best chain. `last` is the candidate's block, if it
    /// is not stored yet.
    ///
    /// # Errors
    /// When a block of the branch breaks a rule: it and its descendants are invalid from here on.
    /// When the store fails.
    fn switch_to(
        &mut self,
        candidate: BlockHash,
        last: Option<CheckedBlock>,
    ) -> Result<ChainChange, Failure<InvalidBlock>> {
        let new_body = last.as_ref().map(|checked| checked.block().clone());
        let Self { tree, best_chain, store, params, .. } = &*self;
        let planner = ReorgPlanner { tree, best_chain, store, params, verifier: self.verifier.as_ref() };
        let candidate = tree.get(&candidate).expect("candidates are in the tree");
        let ReorgPlan { change, mut commit } = match planner.plan(candidate, last) {
            Err(Failure::Rejected(invalid)) => {
                self.invalidate(&invalid.hash, new_body)?;
                return Err(invalid.into());
            }
            plan => plan?,
        };
        for block in change.connected_blocks() {
            self.tree.set_status(&block.hash(), BlockStatus::Validated);
            commit.headers.extend(self.tree.take_unrecorded(&block.hash()));
        }
        commit.bodies.extend(new_body);
        commit.headers.append(&mut self.overridden);
        self.store.commit(commit)?;
        self.best_chain.truncate(change.fork_point.get() as usize + 1);
        self.best_chain.extend(change.connected_blocks().map(|block| block.hash()));
        self.tip = self.tree.index_of_last(&self.best_chain);
        self.tree.forget_candidates_up_to(change.new_work);
        Ok(change)
    }

    fn invalidate(&mut self, hash: &BlockHash, body: Option<Arc<Block>>) -> Result<(), StoreError> {
        let invalid = self.tree.invalidate(hash);
        let headers = invalid.iter().flat_map(|hash| self.tree.take_unrecorded(hash)).collect();
        self.store.commit(Commit { headers, bodies: body.into_iter().collect(), ..Commit::default() })
    }
}

/// Reads, which change nothing.
impl<S: ChainStore> Chain<S> {
    /// The parameters of the chain.
    pub fn params(&self) -> &ChainParams {
        &self.params
    }

    /// The last block of the best chain.
    pub fn tip(&self) -> &BlockIndexEntry {
        self.tree.at(self.tip).expect("the best chain is in the tree")
    }

    /// The valid header with most work, whether or not its body is stored.
    pub fn best_header(&self) -> &BlockIndexEntry {
        self.tree.best_header()
    }

    /// The block index entry of a header, on any branch.
    pub fn entry(&self, hash: &BlockHash) -> Option<&BlockIndexEntry> {
        self.tree.get(hash)
    }

    /// Every accepted header, of all branches.
    pub fn tree(&self) -> &HeaderTree {
        &self.tree
    }

    /// The hash of the best chain's block at a height.
    pub fn hash_at(&self, height: Height) -> Option<BlockHash> {
        self.best_chain.get(height.get() as usize).copied()
    }

    /// The hash of each height of the best chain.
    pub fn best_chain(&self) -> &[BlockHash] {
        &self.best_chain
    }

    /// Whether a block is part of the best chain.
    pub fn is_in_best_chain(&self, entry: &BlockIndexEntry) -> bool {
        self.hash_at(entry.height) == Some(entry.hash())
    }

    /// The last ancestor of `entry`, or itself, that is part of the best chain.
    pub fn fork_point<'c>(&'c self, mut entry: &'c BlockIndexEntry) -> &'c BlockIndexEntry {
        while !self.is_in_best_chain(entry) {
            entry = self.tree.parent(entry).expect("every branch ends in genesis");
        }
        entry
    }

    /// The locator of the best chain.
    pub fn locator(&self) -> Vec<BlockHash> {
        locator::locator(&self.best_chain)
    }

    /// At most `count` headers of the best chain after the first known hash of a locator.
    pub fn headers_after(&self, locator: &[BlockHash], count: usize) -> Vec<Header> {
        locator::headers_after(&self.tree, &self.best_chain, locator, count)
    }

    /// The facts about the tip that the next block's header is checked against.
    pub fn next_context(&self) -> ParentContext {
        self.tree.context(self.tip(), &self.params)
    }

    /// The height and time that transactions of the next block are checked against.
    pub fn next_spend_context(&self) -> SpendContext {
        let tip = self.tip();
        SpendContext { height: tip.height.next(), median_time_past: self.median_time_past(tip) }
    }

    /// An unspent coin of the best chain.
    pub fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        self.store.coin(outpoint)
    }

    /// A block of any branch.
    pub fn block(&self, hash: &BlockHash) -> Result<Option<Arc<Block>>, StoreError> {
        self.store.block(hash)
    }

    /// The median time past of an entry.
    pub fn median_time_past(&self, entry: &BlockIndexEntry) -> Timestamp {
        self.tree.median_time_past(entry, &self.params)
    }

    /// The verifier of signatures, for transactions outside of blocks.
    pub fn verifier(&self) -> &dyn Verifier {
        self.verifier.as_ref()
    }

    /// The chainwork of the best chain.
    pub fn work(&self) -> Work {
        self.tip().work
    }

    /// The chainwork below which a branch of headers is not kept: that of the definition, or of the block some way
    /// below the tip (Bitcoin Core's `GetAntiDoSWorkThreshold`).
    pub fn low_work_limit(&self) -> Work {
        let below = self.tip().height.get().saturating_sub(LOW_WORK_BLOCKS);
        let below = self.hash_at(Height::from_u32(below)).and_then(|hash| self.entry(&hash));
        below.map_or(Work::ZERO, |entry| entry.work).max(self.params.minimum_work)
    }

    /// Read access to the store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Closes the chain and returns its store.
    pub fn into_store(self) -> S {
        self.store
    }
}

#[cfg(test)]
mod tests;
