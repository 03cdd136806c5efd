//! Accepting a transaction: the check level, the candidate, and the outcome.

use std::collections::BTreeSet;

use cairn_core::amount::Amount;
use cairn_core::hash::Txid;

use crate::event::RemovalReason;
use crate::mempool::entry::MempoolEntry;
use crate::mempool::fee_rate::FeeRate;

/// A transaction that left the mempool without being confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Removed {
    pub txid: Txid,
    pub reason: RemovalReason,
}

/// A transaction that was accepted into the mempool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedTransaction {
    pub txid: Txid,
    pub fee: Amount,
    pub size: usize,
    /// Those that it replaced or evicted.
    pub removed: Vec<Removed>,
}

/// The effect of a change of the best chain on the mempool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MempoolChange {
    pub removed: Vec<Removed>,
    /// Those of disconnected blocks that are unconfirmed again, parents before children.
    pub returned: Vec<AcceptedTransaction>,
}

/// The checks that a transaction has to pass.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CheckLevel {
    /// All of them, as for a transaction from any peer.
    Full {
        /// The sender of a transaction can guard against a fee that was mistyped.
        max_fee_rate: Option<FeeRate>,
    },
    /// Those whose result may have changed. The transaction was accepted or confirmed before: its fee was
    /// enough then, and its signatures stay valid, because they depend on nothing but the outputs that
    /// its id commits to.
    Known,
}

/// A transaction that passed all checks, and those that leave when it enters.
pub struct Candidate {
    pub entry: MempoolEntry,
    /// Those that spend the same outputs, and their descendants.
    pub replaced: BTreeSet<Txid>,
    /// Those that pay less, when the mempool is full.
    pub evicted: BTreeSet<Txid>,
}

impl Candidate {
    /// The candidate with the arrival of an earlier entry of the same transaction.
    pub fn arrived_as(mut self, before: &MempoolEntry) -> Self {
        self.entry.arrived = before.arrived;
        self.entry.height = before.height;
        self
    }

    /// The outcome once the candidate is in the mempool.
    pub fn into_accepted(self) -> AcceptedTransaction {
        let removed = |reason| move |txid| Removed { txid, reason };
        let replaced = self.replaced.into_iter().map(removed(RemovalReason::Replaced));
        let evicted = self.evicted.into_iter().map(removed(RemovalReason::Evicted));
        let (txid, fee, size) = (self.entry.transaction.txid(), self.entry.fee, self.entry.size());
        AcceptedTransaction { txid, fee, size, removed: replaced.chain(evicted).collect() }
    }
}
