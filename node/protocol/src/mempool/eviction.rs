//! Eviction: the transactions that a full mempool gives up for a candidate, chosen before anything changes.

use std::collections::BTreeSet;

use cairn_core::hash::Txid;

use crate::mempool::entries::MempoolEntries;
use crate::mempool::entry::MempoolEntry;
use crate::mempool::fee_rate::FeeRate;
use crate::mempool::policy::{INCREMENTAL_FEE_RATE, MempoolError};

/// The entries to evict so that a candidate fits: the least worth first, each with its descendants, and none
/// that the candidate depends on. The `replaced` leave anyway.
///
/// # Errors
/// `Full`, when too few entries are worth less than the candidate.
pub fn choose_evicted(
    candidate: &MempoolEntry,
    replaced: &BTreeSet<Txid>,
    max_usage: usize,
    entries: &MempoolEntries,
) -> Result<BTreeSet<Txid>, MempoolError> {
    let usage_of = |txid: &Txid| entries.get(txid).map_or(0, MempoolEntry::usage);
    let mut usage = entries.usage() + candidate.usage() - replaced.iter().map(usage_of).sum::<usize>();
    let mut evicted = BTreeSet::new();
    if usage <= max_usage {
        return Ok(evicted);
    }
    let parents = entries.parents_of(candidate.transaction.inputs());
    let needed = entries.with_ancestors(parents);
    for entry in entries.least_worth_first() {
        if entry.worth() >= candidate.score() {
            return Err(MempoolError::Full { rate: rate_above(entry) });
        }
        let group = entries.with_descendants([entry.transaction.txid()]);
        if !group.is_disjoint(&needed) {
            continue;
        }
        for txid in group {
            if !replaced.contains(&txid) && evicted.insert(txid) {
                usage -= usage_of(&txid);
            }
        }
        if usage <= max_usage {
            return Ok(evicted);
        }
    }
    // Nothing else can be evicted: the candidate and what it depends on exceed the limit.
    Err(MempoolError::Full { rate: FeeRate::of(candidate.fee, candidate.size()).plus(INCREMENTAL_FEE_RATE) })
}

/// The fee rate that a transaction needs to be worth more than an entry that was evicted, or that stayed.
pub fn rate_above(entry: &MempoolEntry) -> FeeRate {
    let worth = entry.worth();
    FeeRate::of(worth.fee, worth.size).plus(INCREMENTAL_FEE_RATE)
}
