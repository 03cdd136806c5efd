//! Where a devnet lies: its directory, held by a lock, and the note by which others find it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::devnet::error::DevnetError;
use crate::files;

/// The directory of a devnet, held until dropped; a temporary one goes with it.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    _lock: File,
    _temporary: Option<tempfile::TempDir>,
    notes: Vec<PathBuf>,
}

impl Place {
    /// Takes a directory that is kept, or a temporary one.
    ///
    /// # Errors
    /// When another devnet holds it, or it cannot be made.
    pub fn take(kept: Option<&Path>) -> Result<Self, DevnetError> {
        let fail = |attempt, place: &Path| {
            let place = place.display().to_string();
            move |source| DevnetError::Io { attempt, place, source }
        };
        let (path, temporary) = match kept {
            Some(path) => {
                fs::create_dir_all(path).map_err(fail("create", path))?;
                (path.canonicalize().map_err(fail("find", path))?, None)
            }
            None => {
                let made = tempfile::Builder::new().prefix("cairn-devnet-").tempdir();
                let made = made.map_err(fail("create a directory in", &std::env::temp_dir()))?;
                (made.path().to_owned(), Some(made))
            }
        };
        let lock = File::options().create(true).truncate(false).write(true).open(path.join("devnet.lock"));
        let lock = lock.map_err(fail("open the lock in", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(DevnetError::DirectoryInUse(path)),
            Err(fs::TryLockError::Error(source)) => return Err(fail("lock", &path)(source)),
        }
        Ok(Self { path, _lock: lock, _temporary: temporary, notes: Vec::new() })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the note in the directory and in Cairn's home, where `cairn net` and the wallet look.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn announce(&mut self, note: &Value) -> Result<(), DevnetError> {
        let mut places = vec![self.path.join("devnet.json")];
        if let Some(home) = home() {
            fs::create_dir_all(&home).map_err(|source| DevnetError::Io {
                attempt: "create",
                place: home.display().to_string(),
                source,
            })?;
            places.push(home.join("devnet.json"));
        }
        for path in places {
            files::replace(&path, note.to_string().as_bytes()).map_err(|source| DevnetError::Io {
                attempt: "write",
                place: path.display().to_string(),
                source,
            })?;
            self.notes.push(path);
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let own = std::process::id();
        for path in &self.notes {
            // Another devnet may have been started since; its note stays.
            if read_note(path).is_some_and(|note| note["pid"] == own) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Cairn's directory for this user: `CAIRN_HOME`, else `~/.cairn`.
pub fn home() -> Option<PathBuf> {
    let named = std::env::var_os("CAIRN_HOME").map(PathBuf::from);
    named.or_else(|| std::env::home_dir().map(|home| home.join(".cairn")))
}

/// The note of a running devnet: of the one in `directory`, or of the one started last.
pub fn find(directory: Option<&Path>) -> Option<Value> {
    let directory = directory.map(Path::to_owned).or_else(home)?;
    read_note(&directory.join("devnet.json"))
}

fn read_note(path: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_devnets_never_share_a_directory() {
        let directory = tempfile::tempdir().expect("a directory");
        let first = Place::take(Some(directory.path())).expect("free");
        assert!(matches!(Place::take(Some(directory.path())), Err(DevnetError::DirectoryInUse(_))));
        drop(first);
        assert!(Place::take(Some(directory.path())).is_ok());
    }

    #[test]
    fn a_temporary_directory_goes_with_the_devnet() {
        let place = Place::take(None).expect("made");
        let path = place.path().to_owned();
        assert!(path.exists());
        drop(place);
        assert!(!path.exists());
    }
}
