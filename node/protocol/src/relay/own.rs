//! Our own transactions: announced again until they are confirmed, because those who heard of them
//! first may have left, or been on the other side of a cut.

use std::collections::BTreeMap;

use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;

use crate::limits::{MAX_OWN_TRANSACTIONS, REBROADCAST_INTERVAL};

/// Transactions that a caller of this node handed in, and when each is announced again.
#[derive(Clone, Debug, Default)]
pub struct OwnTransactions {
    next: BTreeMap<Txid, Timestamp>,
}

impl OwnTransactions {
    /// Looks after one more; beyond the bound they are announced once, like everybody's.
    pub fn add(&mut self, now: Timestamp, txid: Txid) {
        if self.next.len() < MAX_OWN_TRANSACTIONS {
            self.next.insert(txid, now.saturating_add(REBROADCAST_INTERVAL));
        }
    }

    /// Those to be announced again now; the ones no longer held are forgotten.
    pub fn take_due(&mut self, now: Timestamp, is_held: impl Fn(&Txid) -> bool) -> Vec<Txid> {
        self.next.retain(|txid, next| *next > now || is_held(txid));
        let mut due = Vec::new();
        for (txid, next) in self.next.iter_mut().filter(|(_, next)| **next <= now) {
            *next = now.saturating_add(REBROADCAST_INTERVAL);
            due.push(*txid);
        }
        due
    }

    /// When some are due.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.next.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unconfirmed_transaction_is_announced_again_and_a_confirmed_one_is_not() {
        let mut own = OwnTransactions::default();
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
        let mut own = OwnTransactions::default();
        for number in 0..10_000u32 {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            own.add(Timestamp::from_millis(0), Txid::from_bytes(bytes));
        }
        assert_eq!(own.next.len(), MAX_OWN_TRANSACTIONS);
    }
}
