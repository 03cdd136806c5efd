//! The chain: headers and blocks in, changes of the best chain out. Sole owner of the store.
//!
//! The best chain is the valid one with most work; of equals the one seen first. Whatever changes it,
//! a block on top or a reorganisation of any depth, is one commit.

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

pub mod aside;
pub mod branch;
pub mod coins;
pub mod locator;
pub mod marks;
pub mod memory;
pub mod open;
pub mod store;
pub mod tree;
pub mod verdict;

pub use verdict::{Accepted, BlockRejection, BlockVerdict, ChainChange};

use aside::KeptAside;
use branch::{BadBranch, Ground, Step};
use marks::{Changed, Mark, MarkError};
use open::OpenError;
use store::{BlockStatus, ChainStore, Commit, StoreError};
use tree::{Entry, HeaderTree};

/// How the best chain changed by a mark, or why it was not made.
pub type Marked = Result<Option<ChainChange>, MarkError>;

/// Headers, blocks and coins of one chain.
pub struct Chain<S> {
    params: ChainParams,
    store: S,
    verifier: Box<dyn Verifier + Send>,
    tree: HeaderTree,
    /// The best chain: the hash of each height.
    active: Vec<BlockHash>,
    /// Where the tree has the tip.
    tip: usize,
    aside: KeptAside,
    /// Marks that go into the next commit.
    marked: Changed,
}

impl<S: ChainStore> Chain<S> {
    /// Opens the chain that a store holds, or begins one in a new store.
    ///
    /// # Errors
    /// When the store fails or belongs to another chain.
    pub fn open(
        params: ChainParams,
        genesis: &Arc<Block>,
        mut store: S,
        verifier: Box<dyn Verifier + Send>,
    ) -> Result<Self, OpenError> {
        let (tree, active) = open::load(&mut store, &params, genesis)?;
        let (aside, marked, tip) = (KeptAside::default(), Changed::new(), tree.number_of_last(&active));
        let mut chain = Self { params, store, verifier, tree, active, tip, aside, marked };
        chain.reach_again()?;
        // What was stored and not yet connected when the node stopped.
        chain.improve()?;
        Ok(chain)
    }

    /// Takes in a header, unless it is known; says whether it was new.
    ///
    /// # Errors
    /// The rule it breaks. A header too far ahead of the clock may be welcome later.
    pub fn accept_header(&mut self, now: Timestamp, header: &Header) -> Result<bool, BlockRejection> {
        let hash = header.hash();
        if let Some(known) = self.tree.get(&hash) {
            return if known.is_invalid() { Err(BlockRejection::KnownInvalid { hash }) } else { Ok(false) };
        }
        // Work first: it is the cheapest proof of honesty.
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

    /// Takes in a block, whoever gave it. The inner error is the block's fault, the outer the
    /// store's.
    ///
    /// # Errors
    /// When the store fails.
    pub fn accept_block(
        &mut self,
        now: Timestamp,
        block: Arc<Block>,
    ) -> Result<Result<Accepted, BlockRejection>, StoreError> {
        let hash = block.hash();
        if self.tree.get(&hash).is_some_and(Entry::has_body) {
            return Ok(Ok(Accepted { verdict: BlockVerdict::Duplicate, change: None }));
        }
        match self.accept_header(now, block.header()) {
            Ok(_) => {}
            Err(BlockRejection::Header(HeaderError::TimeTooNew(ahead))) => {
                let due = ahead.time.saturating_sub(ahead.allowed);
                // A false body must not take the place of the true one until then (ATTACKS 17).
                return Ok(check_block(block, &self.params).map_err(BlockRejection::from).map(|checked| {
                    self.aside.keep(due, checked);
                    Accepted { verdict: BlockVerdict::TooEarly(ahead), change: None }
                }));
            }
            Err(rejection) => return Ok(Err(rejection)),
        }
        // A body that fails here says nothing of the header: the true body may yet come.
        let checked = match check_block(block, &self.params) {
            Ok(checked) => checked,
            Err(error) => return Ok(Err(error.into())),
        };
        self.take_in(checked)
    }

    /// Does what an operator says of a block; returns how the best chain changed by it. The inner
    /// error is the caller's fault, the outer the store's.
    ///
    /// # Errors
    /// When the store fails.
    pub fn mark(&mut self, hash: BlockHash, mark: Mark) -> Result<Marked, StoreError> {
        match mark {
            Mark::Precious if self.could_be_best(&hash) => match self.try_branch(hash, None)? {
                Ok(change) => return Ok(Ok(Some(change))),
                Err(bad) => self.refuse(&bad, Vec::new())?,
            },
            _ => match marks::apply(&mut self.tree, &self.store, hash, mark)? {
                Ok(changed) => self.marked = changed,
                Err(error) => return Ok(Err(error)),
            },
        }
        let (change, _) = self.improve()?;
        let headers = core::mem::take(&mut self.marked);
        if !headers.is_empty() {
            self.store.commit(Commit { headers, ..Commit::default() })?;
        }
        Ok(Ok(change))
    }

    /// Blocks that were ahead of the clock and whose time has come.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Arc<Block>> {
        self.aside.take_due(now)
    }

