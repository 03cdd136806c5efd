//! Who holds a directory, which names devnets get, and what a killed one leaves.

use cairn_genesis::programs::running::{living, noted};

use super::*;

fn take(home: &Path, kept: Option<&Path>, name: Option<&str>) -> Result<DevnetDirectory, DevnetError> {
    let name: Option<DevnetName> = name.map(|name| name.parse().expect("a name"));
    DevnetDirectory::take_in(Some(Registry::in_home(home)), kept, name.as_ref())
}

/// A devnet without nodes that has left its note.
fn announced(home: &Path, kept: Option<&Path>, name: Option<&str>) -> DevnetDirectory {
    let mut directory = take(home, kept, name).expect("free");
    let note = Devnet {
        name: DevnetName::of_directory(directory.path()),
        pid: std::process::id(),
        started_ms: 1,
        dir: directory.path().to_owned(),
        temporary: directory.is_temporary(),
        chain: "devnet".into(),
        control: "127.0.0.1:1".parse().expect("an address"),
        token: String::new(),
        nodes: Vec::new(),
    };
    directory.announce(note).expect("written");
    directory
}

fn names(home: &Path) -> Vec<String> {
    living(home).into_iter().map(|devnet| devnet.name.to_string()).collect()
}

/// What scripts find.
fn shown(home: &Path) -> Option<String> {
    Some(Devnet::read(&home.join(NOTE_FILE)).expect("a note")?.name.to_string())
}

#[test]
fn two_devnets_never_share_a_directory() {
    let (home, directory) = (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
    let first = take(home.path(), Some(directory.path()), None).expect("free");
    let second = take(home.path(), Some(directory.path()), None);
    assert!(matches!(second, Err(DevnetError::DirectoryInUse(_))));
    drop(first);
    assert!(take(home.path(), Some(directory.path()), None).is_ok());
}

#[test]
fn a_temporary_directory_goes_with_the_devnet() {
    let home = tempfile::tempdir().expect("made");
    let directory = take(home.path(), None, None).expect("made");
    let path = directory.path().to_owned();
    assert!(path.exists());
    drop(directory);
    assert!(!path.exists());
}

#[test]
fn when_the_newest_ends_the_one_before_it_is_shown_again() {
    let home = tempfile::tempdir().expect("made");
    let first = announced(home.path(), None, None);
    let second = announced(home.path(), None, None);
    assert_eq!(names(home.path()), ["devnet-1", "devnet-2"]);
    assert_eq!(shown(home.path()).as_deref(), Some("devnet-2"));
    drop(second);
    assert_eq!(shown(home.path()).as_deref(), Some("devnet-1"));
    let second = announced(home.path(), None, None);
    assert_eq!(names(home.path()), ["devnet-1", "devnet-2"]);
    drop((first, second));
    assert_eq!((names(home.path()).len(), noted(home.path()).len(), shown(home.path())), (0, 0, None));
}

#[test]
fn a_name_is_refused_while_a_devnet_has_it_and_a_directorys_is_numbered() {
    let home = tempfile::tempdir().expect("made");
    let directory = |parent: &str| home.path().join(parent).join("shop");
    let first = announced(home.path(), Some(&directory("a")), None);
    let second = announced(home.path(), Some(&directory("b")), None);
    assert_eq!(names(home.path()), ["shop", "shop-1"]);
    // A file system may take these for one file.
    assert!(matches!(take(home.path(), None, Some("SHOP")), Err(DevnetError::NameInUse { .. })));
    drop((first, second));
    assert!(take(home.path(), None, Some("SHOP")).is_ok());
}

#[test]
fn a_killed_devnets_note_and_temporary_directory_go_when_another_starts_and_a_kept_one_stays() {
    let (home, kept) = (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
    let kill = |directory: DevnetDirectory| {
        // As the system does it: the lock is released, and nothing else happens.
        let path = directory.path().to_owned();
        let lock = directory._lock.try_clone().expect("cloned");
        lock.unlock().expect("released");
        std::mem::forget(directory);
        path
    };
    let (first, second) =
        (announced(home.path(), None, None), announced(home.path(), Some(kept.path()), None));
    let temporary = kill(first);
    kill(second);
    assert_eq!((names(home.path()).len(), noted(home.path()).len()), (0, 2));
    let next = announced(home.path(), None, None);
    assert_eq!((names(home.path()), noted(home.path()).len()), (vec!["devnet-1".to_owned()], 1));
    assert!(!temporary.exists() && kept.path().exists());
    drop(next);
}
