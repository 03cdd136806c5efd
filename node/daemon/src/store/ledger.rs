//! The ledger: every transaction of the best chain, its place, and the fate of its outputs.
//!
//! Changes are kept in memory until a checkpoint writes them; what was read or written lately stays
//! in a cache, because sled takes tens of microseconds for what memory gives in one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::{Arc, Weak};

use cairn_core::block::Block;
use cairn_core::coin::Coin;
use cairn_core::generations::Generations;
use cairn_core::hash::Txid;
use cairn_core::height::Height;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::store::{ChainBlock, Commit, Spender, StoreError, TransactionPlace};

use crate::store::schema::{Dirty, Fate, StoredTransaction};
use crate::store::snapshot::{Kept, Snapshot};
use crate::store::state::State;

/// Records and outputs in each generation of the cache: some 20,000 usual transactions, and no more
/// memory for those with thousands of outputs.
pub const GENERATION: usize = 60_000;

/// The ledger.
pub struct Ledger {
    state: State,
    /// Records that sled holds.
    stored: u64,
    dirty: BTreeMap<Txid, Dirty>,
    /// Records and outputs that were touched since the last checkpoint, some of them twice.
    dirty_weight: usize,
    /// Records are shared, so that a look at one of ten thousand outputs does not copy the others.
    cache: RefCell<Generations<Txid, Arc<StoredTransaction>>>,
    /// What checkpoints keep for each snapshot that is still read.
    snapshots: RefCell<Vec<Weak<Kept>>>,
}

impl Ledger {
    /// The ledger over what sled holds, how many records that is, and how much the cache may hold.
    pub fn new(state: State, stored: u64, generation: usize) -> Self {
        Self {
            state,
            stored,
            dirty: BTreeMap::new(),
            dirty_weight: 0,
            cache: RefCell::new(Generations::new(generation)),
            snapshots: RefCell::default(),
        }
    }

    /// What a checkpoint has to write.
    pub const fn dirty(&self) -> &BTreeMap<Txid, Dirty> {
        &self.dirty
    }

    /// About how much memory that takes, in records and outputs.
    pub const fn dirty_weight(&self) -> usize {
        self.dirty_weight
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        let joined = self.dirty.values().filter(|dirty| dirty.now.is_some() && !dirty.was_stored).count();
        let left = self.dirty.values().filter(|dirty| dirty.now.is_none() && dirty.was_stored).count();
        self.stored + joined as u64 - left as u64
    }

    /// The coins as they are now, to be read elsewhere and later.
    pub fn snapshot(&self) -> Snapshot {
        let dirty = self.dirty.iter().map(|(txid, dirty)| (*txid, dirty.now.clone())).collect();
        let kept = Arc::new(Kept::default());
        self.snapshots.borrow_mut().push(Arc::downgrade(&kept));
        Snapshot::new(self.state.clone(), dirty, kept)
    }

    /// A checkpoint is about to overwrite what is dirty: snapshots get the old forms first.
    ///
    /// # Errors
    /// When sled fails.
    pub fn keep_for_snapshots(&mut self) -> Result<(), StoreError> {
        let readers = self.snapshots.get_mut();
        readers.retain(|kept| kept.strong_count() > 0);
        let readers: Vec<Arc<Kept>> = readers.iter().filter_map(Weak::upgrade).collect();
        if readers.is_empty() {
            return Ok(());
        }
        for (txid, dirty) in &self.dirty {
            let old = if dirty.was_stored { self.find(txid)? } else { None };
            readers.iter().for_each(|kept| kept.keep(*txid, old.as_deref().cloned()));
        }
        Ok(())
    }

    /// A checkpoint has written everything.
    pub fn written(&mut self) {
        self.stored = self.records();
        self.dirty_weight = 0;
        let mut cache = self.cache.borrow_mut();
        for (txid, dirty) in std::mem::take(&mut self.dirty) {
            cache.remove(&txid);
            if let Some(transaction) = dirty.now.map(Arc::new) {
                let weight = weight(&transaction);
                cache.insert(txid, transaction, weight);
            }
        }
    }