    /// When `take_due` has something.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.aside.next_due()
    }

    /// Makes everything committed so far safe.
    ///
    /// # Errors
    /// When the store fails.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.store.flush()
    }

    fn take_in(&mut self, checked: CheckedBlock) -> Result<Result<Accepted, BlockRejection>, StoreError> {
        let hash = checked.block().hash();
        self.tree.body_arrived(&hash);
        let is_next = checked.block().header().previous_block_hash == self.tip().hash;
        let mut first = None;
        if is_next {
            // The usual case: body, coins and tip in one commit, and nothing read back.
            let block = checked.block().clone();
            match self.try_branch(hash, Some(checked))? {
                Ok(change) => first = Some(change),
                Err(bad) => {
                    self.refuse(&bad, vec![block])?;
                    return Ok(Err(bad.error));
                }
            }
        } else {
            let headers = self.tree.take_unrecorded(&hash);
            self.store.commit(Commit {
                headers,
                bodies: vec![checked.block().clone()],
                ..Commit::default()
            })?;
        }
        let (next, mut refused) = self.improve()?;
        let change = ChainChange::joined(first, next);
        let own_error =
            refused.iter().position(|bad| bad.hash == hash).map(|at| refused.swap_remove(at).error);
        Ok(match (own_error, self.tree.get(&hash)) {
            (Some(error), _) => Err(error),
            (None, Some(entry)) if entry.is_invalid() => Err(BlockRejection::DescendsFromInvalid { hash }),
            (None, entry) => {
                let verdict = match entry {
                    Some(entry) if self.is_active(entry) => BlockVerdict::Connected,
                    Some(entry) if entry.is_whole => BlockVerdict::SideBranch,
                    _ => BlockVerdict::KeptAside,
                };
                Ok(Accepted { verdict, change })
            }
        })
    }

    /// Connects what was connected before a crash made the coins fall behind.
    fn reach_again(&mut self) -> Result<(), StoreError> {
        while let Some(reached) = self.store.tip_to_reach().and_then(|tip| self.tree.get(&tip)) {
            if self.tip().hash == reached.hash || reached.is_invalid() {
                break;
            }
            if let Err(bad) = self.try_branch(reached.hash, None)? {
                self.refuse(&bad, Vec::new())?;
            }
        }
        Ok(())
    }

    /// Makes the best candidate the best chain, until none has more work. Returns the change in
    /// all, and the blocks that were found to break a rule.
    fn improve(&mut self) -> Result<(Option<ChainChange>, Vec<BadBranch>), StoreError> {
        let (mut change, mut refused) = (None, Vec::new());
        while let Some(candidate) = self.tree.best_candidate(self.tip()) {
            match self.try_branch(candidate, None)? {
                Ok(next) => change = ChainChange::joined(change, Some(next)),
                Err(bad) => {
                    self.refuse(&bad, Vec::new())?;
                    refused.push(bad);
                }
            }
        }
        Ok((change, refused))
    }

    fn could_be_best(&self, hash: &BlockHash) -> bool {
        self.tree.get(hash).is_some_and(|one| one.is_whole && one.work >= self.work() && !self.is_active(one))
    }

    fn refuse(&mut self, bad: &BadBranch, bodies: Vec<Arc<Block>>) -> Result<(), StoreError> {
        let refused = self.tree.refuse(&bad.hash);
        let headers = refused.iter().flat_map(|hash| self.tree.take_unrecorded(hash)).collect();
        self.store.commit(Commit { headers, bodies, ..Commit::default() })
    }

    fn try_branch(
        &mut self,
        candidate: BlockHash,
        last: Option<CheckedBlock>,
    ) -> Result<Result<ChainChange, BadBranch>, StoreError> {
        let bodies_are_stored = last.is_none();
        let (tree, active, store, params) = (&self.tree, &self.active[..], &self.store, &self.params);
        let ground = Ground { tree, active, store, params, verifier: self.verifier.as_ref() };
        let candidate = tree.get(&candidate).expect("candidates are in the tree");
        let Step { change, mut commit } = match ground.step(candidate, last)? {
            Ok(step) => step,
            Err(bad) => return Ok(Err(bad)),
        };
        for (_, block, _) in &change.connected {
            self.tree.set_status(&block.hash(), BlockStatus::Validated);
            commit.headers.extend(self.tree.take_unrecorded(&block.hash()));
        }
        if !bodies_are_stored {
            commit.bodies = commit.connected.iter().map(|(_, block)| block.clone()).collect();
        }
        commit.headers.append(&mut self.marked);
        commit.tip = Some(change.tip().map_or(change.fork_hash, |block| block.hash()));
        self.store.commit(commit)?;
        self.active.truncate(change.fork_point.get() as usize + 1);
        self.active.extend(change.connected.iter().map(|(_, block, _)| block.hash()));
        self.tip = self.tree.number_of_last(&self.active);
        self.tree.forget_candidates_up_to(change.new_work);
        Ok(Ok(change))
    }
}

