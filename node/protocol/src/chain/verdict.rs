//! What became of a block: refused by which rule, or taken in, and how the best chain changed.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::check::block::BlockError;
use cairn_core::check::connect::ConnectError;
use cairn_core::check::header::{AheadOfClock, HeaderError};
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::work::Work;

/// Why a header or block is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockRejection {
    /// The parent's header is not known.
    #[error("the parent {parent} is not known")]
    UnknownParent { parent: BlockHash },
    /// It was found to break a rule before.
    #[error("block {hash} was refused before")]
    KnownInvalid { hash: BlockHash },
    /// An ancestor breaks a rule.
    #[error("block {hash} descends from one that was refused")]
    DescendsFromInvalid { hash: BlockHash },
    /// The header breaks a rule.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The body breaks a rule on its own, or is not the one that the header commits to. The header
    /// may yet get its true body from someone else.
    #[error(transparent)]
    Body(#[from] BlockError),
    /// The block breaks a rule where it stands in the chain.
    #[error("block {hash} cannot be connected: {error}")]
    Connect { hash: BlockHash, error: ConnectError },
}

/// What became of a block that broke no rule. That is not yet a success: whoever made the block looks
/// whether it is [`Self::Connected`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum BlockVerdict {
    /// It is part of the best chain.
    Connected,
    Duplicate,
    /// It is kept on a branch with no more work than the best.
    SideBranch,
    /// It is kept until a body below it comes.
    KeptAside,
    /// It is ahead of the clock, and kept until its time comes.
    TooEarly(AheadOfClock),
}

/// A block that broke no rule, and what followed from it.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub verdict: BlockVerdict,
    /// How the best chain changed, if it did.
    pub change: Option<ChainChange>,
}

/// How the best chain changed, in one step.
#[derive(Clone, Debug)]
pub struct ChainChange {
    /// The last block that the old and the new chain share.
    pub fork_point: Height,
    pub fork_hash: BlockHash,
    /// Blocks that left, from the old tip down.
    pub disconnected: Vec<(Height, Arc<Block>)>,
    /// Blocks that joined, upwards, each with the chainwork up to it.
    pub connected: Vec<(Height, Arc<Block>, Work)>,
    pub old_work: Work,
    pub new_work: Work,
}

impl ChainChange {
    /// The new tip.
    pub fn tip(&self) -> Option<&Arc<Block>> {
        self.connected.last().map(|(_, block, _)| block)
    }

    /// Two changes, one after the other, as one. What the first connected and the second took away
    /// again is in neither list: a part of a long branch may go that far before a bad block is met.
    pub fn joined(first: Option<Self>, next: Option<Self>) -> Option<Self> {
        match (first, next) {
            (Some(mut first), Some(next)) => {
                let passing = first.connected.len().min(next.disconnected.len());
                first.connected.truncate(first.connected.len() - passing);
                if next.disconnected.len() > passing {
                    (first.fork_point, first.fork_hash) = (next.fork_point, next.fork_hash);
                    first.disconnected.extend(next.disconnected.into_iter().skip(passing));
                }
                first.connected.extend(next.connected);
                first.new_work = next.new_work;
                Some(first)
            }
            (first, next) => first.or(next),
        }
    }
}
