//! The transaction index: every transaction of the best chain, its block, and the state of its outputs.
//!
//! Changes are in memory until a checkpoint writes them. A cache has what was read or written recently,
//! because sled takes tens of microseconds for what memory gives in one.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::{Arc, Weak};

use cairn_core::block::Block;
use cairn_core::coin::Coin;
use cairn_core::generations::Generations;
use cairn_core::hash::Txid;
use cairn_core::height::Height;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::store::{ChainBlock, Commit, Spender, StoreError, TransactionPlace};

use crate::store::changes::{self, Change, Changes};
use crate::store::database::Database;
use crate::store::schema::{OutputState, StoredTransaction, transaction_key};
use crate::store::snapshot::{Overwritten, Snapshot};

/// Records and outputs in each generation of the cache: some 20,000 usual transactions, and no more
/// memory for those with thousands of outputs.
pub const GENERATION: usize = 60_000;

/// The records of all transactions of the best chain.
pub struct TxIndex {
    database: Arc<Database>,
    /// Number of records in the database.
    stored: u64,
    changes: Changes<Txid, StoredTransaction>,
    /// Records and outputs that changed since the last checkpoint, some of them counted twice.
    weight: usize,
    /// Shared, so that reading one of ten thousand outputs does not copy the others.
    cache: RefCell<Generations<Txid, Arc<StoredTransaction>>>,
    /// For each snapshot that is still read, what checkpoints overwrite.
    snapshots: RefCell<Vec<Weak<Overwritten>>>,
}

impl TxIndex {
    /// The index over a database with this many records of transactions. A generation of the cache holds at
    /// most `generation` records and outputs.
    pub fn new(database: Arc<Database>, stored: u64, generation: usize) -> Self {
        Self {
            database,
            stored,
            changes: Changes::new(),
            weight: 0,
            cache: RefCell::new(Generations::new(generation)),
            snapshots: RefCell::default(),
        }
    }

    /// The changes that a checkpoint has to write.
    pub const fn changes(&self) -> &Changes<Txid, StoredTransaction> {
        &self.changes
    }

    /// The approximate memory of the changes, in records and outputs.
    pub const fn weight(&self) -> usize {
        self.weight
    }

    /// The number of records.
    pub fn records(&self) -> u64 {
        changes::count(self.stored, &self.changes)
    }

    /// The coins as they are now, to be read beside the driver and later.
    pub fn snapshot(&self) -> Snapshot {
        let changed = self.changes.iter().map(|(txid, change)| (*txid, change.now.clone())).collect();
        let overwritten = Arc::new(Overwritten::default());
        self.snapshots.borrow_mut().push(Arc::downgrade(&overwritten));
        Snapshot::new(self.database.clone(), changed, overwritten)
    }

    /// Gives the old forms of all changes to snapshots, before a checkpoint overwrites them.
    pub fn keep_for_snapshots(&mut self) -> Result<(), StoreError> {
        let readers = self.snapshots.get_mut();
        readers.retain(|reader| reader.strong_count() > 0);
        let readers: Vec<Arc<Overwritten>> = readers.iter().filter_map(Weak::upgrade).collect();
        if readers.is_empty() {
            return Ok(());
        }
        for (txid, change) in &self.changes {
            let old = if change.was_stored { self.find(txid)? } else { None };
            readers.iter().for_each(|reader| reader.keep(*txid, old.as_deref().cloned()));
        }
        Ok(())
    }

    /// Takes over that a checkpoint has written all changes.
    pub fn written(&mut self) {
        self.stored = self.records();
        self.weight = 0;
        let mut cache = self.cache.borrow_mut();
        for (txid, change) in std::mem::take(&mut self.changes) {
            cache.remove(&txid);
            if let Some(transaction) = change.now.map(Arc::new) {
                let weight = weight(&transaction);
                cache.insert(txid, transaction, weight);
            }
        }
    }

