//! Directory of a devnet, held by a lock, and the notes by which others find it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cairn_genesis::programs::running::{Devnet, DevnetName, LOCK_FILE, NOTE_FILE};

use crate::devnet::error::DevnetError;
use crate::devnet::registry::{self, Registry, lock_within};

/// Readers hold the lock for an instant to find out whether a devnet does.
const READERS: Duration = Duration::from_millis(200);

/// The directory of a devnet, held until dropped; a temporary one goes with it.
#[derive(Debug)]
pub struct DevnetDirectory {
    path: PathBuf,
    _lock: File,
    temporary: Option<tempfile::TempDir>,
    registry: Option<Registry>,
    name: Option<DevnetName>,
    note: Option<Devnet>,
}

impl DevnetDirectory {
    /// Takes a directory that is kept, or a temporary one, for a devnet of this name or of one that is free.
    ///
    /// # Errors
    /// When another devnet holds the directory or the name, or a file cannot be made.
    pub fn take(kept: Option<&Path>, name: Option<&DevnetName>) -> Result<Self, DevnetError> {
        Self::take_in(Registry::of_user()?, kept, name)
    }

    fn take_in(
        registry: Option<Registry>,
        kept: Option<&Path>,
        name: Option<&DevnetName>,
    ) -> Result<Self, DevnetError> {
        registry.iter().try_for_each(|registry| registry.make_room(name))?;
        let (path, temporary) = match kept {
            Some(path) => {
                fs::create_dir_all(path).map_err(DevnetError::io("create", path.display()))?;
                (path.canonicalize().map_err(DevnetError::io("find", path.display()))?, None)
            }
            None => {
                let made = tempfile::Builder::new().prefix(registry::TEMPORARY).tempdir();
                let made =
                    made.map_err(DevnetError::io("create a directory in", std::env::temp_dir().display()))?;
                (made.path().to_owned(), Some(made))
            }
        };
        if path.to_str().is_none() {
            return Err(DevnetError::DirectoryNotText(path));
        }
        let lock = File::options().create(true).truncate(false).write(true).open(path.join(LOCK_FILE));
        let lock = lock.map_err(DevnetError::io("open the lock in", path.display()))?;
        if !lock_within(&lock, READERS).map_err(DevnetError::io("lock", path.display()))? {
            return Err(DevnetError::DirectoryInUse(path));
        }
        // The note of a devnet that was killed here would be taken for this one's.
        let _ = fs::remove_file(path.join(NOTE_FILE));
        Ok(Self { path, _lock: lock, temporary, registry, name: name.cloned(), note: None })
    }

    /// The directory that is held.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the directory goes with the devnet.
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// Returns what is to be done from time to time so that the note of the newest devnet that lives is where
    /// scripts look for it: one that was killed takes none of its notes away.
    pub fn keep_newest(&self) -> impl Fn() + Send + use<> {
        let registry = self.registry.clone();
        move || registry.iter().for_each(Registry::renew)
    }

    /// Leaves the note in the directory and in Cairn's home, where `cairn net` and the wallet look. It gets
    /// its name here; returns it as it was written.
    ///
    /// # Errors
    /// When the name was taken meanwhile, or a file cannot be written.
    pub fn announce(&mut self, mut note: Devnet) -> Result<&Devnet, DevnetError> {
        match &self.registry {
            Some(registry) => registry.add(&mut note, self.name.as_ref())?,
            None => {
                note.name = self.name.clone().unwrap_or_else(|| DevnetName::of_directory(&self.path));
                registry::write(&self.path.join(NOTE_FILE), &note)?;
            }
        }
        Ok(self.note.insert(note))
    }
}

impl Drop for DevnetDirectory {
    fn drop(&mut self) {
        let Some(note) = &self.note else { return };
        let _ = fs::remove_file(self.path.join(NOTE_FILE));
        self.registry.iter().for_each(|registry| registry.remove(note));
    }
}

#[cfg(test)]
mod tests;
