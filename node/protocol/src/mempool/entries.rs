//! All mempool entries with their dependencies: sums over ancestors and descendants, always up to date.

use std::collections::{BTreeMap, BTreeSet};

use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;
use cairn_core::transaction::OutPoint;

use crate::mempool::entry::{MempoolEntry, Package};
use crate::mempool::fee_rate::Score;

/// All entries, in each order in which they are looked for.
#[derive(Clone, Debug, Default)]
pub struct MempoolEntries {
    by_id: BTreeMap<Txid, MempoolEntry>,
    spenders: BTreeMap<OutPoint, Txid>,
    by_sequence: BTreeMap<u64, Txid>,
    by_arrival: BTreeSet<(Timestamp, Txid)>,
    /// By the score with ancestors: the best for a miner last.
    by_ancestors: BTreeSet<(Score, Txid)>,
    by_worth: BTreeSet<(Score, Txid)>,
    next_sequence: u64,
    total: Package,
    usage: usize,
}

impl MempoolEntries {
    /// The entry of a transaction.
    pub fn get(&self, txid: &Txid) -> Option<&MempoolEntry> {
        self.by_id.get(txid)
    }

    /// The transaction that spends an output.
    pub fn spender(&self, outpoint: &OutPoint) -> Option<Txid> {
        self.spenders.get(outpoint).copied()
    }

