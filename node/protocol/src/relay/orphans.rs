//! Orphans: transactions that arrived before a parent. Each is kept for a limited time, counts for the peer that
//! sent it, and is checked again when the parent comes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;
use cairn_core::transaction::Transaction;

use crate::limits::{MAX_ORPHAN_BYTES, MAX_ORPHANS_PER_PEER, ORPHAN_TIMEOUT};
use crate::peer::PeerId;

/// Transactions without a parent, by sender: a copy with forged signatures from one peer does not replace the
/// valid one from another (ATTACKS 30).
#[derive(Clone, Debug, Default)]
pub struct Orphans {
    by_peer: BTreeMap<PeerId, BTreeMap<Txid, Orphan>>,
    children: BTreeMap<Txid, BTreeSet<(PeerId, Txid)>>,
}

#[derive(Clone, Debug)]
struct Orphan {
    transaction: Arc<Transaction>,
    until: Timestamp,
}

impl Orphans {
    /// Keeps a transaction until a parent comes, unless a limit is reached; returns whether it is kept.
    pub fn keep(&mut self, now: Timestamp, from: PeerId, transaction: Arc<Transaction>) -> bool {
        let of_peer = self.by_peer.entry(from).or_default();
        if transaction.size() > MAX_ORPHAN_BYTES || of_peer.len() >= MAX_ORPHANS_PER_PEER {
            return false;
        }
        let txid = transaction.txid();
        for input in transaction.inputs() {
            self.children.entry(input.txid).or_default().insert((from, txid));
        }
        of_peer.insert(txid, Orphan { transaction, until: now.saturating_add(ORPHAN_TIMEOUT) });
        true
    }

    /// Removes and returns the orphans that spend an output of a transaction, with their senders.
    pub fn take_children(&mut self, parent: &Txid) -> Vec<(PeerId, Arc<Transaction>)> {
        let children = self.children.get(parent).cloned().unwrap_or_default();
        children.into_iter().filter_map(|(from, txid)| Some((from, self.remove(from, &txid)?))).collect()
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
        self.by_peer.values().flat_map(BTreeMap::values).map(|orphan| orphan.until).min()
    }

    fn remove_if(&mut self, from: PeerId, is_meant: impl Fn(&Orphan) -> bool) {
        let of_peer = self.by_peer.get(&from).into_iter().flatten();
        let meant: Vec<Txid> = of_peer.filter(|(_, one)| is_meant(one)).map(|(txid, _)| *txid).collect();
        meant.iter().for_each(|txid| drop(self.remove(from, txid)));
    }

    fn remove(&mut self, from: PeerId, txid: &Txid) -> Option<Arc<Transaction>> {
        let orphan = self.by_peer.get_mut(&from)?.remove(txid)?;
        for input in orphan.transaction.inputs() {
            if let Some(children) = self.children.get_mut(&input.txid) {
                children.remove(&(from, *txid));
                if children.is_empty() {
                    self.children.remove(&input.txid);
                }
            }
        }
        Some(orphan.transaction)
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
    }
}
