//! Reorganizations: the blocks that leave and enter the best chain and the change of the coins, as one
//! commit. A block on top of the tip is the simplest case.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::check::block::{CheckedBlock, check_block};
use cairn_core::check::connect::{connect_block, disconnect_block, needed_outpoints};
use cairn_core::coin::Undo;
use cairn_core::hash::BlockHash;
use cairn_core::params::ChainParams;
use cairn_core::signature::Verifier;

use crate::chain::coin_overlay::CoinOverlay;
use crate::chain::failure::{Failure, Rejection};
use crate::chain::store::{ChainBlock, ChainStore, Commit, StoreError};
use crate::chain::tree::{BlockIndexEntry, HeaderTree};
use crate::chain::verdict::{BlockRejection, ChainChange};

/// Blocks that are connected in one commit when none is disconnected: limits the memory of catching up.
const MAX_CONNECTED_AT_ONCE: usize = 128;

/// Plans reorganizations. Nothing changes before the plan's commit.
pub struct ReorgPlanner<'c, S> {
    pub tree: &'c HeaderTree,
    /// The hash of each height.
    pub best_chain: &'c [BlockHash],
    pub store: &'c S,
    pub params: &'c ChainParams,
    pub verifier: &'c dyn Verifier,
}

/// The block that makes a branch invalid, and its reason.
pub struct InvalidBlock {
    pub hash: BlockHash,
    pub error: Box<BlockRejection>,
}

impl Rejection for InvalidBlock {}

/// A change of the best chain that is not yet carried out.
pub struct ReorgPlan {
    pub change: ChainChange,
    /// The change as the store applies it, without statuses and bodies.
    pub commit: Commit,
}

impl<S: ChainStore> ReorgPlanner<'_, S> {
    /// Plans how the branch that ends in `candidate` becomes the best chain. `last` is the candidate's block,
    /// if it need not be read from the store.
    ///
    /// # Errors
    /// When a block of the branch breaks a rule, or the store fails.
    pub fn plan(
        &self,
        candidate: &BlockIndexEntry,
        mut last: Option<CheckedBlock>,
    ) -> Result<ReorgPlan, Failure<InvalidBlock>> {
        let (fork, branch) = self.branch_to(candidate);
        let mut coins = CoinOverlay::new(self.store);
        let mut commit = Commit { disconnected: self.disconnect(fork, &mut coins)?, ..Commit::default() };
        for entry in branch {
            let hash = entry.hash();
            let invalid = |error: BlockRejection| InvalidBlock { hash, error: Box::new(error) };
            let checked = match last.take() {
                Some(checked) => checked,
                None => check_block(self.body(&hash)?, self.params).map_err(|error| invalid(error.into()))?,
            };
            let undo = self.connect(entry, &checked, &mut coins).map_err(|failure| failure.map(invalid))?;
            commit.undo.push((hash, undo));
            let block = checked.block().clone();
            commit.connected.push(ChainBlock { height: entry.height, block, work: entry.work });
        }
        commit.coins = coins.into_changes();
        commit.tip = Some(commit.connected.last().map_or(fork.hash(), |one| one.block.hash()));
        let change = ChainChange {
            fork_point: fork.height,
            fork_hash: fork.hash(),
            old_work: commit.disconnected.first().map_or(fork.work, |one| one.work),
            new_work: commit.connected.last().map_or(fork.work, |one| one.work),
            disconnected: commit.disconnected.clone(),
            connected: commit.connected.clone(),
        };
        Ok(ReorgPlan { change, commit })
    }

    /// The fork point of a branch, and the blocks of the branch from there up. A long branch on top of the
    /// tip is cut to its first part.
    fn branch_to<'c>(
        &'c self,
        candidate: &'c BlockIndexEntry,
    ) -> (&'c BlockIndexEntry, Vec<&'c BlockIndexEntry>) {
        let mut branch = Vec::new();
        let mut entry = candidate;
        while self.best_chain.get(entry.height.get() as usize) != Some(&entry.hash()) {
            branch.push(entry);
            entry = self.tree.parent(entry).expect("every branch ends in genesis");
        }
        branch.reverse();
        if self.best_chain.last() == Some(&entry.hash()) {
            branch.truncate(MAX_CONNECTED_AT_ONCE);
        }
        (entry, branch)
    }

    /// Disconnects every block above the fork point, from the tip down.
    fn disconnect(
        &self,
        fork: &BlockIndexEntry,
        coins: &mut CoinOverlay<'_, S>,
    ) -> Result<Vec<ChainBlock>, StoreError> {
        let above = self.best_chain.get(fork.height.get() as usize + 1..).unwrap_or_default();
        let mut disconnected = Vec::with_capacity(above.len());
        for hash in above.iter().rev() {
            let entry = required(self.tree.get(hash), "header", *hash)?;
            let block = self.body(hash)?;
            let undo = required(self.store.undo(hash)?, "undo data", *hash)?;
            coins.apply(disconnect_block(&block, entry.height, &undo));
            disconnected.push(ChainBlock { height: entry.height, block, work: entry.work });
        }
        Ok(disconnected)
    }

    /// Connects one block on top of those that were connected so far.
    fn connect(
        &self,
        entry: &BlockIndexEntry,
        checked: &CheckedBlock,
        coins: &mut CoinOverlay<'_, S>,
    ) -> Result<Arc<Undo>, Failure<BlockRejection>> {
        let parent = self.tree.parent(entry).expect("genesis is never connected");
        let median = self.tree.median_time_past(parent, self.params);
        let view = coins.fetch(&needed_outpoints(checked.block()))?;
        let connected = connect_block(checked, entry.height, median, &view, self.verifier, self.params)
            .map_err(|error| BlockRejection::Connect { hash: entry.hash(), error })?;
        let undo = connected.undo().clone();
        coins.apply(connected.into_changes());
        Ok(undo)
    }

    fn body(&self, hash: &BlockHash) -> Result<Arc<Block>, StoreError> {
        required(self.store.block(hash)?, "body", *hash)
    }
}

fn required<T>(found: Option<T>, kind: &'static str, hash: BlockHash) -> Result<T, StoreError> {
    found.ok_or(StoreError::Missing { kind, hash })
}
