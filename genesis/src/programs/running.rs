//! Running devnets: the notes by which other programs find them. Nothing here writes a file.
//!
//! A devnet leaves one note in its own directory and one in Cairn's home, under its name. It holds the lock
//! in its directory as long as it lives; the system releases it however the devnet ends, so a note whose
//! lock is free is a dead devnet's, whatever process has its id by now.

use core::fmt;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::programs::home::{HomeError, home};

/// The lock in a devnet's directory.
pub const LOCK_FILE: &str = "devnet.lock";
/// The note in a devnet's directory; in Cairn's home, that of the newest living devnet, for scripts.
pub const NOTE_FILE: &str = "devnet.json";
/// The variable that chooses a devnet where none is typed.
pub const VARIABLE: &str = "CAIRN_DEVNET";
/// Limit of a name's length, in bytes.
const LONGEST_NAME: usize = 64;

/// The note that a running devnet leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Devnet {
    /// Its name, which no other living devnet of the same home has.
    pub name: DevnetName,
    /// Id of the devnet's process.
    pub pid: u32,
    /// Time of its start, in milliseconds since 1970; later than that of every devnet that lived then.
    pub started_ms: u64,
    /// The devnet's own directory.
    pub dir: PathBuf,
    /// Whether the directory is removed when the devnet ends.
    pub temporary: bool,
    /// The name of its chain.
    pub chain: String,
    /// Address of its control server and page.
    pub control: SocketAddr,
    /// Secret that the control server demands.
    pub token: String,
    /// The nodes in order of their numbers.
    pub nodes: Vec<DevnetNode>,
}

/// A node of a running devnet. It may be down for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevnetNode {
    pub id: u16,
    /// Address of its JSON-RPC server.
    pub rpc: SocketAddr,
    /// Path of the file with its RPC secret.
    pub cookie: PathBuf,
    pub data_dir: PathBuf,
    /// Address where it accepts peers.
    pub peer: SocketAddr,
    /// Its libp2p identity, in base 58.
    pub peer_id: String,
}

/// A devnet's name: letters, digits, `.`, `-` and `_`, so that it can be a file's name on every system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct DevnetName(String);

/// Text is not a devnet's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} cannot name a devnet: expected 1 to {LONGEST_NAME} letters, digits, '.', '-' or '_', the first a letter or digit"
)]
pub struct DevnetNameError {
    found: String,
}

/// A devnet that was looked for, and the names of all that live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub devnet: Devnet,
    /// Every living devnet of this home, the newest last.
    pub living: Vec<DevnetName>,
    /// Whether it is the newest, and nothing was said of which is meant.
    pub is_default: bool,
}

/// No running devnet is the one that is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// No devnet runs for this home.
    #[error("no devnet runs; start one with `cairn devnet`")]
    NoneRuns,
    /// None of those that run has this name or directory.
    #[error("no devnet {wanted:?} runs; {}", others(.living))]
    NoSuch { wanted: String, living: Vec<DevnetName> },
    /// A note is not as this version writes it.
    #[error("the note {} cannot be read ({reason}); was it written by another version of Cairn?", path.display())]
    Note { path: PathBuf, reason: String },
    /// Cairn has no home to look in.
    #[error(transparent)]
    Home(#[from] HomeError),
}

fn others(living: &[DevnetName]) -> String {
    match living {
        [] => "start one with `cairn devnet`".to_owned(),
        [only] => format!("{only} does"),
        several => format!("these do: {}", in_words(several)),
    }
}

fn in_words(names: &[DevnetName]) -> String {
    names.iter().map(|name| name.0.as_str()).collect::<Vec<_>>().join(", ")
}

impl Devnet {
    /// The note in a directory; none if there is no such file.
    pub fn in_directory(directory: &Path) -> Result<Option<Self>, FindError> {
        Self::read(&directory.join(NOTE_FILE))
    }

    /// Reads a note; none if there is no such file.
    pub fn read(path: &Path) -> Result<Option<Self>, FindError> {
        let Ok(bytes) = fs::read(path) else { return Ok(None) };
        let note =
            |error: serde_json::Error| FindError::Note { path: path.into(), reason: error.to_string() };
        serde_json::from_slice(&bytes).map(Some).map_err(note)
    }

    /// The page's address. A fragment stays in the browser: the token is in no request's address and in no log.
    pub fn page(&self) -> String {
        format!("http://{}/#token={}", self.control, self.token)
    }