    /// All entries, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = &MempoolEntry> {
        self.by_sequence.values().filter_map(|txid| self.by_id.get(txid))
    }

    /// All entries by the score with ancestors, the best first.
    pub fn best_first(&self) -> impl Iterator<Item = &MempoolEntry> {
        self.by_ancestors.iter().rev().filter_map(|(_, txid)| self.by_id.get(txid))
    }

    /// All entries by worth, the least first.
    pub fn least_worth_first(&self) -> impl Iterator<Item = &MempoolEntry> {
        self.by_worth.iter().filter_map(|(_, txid)| self.by_id.get(txid))
    }

    /// The entry that arrived first.
    pub fn oldest(&self) -> Option<&MempoolEntry> {
        self.by_arrival.first().and_then(|(_, txid)| self.by_id.get(txid))
    }

    /// Count, bytes and fees of all entries.
    pub const fn total(&self) -> Package {
        self.total
    }

    /// Estimate of the memory of all entries in bytes.
    pub const fn usage(&self) -> usize {
        self.usage
    }

    /// The entries whose outputs a transaction with these inputs would spend.
    pub fn parents_of(&self, inputs: &[OutPoint]) -> BTreeSet<Txid> {
        inputs.iter().map(|outpoint| outpoint.txid).filter(|txid| self.by_id.contains_key(txid)).collect()
    }

    /// These entries and all that they depend on.
    pub fn with_ancestors(&self, start: impl IntoIterator<Item = Txid>) -> BTreeSet<Txid> {
        self.reach(start, |entry| &entry.parents)
    }

    /// These entries and all that depend on them.
    pub fn with_descendants(&self, start: impl IntoIterator<Item = Txid>) -> BTreeSet<Txid> {
        self.reach(start, |entry| &entry.children)
    }

    fn reach(
        &self,
        start: impl IntoIterator<Item = Txid>,
        next: impl Fn(&MempoolEntry) -> &BTreeSet<Txid>,
    ) -> BTreeSet<Txid> {
        let mut open: Vec<Txid> = start.into_iter().collect();
        let mut found = BTreeSet::new();
        while let Some(txid) = open.pop() {
            if let Some(entry) = self.by_id.get(&txid)
                && found.insert(txid)
            {
                open.extend(next(entry));
            }
        }
        found
    }

    /// Count, bytes and fees of these entries.
    pub fn package<'t>(&self, txids: impl IntoIterator<Item = &'t Txid>) -> Package {
        let entries = txids.into_iter().filter_map(|txid| self.by_id.get(txid));
        entries.fold(Package::default(), Package::with)
    }

    /// Adds an entry. Its unconfirmed parents are here, its children are not.
    pub fn insert(&mut self, mut entry: MempoolEntry) {
        let txid = entry.transaction.txid();
        entry.sequence = self.next_sequence;
        self.next_sequence += 1;
        entry.parents = self.parents_of(entry.transaction.inputs());
        let ancestors = self.with_ancestors(entry.parents.iter().copied());
        entry.ancestors = self.package(&ancestors).with(&entry);
        for ancestor in &ancestors {
            self.change(ancestor, |above| above.descendants = above.descendants.with(&entry));
        }
        for parent in entry.parents.clone() {
            self.change(&parent, |parent| {
                parent.children.insert(txid);
            });
        }
        self.spenders.extend(entry.transaction.inputs().iter().map(|outpoint| (*outpoint, txid)));
        self.by_sequence.insert(entry.sequence, txid);
        self.by_arrival.insert((entry.arrived, txid));
        self.by_ancestors.insert((entry.ancestors.score(), txid));
        self.by_worth.insert((entry.worth(), txid));
        self.total = self.total.with(&entry);
        self.usage += entry.usage();
        self.by_id.insert(txid, entry);
    }

    /// Removes these entries, which include all that depend on them: children before parents, so that every
    /// sum stays right in between.
    pub fn remove_all(&mut self, leaving: &BTreeSet<Txid>) {
        let entries = leaving.iter().filter_map(|txid| self.by_id.get(txid));
        let mut order: Vec<(u64, Txid)> =
            entries.map(|entry| (entry.sequence, entry.transaction.txid())).collect();
        order.sort_unstable();
        for (_, txid) in order.into_iter().rev() {
            self.remove(&txid);
        }
    }

    /// Removes an entry without ancestors here, as when it is confirmed, or without descendants.
    pub fn remove(&mut self, txid: &Txid) -> Option<MempoolEntry> {
        let ancestors = self.with_ancestors([*txid]);
        let descendants = self.with_descendants([*txid]);
        let entry = self.by_id.remove(txid)?;
        for ancestor in &ancestors {
            self.change(ancestor, |above| {
                above.descendants = above.descendants.without(&entry);
                above.children.remove(txid);
            });
        }
        for descendant in &descendants {
            self.change(descendant, |below| {
                below.ancestors = below.ancestors.without(&entry);
                below.parents.remove(txid);
            });
        }
        for outpoint in entry.transaction.inputs() {
            self.spenders.remove(outpoint);
        }
        self.by_sequence.remove(&entry.sequence);
        self.by_arrival.remove(&(entry.arrived, *txid));
        self.by_ancestors.remove(&(entry.ancestors.score(), *txid));
        self.by_worth.remove(&(entry.worth(), *txid));
        self.total = self.total.without(&entry);
        self.usage -= entry.usage();
        Some(entry)
    }

    /// Changes an entry and its keys in the orders that depend on it.
    fn change(&mut self, txid: &Txid, change: impl FnOnce(&mut MempoolEntry)) {
        let Some(entry) = self.by_id.get_mut(txid) else { return };
        let before = (entry.ancestors.score(), entry.worth());
        change(entry);
        let after = (entry.ancestors.score(), entry.worth());
        if before.0 != after.0 {
            self.by_ancestors.remove(&(before.0, *txid));
            self.by_ancestors.insert((after.0, *txid));
        }
        if before.1 != after.1 {
            self.by_worth.remove(&(before.1, *txid));
            self.by_worth.insert((after.1, *txid));
        }
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::amount::Amount;

    use super::*;

    impl MempoolEntries {
        /// Asserts that every sum, link and order says the same as the transactions themselves.
        pub fn assert_consistent(&self) {
            let (mut usage, mut fees, mut inputs) = (0, Amount::ZERO, 0);
            for (txid, entry) in &self.by_id {
                assert_eq!(entry.parents, self.parents_of(entry.transaction.inputs()), "parents of {txid}");
                let ancestors = self.with_ancestors([*txid]);
                let descendants = self.with_descendants([*txid]);
                assert_eq!(entry.ancestors, self.package(&ancestors), "ancestors of {txid}");
                assert_eq!(entry.descendants, self.package(&descendants), "descendants of {txid}");
                assert!(
                    entry.parents.iter().all(|parent| self.by_id[parent].sequence < entry.sequence),
                    "order of {txid}"
                );
                assert!(entry.children.iter().all(|child| self.by_id[child].parents.contains(txid)));
                assert!(
                    entry.transaction.inputs().iter().all(|spent| self.spenders.get(spent) == Some(txid))
                );
                assert!(self.by_ancestors.contains(&(entry.ancestors.score(), *txid)));
                assert!(self.by_worth.contains(&(entry.worth(), *txid)));
                usage += entry.usage();
                inputs += entry.transaction.inputs().len();
                fees = fees.checked_add(entry.fee).expect("fees are coins, and there are fewer");
            }
            assert_eq!((usage, fees, inputs), (self.usage, self.total.fees, self.spenders.len()));
            let counts =
                [self.by_sequence.len(), self.by_arrival.len(), self.by_ancestors.len(), self.by_worth.len()];
            assert_eq!(counts, [self.by_id.len(); 4]);
            assert_eq!(self.total.count, self.by_id.len());
        }
    }
}
