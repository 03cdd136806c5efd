//! Rejected transactions: Bitcoin Core's code and token, our sentence, and the values behind it.

use cairn_core::check::transaction::TransactionError;
use cairn_protocol::mempool::policy::MempoolError;

use crate::rpc::error::{Code, RpcError};
use crate::rpc::json::{Coins, Object, Text, object};

/// Why a transaction was rejected, in every form that a caller may want.
pub struct Rejection {
    /// Bitcoin Core's error code for `sendrawtransaction`.
    pub code: Code,
    /// Bitcoin Core's word for the rule, which programs look for.
    pub token: &'static str,
    /// A sentence with the value found and the value expected.
    pub sentence: String,
    /// The values in the sentence.
    data: Object,
}

impl Rejection {
    /// The rejection for an error of the mempool.
    pub fn of(error: &MempoolError) -> Self {
        let (code, token) = code_and_token(error);
        Self { code, token, sentence: error.to_string(), data: values(error) }
    }

    /// The error of a call that submitted the transaction.
    pub fn into_error(self) -> RpcError {
        let mut data = object! { "reject-reason": self.token };
        data.extend(self.data);
        let message = match self.token {
            MAX_FEE_EXCEEDED => self.sentence,
            token => format!("{token}, {}", self.sentence),
        };
        self.code.error(message).with_data(data)
    }
}

/// The word of `testmempoolaccept` for inputs that do not exist or are spent.
pub const MISSING_INPUTS: &str = "missing-inputs";

/// The word for a fee rate above the caller's limit. Bitcoin Core's `sendrawtransaction` leaves it out.
const MAX_FEE_EXCEEDED: &str = "max-fee-exceeded";

fn code_and_token(error: &MempoolError) -> (Code, &'static str) {
    let token = match error {
        MempoolError::Known { .. } => return (Code::AlreadyInChain, "txn-already-in-mempool"),
        MempoolError::Confirmed { .. } => return (Code::AlreadyInChain, "txn-already-known"),
        MempoolError::UnknownOutput { .. }
        | MempoolError::NoSuchOutput { .. }
        | MempoolError::SpentInChain { .. } => return (Code::Verify, "bad-txns-inputs-missingorspent"),
        MempoolError::Rule(error @ TransactionError::MissingCoin { .. }) => {
            return (Code::Verify, rule(error));
        }
        MempoolError::FeeTooHigh { .. } => return (Code::Verify, MAX_FEE_EXCEEDED),
        MempoolError::Rule(error) => rule(error),
        MempoolError::Immature { .. } => "bad-txns-premature-spend-of-coinbase",
        MempoolError::NotFinal { .. } => "non-final",
        MempoolError::Conflict { .. } => "txn-mempool-conflict",
        MempoolError::SpendsWhatItReplaces { .. } => "bad-txns-spends-conflicting-tx",
        MempoolError::NewUnconfirmedInput { .. } => "replacement-adds-unconfirmed",
        MempoolError::ReplacesTooMany { .. } => "too many potential replacements",
        MempoolError::FeeTooLow { .. } => "min relay fee not met",
        MempoolError::TooBig { .. } => "tx-size",
        MempoolError::Dust { .. } => "dust",
        MempoolError::TooManyAncestors { .. } => "too-long-mempool-chain",
        MempoolError::TooManyDescendants { .. } => "too-long-mempool-chain (descendants)",
        MempoolError::Full { .. } => "mempool full",
    };
    (Code::VerifyRejected, token)
}

/// Bitcoin Core's word for a rule that a transaction breaks, in a block or out of one. Where Core has
/// one word for several rules, brackets name the rule: as in its own `bad-version(0x…)`.
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

/// The values behind those errors that a program may want to act on.
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
