//! The notes of this home's devnets, written: one for each under its name, and one more for the newest that
//! lives, which scripts read. A writer holds the lock of the notes, and readers need none: every file
//! is replaced as a whole.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cairn_genesis::programs::home::{self, HomeError};
use cairn_genesis::programs::running::{self, Devnet, DevnetName, LOCK_FILE, NOTE_FILE};

use crate::devnet::error::DevnetError;
use cairn_daemon::store::directory;
use cairn_genesis::programs::files;

/// How temporary directories of devnets are named.
pub const TEMPORARY: &str = "cairn-devnet-";
/// How long another process may hold the lock of the notes: all it does is write some small files, and
/// remove what a killed devnet left behind.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a lock that is held is tried again.
const AGAIN: Duration = Duration::from_millis(5);

/// Takes a lock; false when it was not free within the time limit.
pub fn lock_within(file: &File, patience: Duration) -> io::Result<bool> {
    let until = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(AGAIN),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// The notes in one home.
#[derive(Clone, Debug)]
pub struct Registry {
    home: PathBuf,
}

impl Registry {
    /// The notes in this home.
    pub fn in_home(home: &Path) -> Self {
        Self { home: home.to_owned() }
    }

    /// The notes of this user; none where there is no home, and then a devnet is found by its directory alone.
    ///
    /// # Errors
    /// When `CAIRN_HOME` is no absolute path.
    pub fn of_user() -> Result<Option<Self>, DevnetError> {
        match home::home() {
            Ok(home) => Ok(Some(Self { home })),
            Err(HomeError::Unknown) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Forgets devnets that were killed, with the temporary directories they left; rejects a name that
    /// a living one has.
    ///
    /// # Errors
    /// [`DevnetError::NameInUse`]; when a file cannot be written.
    pub fn make_room(&self, wanted: Option<&DevnetName>) -> Result<(), DevnetError> {
        let _lock = self.lock()?;
        running::noted(&self.home)
            .iter()
            .filter(|devnet| !devnet.is_alive())
            .for_each(|dead| self.forget(dead));
        self.show_newest()?;
        self.name(wanted, Path::new("")).map(drop)
    }

    /// Writes the note of a devnet, under a name that no other has.
    ///
    /// # Errors
    /// As for [`Self::make_room`].
    pub fn add(&self, devnet: &mut Devnet, wanted: Option<&DevnetName>) -> Result<(), DevnetError> {
        let _lock = self.lock()?;
        let directory = if devnet.temporary { Path::new("") } else { &devnet.dir };
        devnet.name = self.name(wanted, directory)?;
        // Later than every other, whatever happened to the clock: the order decides which is meant.
        let newest = running::living(&self.home).last().map_or(0, |newest| newest.started_ms);
        devnet.started_ms = devnet.started_ms.max(newest.saturating_add(1));
        write(&devnet.dir.join(NOTE_FILE), devnet)?;
        write(&devnet.name.note(&self.home), devnet)?;
        self.show_newest()
    }

    /// Takes away the note of a devnet that ends. Its own directory has none any more.
    pub fn remove(&self, devnet: &Devnet) {
        if !running::notes(&self.home).is_dir() {
            return;
        }
        // A devnet that ends reports no fault of a note: its lock is free soon, and that is what counts.
        let _lock = self.lock();
        let _ = fs::remove_file(devnet.name.note(&self.home));
        let _ = self.show_newest();
    }

    /// The wanted name, or one made of the directory's, or of a number.
    fn name(&self, wanted: Option<&DevnetName>, directory: &Path) -> Result<DevnetName, DevnetError> {
        let living = running::living(&self.home);
        let holder = |name: &DevnetName| living.iter().find(|devnet| devnet.name.is_same_file(name));
        if let Some(wanted) = wanted {
            return match holder(wanted) {
                None => Ok(wanted.clone()),
                Some(holder) => {
                    Err(DevnetError::NameInUse { name: wanted.clone(), directory: holder.dir.clone() })
                }
            };
        }
        let name = DevnetName::of_directory(directory);
        let plain = Some(name.clone()).filter(|_| directory.file_name().is_some());
        let numbered = (1..).map(|number| name.numbered(number));
        Ok(plain.into_iter().chain(numbered).find(|name| holder(name).is_none()).unwrap_or(name))
    }

    /// Forgets a devnet that is dead. What its nodes still hold, which stop by themselves, is left for later.
    fn forget(&self, dead: &Devnet) {
        let is_here = Devnet::in_directory(&dead.dir).is_ok_and(|found| found.as_ref() == Some(dead));
        let is_named_so = dead
            .dir
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes()));
        if is_here && dead.temporary && is_named_so {
            if dead.nodes.iter().any(|node| running::is_held(&node.data_dir.join(directory::LOCK_FILE))) {
                return;
            }
            let _ = fs::remove_dir_all(&dead.dir);
        }
        let _ = fs::remove_file(dead.name.note(&self.home));
    }

    /// Puts the note of the newest living devnet where scripts look for it, if another is there.
    pub fn renew(&self) {
        let shown = Devnet::read(&self.home.join(NOTE_FILE)).ok().flatten();
        if shown.as_ref() != running::living(&self.home).last() {
            // What fails now is tried again soon.
            let _ = self.lock().and_then(|_lock| self.show_newest());
        }
    }

    /// The newest living devnet's note, where scripts look for it.
    fn show_newest(&self) -> Result<(), DevnetError> {
        let shown = self.home.join(NOTE_FILE);
        match running::living(&self.home).last() {
            Some(newest) => write(&shown, newest),
            None => match fs::remove_file(&shown) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    Err(DevnetError::io("remove", shown.display())(source))
                }
                _ => Ok(()),
            },
        }
    }

    fn lock(&self) -> Result<File, DevnetError> {
        let notes = running::notes(&self.home);
        fs::create_dir_all(&notes).map_err(DevnetError::io("create", notes.display()))?;
        let path = notes.join(LOCK_FILE);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(DevnetError::io("open", path.display()))?;
        match lock_within(&file, PATIENCE).map_err(DevnetError::io("lock", path.display()))? {
            true => Ok(file),
            false => Err(DevnetError::NotesInUse { path, seconds: PATIENCE.as_secs() }),
        }
    }
}

/// Writes a note as a whole; only its owner can read it, for it holds the token.
pub fn write(path: &Path, devnet: &Devnet) -> Result<(), DevnetError> {
    let bytes = serde_json::to_vec(devnet).map_err(io::Error::from);
    bytes.and_then(|bytes| files::replace(path, &bytes)).map_err(DevnetError::io("write", path.display()))
}
