//! Orphans: transactions that arrived before a parent. They wait a while, on the account of the
//! peer that sent them, and are looked at again when the parent comes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;
use cairn_core::transaction::Transaction;

use crate::limits::{MAX_ORPHAN_BYTES, MAX_ORPHANS_PER_PEER, ORPHAN_LASTING};
use crate::peer::PeerId;

/// Transactions that wait for a parent. Kept per sender: one with forged signatures from one peer
/// does not take the place of the genuine one from another (ATTACKS 30).
#[derive(Clone, Debug, Default)]
pub struct Orphans {
    waiting: BTreeMap<PeerId, BTreeMap<Txid, Orphan>>,
    children: BTreeMap<Txid, BTreeSet<(PeerId, Txid)>>,
}

#[derive(Clone, Debug)]
struct Orphan {
    transaction: Arc<Transaction>,
    until: Timestamp,
}

impl Orphans {
    /// Keeps a transaction until a parent comes; says whether there was room.
    pub fn keep(&mut self, now: Timestamp, from: PeerId, transaction: Arc<Transaction>) -> bool {
        let of_peer = self.waiting.entry(from).or_default();
        if transaction.size() > MAX_ORPHAN_BYTES || of_peer.len() >= MAX_ORPHANS_PER_PEER {
            return false;
        }
        let txid = transaction.txid();
        for input in transaction.inputs() {
            self.children.entry(input.txid).or_default().insert((from, txid));
        }
        of_peer.insert(txid, Orphan { transaction, until: now.saturating_add(ORPHAN_LASTING) });
        true
    }

    /// Takes out those that spend an output of this transaction.
    pub fn take_children(&mut self, parent: &Txid) -> Vec<(PeerId, Arc<Transaction>)> {
        let children = self.children.get(parent).cloned().unwrap_or_default();
        children.into_iter().filter_map(|(from, txid)| Some((from, self.remove(from, &txid)?))).collect()
    }

    /// Forgets what a peer sent.
    pub fn left(&mut self, peer: &PeerId) {
        let of_peer: Vec<Txid> =
            self.waiting.get(peer).into_iter().flat_map(BTreeMap::keys).copied().collect();
        of_peer.iter().for_each(|txid| {
            self.remove(*peer, txid);
        });
        self.waiting.remove(peer);
    }

    /// Forgets those that waited too long.
    pub fn wake(&mut self, now: Timestamp) {
        let late =
            self.waiting.iter().flat_map(|(peer, of_peer)| of_peer.iter().map(move |entry| (*peer, entry)));
        let late = late.filter(|(_, (_, orphan))| orphan.until <= now).map(|(peer, (txid, _))| (peer, *txid));
        let late: Vec<(PeerId, Txid)> = late.collect();
        late.iter().for_each(|(peer, txid)| {
            self.remove(*peer, txid);
        });
    }

    /// When `wake` has something to do.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.waiting.values().flat_map(BTreeMap::values).map(|orphan| orphan.until).min()
    }

    fn remove(&mut self, from: PeerId, txid: &Txid) -> Option<Arc<Transaction>> {
        let orphan = self.waiting.get_mut(&from)?.remove(txid)?;
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
        orphans.left(&greedy);
        assert_eq!(orphans.take_children(&Txid::ZERO).len(), 1);
        orphans.keep(NOW, greedy, orphan(&test, 0, 1));
        orphans.wake(orphans.next_wake().expect("it waits"));
        assert!(orphans.take_children(&Txid::ZERO).is_empty() && orphans.children.is_empty());
    }
}
