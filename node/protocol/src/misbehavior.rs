//! Misbehavior: broken rules, and what follows for the peer: nothing, a disconnection, or a ban.
//!
//! The measure is whether an honest node can do it. What it cannot do bans. What it can do because it follows
//! other rules or another chain disconnects. What depends on the moment, or on what another node sent, has no
//! consequence (ATTACKS 29).

use cairn_core::check::transaction::TransactionError;

use crate::chain::verdict::BlockRejection;
use crate::message::codec::CodecError;

/// A rule of the protocol or the chain that a peer broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misbehavior {
    #[error("sent bytes that are not a message: {0}")]
    Malformed(CodecError),
    #[error("sent a message before its Hello")]
    HelloMissing,
    #[error("sent Hello twice")]
    SecondHello,
    #[error("sent headers that are not children of each other")]
    BrokenHeaders,
    #[error("sent a block that was rejected: {0}")]
    Block(BlockRejection),
    #[error("requested transactions that the block does not have")]
    BlockIndexes,
    #[error("sent other transactions than those requested of a compact block")]
    BlockTransactions,
    #[error("sent a transaction that breaks a rule: {0}")]
    Transaction(TransactionError),
}

/// The consequence of misbehavior.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// None: an honest peer may do it.
    Nothing,
    /// The connection ends, and can be made again.
    Disconnect,
    /// The connection ends, and the peer is banned.
    Ban,
}

impl Misbehavior {
    /// The consequence for the peer.
    pub fn consequence(&self) -> Consequence {
        match self {
            Self::Malformed(_)
            | Self::HelloMissing
            | Self::SecondHello
            | Self::BrokenHeaders
            | Self::BlockIndexes
            | Self::BlockTransactions => Consequence::Ban,
            Self::Block(rejection) => of_block(rejection),
            Self::Transaction(error) => of_transaction(error),
        }
    }
}

fn of_block(rejection: &BlockRejection) -> Consequence {
    match rejection {
        // The peer may only be ahead of this node.
        BlockRejection::UnknownParent { .. } => Consequence::Nothing,
        BlockRejection::Header(error) if error.is_too_new() => Consequence::Nothing,
        BlockRejection::Header(_) => Consequence::Ban,
        // An honest peer checks a body against its header before it sends it.
        BlockRejection::Body(_) => Consequence::Ban,
        // The peer follows a chain that breaks our rules: it may have others.
        BlockRejection::KnownInvalid { .. }
        | BlockRejection::DescendsFromInvalid { .. }
        | BlockRejection::Connect { .. } => Consequence::Disconnect,
    }
}

fn of_transaction(error: &TransactionError) -> Consequence {
    match error {
        TransactionError::NoInputs
        | TransactionError::NoOutputs
        | TransactionError::TooLarge { .. }
        | TransactionError::DuplicateInput { .. }
        | TransactionError::ZeroOutput { .. }
        | TransactionError::OutputsExceedSupply { .. }
        | TransactionError::OutputsExceedInputs { .. }
        | TransactionError::SignatureCount { .. }
        | TransactionError::BadSignature { .. } => Consequence::Ban,
        // These depend on the tip, and the tips of two nodes can differ for a moment.
        TransactionError::MissingCoin { .. }
        | TransactionError::ImmatureCoinbase { .. }
        | TransactionError::Locked { .. } => Consequence::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_core::check::header::{AheadOfClock, HeaderError};
    use cairn_core::hash::BlockHash;
    use cairn_core::time::Timestamp;
    use cairn_core::transaction::OutPoint;

    fn of(rejection: BlockRejection) -> Consequence {
        Misbehavior::Block(rejection).consequence()
    }

    #[test]
    fn what_no_honest_peer_does_bans() {
        let version = HeaderError::Version { found: 2, expected: 1 };
        assert_eq!(Misbehavior::Malformed(CodecError::Empty).consequence(), Consequence::Ban);
        assert_eq!(Misbehavior::BrokenHeaders.consequence(), Consequence::Ban);
        assert_eq!(of(BlockRejection::Header(version)), Consequence::Ban);
        let forged = TransactionError::BadSignature { index: 0 };
        assert_eq!(Misbehavior::Transaction(forged).consequence(), Consequence::Ban);
    }

    /// ATTACKS 7 and 29.
    #[test]
    fn what_the_moment_decides_means_nothing() {
        let now = Timestamp::from_millis(0);
        let allowed = core::time::Duration::ZERO;
        let too_new = HeaderError::from(AheadOfClock { time: now, now, allowed });
        assert_eq!(of(BlockRejection::Header(too_new)), Consequence::Nothing);
        assert_eq!(of(BlockRejection::UnknownParent { parent: BlockHash::ZERO }), Consequence::Nothing);
        let outpoint = OutPoint { txid: cairn_core::hash::Txid::ZERO, index: 0 };
        assert_eq!(
            Misbehavior::Transaction(TransactionError::MissingCoin { outpoint }).consequence(),
            Consequence::Nothing
        );
    }

    #[test]
    fn who_follows_a_chain_that_we_refuse_is_left_but_not_banned() {
        let hash = BlockHash::ZERO;
        assert_eq!(of(BlockRejection::KnownInvalid { hash }), Consequence::Disconnect);
        assert_eq!(of(BlockRejection::DescendsFromInvalid { hash }), Consequence::Disconnect);
    }
}
