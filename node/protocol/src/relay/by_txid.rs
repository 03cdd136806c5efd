//! A value for each of the latest transactions, bounded.
//!
//! It keeps eight bytes of each id. Two ids begin alike once in 2^64, and then one is taken for the
//! other. Who wants that for a payment has to make another that begins like it, which takes 2^64
//! hashes, before the payment has spread.

use std::collections::BTreeMap;

use cairn_core::hash::Txid;

/// The latest transactions, each with a value. When it is full it forgets its older half.
#[derive(Clone, Debug)]
pub struct ByTxid<T> {
    newer: BTreeMap<u64, T>,
    older: BTreeMap<u64, T>,
    /// How many are newer at most.
    half: usize,
}

impl<T: Default> ByTxid<T> {
    /// Of nothing, with room for at most `bound` transactions; at least half as many are remembered.
    pub fn new(bound: usize) -> Self {
        Self { newer: BTreeMap::new(), older: BTreeMap::new(), half: bound.div_ceil(2).max(1) }
    }

    /// Whether it is remembered.
    pub fn contains(&self, txid: &Txid) -> bool {
        let beginning = beginning(txid);
        self.newer.contains_key(&beginning) || self.older.contains_key(&beginning)
    }

    /// The value of a transaction that is remembered.
    pub fn get_mut(&mut self, txid: &Txid) -> Option<&mut T> {
        let beginning = beginning(txid);
        self.newer.get_mut(&beginning).or_else(|| self.older.get_mut(&beginning))
    }

    /// The value of a transaction, which is remembered from now on.
    pub fn begin(&mut self, txid: &Txid) -> &mut T {
        let beginning = beginning(txid);
        if let Some(value) = self.older.remove(&beginning) {
            self.make_room();
            self.newer.insert(beginning, value);
        } else if !self.newer.contains_key(&beginning) {
            self.make_room();
        }
        self.newer.entry(beginning).or_default()
    }

    /// A transaction need not be remembered any longer.
    pub fn forget(&mut self, txid: &Txid) {
        let beginning = beginning(txid);
        self.newer.remove(&beginning);
        self.older.remove(&beginning);
    }

    /// Every value, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.newer.values_mut().chain(self.older.values_mut())
    }

    fn make_room(&mut self) {
        if self.newer.len() >= self.half {
            self.older = core::mem::take(&mut self.newer);
        }
    }
}

fn beginning(txid: &Txid) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *txid.as_bytes();
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
        let mut latest = ByTxid::new(4);
        (1..=5).for_each(|number| *latest.begin(&txid(number)) = number);
        let remembered = [1, 2, 3, 4, 5].map(|number| latest.contains(&txid(number)));
        assert_eq!(remembered, [false, false, true, true, true]);
        assert!((3..=5).all(|number| *latest.begin(&txid(number)) == number));
    }

    #[test]
    fn what_is_forgotten_begins_again_with_nothing() {
        let mut latest = ByTxid::new(4);
        (1..=3).for_each(|number| *latest.begin(&txid(number)) = number);
        (1..=3).for_each(|number| latest.forget(&txid(number)));
        assert!((1..=3).all(|number| !latest.contains(&txid(number)) && *latest.begin(&txid(number)) == 0));
    }
}
