//! What the database holds, as records: the checkpoint, headers, transactions.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::encoding::{Decode, decode, encode};
use cairn_core::hash::{BlockHash, Txid};
use cairn_protocol::chain::store::StoreError;

use crate::store::address_schema::{self, Changes, Kind, MARK_KEY, Mark, Summary, Visit};
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
    Header(BlockHash, Box<StoredHeader>),
    Transaction,
    Address,
    Mark,
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
        let (mut headers, mut count, mut of_addresses) = (Headers::new(), 0, 0);
        for record in self.database.scan(prefix, |key, value| self.record(key, value)) {
            match record? {
                Record::Header(hash, header) => {
                    headers.insert(hash, *header);
                    count += 1;
                }
                Record::Transaction => count += 1,
                Record::Address => of_addresses += 1,
                Record::Mark => {}
            }
        }
        let mark = self.address_mark()?.filter(|mark| mark.sequence == checkpoint.sequence);
        if let Some(mark) = mark.filter(|mark| reads_all && mark.records != of_addresses) {
            let what = format!("{of_addresses} records of addresses where {} were written", mark.records);
            return Err(self.damaged(&what));
        }
        if reads_all && count != checkpoint.records {
            return Err(self.damaged(&format!("{count} records where {} were written", checkpoint.records)));
        }
        Ok(headers)
    }

    fn record(&self, key: &[u8], value: &[u8]) -> Result<Record, StoreError> {
        match read_key(key) {
            Some(Key::Header(hash)) => Ok(Record::Header(hash, Box::new(self.value(value)?))),
            Some(Key::Transaction(_)) => self.value::<StoredTransaction>(value).map(|_| Record::Transaction),
            Some(Key::Address(Kind::Summary)) => self.value::<Summary>(value).map(|_| Record::Address),
            Some(Key::Address(Kind::Visit)) => self.value::<Visit>(value).map(|_| Record::Address),
            Some(Key::Address(Kind::Coin)) => self.value::<Amount>(value).map(|_| Record::Address),
            Some(Key::Address(Kind::Mark) | Key::Checkpoint) => Ok(Record::Mark),
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
        addresses: Option<(&Changes, &Mark)>,
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
        if let Some((changes, mark)) = addresses {
            put_addresses(&mut batch, changes, mark);
        }
        batch.insert(CHECKPOINT_KEY, &encode(checkpoint));
        self.database.write(batch)
    }

    /// The mark of the address index, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn address_mark(&self) -> Result<Option<Mark>, StoreError> {
        self.get(MARK_KEY)
    }

    /// A record of the address index, opened by `read`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn address_record<T>(
        &self,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.database.get(key, read)
    }

    /// Every unspent output whose key begins so, in the order of keys.
    pub fn address_coins<'s>(
        &'s self,
        prefix: &'s [u8],
    ) -> impl Iterator<Item = Result<(Vec<u8>, Amount), StoreError>> + 's {
        self.database.scan(prefix, |key, value| Ok((key.to_vec(), self.value(value)?)))
    }

    /// Writes a part of an address index that is being made, whole or not at all.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_addresses(&self, changes: &Changes, mark: &Mark) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        put_addresses(&mut batch, changes, mark);
        self.database.write(batch)
    }

    /// How many records the address index has without its mark, counted one by one.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn count_addresses(&self) -> Result<u64, StoreError> {
        let records = self.database.scan(&address_schema::PREFIX, |key, value| self.record(key, value));
        let is_counted = |record: &Record| matches!(record, Record::Address);
        records.map(|record| Ok(u64::from(is_counted(&record?)))).sum()
    }

    /// Takes away at most so many records of the address index, its mark first; returns how many.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn remove_addresses(&self, most: usize) -> Result<usize, StoreError> {
        let keys = self.database.scan(&address_schema::PREFIX, |key, _| Ok(key.to_vec()));
        let keys = keys.take(most).collect::<Result<Vec<_>, _>>()?;
        let mut batch = Batch::default();
        keys.iter().for_each(|key| batch.remove(key));
        if !keys.is_empty() {
            self.database.write(batch)?;
        }
        Ok(keys.len())
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

fn put_addresses(batch: &mut Batch, changes: &Changes, mark: &Mark) {
    for (key, change) in changes {
        match &change.now {
            Some(value) => batch.insert(key, value),
            None => batch.remove(key),
        }
    }
    batch.insert(MARK_KEY, &encode(mark));
}
