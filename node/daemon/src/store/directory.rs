//! The data directory: its chain, its format, and the lock that keeps other processes out.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use cairn_core::hash::GenesisHash;
use cairn_genesis::programs::files;
use cairn_protocol::chain::store::StoreError;

use crate::store::schema::FORMAT_VERSION;

/// The lock file of a data directory, held by the node that uses it.
pub const LOCK_FILE: &str = "LOCK";

/// The reasons why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "{} is in use by another cairn process; stop that one, or name another directory with --data-dir",
        path.display()
    )]
    InUse { path: PathBuf },
    #[error(
        "{} holds the chain with genesis {found}, not {expected}; name another directory with --data-dir, or that chain with --chain",
        path.display()
    )]
    OtherChain { path: PathBuf, found: GenesisHash, expected: GenesisHash },
    /// An older version of this program wrote it; its blocks can still be read.
    #[error(
        "{} is written in format {found}, this program knows format {expected}; start with --reindex to rebuild it from its blocks",
        path.display()
    )]
    OldFormat { path: PathBuf, found: u32, expected: u32 },
    /// No version up to this one wrote it.
    #[error(
        "{} is written in format {found}, this program knows format {expected}; use the version that wrote it, or name another directory with --data-dir",
        path.display()
    )]
    OtherFormat { path: PathBuf, found: String, expected: u32 },
    #[error("cannot use the data directory {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What happens to the contents of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// They are used as they are.
    Resume,
    /// All that can be computed from the blocks is removed and computed again.
    Reindex,
}

/// The genesis of the chain in a directory; none when it is not a data directory. Takes no lock.
pub fn recorded_genesis(path: &Path) -> Option<GenesisHash> {
    let text = fs::read_to_string(path.join("CHAIN")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("genesis "))?.trim().parse().ok()
}

/// A data directory that this process alone may use, as long as this lives.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Locks a directory for a chain, and makes it if there is none.
    ///
    /// # Errors
    /// Every variant of [`OpenError`] but `Store`.
    pub fn open(path: &Path, genesis: GenesisHash, opening: Opening) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Io { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(failed)?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(path.join(LOCK_FILE));
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let directory = Self { path: path.to_owned(), _lock: lock };
        directory.check_chain(genesis, opening)?;
        Ok(directory)
    }

    /// The path of the journal.
    pub fn journal(&self) -> PathBuf {
        self.path.join("blocks.dat")
    }

    /// The path of the database.
    pub fn database(&self) -> PathBuf {
        self.path.join("state")
    }

    /// Checks the text file that names the chain and the format of the directory.
    fn check_chain(&self, expected: GenesisHash, opening: Opening) -> Result<(), OpenError> {
        let path = self.path.join("CHAIN");
        let failed = |source| OpenError::Io { path: path.clone(), source };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.name_chain(expected),
            Err(error) => return Err(failed(error)),
        };
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let found = value("genesis ").and_then(|hash| hash.parse().ok()).ok_or_else(|| {
            failed(io::Error::other("it names no genesis; remove this file if the directory is yours"))
        })?;
        if found != expected {
            return Err(OpenError::OtherChain { path: self.path.clone(), found, expected });
        }
        let (path, expected_format) = (self.path.clone(), FORMAT_VERSION);
        let format = value("format ").unwrap_or("unknown");
        match format.parse() {
            Ok(FORMAT_VERSION) => Ok(()),
            // The journal is the same in every format so far, and its blocks are all that is needed.
            Ok(1..FORMAT_VERSION) if opening == Opening::Reindex => self.name_chain(expected),
            Ok(found @ 1..FORMAT_VERSION) => {
                Err(OpenError::OldFormat { path, found, expected: expected_format })
            }
            _ => {
                let found = format.chars().take(20).collect();
                Err(OpenError::OtherFormat { path, found, expected: expected_format })
            }
        }
    }

    fn name_chain(&self, genesis: GenesisHash) -> Result<(), OpenError> {
        let path = self.path.join("CHAIN");
        let text = format!("format {FORMAT_VERSION}\ngenesis {genesis}\n");
        files::replace_durably(&path, text.as_bytes()).map_err(|source| OpenError::Io { path, source })
    }
}
