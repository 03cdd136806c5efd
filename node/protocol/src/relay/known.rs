//! Which peers are known to have a transaction: one set of peers for each of the latest
//! transactions, so that a node that hears of one from everybody touches one place and not one for
//! every peer.
//!
//! A set is begun for what is wanted or has just been accepted, never because a peer says so, and
//! what falls out only costs an announcement that was not needed.

use cairn_core::hash::Txid;

use crate::relay::by_txid::ByTxid;

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

/// The transactions that are spreading, and who has them.
#[derive(Clone, Debug)]
pub struct Known {
    peers: ByTxid<PeerSet>,
}

impl Known {
    /// Of nothing, with room for at most `bound` transactions; at least half as many are remembered.
    pub fn new(bound: usize) -> Self {
        Self { peers: ByTxid::new(bound) }
    }

    /// Notes that a peer has a transaction, if that one is remembered. Says whether it had been
    /// noted before.
    pub fn note(&mut self, txid: &Txid, place: usize) -> bool {
        let Some(peers) = self.peers.get_mut(txid) else { return false };
        let was_noted = peers.contains(place);
        peers.insert(place);
        was_noted
    }

    /// The peers that have a transaction, which is remembered from now on.
    pub fn begin(&mut self, txid: &Txid) -> &mut PeerSet {
        self.peers.begin(txid)
    }

    /// It spreads no longer.
    pub fn forget(&mut self, txid: &Txid) {
        self.peers.forget(txid);
    }

    /// A peer is gone, and its place is free for another.
    pub fn forget_peer(&mut self, place: usize) {
        self.peers.values_mut().for_each(|peers| peers.remove(place));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn txid(number: u8) -> Txid {
        Txid::from_bytes([number; 32])
    }

    #[test]
    fn whoever_takes_the_place_of_one_that_left_is_known_to_have_nothing() {
        let mut known = Known::new(4);
        known.begin(&txid(1)).insert(70);
        (2..=3).for_each(|number| known.begin(&txid(number)).insert(70));
        known.forget_peer(70);
        assert!((1..=3).all(|number| !known.note(&txid(number), 70)));
    }

    #[test]
    fn a_peer_is_noted_once_and_only_for_what_is_spreading() {
        let mut known = Known::new(4);
        assert!(!known.note(&txid(1), 3) && !known.note(&txid(1), 3));
        known.begin(&txid(1));
        assert!(!known.note(&txid(1), 3) && known.note(&txid(1), 3) && !known.note(&txid(1), 4));
        known.forget(&txid(1));
        assert!(!known.note(&txid(1), 3));
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