/// What can be asked of a chain; nothing here changes it.
impl<S: ChainStore> Chain<S> {
    /// The chain's numbers.
    pub fn params(&self) -> &ChainParams {
        &self.params
    }

    /// The block that the best chain ends in.
    pub fn tip(&self) -> &Entry {
        self.tree.at(self.tip).expect("the best chain is in the tree")
    }

    /// The valid header with most work, whether or not its block is here.
    pub fn best_header(&self) -> &Entry {
        self.tree.best_header()
    }

    /// A header and what is known of its block, on whatever branch.
    pub fn entry(&self, hash: &BlockHash) -> Option<&Entry> {
        self.tree.get(hash)
    }

    /// All headers.
    pub fn tree(&self) -> &HeaderTree {
        &self.tree
    }

    /// The best chain's block at a height.
    pub fn hash_at(&self, height: Height) -> Option<BlockHash> {
        self.active.get(height.get() as usize).copied()
    }

    /// The best chain: the hash of each height.
    pub fn active(&self) -> &[BlockHash] {
        &self.active
    }

    /// Whether a block is part of the best chain.
    pub fn is_active(&self, entry: &Entry) -> bool {
        self.hash_at(entry.height) == Some(entry.hash)
    }

    /// The last ancestor of `entry`, or itself, that is part of the best chain.
    pub fn fork_point<'c>(&'c self, mut entry: &'c Entry) -> &'c Entry {
        while !self.is_active(entry) {
            entry = self.tree.parent(entry).expect("every branch ends in genesis");
        }
        entry
    }

    /// Hashes of the best chain from the tip back, ever sparser.
    pub fn locator(&self) -> Vec<BlockHash> {
        locator::locator(&self.active)
    }

    /// At most `count` headers of the best chain that follow the first known hash of a locator.
    pub fn headers_after(&self, locator: &[BlockHash], count: usize) -> Vec<Header> {
        locator::headers_after(&self.tree, &self.active, locator, count)
    }

    /// What the rules for the next block need to know of the tip.
    pub fn next_context(&self) -> ParentContext {
        self.tree.context(self.tip(), &self.params)
    }

    /// Where a transaction of the next block would stand.
    pub fn next_spend_context(&self) -> SpendContext {
        let tip = self.tip();
        SpendContext { height: tip.height.next(), median_time_past: self.median_time_past(tip) }
    }

    /// An unspent coin of the best chain.
    ///
    /// # Errors
    /// When the store fails.
    pub fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        self.store.coin(outpoint)
    }

    /// A block, on whatever branch.
    ///
    /// # Errors
    /// When the store fails.
    pub fn block(&self, hash: &BlockHash) -> Result<Option<Arc<Block>>, StoreError> {
        self.store.block(hash)
    }

    /// The median time past of an entry.
    pub fn median_time_past(&self, entry: &Entry) -> Timestamp {
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

    /// The store, to be read.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Gives the store back.
    pub fn into_store(self) -> S {
        self.store
    }
}

#[cfg(test)]
mod tests;
