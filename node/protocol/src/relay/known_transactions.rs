//! Known transactions: the peers that are known to have each of the latest transactions. One set of peers for
//! a transaction, so that an announcement touches one entry, however many peers there are.
//!
//! A set is begun for a transaction that is requested or accepted, never because a peer announces it. What
//! is forgotten costs an announcement that was not needed.

use cairn_core::generations::Generations;
use cairn_core::hash::Txid;
use smallvec::SmallVec;

/// A set of slots, which are small numbers that one peer has at a time.
#[derive(Clone, Debug, Default)]
pub struct PeerSet(SmallVec<[u64; 1]>);

impl PeerSet {
    /// Whether a slot is in the set.
    pub fn contains(&self, slot: usize) -> bool {
        self.0.get(slot / 64).is_some_and(|word| word & bit(slot) != 0)
    }

    /// Adds a slot to the set.
    pub fn insert(&mut self, slot: usize) {
        if self.0.len() <= slot / 64 {
            self.0.resize(slot / 64 + 1, 0);
        }
        self.0[slot / 64] |= bit(slot);
    }

    /// Removes a slot from the set.
    pub fn remove(&mut self, slot: usize) {
        if let Some(word) = self.0.get_mut(slot / 64) {
            *word &= !bit(slot);
        }
    }
}

const fn bit(slot: usize) -> u64 {
    1 << (slot % 64)
}

/// The peers that have each of the latest transactions, by the prefix of the id. Two ids have the same
/// prefix once in 2^64. To make one that has the prefix of a given id takes 2^64 hashes, before that
/// one is known everywhere.
#[derive(Clone, Debug)]
pub struct KnownTransactions {
    peers: Generations<u64, PeerSet>,
}

impl KnownTransactions {
    /// No transaction, with a limit of `max`; at least half as many are remembered.
    pub fn new(max: usize) -> Self {
        Self { peers: Generations::new(max.div_ceil(2)) }
    }

    /// Notes that a peer has a transaction, if the transaction is remembered; returns whether
    /// it was noted before.
    pub fn note(&mut self, txid: &Txid, slot: usize) -> bool {
        let Some(peers) = self.peers.get_mut(&txid.prefix()) else { return false };
        let was_noted = peers.contains(slot);
        peers.insert(slot);
        was_noted
    }

    /// The peers that have a transaction, which is remembered from now on.
    pub fn begin(&mut self, txid: &Txid) -> &mut PeerSet {
        self.peers.renew(txid.prefix())
    }

    /// Forgets a transaction that is no longer announced.
    pub fn forget(&mut self, txid: &Txid) {
        self.peers.remove(&txid.prefix());
    }

    /// Takes a peer that left out of all sets, so that another can have its slot.
    pub fn forget_peer(&mut self, slot: usize) {
        self.peers.values_mut().for_each(|peers| peers.remove(slot));
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
    fn a_peer_with_the_slot_of_one_that_left_is_known_to_have_nothing() {
        let mut known = KnownTransactions::new(4);
        known.begin(&txid(1)).insert(70);
        (2..=3).for_each(|number| known.begin(&txid(number)).insert(70));
        known.forget_peer(70);
        assert!((1..=3).all(|number| !known.note(&txid(number), 70)));
    }

    #[test]
    fn a_peer_is_noted_once_and_only_for_what_is_spreading() {
        let mut known = KnownTransactions::new(4);
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
            let slot = round * 7919 % 203;
            if round % 3 == 2 {
                peers.remove(slot);
                model.remove(&slot);
            } else {
                peers.insert(slot);
                model.insert(slot);
            }
            assert!((0..260).all(|slot| peers.contains(slot) == model.contains(&slot)));
        }
    }
}