    /// Whether the process that wrote this note still holds the directory: another devnet may have taken it
    /// since, and then its note lies there.
    pub fn is_alive(&self) -> bool {
        let is_same = |found: Self| (found.pid, found.started_ms) == (self.pid, self.started_ms);
        is_held(&self.dir.join(LOCK_FILE))
            && Self::in_directory(&self.dir).is_ok_and(|it| it.is_some_and(is_same))
    }
}

/// Whether some process holds this lock. To find out, a shared lock is taken for an instant.
pub fn is_held(lock: &Path) -> bool {
    File::open(lock).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The directory of all notes in this home.
pub fn notes(home: &Path) -> PathBuf {
    home.join("devnets")
}

/// Every note in this home that can be read, whether its devnet lives or not.
pub fn noted(home: &Path) -> Vec<Devnet> {
    let files = fs::read_dir(notes(home)).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.extension() == Some(OsStr::new("json")));
    files.filter_map(|path| Devnet::read(&path).ok().flatten()).collect()
}

/// The living devnets of this home, the newest last.
pub fn living(home: &Path) -> Vec<Devnet> {
    let mut living: Vec<Devnet> = noted(home).into_iter().filter(Devnet::is_alive).collect();
    living.sort_by_key(|devnet| devnet.started_ms);
    living
}

/// The devnet with this name or directory, or the newest that lives. Empty text means the newest, as for a
/// variable that is not set.
pub fn find(wanted: Option<&OsStr>) -> Result<Found, FindError> {
    let wanted = wanted.filter(|wanted| !wanted.is_empty());
    let home = home();
    if let Some(wanted) = wanted {
        let living = home.as_deref().map(living).unwrap_or_default();
        return named(wanted, living);
    }
    let living = living(&home?);
    let devnet = living.last().cloned().ok_or(FindError::NoneRuns)?;
    Ok(Found { devnet, living: names(living), is_default: true })
}

/// A devnet in a directory is found there, so that it needs no home.
fn named(wanted: &OsStr, living: Vec<Devnet>) -> Result<Found, FindError> {
    let name = wanted.to_str().and_then(|wanted| wanted.parse::<DevnetName>().ok());
    let has_name = |devnet: &&Devnet| name.as_ref().is_some_and(|name| devnet.name.is_same_file(name));
    let by_name = living.iter().find(has_name).cloned();
    let found = match by_name {
        Some(devnet) => Some(devnet),
        None => Devnet::in_directory(Path::new(wanted))?.filter(Devnet::is_alive),
    };
    let living = names(living);
    match found {
        Some(devnet) => Ok(Found { devnet, living, is_default: false }),
        None => Err(FindError::NoSuch { wanted: wanted.to_string_lossy().into_owned(), living }),
    }
}

fn names(living: Vec<Devnet>) -> Vec<DevnetName> {
    living.into_iter().map(|devnet| devnet.name).collect()
}

impl Found {
    /// Where several devnets run, a sentence about the one that is meant. `option` chooses another.
    pub fn notice(&self, option: &str) -> Option<String> {
        let (name, count) = (&self.devnet.name, self.living.len());
        let names = in_words(&self.living);
        (count > 1).then(|| match self.is_default {
            true => format!(
                "devnet {name}: the newest of {count} that run ({names}); {option} NAME chooses another"
            ),
            false => format!("devnet {name}"),
        })
    }
}

impl DevnetName {
    /// A name made of a directory's; what a name cannot hold becomes `-`.
    pub fn of_directory(directory: &Path) -> Self {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        let fits = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        let made: String = name.chars().map(|one| if fits(one) { one } else { '-' }).collect();
        let made = made.trim_start_matches(['.', '_', '-']);
        // Eight bytes are left for a number, should the name be taken.
        let made: String = made.chars().take(LONGEST_NAME - 8).collect();
        made.parse().unwrap_or_else(|_| Self("devnet".to_owned()))
    }

    /// This name with a number, for where it is taken.
    pub fn numbered(&self, number: u32) -> Self {
        Self(format!("{}-{number}", self.0))
    }

    /// Whether two devnets could not tell their notes apart: some file systems ignore case.
    pub fn is_same_file(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }

    /// The note of a devnet of this name.
    pub fn note(&self, home: &Path) -> PathBuf {
        notes(home).join(format!("{}.json", self.0))
    }
}

impl FromStr for DevnetName {
    type Err = DevnetNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        match begins && text.len() <= LONGEST_NAME && text.bytes().all(fits) {
            true => Ok(Self(text.to_owned())),
            false => Err(DevnetNameError { found: text.chars().take(LONGEST_NAME).collect() }),
        }
    }
}

impl TryFrom<String> for DevnetName {
    type Error = DevnetNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for DevnetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
