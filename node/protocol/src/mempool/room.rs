//! Room: who must leave a full mempool for a newcomer, planned before anything changes.

use std::collections::BTreeSet;

use cairn_core::hash::Txid;

use crate::mempool::entry::Entry;
use crate::mempool::package::Entries;
use crate::mempool::policy::{INCREMENTAL_FEE_RATE, MempoolError};
use crate::mempool::rate::FeeRate;

/// Who leaves so that a newcomer fits: the least worth first, each with what depends on it, never
/// what the newcomer stands on. `replaced` leave anyway.
///
/// # Errors
/// `Full`, when not enough of those that wait are worth less.
pub fn make_room(
    newcomer: &Entry,
    replaced: &BTreeSet<Txid>,
    max_usage: usize,
    entries: &Entries,
) -> Result<BTreeSet<Txid>, MempoolError> {
    let usage_of = |txid: &Txid| entries.get(txid).map_or(0, Entry::usage);
    let mut usage = entries.usage() + newcomer.usage() - replaced.iter().map(usage_of).sum::<usize>();
    let mut leaving = BTreeSet::new();
    if usage <= max_usage {
        return Ok(leaving);
    }
    let parents = entries.parents_of(newcomer.transaction().inputs());
    let needed = entries.with_ancestors(parents);
    for entry in entries.least_worth_first() {
        if entry.worth() >= newcomer.score() {
            return Err(MempoolError::Full { rate: rate_above(entry) });
        }
        let group = entries.with_descendants([entry.transaction().txid()]);
        if !group.is_disjoint(&needed) {
            continue;
        }
        for txid in group {
            if !replaced.contains(&txid) && leaving.insert(txid) {
                usage -= usage_of(&txid);
            }
        }
        if usage <= max_usage {
            return Ok(leaving);
        }
    }
    // Nothing is left to take: the bound is smaller than the newcomer and what it stands on.
    Err(MempoolError::Full { rate: FeeRate::of(newcomer.fee(), newcomer.size()).plus(INCREMENTAL_FEE_RATE) })
}

/// The rate that is asked for once this one has left for want of room, or has stayed because it
/// paid more.
pub fn rate_above(entry: &Entry) -> FeeRate {
    let worth = entry.worth();
    FeeRate::of(worth.fee, worth.size).plus(INCREMENTAL_FEE_RATE)
}
