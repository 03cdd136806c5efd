//! Mempool entries: an unconfirmed transaction with its arrival, its relatives and what they pay together.

use std::collections::BTreeSet;
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::hash::Txid;
use cairn_core::height::Height;
use cairn_core::time::Timestamp;
use cairn_core::transaction::Transaction;

use crate::mempool::fee_rate::Score;

/// Memory of an entry in bytes beyond its transaction's: the entry, its links and its keys in each index.
const ENTRY_OVERHEAD: usize = 768;
/// Memory of an input in bytes beyond its encoding: its key in the index of spenders.
const INPUT_OVERHEAD: usize = 128;

/// Count, bytes and fees of several transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Package {
    pub count: usize,
    /// Sum of the lengths in bytes.
    pub size: usize,
    pub fees: Amount,
}

impl Package {
    /// The package with one more transaction.
    pub fn with(self, entry: &MempoolEntry) -> Self {
        Self {
            count: self.count.saturating_add(1),
            size: self.size.saturating_add(entry.size()),
            fees: Amount::from_units(self.fees.units().saturating_add(entry.fee.units())),
        }
    }

    /// The package with one transaction less.
    pub fn without(self, entry: &MempoolEntry) -> Self {
        Self {
            count: self.count.saturating_sub(1),
            size: self.size.saturating_sub(entry.size()),
            fees: Amount::from_units(self.fees.units().saturating_sub(entry.fee.units())),
        }
    }

    /// The fees for the bytes of all together.
    pub const fn score(self) -> Score {
        Score { fee: self.fees, size: self.size }
    }
}

/// An unconfirmed transaction. [`crate::mempool::entries::MempoolEntries`] keeps the sums and links right, and
/// gives out no entry to be changed.
#[derive(Clone, Debug)]
pub struct MempoolEntry {
    pub transaction: Arc<Transaction>,
    pub fee: Amount,
    /// The time of its arrival.
    pub arrived: Timestamp,
    /// The height of the tip at its arrival.
    pub height: Height,
    /// Order of arrival: parents have a lower number than their children.
    pub sequence: u64,
    /// Unconfirmed transactions whose outputs it spends.
    pub parents: BTreeSet<Txid>,
    /// Unconfirmed transactions that spend its outputs.
    pub children: BTreeSet<Txid>,
    /// The transaction and all unconfirmed ones that it depends on.
    pub ancestors: Package,
    /// The transaction and all unconfirmed ones that depend on it.
    pub descendants: Package,
}

impl MempoolEntry {
    /// An entry that has no relatives yet.
    pub fn new(transaction: Arc<Transaction>, fee: Amount, arrived: Timestamp, height: Height) -> Self {
        let own = Package { count: 1, size: transaction.size(), fees: fee };
        let (parents, children) = (BTreeSet::new(), BTreeSet::new());
        let (ancestors, descendants, sequence) = (own, own, 0);
        Self { transaction, fee, arrived, height, sequence, parents, children, ancestors, descendants }
    }

    /// Length of the encoding in bytes.
    pub fn size(&self) -> usize {
        self.transaction.size()
    }

    /// The fee for its own bytes.
    pub fn score(&self) -> Score {
        Score { fee: self.fee, size: self.size() }
    }

    /// The better score of the transaction alone and of it with its descendants: the least is evicted first.
    pub fn worth(&self) -> Score {
        self.score().max(self.descendants.score())
    }

    /// Estimate of its memory in bytes.
    pub fn usage(&self) -> usize {
        ENTRY_OVERHEAD + self.size() + self.transaction.inputs().len() * INPUT_OVERHEAD
    }
}
