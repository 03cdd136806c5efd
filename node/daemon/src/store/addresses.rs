//! The address index: for every lock its transactions in the order of the best chain, its unspent
//! outputs, and their sums. Changes are in memory until a checkpoint writes them with the tip.

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::coin::Undo;
use cairn_core::encoding::{Decode, Encode, encode};
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::store::{ChainBlock, Commit, StoreError};

use crate::store::address_schema::{
    AddressChanges, HistoryEntry, INDEX_CHECKPOINT_KEY, IndexCheckpoint, LockSummary, PREFIX, coin_key,
    coin_prefix, history_key, history_prefix, read_coin_key, summary_key,
};
use crate::store::changes::{self, Change};
use crate::store::database::{Batch, Database};
use crate::store::lock_deltas::{TransactionDelta, spent_outputs, transaction_deltas};

/// What happens to the index when a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexing {
    /// It stays if it is there.
    Kept,
    /// It is there from now on: built for the chain so far, if it is missing.
    On,
    /// It is removed from the database.
    Off,
}

/// An open address index.
pub struct AddressIndex {
    database: Arc<Database>,
    /// Number of records in the database.
    stored: u64,
    changes: AddressChanges,
}

impl AddressIndex {
    /// The index over a database with this many records of it.
    pub const fn new(database: Arc<Database>, stored: u64) -> Self {
        Self { database, stored, changes: AddressChanges::new() }
    }

    /// The part of the index about one lock, to be read beside the driver until the next checkpoint.
    pub fn about(&self, lock: &Lock) -> Self {
        let prefixes = [summary_key(lock), history_prefix(lock), coin_prefix(lock)];
        let changes = prefixes.iter().flat_map(|prefix| self.changes_with(prefix));
        let changes = changes.map(|(key, change)| (key.clone(), change.clone())).collect();
        Self { database: self.database.clone(), stored: self.stored, changes }
    }

    /// The sums of a lock; all zero for one that the chain does not have.
    pub fn summary(&self, lock: &Lock) -> Result<LockSummary, StoreError> {
        Ok(self.get(&summary_key(lock))?.unwrap_or_default())
    }

    /// An entry of a lock's history; number 0 is its first transaction.
    pub fn history_entry(&self, lock: &Lock, number: u64) -> Result<Option<HistoryEntry>, StoreError> {
        self.get(&history_key(lock, number))
    }

    /// At most `count` transactions of a lock, the newest first, without the `skip` newest.
    pub fn history(&self, lock: &Lock, skip: u64, count: u64) -> Result<Vec<HistoryEntry>, StoreError> {
        let end = self.summary(lock)?.transactions.saturating_sub(skip);
        let numbers = (end.saturating_sub(count)..end).rev();
        let missing = || self.database.damaged("a transaction is missing in the history of an address");
        numbers.map(|number| self.history_entry(lock, number)?.ok_or_else(missing)).collect()
    }

    /// The amount of an unspent output of a lock.
    pub fn coin(&self, lock: &Lock, outpoint: &OutPoint) -> Result<Option<Amount>, StoreError> {
        self.get(&coin_key(lock, outpoint))
    }

    /// At most `count` unspent outputs of a lock in the order of outpoints, without the first `skip`.
    pub fn coins(
        &self,
        lock: &Lock,
        skip: usize,
        count: usize,
    ) -> Result<Vec<(OutPoint, Amount)>, StoreError> {
        let (prefix, wanted) = (coin_prefix(lock), skip.saturating_add(count));
        let stored =
            self.database.scan(&prefix, |key, value| Ok((key.to_vec(), self.database.decode(value)?)));
        let unchanged = stored.filter(|found| match found {
            Ok((key, _)) => !self.changes.contains_key(key),
            Err(_) => true,
        });
        let mut found: BTreeMap<Vec<u8>, Amount> = unchanged.take(wanted).collect::<Result<_, _>>()?;
        let changed = self.changes_with(&prefix);
        let changed = changed.filter_map(|(key, change)| Some((key.clone(), change.now.as_ref()?)));
        for (key, bytes) in changed.take(wanted) {
            found.insert(key, self.database.decode(bytes)?);
        }
        let malformed = || self.database.damaged("a key of the address index is malformed");
        let coins = found.into_iter().skip(skip).take(count);
        coins.map(|(key, amount)| Ok((read_coin_key(&key).ok_or_else(malformed)?, amount))).collect()
    }

    /// Applies a commit. `undo` finds the undo data of disconnected blocks.
    ///
    /// # Errors
    /// When the database fails, or the store contradicts itself.
    pub fn apply(
        &mut self,
        commit: &Commit,
        undo: impl Fn(&BlockHash) -> Result<Option<Arc<Undo>>, StoreError>,
    ) -> Result<(), StoreError> {
        for ChainBlock { block, .. } in &commit.disconnected {
            let hash = block.hash();
            let undo = undo(&hash)?.ok_or(StoreError::Missing { kind: "undo data", hash })?;
            self.disconnect(block, &undo)?;
        }
        let new: BTreeMap<BlockHash, &Undo> =
            commit.undo.iter().map(|(hash, undo)| (*hash, &**undo)).collect();
        // Genesis spends nothing and has no undo data.
        let nothing = Undo::default();
        for ChainBlock { height, block, .. } in &commit.connected {
            self.connect(*height, block, new.get(&block.hash()).copied().unwrap_or(&nothing))?;
        }
        Ok(())
    }

