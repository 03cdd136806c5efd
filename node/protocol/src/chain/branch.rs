//! Changing the best chain: what leaves, what joins, what becomes of the coins; all of it one commit.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::check::block::{CheckedBlock, check_block};
use cairn_core::check::connect::{connect_block, disconnect_block, needed_outpoints};
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::params::ChainParams;
use cairn_core::signature::Verifier;
use cairn_core::work::Work;

use crate::chain::coins::CoinOverlay;
use crate::chain::store::{ChainStore, Commit, StoreError};
use crate::chain::tree::{Entry, HeaderTree};
use crate::chain::verdict::{BlockRejection, ChainChange};

/// Blocks that join in one commit when none leaves: bounds the memory of catching up.
const MAX_CONNECTED_AT_ONCE: usize = 128;

/// What a step is worked out from; nothing of it changes meanwhile.
pub struct Ground<'c, S> {
    pub tree: &'c HeaderTree,
    /// The best chain: the hash of each height.
    pub active: &'c [BlockHash],
    /// Blocks, undo data and coins.
    pub store: &'c S,
    pub params: &'c ChainParams,
    pub verifier: &'c dyn Verifier,
}

/// A branch that was tried, and the block in it that breaks a rule.
pub struct BadBranch {
    pub hash: BlockHash,
    pub error: BlockRejection,
}

/// A change of the best chain, worked out and not yet carried out.
pub struct Step {
    pub change: ChainChange,
    /// What the store is to write; statuses, bodies and tip are still to be added.
    pub commit: Commit,
}

impl<S: ChainStore> Ground<'_, S> {
    /// Works out how the branch that ends in `candidate` becomes the best chain, or which block in
    /// it breaks a rule. `last` is the candidate's block, if it is at hand.
    ///
    /// # Errors
    /// When the store fails.
    pub fn step(
        &self,
        candidate: &Entry,
        mut last: Option<CheckedBlock>,
    ) -> Result<Result<Step, BadBranch>, StoreError> {
        let (fork, branch) = self.branch_to(candidate);
        let mut coins = CoinOverlay::new(self.store);
        let mut commit = Commit { disconnected: self.leaving(fork.height, &mut coins)?, ..Commit::default() };
        let mut connected = Vec::new();
        for entry in branch {
            let hash = entry.hash;
            let checked = match last.take() {
                Some(checked) => Ok(checked),
                None => check_block(self.body(&hash)?, self.params).map_err(BlockRejection::from),
            };
            let joined = match checked {
                Ok(checked) => self.join(entry, &checked, &mut coins)?.map(|undo| (checked, undo)),
                Err(error) => Err(error),
            };
            let (checked, undo) = match joined {
                Ok(joined) => joined,
                Err(error) => return Ok(Err(BadBranch { hash, error })),
            };
            connected.push((entry.height, checked.block().clone(), entry.work));
            commit.undo.push((hash, undo));
        }
        commit.coins = coins.into_changes();
        commit.connected = connected.iter().map(|(height, block, _)| (*height, block.clone())).collect();
        let change = ChainChange {
            fork_point: fork.height,
            fork_hash: fork.hash,
            disconnected: commit.disconnected.clone(),
            new_work: connected.last().map_or(fork.work, |(_, _, work)| *work),
            connected,
            old_work: self.tip_work(),
        };
        Ok(Ok(Step { change, commit }))
    }

    /// Where the branch leaves the best chain, and its blocks from there up. A long branch that
    /// only adds blocks is taken in parts.
    fn branch_to<'c>(&'c self, candidate: &'c Entry) -> (&'c Entry, Vec<&'c Entry>) {
        let is_active = |entry: &Entry| self.active.get(entry.height.get() as usize) == Some(&entry.hash);
        let mut branch = Vec::new();
        let mut entry = candidate;
        while !is_active(entry) {
            branch.push(entry);
            entry = self.tree.parent(entry).expect("every branch ends in genesis");
        }
        branch.reverse();
        if self.active.last() == Some(&entry.hash) {
            branch.truncate(MAX_CONNECTED_AT_ONCE);
        }
        (entry, branch)
    }

    /// Disconnects every block above the fork point, from the tip down.
    fn leaving(
        &self,
        fork_point: Height,
        coins: &mut CoinOverlay<'_, S>,
    ) -> Result<Vec<(Height, Arc<Block>)>, StoreError> {
        let mut disconnected = Vec::new();
        let above = (0..).map(Height::from_u32).zip(self.active).skip(fork_point.get() as usize + 1);
        let above: Vec<(Height, &BlockHash)> = above.collect();
        for (height, hash) in above.into_iter().rev() {
            let block = self.body(hash)?;
            let undo = required(self.store.undo(hash)?, "undo data", *hash)?;
            coins.apply(disconnect_block(&block, height, &undo));
            disconnected.push((height, block));
        }
        Ok(disconnected)
    }

    /// Connects one block on top of what was connected so far.
    fn join(
        &self,
        entry: &Entry,
        checked: &CheckedBlock,
        coins: &mut CoinOverlay<'_, S>,
    ) -> Result<Result<Arc<cairn_core::coin::Undo>, BlockRejection>, StoreError> {
        let parent = self.tree.parent(entry).expect("genesis is never joined");
        let median = self.tree.median_time_past(parent, self.params);
        let view = coins.fetch(&needed_outpoints(checked.block()))?;
        match connect_block(checked, entry.height, median, &view, self.verifier, self.params) {
            Ok(joined) => {
                coins.apply(joined.changes);
                Ok(Ok(Arc::new(joined.undo)))
            }
            Err(error) => Ok(Err(BlockRejection::Connect { hash: entry.hash, error })),
        }
    }

    fn body(&self, hash: &BlockHash) -> Result<Arc<Block>, StoreError> {
        required(self.store.block(hash)?, "body", *hash)
    }

    fn tip_work(&self) -> Work {
        let tip = self.active.last().and_then(|hash| self.tree.get(hash));
        tip.map_or(Work::ZERO, |tip| tip.work)
    }
}

fn required<T>(found: Option<T>, kind: &'static str, hash: BlockHash) -> Result<T, StoreError> {
    found.ok_or(StoreError::Missing { kind, hash })
}
