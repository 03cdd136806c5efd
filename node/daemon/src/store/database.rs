//! A panic-safe wrapper around sled, in which every value has a checksum.
//!
//! sled may panic on a damaged file. A panic is caught and is reported as damage. After one, sled is never
//! called again, not even to be closed: its locks and threads may be in any state, and whatever it would
//! still write could only do harm.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cairn_core::encoding::{Decode, decode};
use cairn_protocol::chain::store::StoreError;

use crate::store::checksum;
use crate::store::journal::io_error;

/// The longest record: the outputs of one transaction that fills a block, in bytes.
const MAX_RECORD: usize = 64 * 1024 * 1024;
/// The size of sled's own cache. The transaction index has one for what is used often.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// sled's threads close its file a moment after the last handle is gone. The directory's own lock
/// is held here already, so this process was the last owner.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);

/// An open sled database.
pub struct Database {
    path: PathBuf,
    /// Some until this is dropped.
    db: Option<sled::Db>,
    is_broken: AtomicBool,
}

/// Changes that are written as a whole or not at all.
#[derive(Default)]
pub struct Batch(sled::Batch);

impl Batch {
    /// Stores a value under a key.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) {
        self.0.insert(key, checksum::add(key, value));
    }

    /// Removes a key and its value.
    pub fn remove(&mut self, key: &[u8]) {
        self.0.remove(key);
    }
}

impl Database {
    /// Opens the database, or makes an empty one.
    ///
    /// # Errors
    /// When the system fails, or the database is damaged.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let mut database = Self { path: path.to_owned(), db: None, is_broken: AtomicBool::new(false) };
        let deadline = Instant::now() + CLOSING_TIMEOUT;
        loop {
            match quietly(|| config.open()) {
                Some(Ok(db)) => {
                    database.db = Some(db);
                    return Ok(database);
                }
                Some(Err(error)) if is_locked(&error) && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Some(Err(error)) => return Err(database.failure("open", error)),
                None => return Err(database.unreadable()),
            }
        }
    }

    /// The record under a key.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was stored.
    pub fn get<T: Decode<()>>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        let found = self.call("read", |db| db.get(key))?;
        found.map(|stored| self.decode(self.check(key, &stored)?)).transpose()
    }

    /// Decodes the value of a record.
    pub fn decode<T: Decode<()>>(&self, bytes: &[u8]) -> Result<T, StoreError> {
        decode(bytes, MAX_RECORD).map_err(|error| self.damaged(&format!("a record is {error}")))
    }

    /// What `read` makes of every key with this prefix and its value, in order, up to the first error.
    pub fn scan<T>(
        &self,
        prefix: &[u8],
        read: impl Fn(&[u8], &[u8]) -> Result<T, StoreError>,
    ) -> impl Iterator<Item = Result<T, StoreError>> {
        let mut records = self.call("read", |db| Ok(db.scan_prefix(prefix))).map(Some);
        std::iter::from_fn(move || {
            let next = match &mut records {
                Ok(None) => return None,
                Ok(Some(open)) => self.call("read", |_| open.next().transpose()),
                Err(_) => std::mem::replace(&mut records, Ok(None)).map(|_| None),
            };
            let record = next.and_then(|found| {
                found.map(|(key, stored)| read(&key, self.check(&key, &stored)?)).transpose()
            });
            if !matches!(record, Ok(Some(_))) {
                records = Ok(None);
            }
            record.transpose()
        })
    }

    /// Writes a batch, and flushes it to the disk.
    ///
    /// # Errors
    /// When the system fails, or the file is damaged.
    pub fn write(&self, batch: Batch) -> Result<(), StoreError> {
        self.call("write", |db| db.apply_batch(batch.0))?;
        self.call("flush", |db| db.flush()).map(|_| ())
    }

    /// Its size on the disk, in bytes.
    pub fn size_on_disk(&self) -> u64 {
        self.call("measure", |db| db.size_on_disk()).unwrap_or(0)
    }

    /// The error that the database is damaged, with what was found.
    pub fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged { place: self.path.display().to_string(), what: what.to_owned() }
    }

    /// Changes a stored value without its checksum, as damage would.
    #[cfg(test)]
    pub fn change_raw(&self, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
        let db = self.db.as_ref().expect("open");
        let mut value = db.get(key).expect("readable").expect("a value").to_vec();
        change(&mut value);
        db.insert(key, value).expect("written");
        db.flush().expect("flushed");
    }

    fn call<T>(
        &self,
        attempt: &'static str,
        call: impl FnOnce(&sled::Db) -> sled::Result<T>,
    ) -> Result<T, StoreError> {
        let Some(db) = self.db.as_ref().filter(|_| !self.is_broken.load(Ordering::Relaxed)) else {
            return Err(self.unreadable());
        };
        match quietly(|| call(db)) {
            Some(outcome) => outcome.map_err(|error| self.failure(attempt, error)),
            None => {
                self.is_broken.store(true, Ordering::Relaxed);
                Err(self.unreadable())
            }
        }
    }

    fn check<'s>(&self, key: &[u8], stored: &'s [u8]) -> Result<&'s [u8], StoreError> {
        checksum::check(key, stored).ok_or_else(|| self.damaged("a record is not as it was written"))
    }

    fn unreadable(&self) -> StoreError {
        self.damaged("sled cannot read it")
    }

    fn failure(&self, attempt: &'static str, error: sled::Error) -> StoreError {
        match error {
            sled::Error::Io(source) if source.kind() != std::io::ErrorKind::InvalidData => {
                io_error(attempt, &self.path, source)
            }
            other => self.damaged(&other.to_string()),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let db = self.db.take();
        if *self.is_broken.get_mut() {
            std::mem::forget(db);
        } else if quietly(|| drop(db)).is_none() {
            tracing::warn!(path = %self.path.display(), "sled failed while it was closed; all was written before");
        }
    }
}

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs something that may panic; none if it did. sled's panic messages help only its authors, so they are
/// left out of standard error.
fn quietly<T>(run: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let is_sleds = thread.name().is_some_and(|name| name.starts_with("sled-"));
            if !is_sleds && !IS_GUARDED.get() {
                previous(panic);
            }
        }));
    });
    let outer = IS_GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(run));
    IS_GUARDED.set(outer);
    outcome.ok()
}

/// Whether another handle has the file. sled reports that in an error that only its text distinguishes.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}
