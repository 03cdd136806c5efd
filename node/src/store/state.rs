//! What the database holds, as records: the checkpoint, headers, transactions.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cairn_core::encoding::{Decode, decode, encode};
use cairn_core::hash::{BlockHash, Txid};
use cairn_protocol::chain::store::StoreError;

use crate::store::database::{Batch, Database};
use crate::store::schema::{
    CHECKPOINT_KEY, Checkpoint, Dirty, HEADER_PREFIX, Headers, Key, StoredHeader, StoredTransaction,
    TRANSACTION_PREFIX, header_key, read_key, transaction_key,
};

/// No record is longer: the outputs of one transaction that fills a block.
const MAX_RECORD: usize = 64 * 1024 * 1024;
/// Up to this size every record is read once when opening, to find damage before it is used.
const READ_ALL_BELOW: u64 = 128 * 1024 * 1024;

/// The open records.
#[derive(Clone)]
pub struct State {
    database: Arc<Database>,
}

/// What a look at every record comes across.
enum Record {
    Header(BlockHash, StoredHeader),
    Transaction,
    Checkpoint,
}

impl State {
    /// Opens the records, or begins them.
    ///
    /// # Errors
    /// When the system refuses, or what is there is no intact database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { database: Arc::new(Database::open(path)?) })
    }

    /// The last checkpoint.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, StoreError> {
        self.get(CHECKPOINT_KEY)
    }

    /// A transaction's record.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn transaction(&self, txid: &Txid) -> Result<Option<StoredTransaction>, StoreError> {
        self.get(&transaction_key(txid))
    }

    /// Every header; and, when that is soon done, a look at every other record.
    ///
    /// # Errors
    /// When a record cannot be read, or is missing.
    pub fn load(&self, checkpoint: &Checkpoint) -> Result<Headers, StoreError> {
        let reads_all = self.size_on_disk() < READ_ALL_BELOW;
        let prefix: &[u8] = if reads_all { &[] } else { &HEADER_PREFIX };
        let (mut headers, mut count) = (Headers::new(), 0);
        for record in self.database.scan(prefix, |key, value| self.record(key, value)) {
            match record? {
                Record::Header(hash, header) => {
                    headers.insert(hash, header);
                    count += 1;
                }
                Record::Transaction => count += 1,
                Record::Checkpoint => {}
            }
        }
        if reads_all && count != checkpoint.records {
            return Err(self.damaged(&format!("{count} records where {} were written", checkpoint.records)));
        }
        Ok(headers)
    }

    fn record(&self, key: &[u8], value: &[u8]) -> Result<Record, StoreError> {
        match read_key(key) {
            Some(Key::Header(hash)) => Ok(Record::Header(hash, self.value(value)?)),
            Some(Key::Transaction(_)) => self.value::<StoredTransaction>(value).map(|_| Record::Transaction),
            Some(Key::Checkpoint) => Ok(Record::Checkpoint),
            None => Err(self.damaged("a key that means nothing")),
        }
    }

    /// Every transaction's record, in the order of ids, as stored.
    pub fn transactions(&self) -> impl Iterator<Item = Result<(Txid, StoredTransaction), StoreError>> + '_ {
        self.database.scan(&TRANSACTION_PREFIX, |key, value| match read_key(key) {
            Some(Key::Transaction(txid)) => Ok((txid, self.value(value)?)),
            _ => Err(self.damaged("a key that means nothing")),
        })
    }

    /// Writes what has changed, whole or not at all, and makes it safe.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write<'a>(
        &self,
        headers: impl Iterator<Item = (&'a BlockHash, &'a StoredHeader)>,
        transactions: &BTreeMap<Txid, Dirty>,
        checkpoint: &Checkpoint,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for (hash, header) in headers {
            batch.insert(&header_key(hash), &encode(header));
        }
        for (txid, dirty) in transactions {
            match &dirty.now {
                Some(transaction) => batch.insert(&transaction_key(txid), &encode(transaction)),
                None => batch.remove(&transaction_key(txid)),
            }
        }
        batch.insert(CHECKPOINT_KEY, &encode(checkpoint));
        self.database.write(batch)
    }

    /// Bytes on disk.
    pub fn size_on_disk(&self) -> u64 {
        self.database.size_on_disk()
    }

    /// The error that the database is damaged.
    pub fn damaged(&self, what: &str) -> StoreError {
        self.database.damaged(what)
    }

    /// Changes a stored value beneath its seal, as damage would.
    #[cfg(test)]
    pub fn change_raw(&self, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
        self.database.change_raw(key, change);
    }

    fn get<T: Decode<()>>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.database.get(key, |value| self.value(value))
    }

    fn value<T: Decode<()>>(&self, bytes: &[u8]) -> Result<T, StoreError> {
        decode(bytes, MAX_RECORD).map_err(|error| self.damaged(&format!("a record is {error}")))
    }
}
