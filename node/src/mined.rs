//! What became of a block that was made here. A verdict that is no error is not yet a success: a block
//! is mined when it is part of the best chain.

use cairn_protocol::chain::{AheadOfClock, BlockRejection, BlockVerdict};

/// Why a block that was made here is not part of the best chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMined {
    /// Its time is ahead of the clock.
    #[error(transparent)]
    TooEarly(#[from] AheadOfClock),
    /// Another branch has as much work or more.
    #[error("the block is on a side branch: another block was there first")]
    SideBranch,
    /// The node has it already.
    #[error("the node has this block already")]
    Duplicate,
    /// A block below it is missing.
    #[error("the block is kept until a block below it comes")]
    KeptAside,
    /// It breaks a rule.
    #[error("the chain rejects the block: {0}")]
    Rejected(BlockRejection),
}

impl NotMined {
    /// Whether a block became part of the best chain.
    ///
    /// # Errors
    /// Why not.
    pub fn check(outcome: Result<BlockVerdict, BlockRejection>) -> Result<(), Self> {
        match outcome {
            Ok(BlockVerdict::Connected) => Ok(()),
            Ok(BlockVerdict::TooEarly(ahead)) => Err(ahead.into()),
            Ok(BlockVerdict::SideBranch) => Err(Self::SideBranch),
            Ok(BlockVerdict::Duplicate) => Err(Self::Duplicate),
            Ok(BlockVerdict::KeptAside) => Err(Self::KeptAside),
            Err(rejection) => Err(Self::Rejected(rejection)),
        }
    }
}