    /// An unspent coin.
    ///
    /// # Errors
    /// When sled fails.
    pub fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        self.with(&outpoint.txid, |transaction| match transaction.outputs.get(outpoint.index as usize) {
            Some(Fate::Unspent(output)) => Some(transaction.coin(output)),
            Some(Fate::Spent { .. }) | None => None,
        })
    }

    /// Who spent an output.
    ///
    /// # Errors
    /// When sled fails.
    pub fn spender(&self, outpoint: &OutPoint) -> Result<Option<Spender>, StoreError> {
        self.with(&outpoint.txid, |transaction| match transaction.outputs.get(outpoint.index as usize) {
            Some(Fate::Spent { by, height }) => Some(Spender { txid: *by, height: *height }),
            Some(Fate::Unspent(_)) | None => None,
        })
    }

    /// Where a transaction is.
    ///
    /// # Errors
    /// When sled fails.
    pub fn place(&self, txid: &Txid) -> Result<Option<TransactionPlace>, StoreError> {
        self.with(txid, |&StoredTransaction { block, height, position, .. }| {
            Some(TransactionPlace { block, height, position })
        })
    }

    /// Every coin, in the order of outpoints.
    ///
    /// # Errors
    /// When sled fails.
    pub fn for_each_coin(&self, visit: &mut dyn FnMut(OutPoint, Coin)) -> Result<(), StoreError> {
        let stored = self.state.transactions();
        merged(stored, &self.dirty, |txid, transaction| {
            for (index, fate) in (0..).zip(&transaction.outputs) {
                if let Fate::Unspent(output) = fate {
                    visit(OutPoint { txid, index }, transaction.coin(output));
                }
            }
        })
    }

    /// Carries out a commit: what left, what joined, what came back.
    ///
    /// # Errors
    /// When sled fails.
    pub fn apply(&mut self, commit: &Commit) -> Result<(), StoreError> {
        for ChainBlock { block, .. } in &commit.disconnected {
            for txid in block.txids() {
                self.remove(txid)?;
            }
        }
        for ChainBlock { height, block, .. } in &commit.connected {
            self.join(*height, block)?;
        }
        // Outputs that blocks which left had spent, and no joined block spends, are coins again.
        for (outpoint, coin) in &commit.coins.created {
            self.settle(outpoint, Fate::Unspent(coin.output.clone()))?;
        }
        Ok(())
    }

    fn join(&mut self, height: Height, block: &Block) -> Result<(), StoreError> {
        let hash = block.hash();
        let coinbase = block.coinbase();
        let transactions = block.transactions().iter().map(|one| (one.txid(), one.outputs()));
        let all = std::iter::once((coinbase.txid(), coinbase.outputs.as_slice())).chain(transactions);
        for (position, (txid, outputs)) in (0..).zip(all) {
            self.dirty_weight += 1 + outputs.len();
            let outputs = outputs.iter().cloned().map(Fate::Unspent).collect();
            let was_stored = self.dirty.get(&txid).is_some_and(|dirty| dirty.was_stored);
            let now = Some(StoredTransaction { block: hash, height, position, outputs });
            self.dirty.insert(txid, Dirty { was_stored, now });
        }
        for transaction in block.transactions() {
            for outpoint in transaction.inputs() {
                self.settle(outpoint, Fate::Spent { by: transaction.txid(), height })?;
            }
        }
        Ok(())
    }

    fn remove(&mut self, txid: Txid) -> Result<(), StoreError> {
        let was_stored = match self.dirty.get(&txid) {
            Some(dirty) => dirty.was_stored,
            None => self.find(&txid)?.is_some(),
        };
        self.dirty_weight += 1;
        self.dirty.insert(txid, Dirty { was_stored, now: None });
        Ok(())
    }

    /// Changes a record behind the back of every rule, as damage would.
    #[cfg(test)]
    pub fn put(&mut self, txid: Txid, record: StoredTransaction) {
        self.dirty.insert(txid, Dirty { was_stored: false, now: Some(record) });
    }

    /// Notes what became of an output.
    fn settle(&mut self, outpoint: &OutPoint, fate: Fate) -> Result<(), StoreError> {
        if !self.dirty.contains_key(&outpoint.txid) {
            let now = self.find(&outpoint.txid)?.as_deref().cloned();
            self.dirty_weight += 1 + now.as_ref().map_or(0, |now| now.outputs.len());
            self.dirty.insert(outpoint.txid, Dirty { was_stored: now.is_some(), now });
        }
        let transaction = self.dirty.get_mut(&outpoint.txid).and_then(|dirty| dirty.now.as_mut());
        let output = transaction.and_then(|one| one.outputs.get_mut(outpoint.index as usize));
        let missing = || self.state.damaged(&format!("output {outpoint} is not in the ledger"));
        *output.ok_or_else(missing)? = fate;
        Ok(())
    }

    fn with<T>(
        &self,
        txid: &Txid,
        look: impl FnOnce(&StoredTransaction) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        match self.dirty.get(txid) {
            Some(dirty) => Ok(dirty.now.as_ref().and_then(look)),
            None => Ok(self.find(txid)?.as_deref().and_then(look)),
        }
    }

    /// A record as sled has it.
    ///
    /// # Errors
    /// When sled fails.
    pub fn find(&self, txid: &Txid) -> Result<Option<Arc<StoredTransaction>>, StoreError> {
        if let Some(found) = self.cache.borrow_mut().touch(*txid, weight) {
            return Ok(Some(found.clone()));
        }
        let found = self.state.transaction(txid)?.map(Arc::new);
        if let Some(found) = &found {
            self.cache.borrow_mut().insert(*txid, found.clone(), weight(found));
        }
        Ok(found)
    }
}

/// Weight of a record in the cache: one, and one for each output.
fn weight(transaction: &Arc<StoredTransaction>) -> usize {
    1 + transaction.outputs.len()
}

/// Two ordered sources as one; where both have a record, the dirty one counts.
fn merged(
    stored: impl Iterator<Item = Result<(Txid, StoredTransaction), StoreError>>,
    dirty: &BTreeMap<Txid, Dirty>,
    mut visit: impl FnMut(Txid, &StoredTransaction),
) -> Result<(), StoreError> {
    let mut dirty = dirty.iter().peekable();
    for record in stored {
        let (txid, transaction) = record?;
        drain(&mut dirty, |next| next < txid, &mut visit);
        match dirty.next_if(|(next, _)| **next == txid) {
            Some((_, newer)) => newer.now.iter().for_each(|newer| visit(txid, newer)),
            None => visit(txid, &transaction),
        }
    }
    drain(&mut dirty, |_| true, &mut visit);
    Ok(())
}

fn drain<'d>(
    dirty: &mut Peekable<impl Iterator<Item = (&'d Txid, &'d Dirty)>>,
    is_due: impl Fn(Txid) -> bool,
    visit: &mut impl FnMut(Txid, &StoredTransaction),
) {
    while let Some((txid, record)) = dirty.next_if(|(txid, _)| is_due(**txid)) {
        record.now.iter().for_each(|transaction| visit(*txid, transaction));
    }
}
