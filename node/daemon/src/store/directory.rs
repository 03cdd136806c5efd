//! The data directory: whose chain it holds, in which format, and that no other process has it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use cairn_core::hash::GenesisHash;
use cairn_genesis::programs::files;
use cairn_protocol::chain::store::StoreError;

use crate::store::schema::FORMAT_VERSION;

/// The lock in a data directory, held by the node that uses it.
pub const LOCK_FILE: &str = "LOCK";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{} is in use by another cairn process; stop that one, or name another directory with --data-dir",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It holds another chain.
    #[error(
        "{} holds the chain with genesis {found}, not {expected}; name another directory with --data-dir, or that chain with --chain",
        path.display()
    )]
    OtherChain {
        /// The directory.
        path: PathBuf,
        /// The chain in it.
        found: GenesisHash,
        /// The chain to be run.
        expected: GenesisHash,
    },
    /// An older version of this program wrote it; its blocks are kept as they still are.
    #[error(
        "{} is written in format {found}, this program knows format {expected}; start with --reindex to rebuild it from its blocks",
        path.display()
    )]
    OldFormat {
        /// The directory.
        path: PathBuf,
        /// The format in it.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// Nothing that this program knows wrote it.
    #[error(
        "{} is written in format {found}, this program knows format {expected}; use the version that wrote it, or name another directory with --data-dir",
        path.display()
    )]
    OtherFormat {
        /// The directory.
        path: PathBuf,
        /// The format in it.
        found: String,
        /// Ours.
        expected: u32,
    },
    /// The system refuses.
    #[error("cannot use the data directory {}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is in it failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What to do with what the directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Go on with it.
    Resume,
    /// Throw everything away that can be computed again from the blocks, and compute it again.
    Reindex,
}

/// The genesis that a directory names, if it is a data directory at all. Takes no lock, makes nothing.
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
    /// Takes a directory for a chain; makes it if there is none.
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

    /// The file of blocks.
    pub fn journal(&self) -> PathBuf {
        self.path.join("blocks.dat")
    }

    /// The directory of sled.
    pub fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    /// A small text file says whose directory this is, for people too.
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
            // The journal is the same in every format so far: its blocks are all that is needed.
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
