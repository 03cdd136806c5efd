//! Wallet files: their names, their lock, and how they are written, for their owner alone.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cairn_genesis::programs::exit::say;
use cairn_genesis::programs::files::replace_durably;

/// Time after which a command says that another holds the wallet.
const SILENT_WAIT: Duration = Duration::from_millis(500);
/// Interval between two attempts to take the lock.
const LOCK_POLL: Duration = Duration::from_millis(20);

/// The files of a wallet: `NAME.json` (public), `NAME.keys` (encrypted words), `NAME.scan` (a cache).
#[derive(Clone, Debug)]
pub struct WalletFiles {
    directory: PathBuf,
    name: WalletName,
}

/// A wallet's name: letters, digits, `-` and `_`, so that it is a file name everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WalletName(String);

/// Text is not a wallet's name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{0}\" is not a wallet name: use 1 to 64 letters, digits, - and _")]
pub struct BadName(String);

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {attempt} {}: {source}", path.display())]
pub struct FileError {
    attempt: &'static str,
    path: PathBuf,
    pub source: io::Error,
}

impl FileError {
    /// The error of an attempt, as a verb, with a file or directory.
    fn of(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { attempt, path: path.to_owned(), source }
    }
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

    /// The wallet's name, unique in its directory.
    pub fn name(&self) -> &WalletName {
        &self.name
    }

    /// The directory that it shares with other wallets.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file with addresses and payments, which need not be hidden.
    pub fn public(&self) -> PathBuf {
        self.path("json")
    }

    /// The file with the encrypted words.
    pub fn keys(&self) -> PathBuf {
        self.path("keys")
    }

    /// The file with what was read of the chain; it may be deleted at any time.
    pub fn scan(&self) -> PathBuf {
        self.path("scan")
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.directory.join(format!("{}.{extension}", self.name))
    }

    /// Takes the lock that keeps two commands from writing one wallet at once; it is held until dropped. None
    /// where no file can be made, for nothing is written there. A wait for another command is announced.
    ///
    /// # Errors
    /// When the directory or the lock file cannot be made for another reason.
    pub fn lock(&self) -> Result<Option<File>, FileError> {
        make_private_directory(&self.directory)?;
        let path = self.path("lock");
        let file = match File::options().create(true).truncate(false).read(true).write(true).open(&path) {
            Err(error) if is_read_only(&error) => File::open(&path),
            file => file,
        };
        let mut file = match file {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(FileError::of("open", &path))?,
        };
        let begun = Instant::now();
        let mut named = None;
        while let Err(error) = file.try_lock() {
            if let TryLockError::Error(source) = error {
                return Err(FileError::of("lock", &path)(source));
            }
            let holder = fs::read_to_string(&path).unwrap_or_default();
            if begun.elapsed() >= SILENT_WAIT && named.as_ref() != Some(&holder) {
                let id = holder.trim();
                let process = if id.is_empty() { String::new() } else { format!(" (process {id})") };
                say(format_args!("another command holds wallet {}{process}; waiting", self.name));
                named = Some(holder);
            }
            std::thread::sleep(LOCK_POLL);
        }
        // For commands that wait for this one. Should the disk be full, they name no process.
        let _ = file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
        Ok(Some(file))
    }
}

/// Whether the error is that nothing can be written there, or not by this user.
pub fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// Every wallet in the directory, by name.
pub fn wallets_in(directory: &Path) -> Result<Vec<WalletName>, FileError> {
    let Some(entries) = if_there(fs::read_dir(directory)).map_err(FileError::of("list", directory))? else {
        return Ok(Vec::new());
    };
    let books =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.extension() == Some("json".as_ref()));
    let mut names: Vec<WalletName> =
        books.filter_map(|path| path.file_stem()?.to_str()?.parse().ok()).collect();
    names.sort();
    Ok(names)
}

/// Reads a file; `None` when there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    if_there(fs::read(path)).map_err(FileError::of("read", path))
}

/// Replaces a file as a whole, unless it has these bytes already: a crash leaves the old or the new one, mode
/// 0600 from the first byte.
///
/// # Errors
/// When any step fails; the old file is then untouched.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    make_private_directory(path.parent().unwrap_or(Path::new(".")))?;
    replace_durably(path, bytes).map_err(FileError::of("write", path))
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) -> Result<(), FileError> {
    if_there(fs::remove_file(path)).map_err(FileError::of("remove", path))?;
    Ok(())
}

/// Makes the directory with mode 0700 unless it is there.
fn make_private_directory(directory: &Path) -> Result<(), FileError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(FileError::of("create", directory))
}

fn if_there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

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
