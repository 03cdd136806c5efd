//! sled behind glass: every value is sealed, and every call may panic on a damaged file.
//!
//! A panic is caught and is damage. After one, sled is never touched again, not even to be closed:
//! its locks and threads may be in any state, and whatever it would still write could only do harm.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cairn_protocol::chain::store::StoreError;

use crate::store::journal::io_error;
use crate::store::seal::{seal, unseal};

/// sled's own cache; what is used often is in the ledger's.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// sled's threads close its file a moment after the last handle is gone. The directory's own lock
/// is held here already, so nobody else can be the owner that is waited for.
const LAST_OWNER: Duration = Duration::from_secs(5);

/// The open database.
pub struct Database {
    path: PathBuf,
    /// Always there, until this is dropped.
    db: Option<sled::Db>,
    is_broken: AtomicBool,
}

/// Changes that happen whole or not at all.
#[derive(Default)]
pub struct Batch(sled::Batch);

impl Batch {
    /// Puts a value under a key.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) {
        self.0.insert(key, seal(key, value));
    }

    /// Takes a key away.
    pub fn remove(&mut self, key: &[u8]) {
        self.0.remove(key);
    }
}

impl Database {
    /// Opens the database, or begins it.
    ///
    /// # Errors
    /// When the system refuses, or what is there is no intact database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let mut database = Self { path: path.to_owned(), db: None, is_broken: AtomicBool::new(false) };
        let deadline = Instant::now() + LAST_OWNER;
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
                None => return Err(database.beyond_reading()),
            }
        }
    }

    /// The value under a key, opened by `read`.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was stored.
    pub fn get<T>(
        &self,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let found = self.call("read", |db| db.get(key))?;
        found.map(|sealed| read(self.unseal(key, &sealed)?)).transpose()
    }

    /// Every key that begins so and its value opened by `read`, in the order of keys, up to the first
    /// error.
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
                found.map(|(key, sealed)| read(&key, self.unseal(&key, &sealed)?)).transpose()
            });
            if !matches!(record, Ok(Some(_))) {
                records = Ok(None);
            }
            record.transpose()
        })
    }

    /// Writes a batch, and makes it safe.
    ///
    /// # Errors
    /// When the system refuses, or the file is damaged.
    pub fn write(&self, batch: Batch) -> Result<(), StoreError> {
        self.call("write", |db| db.apply_batch(batch.0))?;
        self.call("flush", |db| db.flush()).map(|_| ())
    }

    /// Bytes on disk.
    pub fn size_on_disk(&self) -> u64 {
        self.call("measure", |db| db.size_on_disk()).unwrap_or(0)
    }

    /// The error that this is damaged.
    pub fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged { place: self.path.display().to_string(), what: what.to_owned() }
    }

    /// Changes a stored value beneath its seal, as damage would.
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
            return Err(self.beyond_reading());
        };
        match quietly(|| call(db)) {
            Some(outcome) => outcome.map_err(|error| self.failure(attempt, error)),
            None => {
                self.is_broken.store(true, Ordering::Relaxed);
                Err(self.beyond_reading())
            }
        }
    }

    fn unseal<'s>(&self, key: &[u8], sealed: &'s [u8]) -> Result<&'s [u8], StoreError> {
        unseal(key, sealed).ok_or_else(|| self.damaged("a record is not as it was written"))
    }

    fn beyond_reading(&self) -> StoreError {
        self.damaged("sled cannot make sense of it")
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

/// Runs something that may panic; none if it did. What sled says as it panics is of no use to anybody
/// but its authors, so nothing of it is printed.
fn quietly<T>(run: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let is_sleds = thread.name().is_some_and(|name| name.starts_with("sled-"));
            if !is_sleds && !IS_GUARDED.get() {
                others(panic);
            }
        }));
    });
    let outer = IS_GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(run));
    IS_GUARDED.set(outer);
    outcome.ok()
}

/// sled wraps the refused lock in an error of its own making, of which only the text tells.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}
