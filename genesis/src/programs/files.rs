//! Atomic file replacement: a reader finds the old file or the new one, never a part.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Replaces a file by one that only its owner can read. It may be gone after a loss of power.
///
/// # Errors
/// When a step fails; the old file is then untouched.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (_, beside) = write_beside(path, bytes)?;
    fs::rename(beside, path)
}

/// As [`replace`], and returns once the new file would survive a loss of power.
///
/// # Errors
/// When a step fails; unless it was the last, the old file is untouched.
pub fn replace_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (file, beside) = write_beside(path, bytes)?;
    file.sync_all()?;
    rename_durably(&beside, path)
}

/// Renames a file whose bytes are already flushed, and returns once that would survive a loss of power. Both lie in one directory.
pub fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    // A name is part of the directory, which is flushed apart from the file.
    let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<(File, PathBuf)> {
    let mut beside = OsString::from(path);
    // Two processes may replace one file at a time; one process never does.
    beside.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(beside);
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // The mode is set while creating: there is no instant at which others could open it.
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
    match file.write_all(bytes) {
        Ok(()) => Ok((file, beside)),
        Err(error) => {
            let _ = fs::remove_file(&beside);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(directory: &Path) -> Vec<OsString> {
        fs::read_dir(directory)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name())
            .collect()
    }

    #[test]
    fn the_new_file_is_whole_its_owners_alone_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        let left = format!("file.{}.new", std::process::id());
        fs::write(directory.path().join(left), "left by a crash, longer than what follows").expect("written");
        for (write, bytes) in [(replace as fn(&Path, &[u8]) -> _, "first"), (replace_durably, "second")] {
            write(&path, bytes.as_bytes()).expect("replaced");
            assert_eq!(fs::read_to_string(&path).expect("there"), bytes);
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
            assert_eq!(names(directory.path()), ["file"]);
        }
    }

    #[test]
    fn what_cannot_be_replaced_stays_as_it_was() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        fs::create_dir(&path).expect("made");
        assert!(replace(&path, b"bytes").is_err());
        assert!(path.is_dir());
        assert!(replace(&directory.path().join("missing").join("file"), b"bytes").is_err());
    }
}
