//! Block overrides: the operator invalidates or reconsiders a block, or prefers it, whatever the rules say.
//!
//! They are Bitcoin Core's `invalidateblock`, `reconsiderblock` and `preciousblock`. The first two are kept
//! in the header's record and so survive a restart; the third only decides a tie now.

use std::collections::BTreeSet;

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;

use crate::chain::failure::{Failure, Rejection};
use crate::chain::store::{BlockStatus, ChainStore, HeaderRecord, StoreError};
use crate::chain::tree::{BlockIndexEntry, HeaderTree};

/// The operator's decision about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockOverride {
    /// The block and its descendants count as invalid.
    Invalidate,
    /// The block, its ancestors and its descendants are validated again.
    Reconsider,
    /// Of branches with equal work, the block's is the best.
    Precious,
}

/// Why a block is not overridden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    #[error("block {hash} is not known")]
    UnknownBlock { hash: BlockHash },
    #[error("block {hash} is genesis, which cannot be invalid: name a block above it")]
    Genesis { hash: BlockHash },
}

impl Rejection for OverrideError {}

/// Changes the statuses of blocks in the tree and returns the changed records, parents first. A
/// precious block changes none.
///
/// # Errors
/// When the block is unknown or genesis, or the store fails.
pub fn apply<S: ChainStore>(
    tree: &mut HeaderTree,
    store: &S,
    hash: BlockHash,
    decision: BlockOverride,
) -> Result<Vec<HeaderRecord>, Failure<OverrideError>> {
    let entry = tree.get(&hash).ok_or(OverrideError::UnknownBlock { hash })?;
    match decision {
        BlockOverride::Invalidate if entry.height == Height::GENESIS => {
            Err(OverrideError::Genesis { hash }.into())
        }
        BlockOverride::Invalidate => Ok(invalidate(tree, hash)),
        BlockOverride::Reconsider => Ok(reconsider(tree, store, hash)?),
        BlockOverride::Precious => Ok(Vec::new()),
    }
}

fn invalidate(tree: &mut HeaderTree, hash: BlockHash) -> Vec<HeaderRecord> {
    let invalid = tree.invalidate(&hash);
    tree.find_candidates();
    invalid.iter().flat_map(|hash| tree.take_unrecorded(hash)).collect()
}

/// Takes invalidity from a block, its ancestors and its descendants, also where a broken rule was its
/// reason: such a block is found invalid again when it is connected. Side branches that were invalid only
/// because of a common ancestor are valid again, too.
fn reconsider<S: ChainStore>(
    tree: &mut HeaderTree,
    store: &S,
    hash: BlockHash,
) -> Result<Vec<HeaderRecord>, StoreError> {
    let lineage = core::iter::successors(tree.get(&hash), |entry| tree.parent(entry));
    let lineage = lineage.take_while(|entry| entry.is_invalid() || entry.hash() == hash);
    let lineage: Vec<BlockHash> = lineage.map(BlockIndexEntry::hash).collect();
    let mut reconsidered: Vec<BlockHash> = lineage.last().copied().into_iter().collect();
    let lineage: BTreeSet<BlockHash> = lineage.into_iter().collect();
    let mut descendants = BTreeSet::from([hash]);
    let mut next = 0;
    while let Some(parent) = reconsidered.get(next).copied() {
        for child in tree.children(&parent) {
            if descendants.contains(&parent) {
                descendants.insert(child);
            }
            let is_meant = descendants.contains(&child) || lineage.contains(&child);
            let status = tree.get(&child).map(|entry| entry.status);
            if is_meant || status == Some(BlockStatus::DescendsFromInvalid) {
                reconsidered.push(child);
            }
        }
        next += 1;
    }
    let mut changed = Vec::new();
    for hash in reconsidered {
        if tree.get(&hash).is_some_and(BlockIndexEntry::is_invalid) {
            let has_body = store.block(&hash)?.is_some();
            tree.reconsider(&hash, if has_body { BlockStatus::BodyStored } else { BlockStatus::HeaderOnly });
            changed.extend(tree.take_unrecorded(&hash));
        }
    }
    tree.find_candidates();
    Ok(changed)
}
