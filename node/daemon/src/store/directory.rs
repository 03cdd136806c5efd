//! The data directory: its chain, its format, and the lock that keeps other processes out.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use cairn_core::hash::{BlockHash, GenesisHash};
use cairn_core::text::harmless;
use cairn_genesis::programs::files;
use cairn_protocol::chain::store::StoreError;

use crate::store::journal::{Journal, JournalRecord};
use crate::store::schema::FORMAT_VERSION;

/// The lock file of a data directory, held by the node that uses it.
pub const LOCK_FILE: &str = "LOCK";
/// The file with the secret of the node's RPC server; Bitcoin Core's name.
pub const COOKIE_FILE: &str = ".cookie";
/// The file that names the chain and the format.
const CHAIN_FILE: &str = "CHAIN";

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
    OtherFormat { path: PathBuf, found: u32, expected: u32 },
    /// The file that names the chain is not as this program writes it.
    #[error(
        "{} is damaged: expected a line \"format {FORMAT_VERSION}\" and a line \"genesis HASH\", found {found:?}; start with --reindex to write it again from the blocks beside it",
        path.display()
    )]
    Damaged { path: PathBuf, found: String },
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
    let text = fs::read_to_string(path.join(CHAIN_FILE)).ok()?;
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
        // The cookie of a run that was killed: its server is gone, whatever happens to this start.
        let _ = fs::remove_file(path.join(COOKIE_FILE));
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
        let file = self.path.join(CHAIN_FILE);
        let text = match fs::read(&file) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.name_chain(expected),
            Err(source) => return Err(OpenError::Io { path: file, source }),
        };
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let genesis = value("genesis ").and_then(|hash| hash.parse().ok());
        let format = value("format ").and_then(|format| format.parse::<u32>().ok());
        let (Some(found), Some(format)) = (genesis, format) else {
            if opening == Opening::Reindex && self.has_blocks_of(expected)? {
                return self.name_chain(expected);
            }
            return Err(OpenError::Damaged { path: file, found: harmless(&text, 80) });
        };
        let (path, is_old) = (self.path.clone(), (1..FORMAT_VERSION).contains(&format));
        if found != expected {
            return Err(OpenError::OtherChain { path, found, expected });
        }
        match format {
            FORMAT_VERSION => Ok(()),
            // The journal is the same in every format so far, and its blocks are all that is needed.
            _ if is_old && opening == Opening::Reindex => self.name_chain(expected),
            found if is_old => Err(OpenError::OldFormat { path, found, expected: FORMAT_VERSION }),
            found => Err(OpenError::OtherFormat { path, found, expected: FORMAT_VERSION }),
        }
    }

    /// Whether the journal is empty or has a block of the chain with this genesis: the journal of another chain
    /// must not be rebuilt for this one, which would leave nothing of it.
    fn has_blocks_of(&self, genesis: GenesisHash) -> Result<bool, OpenError> {
        let (journal, mut is_empty) = (Journal::open(&self.journal())?, true);
        for record in journal.intact_records(0) {
            let header = match record? {
                JournalRecord::Header(_, record) => record.header,
                JournalRecord::Body(block) => *block.header(),
                _ => continue,
            };
            let is_of_chain = |hash: BlockHash| GenesisHash::from(hash) == genesis;
            if is_of_chain(header.hash()) || is_of_chain(header.previous_block_hash) {
                return Ok(true);
            }
            is_empty = false;
        }
        Ok(is_empty)
    }

    fn name_chain(&self, genesis: GenesisHash) -> Result<(), OpenError> {
        let path = self.path.join(CHAIN_FILE);
        let text = format!("format {FORMAT_VERSION}\ngenesis {genesis}\n");
        files::replace_durably(&path, text.as_bytes()).map_err(|source| OpenError::Io { path, source })
    }
}
