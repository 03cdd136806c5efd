//! Marks: what an operator says of a block, whatever the rules say of it.
//!
//! The words are Bitcoin Core's `invalidateblock`, `reconsiderblock` and `preciousblock`. The first
//! two are kept in the header's record and so survive a restart; the third only decides a tie now.

use std::collections::BTreeSet;

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;

use crate::chain::store::{BlockStatus, ChainStore, HeaderRecord, StoreError};
use crate::chain::tree::HeaderTree;

/// What is said of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It counts as invalid, and so does all that stands on it.
    Invalid,
    /// It, its ancestors and all that stands on it are judged anew.
    Reconsidered,
    /// Of branches with equal work its own is the best.
    Precious,
}

/// Why a mark is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkError {
    /// There is no such block.
    #[error("block {hash} is not known")]
    UnknownBlock { hash: BlockHash },
    /// Without genesis there is no chain.
    #[error("block {hash} is genesis, which cannot be invalid: name a block above it")]
    Genesis { hash: BlockHash },
}

/// Header records that a mark has changed, parents first.
pub type Changed = Vec<(BlockHash, HeaderRecord)>;

/// Makes a mark in the tree. That a block is precious leaves no trace there. The inner error is the
/// caller's, the outer the store's.
///
/// # Errors
/// When the store fails.
pub fn apply<S: ChainStore>(
    tree: &mut HeaderTree,
    store: &S,
    hash: BlockHash,
    mark: Mark,
) -> Result<Result<Changed, MarkError>, StoreError> {
    let Some(entry) = tree.get(&hash) else { return Ok(Err(MarkError::UnknownBlock { hash })) };
    match mark {
        Mark::Invalid if entry.height == Height::GENESIS => Ok(Err(MarkError::Genesis { hash })),
        Mark::Invalid => Ok(Ok(invalidate(tree, hash))),
        Mark::Reconsidered => reconsider(tree, store, hash).map(Ok),
        Mark::Precious => Ok(Ok(Changed::new())),
    }
}

/// All that stands on the block is out of the running with it.
fn invalidate(tree: &mut HeaderTree, hash: BlockHash) -> Changed {
    let refused = tree.refuse(&hash);
    tree.reassess();
    refused.iter().flat_map(|hash| tree.take_unrecorded(hash)).collect()
}

/// Takes every mark of invalidity from a block, its ancestors and all that stands on it, also one
/// that a broken rule left there: such a block is found out again when it is connected. Branches
/// beside it that were out only because of a common ancestor are back, too.
fn reconsider<S: ChainStore>(
    tree: &mut HeaderTree,
    store: &S,
    hash: BlockHash,
) -> Result<Changed, StoreError> {
    let lineage = core::iter::successors(tree.get(&hash), |entry| tree.parent(entry));
    let way: Vec<BlockHash> = lineage
        .take_while(|entry| entry.is_invalid() || entry.hash == hash)
        .map(|entry| entry.hash)
        .collect();
    let mut pardoned = way.last().copied().into_iter().collect::<Vec<_>>();
    let way: BTreeSet<BlockHash> = way.into_iter().collect();
    // What stands on the block itself: there, no mark stays.
    let mut above = BTreeSet::from([hash]);
    let mut next = 0;
    while let Some(parent) = pardoned.get(next).copied() {
        for child in tree.children(&parent) {
            if above.contains(&parent) {
                above.insert(child);
            }
            let is_free = above.contains(&child) || way.contains(&child);
            let status = tree.get(&child).map(|entry| entry.status);
            if is_free || status == Some(BlockStatus::DescendsFromInvalid) {
                pardoned.push(child);
            }
        }
        next += 1;
    }
    let mut changed = Vec::new();
    for hash in pardoned {
        if tree.get(&hash).is_some_and(|entry| entry.is_invalid()) {
            let has_body = store.block(&hash)?.is_some();
            tree.pardon(&hash, if has_body { BlockStatus::BodyStored } else { BlockStatus::HeaderOnly });
            changed.extend(tree.take_unrecorded(&hash));
        }
    }
    tree.reassess();
    Ok(changed)
}
