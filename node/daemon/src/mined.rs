//! The outcome of a block that this node made. A verdict without an error is not yet a success: a block is
//! mined when it is part of the best chain.

use cairn_core::check::header::AheadOfClock;
use cairn_protocol::chain::{BlockRejection, BlockVerdict};

/// The reasons why a block of this node is not part of the best chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMined {
    #[error(transparent)]
    TooEarly(#[from] AheadOfClock),
    #[error("the block is on a side branch: another block was there first")]
    SideBranch,
    #[error("the node has this block already")]
    Duplicate,
    #[error("the block is kept until the block below it arrives")]
    AncestorMissing,
    #[error("the chain rejects the block: {0}")]
    Rejected(BlockRejection),
}

impl NotMined {
    /// Checks that a block became part of the best chain.
    pub fn check(outcome: Result<BlockVerdict, BlockRejection>) -> Result<(), Self> {
        match outcome {
            Ok(BlockVerdict::Connected) => Ok(()),
            Ok(BlockVerdict::TooEarly(ahead)) => Err(ahead.into()),
            Ok(BlockVerdict::SideBranch) => Err(Self::SideBranch),
            Ok(BlockVerdict::Duplicate) => Err(Self::Duplicate),
            Ok(BlockVerdict::AncestorMissing) => Err(Self::AncestorMissing),
            Err(rejection) => Err(Self::Rejected(rejection)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cairn_core::hash::BlockHash;
    use cairn_core::time::Timestamp;

    use super::*;

    #[test]
    fn only_a_block_of_the_best_chain_is_mined() {
        let (time, now) = (Timestamp::from_millis(300_000), Timestamp::from_millis(0));
        let ahead = AheadOfClock { time, now, allowed: Duration::from_secs(60) };
        let unknown = BlockRejection::UnknownParent { parent: BlockHash::ZERO };
        for (outcome, why) in [
            (Ok(BlockVerdict::TooEarly(ahead)), "300 s ahead of this node's clock"),
            (Ok(BlockVerdict::SideBranch), "side branch"),
            (Ok(BlockVerdict::Duplicate), "has this block already"),
            (Ok(BlockVerdict::AncestorMissing), "until the block below it arrives"),
            (Err(unknown), "rejects the block: the parent"),
        ] {
            let message = NotMined::check(outcome).expect_err("not mined").to_string();
            assert!(message.contains(why), "{message}");
        }
        assert_eq!(NotMined::check(Ok(BlockVerdict::Connected)), Ok(()));
    }
}
