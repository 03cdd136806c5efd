//! Words of the settings: their names, where a value can stand, and what can be wrong with one.

use core::fmt;
use std::path::PathBuf;

use cairn_genesis::programs::environment::RPC;
use cairn_genesis::programs::home::HomeError;

/// Every key of the file; its flag is `--KEY`, its variable `CAIRN_KEY`.
pub const KEYS: [&str; 18] = [
    "address-index",
    "chain",
    "connect",
    "data-dir",
    "hashrate",
    "listen",
    "log",
    "log-json",
    "max-inbound",
    "max-mempool",
    "max-outbound",
    "mine",
    "reindex",
    "rpc",
    "rpc-allow-host",
    "stop-on-stdin-close",
    "tag",
    "threads",
];

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It was typed.
    Flag(&'static str),
    /// It is in the environment.
    Variable(String),
    /// It is in the file.
    File {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// The key.
        key: &'static str,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(key) => write!(f, "--{key}"),
            Self::Variable(name) if name == RPC => {
                write!(f, "the environment variable {name}, which cairn-wallet reads as well")
            }
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::File { path, line, key } => write!(f, "{}, line {line}, key {key}", path.display()),
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value is not what the setting takes.
    #[error("{place}: expected {expected}, found {found:?}")]
    Value {
        /// Where it stands.
        place: Place,
        /// What it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The file names a setting that does not exist.
    #[error("{}, line {line}: there is no setting {found:?}; expected one of: {}", path.display(), KEYS.join(", "))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        found: String,
    },
    /// The file is not TOML.
    #[error("{}, line {line}: this is not TOML: {what}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser met.
        what: String,
    },
    /// The file cannot be read.
    #[error("cannot read the settings in {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A variable holds bytes that are no text.
    #[error("the environment variable {name}: expected text, found bytes that are not UTF-8")]
    NotText {
        /// Its name.
        name: String,
    },
    /// There is no place for data by default.
    #[error("{0}; or say with --data-dir DIR where this node keeps its data")]
    Home(#[from] HomeError),
}
