//! Orphans: transactions that arrived before a parent. Each is kept for a limited time, counts for the peer that
//! sent it, and is checked again when the parent comes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;
use cairn_core::transaction::Transaction;

use crate::limits::{
    MAX_ALL_ORPHAN_BYTES, MAX_ORPHAN_BYTES, MAX_ORPHAN_INPUTS, MAX_ORPHANS_PER_PEER, ORPHAN_TIMEOUT,
};
use crate::peer::PeerId;

/// Transactions without a parent, by sender: a copy with forged signatures from one peer does not replace the
/// valid one from another (ATTACKS 30).
#[derive(Clone, Debug, Default)]
pub struct Orphans {
    by_peer: BTreeMap<PeerId, Share>,
    /// Parent, sender and id of each orphan, for each of its inputs.
    children: BTreeSet<(Txid, PeerId, Txid)>,
    bytes: usize,
}

/// The orphans of one peer.
#[derive(Clone, Debug, Default)]
struct Share {
    orphans: BTreeMap<Txid, Orphan>,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Orphan {
    transaction: Arc<Transaction>,
    until: Timestamp,
}

/// An orphan whose parent has come.
pub struct FoundChild {
    pub from: PeerId,
    pub transaction: Arc<Transaction>,
}

impl Orphans {
    /// Keeps a transaction until a parent comes, unless a limit is reached; returns whether it is kept. Above the
    /// limit for all peers, the peer whose orphans take most bytes loses its oldest.
    pub fn keep(&mut self, now: Timestamp, from: PeerId, transaction: Arc<Transaction>) -> bool {
        let (txid, size) = (transaction.txid(), transaction.size());
        let share = self.by_peer.entry(from).or_default();
        if size > MAX_ORPHAN_BYTES
            || transaction.inputs().len() > MAX_ORPHAN_INPUTS
            || share.orphans.len() >= MAX_ORPHANS_PER_PEER
            || share.orphans.contains_key(&txid)
        {
            return false;
        }
        self.children.extend(transaction.inputs().iter().map(|input| (input.txid, from, txid)));
        share.orphans.insert(txid, Orphan { transaction, until: now.saturating_add(ORPHAN_TIMEOUT) });
        share.bytes += size;
        self.bytes += size;
        while self.bytes > MAX_ALL_ORPHAN_BYTES {
            let Some((peer, share)) = self.by_peer.iter().max_by_key(|(_, share)| share.bytes) else { break };
            let oldest = share.orphans.iter().min_by_key(|(_, orphan)| orphan.until);
            let Some((peer, oldest)) = oldest.map(|(txid, _)| (*peer, *txid)) else { break };
            self.remove(peer, &oldest);
        }
        self.by_peer.get(&from).is_some_and(|share| share.orphans.contains_key(&txid))
    }

    /// Removes and returns the orphans that spend an output of a transaction.
    pub fn take_children(&mut self, parent: &Txid) -> Vec<FoundChild> {
        let first = (*parent, PeerId::from_bytes([0; 32]), Txid::ZERO);
        let of_parent = self.children.range(first..).take_while(|(other, _, _)| other == parent);
        let children: Vec<(PeerId, Txid)> = of_parent.map(|(_, from, txid)| (*from, *txid)).collect();
        let found = children.into_iter();
        found
            .filter_map(|(from, txid)| Some(FoundChild { from, transaction: self.remove(from, &txid)? }))
            .collect()
    }

    /// The orphans of all peers.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Transaction>> {
        self.by_peer.values().flat_map(|share| share.orphans.values()).map(|orphan| &orphan.transaction)
    }

    /// The bytes of all orphans.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets the orphans of a peer.
    pub fn disconnected(&mut self, peer: &PeerId) {
        self.remove_if(*peer, |_| true);
        self.by_peer.remove(peer);
    }

    /// Forgets the orphans whose time is over.
    pub fn wake(&mut self, now: Timestamp) {
        for peer in self.by_peer.keys().copied().collect::<Vec<_>>() {
            self.remove_if(peer, |orphan| orphan.until <= now);
        }
    }

