//! Policy: what this node asks of a transaction beyond the rules of the chain, and every reason for a
//! rejection.

use std::collections::BTreeSet;

use cairn_core::amount::Amount;
use cairn_core::check::transaction::TransactionError;
use cairn_core::hash::Txid;
use cairn_core::height::Height;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{LockTime, OutPoint, Transaction};

use crate::chain::failure::Rejection;
use crate::limits::{
    INCREMENTAL_FEE_PER_KILOBYTE, MAX_ANCESTOR_BYTES, MAX_ANCESTORS, MAX_DESCENDANT_BYTES, MAX_DESCENDANTS,
    MAX_RELAYED_TRANSACTION, MAX_REPLACED, MIN_RELAY_FEE_PER_KILOBYTE, SPEND_BYTES,
};
use crate::mempool::entries::MempoolEntries;
use crate::mempool::entry::Package;
use crate::mempool::fee_rate::{FeeRate, Score};

/// The fee rate that a transaction must pay to be relayed.
pub const MIN_RELAY_FEE_RATE: FeeRate =
    FeeRate::from_per_kilobyte(Amount::from_units(MIN_RELAY_FEE_PER_KILOBYTE));
/// The fee rate that a replacement must pay for its own relay.
pub const INCREMENTAL_FEE_RATE: FeeRate =
    FeeRate::from_per_kilobyte(Amount::from_units(INCREMENTAL_FEE_PER_KILOBYTE));

/// Why a transaction is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MempoolError {
    #[error("transaction {txid} is in the mempool already")]
    Known { txid: Txid },
    #[error("transaction {txid} is confirmed already, at height {height}")]
    Confirmed { txid: Txid, height: Height },
    #[error(transparent)]
    Rule(#[from] TransactionError),
    /// Neither the chain nor the mempool knows the transaction whose output is spent. If a peer sent the
    /// spending one, it is kept as an orphan.
    #[error("{outpoint} does not exist: no such transaction is known here")]
    UnknownOutput { outpoint: OutPoint },
    #[error("{outpoint} does not exist: the transaction has {outputs} outputs, counted from 0")]
    NoSuchOutput { outpoint: OutPoint, outputs: usize },
    #[error("{outpoint} is spent by {by} at height {height}")]
    SpentInChain { outpoint: OutPoint, by: Txid, height: Height },
    #[error(
        "{outpoint} was mined at height {made_at} and may be spent from height {spendable_at}: {missing} more blocks are needed"
    )]
    Immature { outpoint: OutPoint, made_at: Height, spendable_at: u64, missing: u64 },
    #[error(
        "the transaction is locked up to {lock_time}; the next block has height {height}, its parent's median time is {median_time_past}"
    )]
    NotFinal { lock_time: LockTime, height: Height, median_time_past: Timestamp },
    /// An unconfirmed transaction spends the same output, and this one does not pay enough to replace it.
    #[error(
        "{outpoint} is spent by {by}, which is unconfirmed; to replace it a fee of {needed} is needed, this one pays {fee}"
    )]
    Conflict { outpoint: OutPoint, by: Txid, fee: Amount, needed: Amount },
    #[error("it depends on {txid}, which it would replace")]
    SpendsWhatItReplaces { txid: Txid },
    /// A replacement spends an unconfirmed output that the transactions it replaces do not (BIP 125, rule 2).
    #[error("a replacement may not spend {outpoint}, which is unconfirmed and not spent by what it replaces")]
    NewUnconfirmedInput { outpoint: OutPoint },
    /// BIP 125, rule 5.
    #[error("it would replace {found} unconfirmed transactions, at most {allowed} are allowed")]
    ReplacesTooMany { found: usize, allowed: usize },
    /// `rate` is that of relay, or a higher one when the mempool is full.
    #[error("the fee {fee} is too low: {size} bytes need {needed} ({rate})")]
    FeeTooLow { fee: Amount, needed: Amount, size: usize, rate: FeeRate },
    /// The sender of the transaction set a limit, and the fee is above.
    #[error(
        "Fee exceeds maximum configured by user (maxfeerate): it pays {} coins per 1,000 bytes, allowed are {}", rate.per_kilobyte(), limit.per_kilobyte()
    )]
    FeeTooHigh { fee: Amount, rate: FeeRate, limit: FeeRate },
    #[error("the transaction has {found} bytes, at most {allowed} are relayed")]
    TooBig { found: usize, allowed: usize },
    #[error(
        "output {index} holds {amount}, less than the {minimum} that spending it costs: dust is not relayed"
    )]
    Dust { index: usize, amount: Amount, minimum: Amount },
    #[error(
        "with all it depends on it makes {count} unconfirmed transactions of {size} bytes, at most {MAX_ANCESTORS} of {MAX_ANCESTOR_BYTES} are allowed"
    )]
    TooManyAncestors { count: usize, size: usize },
    /// Too many unconfirmed transactions depend on an ancestor of this one.
    #[error(
        "with it {count} unconfirmed transactions of {size} bytes depend on {on}, at most {MAX_DESCENDANTS} of {MAX_DESCENDANT_BYTES} are allowed"
    )]
    TooManyDescendants { on: Txid, count: usize, size: usize },
    #[error("the mempool is full and all others pay more: at least {rate} is needed")]
    Full { rate: FeeRate },
}

impl Rejection for MempoolError {}

