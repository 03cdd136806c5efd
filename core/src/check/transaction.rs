//! Rules for transactions: first those that need the transaction alone, then those that need the coins it
//! spends.

use std::collections::BTreeSet;

use crate::amount::Amount;
use crate::coin::{Coin, CoinView, Origin};
use crate::height::Height;
use crate::params::ChainParams;
use crate::signature::SignatureClaim;
use crate::signing::{signature_digest, signers};
use crate::time::Timestamp;
use crate::transaction::{LockTime, OutPoint, Output, Transaction};

/// A rule that a transaction breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    #[error("the transaction has no inputs")]
    NoInputs,
    #[error("the transaction has no outputs")]
    NoOutputs,
    /// The transaction could not be in any block.
    #[error("the transaction has {found} bytes, a block at most {allowed}")]
    TooLarge { found: usize, allowed: usize },
    /// One transaction spends one output twice (CVE-2018-17144).
    #[error("the transaction spends {outpoint} twice")]
    DuplicateInput { outpoint: OutPoint },
    #[error("output {index} has amount zero")]
    ZeroOutput { index: usize },
    /// The sum overflows, or is more than all coins there can be (CVE-2010-5139).
    #[error("the outputs exceed the maximum supply of {maximum}")]
    OutputsExceedSupply { maximum: Amount },
    #[error("{outpoint} does not exist or is spent")]
    MissingCoin { outpoint: OutPoint },
    /// A coinbase is spent before a reorganization of usual depth can no longer undo
    /// it (Bitcoin Core's `COINBASE_MATURITY`).
    #[error(
        "{outpoint} is a coinbase of height {made_at}: it may be spent from height {spendable_at}, not {height}"
    )]
    ImmatureCoinbase { outpoint: OutPoint, made_at: Height, spendable_at: u64, height: Height },
    /// The lock time is compared with the height, or with the median time past of the parent (BIP 113).
    #[error(
        "the transaction is locked up to {lock_time}; the block has height {height}, its parent's median time is {median_time_past}"
    )]
    Locked { lock_time: LockTime, height: Height, median_time_past: Timestamp },
    #[error("the outputs ({outputs}) exceed the inputs ({inputs})")]
    OutputsExceedInputs { inputs: Amount, outputs: Amount },
    #[error("{found} signatures where {expected} are needed, one for each distinct key")]
    SignatureCount { found: usize, expected: usize },
    /// The signature breaks ZIP 215's rules for ed25519 (RFC 8032).
    #[error("signature {index} is not valid")]
    BadSignature { index: usize },
}

/// The block that would hold a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpendContext {
    pub height: Height,
    /// The median time past of the block's parent.
    pub median_time_past: Timestamp,
}

/// A transaction that breaks no rule as long as its signatures are valid.
/// Only [`check_transaction_on_coins`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedSpend {
    pub(in crate::check) fee: Amount,
    pub(in crate::check) signatures: Vec<SignatureClaim>,
    /// The coins spent, in the order of inputs.
    pub(in crate::check) spent: Vec<Coin>,
}

impl CheckedSpend {
    /// The inputs less the outputs: what is left to the miner.
    pub const fn fee(&self) -> Amount {
        self.fee
    }

    /// The signatures that have not been verified yet.
    pub fn signatures(&self) -> &[SignatureClaim] {
        &self.signatures
    }
}

/// Rules that need nothing but the transaction.
///
/// # Errors
/// `NoInputs`, `NoOutputs`, `TooLarge`, `DuplicateInput`, `ZeroOutput`, `OutputsExceedSupply`.
pub fn check_transaction_alone(
    transaction: &Transaction,
    params: &ChainParams,
) -> Result<(), TransactionError> {
    if transaction.inputs().is_empty() {
        return Err(TransactionError::NoInputs);
    }
    if transaction.outputs().is_empty() {
        return Err(TransactionError::NoOutputs);
    }
    let (found, allowed) = (transaction.size(), params.max_block_bytes);
    if found > allowed {
        return Err(TransactionError::TooLarge { found, allowed });
    }
    let mut seen = BTreeSet::new();
    if let Some(outpoint) = transaction.inputs().iter().find(|outpoint| !seen.insert(**outpoint)) {
        return Err(TransactionError::DuplicateInput { outpoint: *outpoint });
    }
    if let Some(index) = transaction.outputs().iter().position(|output| output.amount == Amount::ZERO) {
        return Err(TransactionError::ZeroOutput { index });
    }
    output_sum(transaction, params).map(|_| ())
}

