//! Admission: a transaction on its way into the mempool, and what is told of it afterwards.

use std::collections::BTreeSet;

use cairn_core::amount::Amount;
use cairn_core::hash::Txid;

use crate::event::RemovalReason;
use crate::mempool::entry::Entry;

/// A transaction that was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    pub txid: Txid,
    pub fee: Amount,
    pub size: usize,
    /// Those that had to leave for it.
    pub removed: Vec<(Txid, RemovalReason)>,
}

/// What a change of the chain did to the mempool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Those that left without being confirmed.
    pub removed: Vec<(Txid, RemovalReason)>,
    /// Those of disconnected blocks that wait again, parents before children.
    pub returned: Vec<Admitted>,
}

/// How strictly a transaction is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scrutiny {
    /// As one that comes from anybody.
    Full,
    /// It was taken in or confirmed before: its fee was enough then, and its signatures are valid
    /// for good, because they depend on nothing but the outputs that its id commits to.
    Known,
}

/// A transaction that may come in, and what must leave for it.
pub struct Candidate {
    pub newcomer: Entry,
    /// Those whose coins it takes.
    pub replaced: BTreeSet<Txid>,
    /// Those that pay less, when there is no room.
    pub evicted: BTreeSet<Txid>,
}

impl Candidate {
    /// As it waited before.
    pub fn waiting_as(mut self, before: &Entry) -> Self {
        self.newcomer.arrived = before.arrived();
        self.newcomer.height = before.height();
        self
    }

    /// What is told of it once it is in.
    pub fn into_admitted(self) -> Admitted {
        let replaced = self.replaced.into_iter().map(|txid| (txid, RemovalReason::Replaced));
        let evicted = self.evicted.into_iter().map(|txid| (txid, RemovalReason::Evicted));
        Admitted {
            txid: self.newcomer.transaction().txid(),
            fee: self.newcomer.fee(),
            size: self.newcomer.size(),
            removed: replaced.chain(evicted).collect(),
        }
    }
}
