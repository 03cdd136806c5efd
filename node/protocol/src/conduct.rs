//! Conduct: what a broken rule means for who broke it: nothing, a hang-up, or a ban.
//!
//! The measure is whether an honest node can do it. What it cannot do bans. What it can do while it
//! merely follows other rules or another chain ends the connection. What depends on the moment, or
//! was somebody else's fault, means nothing (ATTACKS 29).

use cairn_core::check::transaction::TransactionError;

use crate::chain::verdict::BlockRejection;
use crate::message::codec::CodecError;

/// What a peer did.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Offence {
    /// It sent bytes that are no message.
    #[error("sent bytes that are no message: {0}")]
    Garbled(CodecError),
    /// It said something before `Hello`.
    #[error("said something before its Hello")]
    HelloMissing,
    #[error("said Hello twice")]
    SecondHello,
    /// It sent headers that do not stand on each other.
    #[error("sent headers that do not stand on each other")]
    BrokenHeaders,
    /// It sent a header or block that was refused.
    #[error("sent a block that was refused: {0}")]
    Block(BlockRejection),
    /// It sent a transaction that breaks a rule of the chain.
    #[error("sent a transaction that breaks a rule: {0}")]
    Transaction(TransactionError),
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing: an honest peer may do it.
    Nothing,
    /// We part, and may meet again.
    Disconnect,
    Ban,
}

impl Offence {
    /// What follows from it.
    pub fn consequence(&self) -> Consequence {
        match self {
            Self::Garbled(_) | Self::HelloMissing | Self::SecondHello | Self::BrokenHeaders => {
                Consequence::Ban
            }
            Self::Block(rejection) => of_block(rejection),
            Self::Transaction(error) => of_transaction(error),
        }
    }
}

fn of_block(rejection: &BlockRejection) -> Consequence {
    match rejection {
        // It may only be ahead of us.
        BlockRejection::UnknownParent { .. } => Consequence::Nothing,
        BlockRejection::Header(error) if error.is_too_new() => Consequence::Nothing,
        BlockRejection::Header(_) => Consequence::Ban,
        // Whoever passes a body on has held it against its header before.
        BlockRejection::Body(_) => Consequence::Ban,
        // It follows a chain that breaks our rules: perhaps it has others.
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
        // These depend on the tip, and tips differ for a moment.
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
        Offence::Block(rejection).consequence()
    }

    #[test]
    fn what_no_honest_peer_does_bans() {
        let version = HeaderError::Version { found: 2, expected: 1 };
        assert_eq!(Offence::Garbled(CodecError::Empty).consequence(), Consequence::Ban);
        assert_eq!(Offence::BrokenHeaders.consequence(), Consequence::Ban);
        assert_eq!(of(BlockRejection::Header(version)), Consequence::Ban);
        let forged = TransactionError::BadSignature { index: 0 };
        assert_eq!(Offence::Transaction(forged).consequence(), Consequence::Ban);
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
            Offence::Transaction(TransactionError::MissingCoin { outpoint }).consequence(),
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
