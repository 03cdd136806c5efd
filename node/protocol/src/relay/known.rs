//! Which transactions a peer is known to have: a bounded set that forgets its older half when it is
//! full.
//!
//! It keeps eight bytes of each id, because every node keeps one set for every peer. Two ids begin
//! alike once in 2^64, and then one of them is not announced to one peer, which hears of it from
//! others. Who wants that for a payment has to make another that begins like it, which takes 2^64
//! hashes, before the payment has spread.

use std::collections::BTreeSet;

use cairn_core::hash::Txid;

/// A bounded set.
#[derive(Clone, Debug)]
pub struct Known {
    newer: BTreeSet<u64>,
    older: BTreeSet<u64>,
    /// How many are newer at most.
    half: usize,
}

impl Known {
    /// An empty set of at most `bound` entries, which remembers at least half as many.
    pub fn new(bound: usize) -> Self {
        Self { newer: BTreeSet::new(), older: BTreeSet::new(), half: bound.div_ceil(2).max(1) }
    }

    /// Notes an entry; says whether it was new.
    pub fn insert(&mut self, entry: &Txid) -> bool {
        let beginning = beginning(entry);
        if self.older.contains(&beginning) || self.newer.contains(&beginning) {
            return false;
        }
        if self.newer.len() == self.half {
            self.older = core::mem::take(&mut self.newer);
        }
        self.newer.insert(beginning)
    }

    /// Whether an entry is remembered.
    pub fn contains(&self, entry: &Txid) -> bool {
        let beginning = beginning(entry);
        self.newer.contains(&beginning) || self.older.contains(&beginning)
    }
}

fn beginning(entry: &Txid) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *entry.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn txid(number: u8) -> Txid {
        Txid::from_bytes([number; 32])
    }

    #[test]
    fn one_past_the_bound_makes_it_forget_the_older_half_and_no_other() {
        let mut known = Known::new(4);
        (1..=4).for_each(|entry| assert!(known.insert(&txid(entry))));
        assert!((1..=4).all(|entry| known.contains(&txid(entry))));
        assert!(known.insert(&txid(5)));
        let remembered = [1, 2, 3, 4, 5].map(|entry| known.contains(&txid(entry)));
        assert_eq!(remembered, [false, false, true, true, true]);
    }

    #[test]
    fn an_entry_noted_twice_takes_one_place() {
        let mut known = Known::new(4);
        assert!(known.insert(&txid(1)));
        assert!(!known.insert(&txid(1)));
        (2..=4).for_each(|entry| assert!(known.insert(&txid(entry))));
        assert!(known.contains(&txid(1)));
    }
}