    /// Adds the transactions of a block at this height.
    ///
    /// # Errors
    /// When the database fails, or the undo data is not the block's.
    pub fn connect(&mut self, height: Height, block: &Block, undo: &Undo) -> Result<(), StoreError> {
        for transaction in self.transactions(block, undo)? {
            for (lock, delta) in transaction.lock_deltas() {
                let before = self.summary(&lock)?;
                let entry = HistoryEntry::new(&transaction, height, &delta);
                self.insert(history_key(&lock, before.transactions), &entry, false);
                let after = self.not_negative(before.add(&delta))?;
                self.insert(summary_key(&lock), &after, before.transactions > 0);
            }
            for (outpoint, output) in &transaction.spent {
                self.remove(coin_key(&output.lock, outpoint));
            }
            for (outpoint, output) in &transaction.created {
                self.insert(coin_key(&output.lock, outpoint), &output.amount, false);
            }
        }
        Ok(())
    }

    /// Removes the transactions of the last block.
    fn disconnect(&mut self, block: &Block, undo: &Undo) -> Result<(), StoreError> {
        for transaction in self.transactions(block, undo)?.into_iter().rev() {
            for (outpoint, output) in &transaction.created {
                self.remove(coin_key(&output.lock, outpoint));
            }
            for (outpoint, output) in &transaction.spent {
                self.insert(coin_key(&output.lock, outpoint), &output.amount, false);
            }
            for (lock, delta) in transaction.lock_deltas() {
                let summary = self.not_negative(self.summary(&lock)?.subtract(&delta))?;
                let last = self.history_entry(&lock, summary.transactions)?;
                if last.is_none_or(|last| last.txid != transaction.txid) {
                    let what = format!("{} is not the last in the history of an address", transaction.txid);
                    return Err(self.database.damaged(&what));
                }
                self.remove(history_key(&lock, summary.transactions));
                match summary.transactions {
                    0 => self.remove(summary_key(&lock)),
                    _ => self.insert(summary_key(&lock), &summary, true),
                }
            }
        }
        Ok(())
    }

    /// The number of records, counted one by one.
    pub fn count(&self) -> Result<u64, StoreError> {
        let keys = self.database.scan(&PREFIX, |key, _| Ok(u64::from(key != INDEX_CHECKPOINT_KEY)));
        Ok(changes::count(keys.sum::<Result<u64, _>>()?, &self.changes))
    }

    /// The changes that a checkpoint has to write.
    pub const fn changes(&self) -> &AddressChanges {
        &self.changes
    }

    /// Adds the changes to the batch of this checkpoint, with the index checkpoint that is returned. `next` is
    /// the first block that is missing while the index is built.
    pub fn write(&self, batch: &mut Batch, sequence: u64, next: Option<Height>) -> IndexCheckpoint {
        for (key, change) in &self.changes {
            match &change.now {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        let records = changes::count(self.stored, &self.changes);
        let checkpoint = IndexCheckpoint { sequence, records, next };
        batch.insert(INDEX_CHECKPOINT_KEY, &encode(&checkpoint));
        checkpoint
    }

    /// Takes over that the changes were written with this index checkpoint.
    pub fn written(&mut self, checkpoint: &IndexCheckpoint) {
        self.stored = checkpoint.records;
        self.changes.clear();
    }

    fn transactions<'b>(
        &self,
        block: &'b Block,
        undo: &'b Undo,
    ) -> Result<Vec<TransactionDelta<'b>>, StoreError> {
        let earlier = spent_outputs(undo);
        transaction_deltas(block, |outpoint| earlier.get(outpoint).copied())
            .map_err(|error| self.database.damaged(&error.to_string()))
    }

    fn not_negative(&self, sums: Option<LockSummary>) -> Result<LockSummary, StoreError> {
        sums.ok_or_else(|| self.database.damaged("a sum of the address index is below zero"))
    }

    fn changes_with(&self, prefix: &[u8]) -> impl Iterator<Item = (&Vec<u8>, &Change<Vec<u8>>)> {
        let from = self.changes.range(prefix.to_vec()..);
        from.take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// Stores a record; `was_stored` says whether the database has an older form, if it did not change yet.
    fn insert<T: Encode>(&mut self, key: Vec<u8>, record: &T, was_stored: bool) {
        let now = Some(encode(record));
        self.changes.entry(key).or_insert(Change { was_stored, now: None }).now = now;
    }

    /// Removes a record, which the database has unless it changed since.
    fn remove(&mut self, key: Vec<u8>) {
        self.changes.entry(key).or_insert(Change { was_stored: true, now: None }).now = None;
    }

    fn get<T: Decode<()>>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        match self.changes.get(key) {
            Some(change) => change.now.as_ref().map(|bytes| self.database.decode(bytes)).transpose(),
            None => self.database.get(key),
        }
    }
}
