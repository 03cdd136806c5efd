//! Rebroadcast: transactions that were submitted here are announced again until they are confirmed. The peers
//! that had them may have left, or may have been on the other side of a partition.

use std::collections::BTreeMap;

use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;

use crate::limits::{MAX_REBROADCAST_TRANSACTIONS, REBROADCAST_INTERVAL};

/// Transactions that were submitted here, and when each is announced again.
#[derive(Clone, Debug, Default)]
pub struct Rebroadcast {
    next: BTreeMap<Txid, Timestamp>,
}

impl Rebroadcast {
    /// Adds a transaction. Beyond the limit, one is announced only once, as those of peers are.
    pub fn add(&mut self, now: Timestamp, txid: Txid) {
        if self.next.len() < MAX_REBROADCAST_TRANSACTIONS {
            self.next.insert(txid, now.saturating_add(REBROADCAST_INTERVAL));
        }
    }

    /// The transactions to be announced again now. Those that left the mempool are forgotten.
    pub fn take_due(&mut self, now: Timestamp, is_unconfirmed: impl Fn(&Txid) -> bool) -> Vec<Txid> {
        self.next.retain(|txid, next| *next > now || is_unconfirmed(txid));
        let mut due = Vec::new();
        for (txid, next) in self.next.iter_mut().filter(|(_, next)| **next <= now) {
            *next = now.saturating_add(REBROADCAST_INTERVAL);
            due.push(*txid);
        }
        due
    }

    /// The time of the next announcement.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.next.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unconfirmed_transaction_is_announced_again_and_a_confirmed_one_is_not() {
        let mut own = Rebroadcast::default();
        let (pending, confirmed) = (Txid::from_bytes([1; 32]), Txid::from_bytes([2; 32]));
        let now = Timestamp::from_millis(1000);
        own.add(now, pending);
        own.add(now, confirmed);
        let due = own.next_wake().expect("two wait");
        assert_eq!(own.take_due(due, |txid| *txid == pending), [pending]);
        assert_eq!(own.take_due(due.saturating_add(REBROADCAST_INTERVAL), |_| true), [pending]);
    }

    #[test]
    fn those_looked_after_are_bounded() {
        let mut own = Rebroadcast::default();
        for number in 0..10_000u32 {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            own.add(Timestamp::from_millis(0), Txid::from_bytes(bytes));
        }
        assert_eq!(own.next.len(), MAX_REBROADCAST_TRANSACTIONS);
    }
}