    /// The coin of an unspent output.
    pub fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        self.with(&outpoint.txid, |transaction| match transaction.outputs.get(outpoint.index as usize) {
            Some(OutputState::Unspent(output)) => Some(transaction.coin(output)),
            Some(OutputState::Spent { .. }) | None => None,
        })
    }

    /// The transaction that spent an output.
    pub fn spender(&self, outpoint: &OutPoint) -> Result<Option<Spender>, StoreError> {
        self.with(&outpoint.txid, |transaction| match transaction.outputs.get(outpoint.index as usize) {
            Some(OutputState::Spent { by, height }) => Some(Spender { txid: *by, height: *height }),
            Some(OutputState::Unspent(_)) | None => None,
        })
    }

    /// The block of a transaction, and its index there.
    pub fn place(&self, txid: &Txid) -> Result<Option<TransactionPlace>, StoreError> {
        self.with(txid, |&StoredTransaction { block, height, position, .. }| {
            Some(TransactionPlace { block, height, position })
        })
    }

    /// Visits every coin in the order of outpoints.
    pub fn for_each_coin(&self, visit: &mut dyn FnMut(OutPoint, Coin)) -> Result<(), StoreError> {
        self.snapshot().for_each_coin(&mut |outpoint, coin| {
            visit(outpoint, coin);
            ControlFlow::Continue(())
        })
    }

    /// Applies a commit: disconnected blocks, connected blocks, and coins that are unspent again.
    pub fn apply(&mut self, commit: &Commit) -> Result<(), StoreError> {
        for ChainBlock { block, .. } in &commit.disconnected {
            for txid in block.txids() {
                self.remove(txid)?;
            }
        }
        for ChainBlock { height, block, .. } in &commit.connected {
            self.connect(*height, block)?;
        }
        // Outputs that disconnected blocks had spent, and no connected block spends, are coins again.
        for (outpoint, coin) in &commit.coins.created {
            self.set_output(outpoint, OutputState::Unspent(coin.output.clone()))?;
        }
        Ok(())
    }

    fn connect(&mut self, height: Height, block: &Block) -> Result<(), StoreError> {
        let hash = block.hash();
        let coinbase = block.coinbase();
        let transactions = block.transactions().iter().map(|one| (one.txid(), one.outputs()));
        let all = std::iter::once((coinbase.txid(), coinbase.outputs.as_slice())).chain(transactions);
        for (position, (txid, outputs)) in (0..).zip(all) {
            self.weight += 1 + outputs.len();
            let outputs = outputs.iter().cloned().map(OutputState::Unspent).collect();
            let was_stored = self.changes.get(&txid).is_some_and(|change| change.was_stored);
            let now = Some(StoredTransaction { block: hash, height, position, outputs });
            self.changes.insert(txid, Change { was_stored, now });
        }
        for transaction in block.transactions() {
            for outpoint in transaction.inputs() {
                self.set_output(outpoint, OutputState::Spent { by: transaction.txid(), height })?;
            }
        }
        Ok(())
    }

    fn remove(&mut self, txid: Txid) -> Result<(), StoreError> {
        let was_stored = match self.changes.get(&txid) {
            Some(change) => change.was_stored,
            None => self.find(&txid)?.is_some(),
        };
        self.weight += 1;
        self.changes.insert(txid, Change { was_stored, now: None });
        Ok(())
    }

    /// Changes a record without checking any rule, as damage would.
    #[cfg(test)]
    pub fn put(&mut self, txid: Txid, record: StoredTransaction) {
        self.changes.insert(txid, Change { was_stored: false, now: Some(record) });
    }

    /// Sets the state of an output.
    fn set_output(&mut self, outpoint: &OutPoint, state: OutputState) -> Result<(), StoreError> {
        if !self.changes.contains_key(&outpoint.txid) {
            let now = self.find(&outpoint.txid)?.as_deref().cloned();
            self.weight += 1 + now.as_ref().map_or(0, |now| now.outputs.len());
            self.changes.insert(outpoint.txid, Change { was_stored: now.is_some(), now });
        }
        let transaction = self.changes.get_mut(&outpoint.txid).and_then(|change| change.now.as_mut());
        let output = transaction.and_then(|one| one.outputs.get_mut(outpoint.index as usize));
        let missing = || self.database.damaged(&format!("output {outpoint} is not in the transaction index"));
        *output.ok_or_else(missing)? = state;
        Ok(())
    }

    fn with<T>(
        &self,
        txid: &Txid,
        look: impl FnOnce(&StoredTransaction) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        match self.changes.get(txid) {
            Some(change) => Ok(change.now.as_ref().and_then(look)),
            None => Ok(self.find(txid)?.as_deref().and_then(look)),
        }
    }

    /// A record as the database has it.
    pub fn find(&self, txid: &Txid) -> Result<Option<Arc<StoredTransaction>>, StoreError> {
        let mut cache = self.cache.borrow_mut();
        if let Some(found) = cache.touch(*txid, weight) {
            return Ok(Some(found.clone()));
        }
        let found: Option<StoredTransaction> = self.database.get(&transaction_key(txid))?;
        let found = found.map(Arc::new);
        if let Some(found) = &found {
            cache.insert(*txid, found.clone(), weight(found));
        }
        Ok(found)
    }
}

/// Weight of a record in the cache: one, and one for each output.
fn weight(transaction: &Arc<StoredTransaction>) -> usize {
    1 + transaction.outputs.len()
}
