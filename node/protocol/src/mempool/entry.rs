//! An entry: a transaction that waits, and what is known of it and of those around it.

use std::collections::BTreeSet;
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::hash::Txid;
use cairn_core::height::Height;
use cairn_core::time::Timestamp;
use cairn_core::transaction::Transaction;

use crate::mempool::rate::Score;

/// Memory of an entry beyond its transaction's bytes: the entry, its links and its place in each index.
const ENTRY_OVERHEAD: usize = 768;
/// Memory of an input beyond its bytes: who spends what.
const INPUT_OVERHEAD: usize = 128;

/// Some transactions taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Package {
    pub count: usize,
    pub size: usize,
    pub fees: Amount,
}

impl Package {
    /// With one more.
    pub fn with(self, entry: &Entry) -> Self {
        Self {
            count: self.count.saturating_add(1),
            size: self.size.saturating_add(entry.size()),
            fees: Amount::from_units(self.fees.units().saturating_add(entry.fee.units())),
        }
    }

    /// With one less.
    pub fn without(self, entry: &Entry) -> Self {
        Self {
            count: self.count.saturating_sub(1),
            size: self.size.saturating_sub(entry.size()),
            fees: Amount::from_units(self.fees.units().saturating_sub(entry.fee.units())),
        }
    }

    /// What it pays for its bytes.
    pub const fn score(self) -> Score {
        Score { fee: self.fees, size: self.size }
    }
}

/// A transaction that waits for a block.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(in crate::mempool) transaction: Arc<Transaction>,
    pub(in crate::mempool) fee: Amount,
    pub(in crate::mempool) arrived: Timestamp,
    pub(in crate::mempool) height: Height,
    pub(in crate::mempool) turn: u64,
    pub(in crate::mempool) parents: BTreeSet<Txid>,
    pub(in crate::mempool) children: BTreeSet<Txid>,
    pub(in crate::mempool) ancestors: Package,
    pub(in crate::mempool) descendants: Package,
}

impl Entry {
    /// One that nobody waits for yet.
    pub fn new(transaction: Arc<Transaction>, fee: Amount, arrived: Timestamp, height: Height) -> Self {
        let own = Package { count: 1, size: transaction.size(), fees: fee };
        let (parents, children) = (BTreeSet::new(), BTreeSet::new());
        Self {
            transaction,
            fee,
            arrived,
            height,
            turn: 0,
            parents,
            children,
            ancestors: own,
            descendants: own,
        }
    }

    /// The transaction.
    pub const fn transaction(&self) -> &Arc<Transaction> {
        &self.transaction
    }

    /// What it pays.
    pub const fn fee(&self) -> Amount {
        self.fee
    }

    /// Its bytes.
    pub fn size(&self) -> usize {
        self.transaction.size()
    }

    /// When it came.
    pub const fn arrived(&self) -> Timestamp {
        self.arrived
    }

    /// The height of the tip when it came.
    pub const fn height(&self) -> Height {
        self.height
    }

    /// Its place in the order of arrival: parents have a lower one than their children.
    pub const fn turn(&self) -> u64 {
        self.turn
    }

    /// Those that wait and whose outputs it spends.
    pub const fn parents(&self) -> &BTreeSet<Txid> {
        &self.parents
    }

    /// Those that wait and spend its outputs.
    pub const fn children(&self) -> &BTreeSet<Txid> {
        &self.children
    }

    /// It and all it depends on.
    pub const fn ancestors(&self) -> Package {
        self.ancestors
    }

    /// It and all that depend on it.
    pub const fn descendants(&self) -> Package {
        self.descendants
    }

    /// What it pays for its bytes, alone.
    pub fn score(&self) -> Score {
        Score { fee: self.fee, size: self.size() }
    }

    /// What is lost without it: it alone, or with those that would go with it.
    pub fn worth(&self) -> Score {
        self.score().max(self.descendants.score())
    }

    /// About how much memory it takes.
    pub fn usage(&self) -> usize {
        ENTRY_OVERHEAD + self.size() + self.transaction.inputs().len() * INPUT_OVERHEAD
    }
}
