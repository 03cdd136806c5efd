//! sled, and nothing else of it than this file needs: reads, one batch, a careful opening.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cairn_core::encoding::{Decode, decode, encode};
use cairn_core::hash::{BlockHash, Txid};
use cairn_protocol::chain::store::StoreError;

use crate::store::journal::io_error;
use crate::store::schema::{
    CHECKPOINT_KEY, Checkpoint, Dirty, Headers, Key, StoredHeader, StoredTransaction, TRANSACTION_PREFIX,
    header_key, read_key, transaction_key,
};

/// sled's own cache; what is used often is in the ledger's.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// No record is longer: the outputs of one transaction that fills a block.
const MAX_RECORD: usize = 64 * 1024 * 1024;
/// Up to this size every record is read once when opening, to find damage before it is used.
const READ_ALL_BELOW: u64 = 128 * 1024 * 1024;

/// sled's threads close its file a moment after the last handle is gone. The directory's own lock
/// is held here already, so nobody else can be the owner that is waited for.
const LAST_OWNER: Duration = Duration::from_secs(5);

/// The open database.
#[derive(Clone)]
pub struct State {
    path: PathBuf,
    db: sled::Db,
}

impl State {
    /// Opens the database, or begins it.
    ///
    /// # Errors
    /// When the system refuses, or what is there is no intact database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let deadline = Instant::now() + LAST_OWNER;
        loop {
            // sled meets some kinds of damage with a panic.
            match guarded(path, || config.open())? {
                Ok(db) => return Ok(Self { path: path.to_owned(), db }),
                Err(error) if is_locked(&error) && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => return Err(failure(path, "open", error)),
            }
        }
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
        guarded(&self.path, || self.load_unguarded(checkpoint))?
    }

    fn load_unguarded(&self, checkpoint: &Checkpoint) -> Result<Headers, StoreError> {
        let mut headers = Headers::new();
        let reads_all = self.size_on_disk() < READ_ALL_BELOW;
        let records = if reads_all { self.db.iter() } else { self.db.scan_prefix(b"H") };
        let mut count = 0;
        for record in records {
            let (key, value) = record.map_err(|error| failure(&self.path, "read", error))?;
            match read_key(&key) {
                Some(Key::Header(hash)) => {
                    headers.insert(hash, self.value(&value)?);
                    count += 1;
                }
                Some(Key::Transaction(_)) => {
                    self.value::<StoredTransaction>(&value)?;
                    count += 1;
                }
                Some(Key::Checkpoint) => {}
                None => return Err(self.damaged("a key that means nothing")),
            }
        }
        if reads_all && count != checkpoint.records {
            return Err(self.damaged(&format!("{count} records where {} were written", checkpoint.records)));
        }
        Ok(headers)
    }

    /// Every transaction's record, in the order of ids, as stored.
    pub fn transactions(&self) -> impl Iterator<Item = Result<(Txid, StoredTransaction), StoreError>> + '_ {
        self.db.scan_prefix(TRANSACTION_PREFIX).map(|record| {
            let (key, value) = record.map_err(|error| failure(&self.path, "read", error))?;
            match read_key(&key) {
                Some(Key::Transaction(txid)) => Ok((txid, self.value(&value)?)),
                _ => Err(self.damaged("a key that means nothing")),
            }
        })
    }

    /// Writes what has changed, whole or not at all, and makes it safe.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write<'a>(
        &self,
        headers: impl Iterator<Item = (&'a BlockHash, &'a StoredHeader)>,
        transactions: &'a std::collections::BTreeMap<Txid, Dirty>,
        checkpoint: &Checkpoint,
    ) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (hash, header) in headers {
            batch.insert(&header_key(hash)[..], encode(header));
        }
        for (txid, dirty) in transactions {
            match &dirty.now {
                Some(transaction) => batch.insert(&transaction_key(txid)[..], encode(transaction)),
                None => batch.remove(&transaction_key(txid)[..]),
            }
        }
        batch.insert(CHECKPOINT_KEY, encode(checkpoint));
        self.db.apply_batch(batch).map_err(|error| failure(&self.path, "write", error))?;
        self.db.flush().map(|_| ()).map_err(|error| failure(&self.path, "flush", error))
    }

    /// Bytes on disk.
    pub fn size_on_disk(&self) -> u64 {
        self.db.size_on_disk().unwrap_or(0)
    }

    /// The error that the database is damaged.
    pub fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged { place: self.path.display().to_string(), what: what.to_owned() }
    }

    fn get<T: Decode<()>>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        let value = self.db.get(key).map_err(|error| failure(&self.path, "read", error))?;
        value.map(|value| self.value(&value)).transpose()
    }

    fn value<T: Decode<()>>(&self, bytes: &[u8]) -> Result<T, StoreError> {
        decode(bytes, MAX_RECORD).map_err(|error| self.damaged(&format!("a record is {error}")))
    }
}

/// Runs something that may panic on damage; a panic is damage.
fn guarded<T>(path: &Path, run: impl FnOnce() -> T) -> Result<T, StoreError> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = catch_unwind(AssertUnwindSafe(run));
    std::panic::set_hook(hook);
    outcome.map_err(|_| StoreError::Damaged {
        place: path.display().to_string(),
        what: "sled cannot make sense of it".to_owned(),
    })
}

/// sled wraps the refused lock in an error of its own making, of which only the text tells.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

fn failure(path: &Path, attempt: &'static str, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source) if source.kind() != std::io::ErrorKind::InvalidData => {
            io_error(attempt, path, source)
        }
        other => StoreError::Damaged { place: path.display().to_string(), what: other.to_string() },
    }
}
