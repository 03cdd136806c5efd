//! Files: where wallets lie, written atomically and readable by their owner alone.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cairn_genesis::exit::say;

/// How long a command waits for another until it says so.
const SILENT_WAIT: Duration = Duration::from_millis(500);
/// How often a waiting command tries the lock.
const LOCK_POLL: Duration = Duration::from_millis(20);

/// A wallet's place: `NAME.json` (public), `NAME.keys` (encrypted words), `NAME.scan` (a cache).
#[derive(Clone, Debug)]
pub struct WalletFiles {
    directory: PathBuf,
    name: WalletName,
}

/// A wallet's name: letters, digits, `-` and `_`, so that it is a file name everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WalletName(String);

/// The name is unfit.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{0}\" is no wallet name: use 1 to 64 letters, digits, - and _")]
pub struct BadName(String);

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {attempt} {}: {source}", path.display())]
pub struct FileError {
    /// What was tried.
    pub attempt: &'static str,
    /// Which file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl std::str::FromStr for WalletName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if (1..=64).contains(&text.len()) && text.chars().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadName(text.chars().take(80).collect()))
        }
    }
}

impl std::fmt::Display for WalletName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl WalletFiles {
    /// The files of the wallet of that name in that directory; nothing is touched yet.
    pub fn new(directory: &Path, name: WalletName) -> Self {
        Self { directory: directory.to_owned(), name }
    }

    /// The wallet's name.
    pub fn name(&self) -> &WalletName {
        &self.name
    }

    /// Addresses and what else may be seen.
    pub fn public(&self) -> PathBuf {
        self.directory.join(format!("{}.json", self.name))
    }

    /// The encrypted words.
    pub fn keys(&self) -> PathBuf {
        self.directory.join(format!("{}.keys", self.name))
    }

    /// What the chain said so far; may be deleted at any time.
    pub fn scan(&self) -> PathBuf {
        self.directory.join(format!("{}.scan", self.name))
    }

    /// Holds the lock that keeps two commands from writing one wallet at once, until dropped. A command that
    /// has to wait for another soon says so. None where no file can be made, for nothing is written there.
    ///
    /// # Errors
    /// When the directory or the lock file cannot be made for another reason.
    pub fn lock(&self) -> Result<Option<fs::File>, FileError> {
        make_private_directory(&self.directory)?;
        let path = self.directory.join(format!("{}.lock", self.name));
        let fail = |attempt| {
            let path = path.clone();
            move |source| FileError { attempt, path, source }
        };
        let file = fs::OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let file = match file {
            Err(error) if is_read_only(&error) => match fs::File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                readable => readable,
            },
            file => file,
        };
        let file = file.map_err(fail("open"))?;
        let begun = Instant::now();
        let mut told = None;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(fs::TryLockError::Error(source)) => return Err(fail("lock")(source)),
                Err(fs::TryLockError::WouldBlock) => {}
            }
            let holder = fs::read_to_string(&path).unwrap_or_default();
            if begun.elapsed() >= SILENT_WAIT && told.as_ref() != Some(&holder) {
                let holder = holder.trim();
                let who = if holder.is_empty() { String::new() } else { format!(" (process {holder})") };
                say(format_args!("another command holds wallet {}{who}; waiting", self.name));
                told = Some(holder.to_owned());
            }
            std::thread::sleep(LOCK_POLL);
        }
        // For whoever waits for this command. Should the disk be full, nobody is named.
        let _ = file.set_len(0).and_then(|()| (&file).write_all(std::process::id().to_string().as_bytes()));
        Ok(Some(file))
    }
}

/// Whether the system lets nobody, or not this user, write there.
pub fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// Every wallet in the directory, by name.
///
/// # Errors
/// When the directory exists but cannot be read.
pub fn wallets_in(directory: &Path) -> Result<Vec<WalletName>, FileError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(FileError { attempt: "list", path: directory.to_owned(), source }),
    };
    let mut names: Vec<WalletName> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "json"))
        .filter_map(|entry| entry.path().file_stem()?.to_str()?.parse().ok())
        .collect();
    names.sort();
    Ok(names)
}

/// Reads a file; `None` when there is none.
///
/// # Errors
/// Any other reason that it cannot be read.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError { attempt: "read", path: path.to_owned(), source }),
    }
}

/// Replaces a file as a whole: a crash leaves the old or the new one, mode 0600 from the first byte.
///
/// # Errors
/// When any step fails; the old file is then untouched.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let fail = |attempt| move |source| FileError { attempt, path: path.to_owned(), source };
    let directory = path.parent().unwrap_or(Path::new("."));
    make_private_directory(directory)?;
    // `tempfile` creates with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(fail("create a file beside"))?;
    file.write_all(bytes).map_err(fail("write"))?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o600)).map_err(fail("protect"))?;
    file.as_file().sync_all().map_err(fail("flush"))?;
    file.persist(path).map_err(|error| fail("replace")(error.error))?;
    fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(fail("flush"))
}

/// Removes a file, if it is there.
///
/// # Errors
/// Any other reason that it cannot be removed.
pub fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(FileError { attempt: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Makes the directory with mode 0700 unless it is there.
fn make_private_directory(directory: &Path) -> Result<(), FileError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|source| FileError { attempt: "create", path: directory.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_for_its_owner_alone_and_replaced_as_a_whole() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("deep/w.keys");
        write_private(&path, b"one").expect("written");
        write_private(&path, b"two").expect("replaced");
        assert_eq!(read(&path).expect("read"), Some(b"two".to_vec()));
        let mode = fs::metadata(&path).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().expect("parent")).expect("list").count(), 1);
    }

    #[test]
    fn a_name_that_could_leave_the_directory_is_refused() {
        for bad in ["", "../x", "a/b", "a.b", "ä", &"x".repeat(65)] {
            assert!(bad.parse::<WalletName>().is_err(), "{bad}");
        }
        assert!("main-2_b".parse::<WalletName>().is_ok());
    }
}
