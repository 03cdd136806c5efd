//! Policy: what this node asks of a transaction beyond the rules of the chain, and every reason for
//! which it takes none in.

use std::collections::BTreeSet;

use cairn_core::amount::Amount;
use cairn_core::check::transaction::TransactionError;
use cairn_core::hash::Txid;
use cairn_core::height::Height;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{LockTime, OutPoint, Transaction};

use crate::limits::{
    INCREMENTAL_FEE_PER_KILOBYTE, MAX_ANCESTOR_BYTES, MAX_ANCESTORS, MAX_DESCENDANT_BYTES, MAX_DESCENDANTS,
    MAX_RELAYED_TRANSACTION, MAX_REPLACED, MIN_RELAY_FEE_PER_KILOBYTE, SPEND_BYTES,
};
use crate::mempool::entry::Package;
use crate::mempool::package::Entries;
use crate::mempool::rate::{FeeRate, Score};

/// The least that a transaction pays to be relayed.
pub const MIN_RELAY_FEE_RATE: FeeRate =
    FeeRate::from_per_kilobyte(Amount::from_units(MIN_RELAY_FEE_PER_KILOBYTE));
/// What a replacement pays for its own relay.
pub const INCREMENTAL_FEE_RATE: FeeRate =
    FeeRate::from_per_kilobyte(Amount::from_units(INCREMENTAL_FEE_PER_KILOBYTE));

/// Why a transaction is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MempoolError {
    #[error("transaction {txid} is in the mempool already")]
    Known { txid: Txid },
    #[error("transaction {txid} is confirmed already, at height {height}")]
    Confirmed { txid: Txid, height: Height },
    /// It breaks a rule of the chain.
    #[error(transparent)]
    Rule(#[from] TransactionError),
    /// Neither the chain nor the mempool knows the transaction whose output it spends. Transactions
    /// are not kept until their parents come: the sender hands in the parents first.
    #[error("{outpoint} does not exist: no such transaction is known here")]
    UnknownOutput { outpoint: OutPoint },
    /// The transaction is known but has fewer outputs.
    #[error("{outpoint} does not exist: the transaction has {outputs} outputs, counted from 0")]
    NoSuchOutput { outpoint: OutPoint, outputs: usize },
    /// The chain has spent it.
    #[error("{outpoint} is spent by {by} at height {height}")]
    SpentInChain { outpoint: OutPoint, by: Txid, height: Height },
    /// A coinbase that is not yet spendable.
    #[error(
        "{outpoint} was mined at height {made_at} and may be spent from height {spendable_at}: {missing} more blocks are needed"
    )]
    Immature { outpoint: OutPoint, made_at: Height, spendable_at: u64, missing: u64 },
    /// Its lock time is not over.
    #[error(
        "the transaction is locked up to {lock_time}; the next block has height {height}, its parent's median time is {median_time_past}"
    )]
    NotFinal { lock_time: LockTime, height: Height, median_time_past: Timestamp },
    /// Another that waits spends the same output, and this one does not pay enough to replace it.
    #[error(
        "{outpoint} is spent by {by}, which waits for a block; to replace it a fee of {needed} is needed, this one pays {fee}"
    )]
    Conflict { outpoint: OutPoint, by: Txid, fee: Amount, needed: Amount },
    /// A replacement that spends an output of what it replaces.
    #[error("it depends on {txid}, which it would replace")]
    SpendsWhatItReplaces { txid: Txid },
    /// A replacement that waits for more than what it replaces waited for (BIP 125, rule 2).
    #[error(
        "a replacement may not spend {outpoint}, which waits for a block and is not spent by what it replaces"
    )]
    NewUnconfirmedInput { outpoint: OutPoint },
    /// A replacement that displaces too many (BIP 125, rule 5).
    #[error("it would displace {found} waiting transactions, at most {allowed} are allowed")]
    ReplacesTooMany { found: usize, allowed: usize },
    #[error("the fee {fee} is too low: {size} bytes need {needed} ({rate})")]
    FeeTooLow { fee: Amount, needed: Amount, size: usize, rate: FeeRate },
    /// It is larger than what is relayed.
    #[error("the transaction has {found} bytes, at most {allowed} are relayed")]
    TooBig { found: usize, allowed: usize },
    /// An output that costs more to spend than it holds.
    #[error(
        "output {index} holds {amount}, less than the {minimum} that spending it costs: dust is not relayed"
    )]
    Dust { index: usize, amount: Amount, minimum: Amount },
    /// It depends on too many that wait.
    #[error(
        "with all it depends on it makes {count} waiting transactions of {size} bytes, at most {MAX_ANCESTORS} of {MAX_ANCESTOR_BYTES} are allowed"
    )]
    TooManyAncestors { count: usize, size: usize },
    /// One that it depends on has too many that depend on it.
    #[error(
        "with it {count} waiting transactions of {size} bytes depend on {on}, at most {MAX_DESCENDANTS} of {MAX_DESCENDANT_BYTES} are allowed"
    )]
    TooManyDescendants { on: Txid, count: usize, size: usize },
    /// There is no room, and all that wait pay more.
    #[error("the mempool is full and all that wait pay more: at least {rate} is needed")]
    Full { rate: FeeRate },
}

