//! Which peers are known to have a transaction: one set of peers for each of the latest
//! transactions, so that a node that hears of one from everybody touches one place and not one for
//! every peer.
//!
//! It keeps eight bytes of each id. Two ids begin alike once in 2^64, and then one of them is not
//! announced to some peers, which hear of it from others. Who wants that for a payment has to make
//! another that begins like it, which takes 2^64 hashes, before the payment has spread.
//!
//! A set is begun for what is wanted or has just been accepted, never because a peer says so, and
//! what falls out only costs an announcement that was not needed.

use std::collections::BTreeMap;

use cairn_core::hash::Txid;

/// Places of peers, each a small number that one peer has at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerSet {
    first: u64,
    /// Of places from 64 on: a node with so many peers is rare.
    others: Vec<u64>,
}

impl PeerSet {
    /// Whether this place is in it.
    pub fn contains(&self, place: usize) -> bool {
        let word = match (place / 64).checked_sub(1) {
            None => self.first,
            Some(at) => self.others.get(at).copied().unwrap_or(0),
        };
        word & bit(place) != 0
    }

    /// Adds a place.
    pub fn insert(&mut self, place: usize) {
        match (place / 64).checked_sub(1) {
            None => self.first |= bit(place),
            Some(at) => {
                if self.others.len() <= at {
                    self.others.resize(at + 1, 0);
                }
                self.others[at] |= bit(place);
            }
        }
    }

    /// Takes a place out.
    pub fn remove(&mut self, place: usize) {
        match (place / 64).checked_sub(1) {
            None => self.first &= !bit(place),
            Some(at) => {
                if let Some(word) = self.others.get_mut(at) {
                    *word &= !bit(place);
                }
            }
        }
    }
}

const fn bit(place: usize) -> u64 {
    1 << (place % 64)
}

/// The latest transactions and who has them. Bounded: when it is full it forgets its older half.
#[derive(Clone, Debug)]
pub struct Known {
    newer: BTreeMap<u64, PeerSet>,
    older: BTreeMap<u64, PeerSet>,
    /// How many are newer at most.
    half: usize,
}

impl Known {
    /// Of nothing, with room for at most `bound` transactions; at least half as many are remembered.
    pub fn new(bound: usize) -> Self {
        Self { newer: BTreeMap::new(), older: BTreeMap::new(), half: bound.div_ceil(2).max(1) }
    }

    fn get_mut(&mut self, txid: &Txid) -> Option<&mut PeerSet> {
        let beginning = beginning(txid);
        self.newer.get_mut(&beginning).or_else(|| self.older.get_mut(&beginning))
    }

    /// Notes that a peer has a transaction, if that one is remembered.
    pub fn note(&mut self, txid: &Txid, place: usize) {
        if let Some(peers) = self.get_mut(txid) {
            peers.insert(place);
        }
    }

    /// The peers that have a transaction, which is remembered from now on.
    pub fn begin(&mut self, txid: &Txid) -> &mut PeerSet {
        let beginning = beginning(txid);
        if let Some(peers) = self.older.remove(&beginning) {
            self.make_room();
            self.newer.insert(beginning, peers);
        } else if !self.newer.contains_key(&beginning) {
            self.make_room();
        }
        self.newer.entry(beginning).or_default()
    }

    /// A peer is gone, and its place is free for another.
    pub fn forget_peer(&mut self, place: usize) {
        self.newer.values_mut().chain(self.older.values_mut()).for_each(|peers| peers.remove(place));
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
    use std::collections::BTreeSet;

    use super::*;

    fn txid(number: u8) -> Txid {
        Txid::from_bytes([number; 32])
    }

    #[test]
    fn one_past_the_bound_makes_it_forget_the_older_half_and_no_other() {
        let mut known = Known::new(4);
        (1..=5).for_each(|number| known.begin(&txid(number)).insert(number.into()));
        let remembered = [1, 2, 3, 4, 5].map(|number| known.get_mut(&txid(number)).is_some());
        assert_eq!(remembered, [false, false, true, true, true]);
        assert!((3..=5).all(|number| known.begin(&txid(number)).contains(number.into())));
    }

    #[test]
    fn whoever_takes_the_place_of_one_that_left_is_known_to_have_nothing() {
        let mut known = Known::new(4);
        known.begin(&txid(1)).insert(70);
        (2..=3).for_each(|number| known.begin(&txid(number)).insert(70));
        known.forget_peer(70);
        assert!((1..=3).all(|number| !known.get_mut(&txid(number)).expect("remembered").contains(70)));
    }

    #[test]
    fn a_set_of_peers_holds_what_an_ordered_set_would_hold() {
        let (mut peers, mut model) = (PeerSet::default(), BTreeSet::new());
        for round in 0..2_000_usize {
            let place = round * 7919 % 203;
            if round % 3 == 2 {
                peers.remove(place);
                model.remove(&place);
            } else {
                peers.insert(place);
                model.insert(place);
            }
            assert!((0..260).all(|place| peers.contains(place) == model.contains(&place)));
        }
    }
}
