//! Verdicts: the rule that rejects a block, or its place in the chain and the change of the best chain.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::check::block::BlockError;
use cairn_core::check::connect::ConnectError;
use cairn_core::check::header::{AheadOfClock, HeaderError};
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::work::Work;

use crate::chain::failure::Rejection;
use crate::chain::store::ChainBlock;

/// Why a header or block is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockRejection {
    #[error("the parent {parent} is not known")]
    UnknownParent { parent: BlockHash },
    /// The block was found invalid before.
    #[error("block {hash} was rejected before")]
    KnownInvalid { hash: BlockHash },
    #[error("block {hash} descends from an invalid block")]
    DescendsFromInvalid { hash: BlockHash },
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The body breaks a rule on its own, or is not the one that the header commits to. The true body may
    /// still come from another peer.
    #[error(transparent)]
    Body(#[from] BlockError),
    /// The block breaks a rule at its height in the chain.
    #[error("block {hash} cannot be connected: {error}")]
    Connect { hash: BlockHash, error: ConnectError },
}

impl Rejection for BlockRejection {}

/// The place of a block that breaks no rule. Only [`Self::Connected`] is a success for its miner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum BlockVerdict {
    /// The block is part of the best chain.
    Connected,
    /// The block was known before.
    Duplicate,
    /// The block is on a branch with no more work than the best chain.
    SideBranch,
    /// The block is kept until the body of an ancestor comes.
    AncestorMissing,
    /// The block is ahead of the clock, and kept until its time comes.
    TooEarly(AheadOfClock),
}

/// A block that breaks no rule, and the change of the best chain that followed.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub verdict: BlockVerdict,
    pub change: Option<ChainChange>,
}

/// A change of the best chain.
#[derive(Clone, Debug)]
pub struct ChainChange {
    /// The height of the last block that the old and the new best chain share.
    pub fork_point: Height,
    pub fork_hash: BlockHash,
    /// From the old tip down.
    pub disconnected: Vec<ChainBlock>,
    /// From the fork point up.
    pub connected: Vec<ChainBlock>,
    /// Chainwork before the change.
    pub old_work: Work,
    /// Chainwork after the change.
    pub new_work: Work,
}

impl ChainChange {
    /// The connected blocks, from the fork point up.
    pub fn connected_blocks(&self) -> impl DoubleEndedIterator<Item = &Arc<Block>> {
        self.connected.iter().map(|one| &one.block)
    }

    /// The disconnected blocks, from the old tip down.
    pub fn disconnected_blocks(&self) -> impl DoubleEndedIterator<Item = &Arc<Block>> {
        self.disconnected.iter().map(|one| &one.block)
    }

    /// Two changes, one after the other, as one. Blocks that the first connected and the second disconnected
    /// are in neither list: part of a long branch may be connected before its invalid block is found.
    pub fn merge(first: Option<Self>, next: Option<Self>) -> Option<Self> {
        match (first, next) {
            (Some(mut first), Some(next)) => {
                let undone = first.connected.len().min(next.disconnected.len());
                first.connected.truncate(first.connected.len() - undone);
                if next.disconnected.len() > undone {
                    (first.fork_point, first.fork_hash) = (next.fork_point, next.fork_hash);
                    first.disconnected.extend(next.disconnected.into_iter().skip(undone));
                }
                first.connected.extend(next.connected);
                first.new_work = next.new_work;
                Some(first)
            }
            (first, next) => first.or(next),
        }
    }
}
