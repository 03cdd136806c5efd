//! Unchecked transactions: delivered and not checked yet. A step checks a few of them, of each sender in turn, so that
//! neither blocks nor callers are delayed by signatures that one peer sends (CVE-2024-52914).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use cairn_core::transaction::Transaction;

use crate::limits::{MAX_UNCHECKED_BYTES, MAX_UNCHECKED_BYTES_PER_PEER};
use crate::peer::PeerId;

/// The transactions of each peer, in the order of their arrival.
#[derive(Clone, Debug, Default)]
pub struct UncheckedTransactions {
    by_peer: BTreeMap<PeerId, Queue>,
    bytes: usize,
    /// The peer whose transaction was taken last.
    last: Option<PeerId>,
}

#[derive(Clone, Debug, Default)]
struct Queue {
    transactions: VecDeque<Arc<Transaction>>,
    bytes: usize,
}

impl UncheckedTransactions {
    /// Adds a transaction; returns whether there was room for it.
    pub fn push(&mut self, peer: PeerId, transaction: Arc<Transaction>) -> bool {
        let size = transaction.size();
        let of_peer = self.by_peer.get(&peer).map_or(0, |queue| queue.bytes);
        if of_peer + size > MAX_UNCHECKED_BYTES_PER_PEER || self.bytes + size > MAX_UNCHECKED_BYTES {
            return false;
        }
        // A queue is never empty: an empty one would stop those of the others.
        let queue = self.by_peer.entry(peer).or_default();
        queue.bytes += size;
        self.bytes += size;
        queue.transactions.push_back(transaction);
        true
    }

    /// Takes the first transaction of the next peer.
    pub fn pop(&mut self) -> Option<(PeerId, Arc<Transaction>)> {
        let after = self.by_peer.keys().find(|peer| self.last.is_none_or(|last| **peer > last));
        let peer = *after.or_else(|| self.by_peer.keys().next())?;
        let queue = self.by_peer.get_mut(&peer)?;
        let transaction = queue.transactions.pop_front()?;
        queue.bytes -= transaction.size();
        self.bytes -= transaction.size();
        if queue.transactions.is_empty() {
            self.by_peer.remove(&peer);
        }
        self.last = Some(peer);
        Some((peer, transaction))
    }

    /// The bytes of all transactions.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets the transactions of a peer.
    pub fn disconnected(&mut self, peer: &PeerId) {
        if let Some(queue) = self.by_peer.remove(peer) {
            self.bytes -= queue.bytes;
        }
    }

    /// Whether every transaction was taken.
    pub fn is_empty(&self) -> bool {
        self.by_peer.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::hash::Txid;
    use cairn_core::testing::{TestChain, pay};
    use cairn_core::transaction::OutPoint;

    use super::*;

    fn transaction(test: &TestChain, number: u32, outputs: usize) -> Arc<Transaction> {
        let outpoint = OutPoint { txid: Txid::ZERO, index: number };
        test.spend(1, &[(outpoint, pay(1, 1))], vec![pay(1, 2); outputs])
    }

    #[test]
    fn senders_take_turns_and_one_that_is_banned_loses_its_queue() {
        let (test, mut unchecked) = (TestChain::new(), UncheckedTransactions::default());
        let [greedy, other] = [1, 2].map(|number| PeerId::from_bytes([number; 32]));
        (0..5).for_each(|number| assert!(unchecked.push(greedy, transaction(&test, number, 1))));
        (5..7).for_each(|number| assert!(unchecked.push(other, transaction(&test, number, 1))));
        let order: Vec<PeerId> = (0..4).filter_map(|_| Some(unchecked.pop()?.0)).collect();
        assert_eq!(order, [greedy, other, greedy, other]);
        unchecked.disconnected(&greedy);
        assert!(unchecked.is_empty() && unchecked.pop().is_none());
        assert_eq!(unchecked.bytes, 0);
    }

    #[test]
    fn a_peer_and_all_peers_together_are_limited_in_bytes() {
        let (test, mut unchecked) = (TestChain::new(), UncheckedTransactions::default());
        let large = transaction(&test, 1, 20_000);
        for number in 0..20 {
            let peer = PeerId::from_bytes([number; 32]);
            while unchecked.push(peer, large.clone()) {}
            let of_peer = unchecked.by_peer.get(&peer).map_or(0, |queue| queue.bytes);
            assert!(of_peer <= MAX_UNCHECKED_BYTES_PER_PEER);
        }
        assert!(unchecked.bytes <= MAX_UNCHECKED_BYTES && unchecked.bytes > MAX_UNCHECKED_BYTES / 2);
        while unchecked.pop().is_some() {}
        assert!(unchecked.is_empty() && unchecked.bytes == 0);
    }
}