/// Rules that need the coins that the transaction spends; the signatures are collected and not verified.
///
/// # Errors
/// `MissingCoin`, `ImmatureCoinbase`, `Locked`, `OutputsExceedSupply`, `OutputsExceedInputs`,
/// `SignatureCount`, in this order.
pub fn check_transaction_on_coins(
    transaction: &Transaction,
    coins: &dyn CoinView,
    context: SpendContext,
    params: &ChainParams,
) -> Result<CheckedSpend, TransactionError> {
    let mut spent = Vec::with_capacity(transaction.inputs().len());
    for outpoint in transaction.inputs() {
        let coin = coins.coin(outpoint).ok_or(TransactionError::MissingCoin { outpoint: *outpoint })?;
        check_maturity(outpoint, &coin, context.height, params)?;
        spent.push(coin);
    }
    check_lock_time(transaction.lock_time(), context)?;
    let maximum = params.max_supply;
    let inputs = Amount::checked_sum(spent.iter().map(|coin| coin.output.amount));
    let inputs = inputs.ok_or(TransactionError::OutputsExceedSupply { maximum })?;
    let outputs = output_sum(transaction, params)?;
    let fee = inputs.checked_sub(outputs).ok_or(TransactionError::OutputsExceedInputs { inputs, outputs })?;
    let signatures = collect_signatures(transaction, &spent, params)?;
    Ok(CheckedSpend { fee, signatures, spent })
}

fn output_sum(transaction: &Transaction, params: &ChainParams) -> Result<Amount, TransactionError> {
    let sum = Amount::checked_sum(transaction.outputs().iter().map(|output| output.amount));
    let maximum = params.max_supply;
    sum.filter(|sum| *sum <= maximum).ok_or(TransactionError::OutputsExceedSupply { maximum })
}

fn check_maturity(
    outpoint: &OutPoint,
    coin: &Coin,
    height: Height,
    params: &ChainParams,
) -> Result<(), TransactionError> {
    let spendable_at = u64::from(coin.height.get()).saturating_add(u64::from(params.coinbase_maturity));
    if coin.origin == Origin::Coinbase && u64::from(height.get()) < spendable_at {
        let (outpoint, made_at) = (*outpoint, coin.height);
        return Err(TransactionError::ImmatureCoinbase { outpoint, made_at, spendable_at, height });
    }
    Ok(())
}

fn check_lock_time(lock_time: LockTime, context: SpendContext) -> Result<(), TransactionError> {
    let SpendContext { height, median_time_past } = context;
    let is_unlocked = match lock_time {
        LockTime::Immediate => true,
        LockTime::Height(lock) => height > lock,
        LockTime::Time(lock) => median_time_past > lock,
    };
    if is_unlocked { Ok(()) } else { Err(TransactionError::Locked { lock_time, height, median_time_past }) }
}

fn collect_signatures(
    transaction: &Transaction,
    spent: &[Coin],
    params: &ChainParams,
) -> Result<Vec<SignatureClaim>, TransactionError> {
    let outputs: Vec<Output> = spent.iter().map(|coin| coin.output.clone()).collect();
    let keys = signers(&outputs);
    let (found, expected) = (transaction.signatures().len(), keys.len());
    if found != expected {
        return Err(TransactionError::SignatureCount { found, expected });
    }
    let digest = signature_digest(&params.genesis_hash, transaction.body(), &outputs);
    let claims = keys.into_iter().zip(transaction.signatures());
    Ok(claims.map(|(key, signature)| SignatureClaim { key, digest, signature: *signature }).collect())
}

#[cfg(test)]
mod tests;