/// What can be said without looking at coins.
///
/// # Errors
/// `TooBig`, `Dust`.
pub fn is_standard(transaction: &Transaction) -> Result<(), MempoolError> {
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

/// Whether this much pays this rate.
///
/// # Errors
/// `FeeTooLow`.
pub fn pays(fee: Amount, size: usize, rate: FeeRate) -> Result<(), MempoolError> {
    let needed = rate.fee_for(size);
    if fee < needed { Err(MempoolError::FeeTooLow { fee, needed, size, rate }) } else { Ok(()) }
}

/// What would have to leave for a transaction that pays `fee`: everything that spends what it
/// spends, and what depends on that. Full replacement by fee: BIP 125 without its signal.
///
/// # Errors
/// `SpendsWhatItReplaces`, `NewUnconfirmedInput`, `ReplacesTooMany`, `Conflict`.
pub fn replaced_by(
    transaction: &Transaction,
    fee: Amount,
    entries: &Entries,
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
        .flat_map(|entry| entry.parents())
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

/// All the fees that are lost and its own relay on top, and a better rate than each that it directly
/// conflicts with (BIP 125, rules 3, 4 and Core's rule 6).
fn fee_to_replace(size: usize, direct: &BTreeSet<Txid>, all: &BTreeSet<Txid>, entries: &Entries) -> Amount {
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

/// Whether the chain of dependence stays short when this one joins and `leaving` leave.
///
/// # Errors
/// `TooManyAncestors`, `TooManyDescendants`.
pub fn stays_short(
    transaction: &Transaction,
    leaving: &BTreeSet<Txid>,
    entries: &Entries,
) -> Result<(), MempoolError> {
    let ancestors = entries.with_ancestors(entries.parents_of(transaction.inputs()));
    let Package { count, size, .. } = entries.package(&ancestors);
    let (count, size) = (count.saturating_add(1), size.saturating_add(transaction.size()));
    if count > MAX_ANCESTORS || size > MAX_ANCESTOR_BYTES {
        return Err(MempoolError::TooManyAncestors { count, size });
    }
    for on in ancestors {
        let descendants = entries.with_descendants([on]);
        let Package { count, size, .. } = entries.package(descendants.difference(leaving));
        let (count, size) = (count.saturating_add(1), size.saturating_add(transaction.size()));
        if count > MAX_DESCENDANTS || size > MAX_DESCENDANT_BYTES {
            return Err(MempoolError::TooManyDescendants { on, count, size });
        }
    }
    Ok(())
}
