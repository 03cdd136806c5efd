//! The data directory: whose chain it holds, in which format, and that no other process has it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use cairn_core::hash::GenesisHash;
use cairn_protocol::chain::store::StoreError;

use crate::store::schema::FORMAT_VERSION;

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
    /// Another version of this program wrote it.
    #[error(
        "{} is written in format {found}, this program knows format {expected}; start with --reindex to rebuild it from its blocks",
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
    pub fn open(path: &Path, genesis: GenesisHash) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Io { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(failed)?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(path.join("LOCK"));
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let directory = Self { path: path.to_owned(), _lock: lock };
        directory.check_chain(genesis)?;
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
    fn check_chain(&self, expected: GenesisHash) -> Result<(), OpenError> {
        let path = self.path.join("CHAIN");
        let failed = |source| OpenError::Io { path: path.clone(), source };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let unfinished = self.path.join("CHAIN.tmp");
                fs::write(&unfinished, format!("format {FORMAT_VERSION}\ngenesis {expected}\n"))
                    .map_err(failed)?;
                return fs::rename(&unfinished, &path).map_err(failed);
            }
            Err(error) => return Err(failed(error)),
        };
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let format = value("format ").unwrap_or("unknown");
        if format != FORMAT_VERSION.to_string() {
            let found = format.chars().take(20).collect();
            return Err(OpenError::OtherFormat { path: self.path.clone(), found, expected: FORMAT_VERSION });
        }
        let found = value("genesis ").and_then(|hash| hash.parse().ok()).ok_or_else(|| {
            failed(io::Error::other("it names no genesis; remove this file if the directory is yours"))
        })?;
        if found != expected {
            return Err(OpenError::OtherChain { path: self.path.clone(), found, expected });
        }
        Ok(())
    }
}