/// Checks that need no coins: `TooBig`, `Dust`.
pub fn check_standard(transaction: &Transaction) -> Result<(), MempoolError> {
    if transaction.size() > MAX_RELAYED_TRANSACTION {
        return Err(MempoolError::TooBig { found: transaction.size(), allowed: MAX_RELAYED_TRANSACTION });
    }
    let minimum = MIN_RELAY_FEE_RATE.fee_for(SPEND_BYTES);
    let dust = transaction.outputs().iter().enumerate().find(|(_, output)| output.amount < minimum);
    match dust {
        Some((index, output)) => Err(MempoolError::Dust { index, amount: output.amount, minimum }),
        None => Ok(()),
    }
}

/// Checks that a fee pays a fee rate: `FeeTooLow`.
pub fn check_fee(fee: Amount, size: usize, rate: FeeRate) -> Result<(), MempoolError> {
    let needed = rate.fee_for(size);
    if fee < needed { Err(MempoolError::FeeTooLow { fee, needed, size, rate }) } else { Ok(()) }
}

/// Checks that a fee is within the limit that the transaction's sender set: `FeeTooHigh`.
pub fn check_max_fee(fee: Amount, size: usize, limit: Option<FeeRate>) -> Result<(), MempoolError> {
    let rate = FeeRate::of(fee, size);
    match limit {
        Some(limit) if rate > limit => Err(MempoolError::FeeTooHigh { fee, rate, limit }),
        _ => Ok(()),
    }
}

/// The transactions that one which pays `fee` would replace: those that spend the same outputs, and their
/// descendants. Full replacement by fee: BIP 125 without its signal.
///
/// # Errors
/// `SpendsWhatItReplaces`, `NewUnconfirmedInput`, `ReplacesTooMany`, `Conflict`.
pub fn replaced_by(
    transaction: &Transaction,
    fee: Amount,
    entries: &MempoolEntries,
) -> Result<BTreeSet<Txid>, MempoolError> {
    let spenders = transaction.inputs().iter().filter_map(|outpoint| entries.spender(outpoint));
    let direct: BTreeSet<Txid> = spenders.collect();
    if direct.is_empty() {
        return Ok(direct);
    }
    let all = entries.with_descendants(direct.iter().copied());
    let parents = entries.parents_of(transaction.inputs());
    let above = entries.with_ancestors(parents.iter().copied());
    if let Some(txid) = above.intersection(&all).next() {
        return Err(MempoolError::SpendsWhatItReplaces { txid: *txid });
    }
    let replaced_parents: BTreeSet<Txid> = direct
        .iter()
        .filter_map(|txid| entries.get(txid))
        .flat_map(|entry| &entry.parents)
        .copied()
        .collect();
    let is_new =
        |outpoint: &&OutPoint| parents.contains(&outpoint.txid) && !replaced_parents.contains(&outpoint.txid);
    if let Some(outpoint) = transaction.inputs().iter().find(is_new) {
        return Err(MempoolError::NewUnconfirmedInput { outpoint: *outpoint });
    }
    if all.len() > MAX_REPLACED {
        return Err(MempoolError::ReplacesTooMany { found: all.len(), allowed: MAX_REPLACED });
    }
    let needed = fee_to_replace(transaction.size(), &direct, &all, entries);
    let disputed =
        transaction.inputs().iter().find_map(|outpoint| Some((outpoint, entries.spender(outpoint)?)));
    match disputed {
        Some((outpoint, by)) if fee < needed => {
            Err(MempoolError::Conflict { outpoint: *outpoint, by, fee, needed })
        }
        _ => Ok(all),
    }
}

/// The fee of a replacement: all the fees that are lost, its own relay on top, and a better rate than each
/// transaction that it directly conflicts with (BIP 125, rules 3, 4 and Bitcoin Core's rule 6).
fn fee_to_replace(
    size: usize,
    direct: &BTreeSet<Txid>,
    all: &BTreeSet<Txid>,
    entries: &MempoolEntries,
) -> Amount {
    let lost = entries.package(all).fees.units();
    let absolute = lost.saturating_add(INCREMENTAL_FEE_RATE.fee_for(size).units());
    let rates = direct.iter().filter_map(|txid| entries.get(txid)).map(|entry| entry.score());
    let better = rates.map(|Score { fee, size: of }| {
        // The least fee whose quotient is above: floor(fee * size / of) + 1.
        let equal = u128::from(fee.units()) * size as u128 / (of.max(1) as u128);
        u64::try_from(equal).unwrap_or(u64::MAX).saturating_add(1)
    });
    Amount::from_units(better.fold(absolute, u64::max))
}

/// Checks the number and bytes of unconfirmed ancestors, and of their descendants without those `replaced`
/// (Bitcoin Core's ancestor and descendant limits).
///
/// # Errors
/// `TooManyAncestors`, `TooManyDescendants`.
pub fn check_relatives(
    transaction: &Transaction,
    replaced: &BTreeSet<Txid>,
    entries: &MempoolEntries,
) -> Result<(), MempoolError> {
    let ancestors = entries.with_ancestors(entries.parents_of(transaction.inputs()));
    let Package { count, size, .. } = entries.package(&ancestors);
    let (count, size) = (count.saturating_add(1), size.saturating_add(transaction.size()));
    if count > MAX_ANCESTORS || size > MAX_ANCESTOR_BYTES {
        return Err(MempoolError::TooManyAncestors { count, size });
    }
    for on in ancestors {
        let descendants = entries.with_descendants([on]);
        let Package { count, size, .. } = entries.package(descendants.difference(replaced));
        let (count, size) = (count.saturating_add(1), size.saturating_add(transaction.size()));
        if count > MAX_DESCENDANTS || size > MAX_DESCENDANT_BYTES {
            return Err(MempoolError::TooManyDescendants { on, count, size });
        }
    }
    Ok(())
}
