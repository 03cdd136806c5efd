//! Refused transactions: Bitcoin Core's code and token, our sentence, and the values behind it.

use cairn_core::check::transaction::TransactionError;
use cairn_protocol::mempool::policy::MempoolError;

use crate::rpc::error::{Code, RpcError};
use crate::rpc::json::{Coins, Object, Text, object};

/// Why a transaction was refused, in every form that a caller may want.
pub struct Refusal {
    /// Bitcoin Core's error code for `sendrawtransaction`.
    pub code: Code,
    /// Bitcoin Core's word for it, which programs look for.
    pub token: &'static str,
    /// What was found and what was expected.
    pub sentence: String,
    /// The values in the sentence.
    data: Object,
}

impl Refusal {
    /// What to say of a refused transaction.
    pub fn of(error: &MempoolError) -> Self {
        let (code, token) = code_and_token(error);
        Self { code, token, sentence: error.to_string(), data: values(error) }
    }

    /// As the error of a call.
    pub fn into_error(self) -> RpcError {
        let mut data = object! { "reject-reason": self.token };
        data.extend(self.data);
        let message = match self.token {
            MAX_FEE_EXCEEDED => self.sentence,
            token => format!("{token}, {}", self.sentence),
        };
        RpcError::new(self.code, message).with_data(data)
    }
}

/// The word that `testmempoolaccept` gives for inputs that are not there.
pub const MISSING_INPUTS: &str = "missing-inputs";
/// The word for a fee rate above the caller's limit. Bitcoin Core's `sendrawtransaction` leaves it out.
const MAX_FEE_EXCEEDED: &str = "max-fee-exceeded";

fn code_and_token(error: &MempoolError) -> (Code, &'static str) {
    match error {
        MempoolError::Known { .. } => (Code::AlreadyInChain, "txn-already-in-mempool"),
        MempoolError::Confirmed { .. } => (Code::AlreadyInChain, "txn-already-known"),
        MempoolError::Rule(error @ TransactionError::MissingCoin { .. }) => (Code::Verify, rule(error)),
        MempoolError::Rule(error) => (Code::VerifyRejected, rule(error)),
        MempoolError::UnknownOutput { .. }
        | MempoolError::NoSuchOutput { .. }
        | MempoolError::SpentInChain { .. } => (Code::Verify, "bad-txns-inputs-missingorspent"),
        MempoolError::Immature { .. } => (Code::VerifyRejected, "bad-txns-premature-spend-of-coinbase"),
        MempoolError::NotFinal { .. } => (Code::VerifyRejected, "non-final"),
        MempoolError::Conflict { .. } => (Code::VerifyRejected, "txn-mempool-conflict"),
        MempoolError::SpendsWhatItReplaces { .. } => (Code::VerifyRejected, "bad-txns-spends-conflicting-tx"),
        MempoolError::NewUnconfirmedInput { .. } => (Code::VerifyRejected, "replacement-adds-unconfirmed"),
        MempoolError::ReplacesTooMany { .. } => (Code::VerifyRejected, "too many potential replacements"),
        MempoolError::FeeTooLow { .. } => (Code::VerifyRejected, "min relay fee not met"),
        MempoolError::FeeTooHigh { .. } => (Code::Verify, MAX_FEE_EXCEEDED),
        MempoolError::TooBig { .. } => (Code::VerifyRejected, "tx-size"),
        MempoolError::Dust { .. } => (Code::VerifyRejected, "dust"),
        MempoolError::TooManyAncestors { .. } => (Code::VerifyRejected, "too-long-mempool-chain"),
        MempoolError::TooManyDescendants { .. } => {
            (Code::VerifyRejected, "too-long-mempool-chain (descendants)")
        }
        MempoolError::Full { .. } => (Code::VerifyRejected, "mempool full"),
    }
}

/// Bitcoin Core's word for a rule that a transaction breaks, in a block or out of one. Where Core has
/// one word for several rules, brackets tell which: as in its own `bad-version(0x…)`.
pub const fn rule(error: &TransactionError) -> &'static str {
    match error {
        TransactionError::NoInputs => "bad-txns-vin-empty",
        TransactionError::NoOutputs => "bad-txns-vout-empty",
        TransactionError::TooLarge { .. } => "bad-txns-oversize",
        TransactionError::DuplicateInput { .. } => "bad-txns-inputs-duplicate",
        TransactionError::ZeroOutput { .. } => "bad-txns-vout-zero",
        TransactionError::OutputsExceedSupply { .. } => "bad-txns-txouttotal-toolarge",
        TransactionError::MissingCoin { .. } => "bad-txns-inputs-missingorspent",
        TransactionError::ImmatureCoinbase { .. } => "bad-txns-premature-spend-of-coinbase",
        TransactionError::Locked { .. } => "bad-txns-nonfinal",
        TransactionError::OutputsExceedInputs { .. } => "bad-txns-in-belowout",
        TransactionError::SignatureCount { .. } => "mandatory-script-verify-flag-failed (signature count)",
        TransactionError::BadSignature { .. } => "mandatory-script-verify-flag-failed (invalid signature)",
    }
}

/// The values behind those refusals that a program may want to act on.
fn values(error: &MempoolError) -> Object {
    match error {
        MempoolError::Known { txid } => object! { "txid": txid },
        MempoolError::Confirmed { txid, height } => object! { "txid": txid, "height": height.get() },
        MempoolError::UnknownOutput { outpoint } => {
            object! { "cause": "never-existed", "outpoint": Text(outpoint) }
        }
        MempoolError::NoSuchOutput { outpoint, outputs } => {
            object! { "cause": "never-existed", "outpoint": Text(outpoint), "outputs": outputs }
        }
        MempoolError::SpentInChain { outpoint, by, height } => object! {
            "cause": "spent", "outpoint": Text(outpoint), "spent_by": by, "height": height.get(),
        },
        MempoolError::Immature { outpoint, made_at, spendable_at, missing } => object! {
            "cause": "immature",
            "outpoint": Text(outpoint),
            "height": made_at.get(),
            "spendable_at": spendable_at,
            "blocks_missing": missing,
        },
        MempoolError::Conflict { outpoint, by, fee, needed } => object! {
            "cause": "pending-conflict",
            "outpoint": Text(outpoint),
            "spent_by": by,
            "fee": Coins(*fee),
            "needed": Coins(*needed),
        },
        MempoolError::FeeTooLow { fee, needed, size, .. } => {
            object! { "fee": Coins(*fee), "needed": Coins(*needed), "size": size }
        }
        MempoolError::FeeTooHigh { fee, rate, limit } => object! {
            "fee": Coins(*fee),
            "feerate": Coins(rate.per_kilobyte()),
            "maxfeerate": Coins(limit.per_kilobyte()),
        },
        MempoolError::Full { rate } => object! { "feerate": Coins(rate.per_kilobyte()) },
        _ => Object::new(),
    }
}

#[cfg(test)]
mod tests;