    /// The time at which the next orphan is forgotten.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.by_peer.values().flat_map(|share| share.orphans.values()).map(|orphan| orphan.until).min()
    }

    fn remove_if(&mut self, from: PeerId, is_meant: impl Fn(&Orphan) -> bool) {
        let of_peer = self.by_peer.get(&from).into_iter().flat_map(|share| &share.orphans);
        let meant: Vec<Txid> = of_peer.filter(|(_, one)| is_meant(one)).map(|(txid, _)| *txid).collect();
        meant.iter().for_each(|txid| drop(self.remove(from, txid)));
    }

    fn remove(&mut self, from: PeerId, txid: &Txid) -> Option<Arc<Transaction>> {
        let share = self.by_peer.get_mut(&from)?;
        let Orphan { transaction, .. } = share.orphans.remove(txid)?;
        share.bytes -= transaction.size();
        self.bytes -= transaction.size();
        for input in transaction.inputs() {
            self.children.remove(&(input.txid, from, *txid));
        }
        Some(transaction)
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::testing::{TestChain, pay};
    use cairn_core::transaction::OutPoint;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn orphan(test: &TestChain, number: u32, outputs: usize) -> Arc<Transaction> {
        let outpoint = OutPoint { txid: Txid::ZERO, index: number };
        test.spend(1, &[(outpoint, pay(1, 1))], vec![pay(1, 2); outputs])
    }

    /// ATTACKS 34: the bound is each peer's own, and room comes back when they go.
    #[test]
    fn one_past_a_peers_share_is_not_kept_and_others_keep_theirs() {
        let (test, mut orphans) = (TestChain::new(), Orphans::default());
        let (greedy, other) = (PeerId::from_bytes([1; 32]), PeerId::from_bytes([2; 32]));
        let count = MAX_ORPHANS_PER_PEER as u32;
        assert!((0..count).all(|number| orphans.keep(NOW, greedy, orphan(&test, number, 1))));
        assert!(!orphans.keep(NOW, greedy, orphan(&test, count, 1)));
        assert!(orphans.keep(NOW, other, orphan(&test, count, 1)));
        assert!(!orphans.keep(NOW, other, orphan(&test, 0, 1 + MAX_ORPHAN_BYTES / 44)), "too large");
        orphans.disconnected(&greedy);
        assert_eq!(orphans.take_children(&Txid::ZERO).len(), 1);
        orphans.keep(NOW, greedy, orphan(&test, 0, 1));
        orphans.wake(orphans.next_wake().expect("it waits"));
        assert!(orphans.take_children(&Txid::ZERO).is_empty() && orphans.children.is_empty());
        assert_eq!(orphans.bytes, 0);
    }

    /// ATTACKS 20 and 32: many identities together stay within the limit, and who sent little keeps it.
    #[test]
    fn the_orphans_of_all_peers_are_limited_in_bytes_and_inputs() {
        let (test, mut orphans) = (TestChain::new(), Orphans::default());
        let peer = |number: u8| PeerId::from_bytes([number; 32]);
        assert!(orphans.keep(NOW, peer(255), orphan(&test, 1_000_000, 1)));
        let coins: Vec<_> = (0..=MAX_ORPHAN_INPUTS as u32)
            .map(|index| (OutPoint { txid: Txid::ZERO, index }, pay(1, 1)))
            .collect();
        assert!(!orphans.keep(NOW, peer(254), test.spend(1, &coins, vec![pay(1, 2)])), "too many inputs");
        for number in 0..100 {
            for nth in 0..MAX_ORPHANS_PER_PEER as u32 {
                orphans.keep(NOW, peer(number), orphan(&test, u32::from(number) * 100 + nth, 700));
            }
        }
        assert!(orphans.bytes <= MAX_ALL_ORPHAN_BYTES && orphans.bytes > MAX_ALL_ORPHAN_BYTES / 2);
        assert_eq!(orphans.bytes, orphans.by_peer.values().map(|share| share.bytes).sum::<usize>());
        assert_eq!(orphans.by_peer[&peer(255)].orphans.len(), 1);
    }
}
