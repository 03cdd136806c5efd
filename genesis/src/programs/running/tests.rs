//! Which devnets are found, and that a dead one's note misleads no program.

use std::fs;

use super::*;

/// A devnet's directory with its lock and note, as the devnet leaves them in its own directory and in the home.
fn write(home: &Path, name: &str, started_ms: u64) -> (Devnet, File) {
    let dir = home.join(format!("dir-{name}"));
    fs::create_dir_all(&dir).expect("made");
    let lock = File::create(dir.join(LOCK_FILE)).expect("made");
    lock.try_lock().expect("free");
    let devnet = Devnet {
        name: name.parse().expect("a name"),
        pid: 7,
        started_ms,
        dir,
        temporary: false,
        chain: "devnet".into(),
        control: "127.0.0.1:1".parse().expect("an address"),
        token: "t".into(),
        nodes: Vec::new(),
    };
    note(home, &devnet);
    (devnet, lock)
}

fn note(home: &Path, devnet: &Devnet) {
    fs::create_dir_all(notes(home)).expect("made");
    let text = serde_json::to_string(devnet).expect("text");
    fs::write(devnet.name.note(home), &text).expect("written");
    fs::write(devnet.dir.join(NOTE_FILE), &text).expect("written");
}

fn names_in(home: &Path) -> Vec<String> {
    living(home).into_iter().map(|devnet| devnet.name.to_string()).collect()
}

#[test]
fn devnets_that_hold_their_lock_are_found_and_the_newest_is_last() {
    let home = tempfile::tempdir().expect("a directory");
    let (_, _a) = write(home.path(), "a", 3);
    let (_, b) = write(home.path(), "b", 1);
    let (_, _c) = write(home.path(), "c", 2);
    assert_eq!(names_in(home.path()), ["b", "c", "a"]);
    drop(b);
    assert_eq!(names_in(home.path()), ["c", "a"]);
}

#[test]
fn a_dead_devnets_note_is_not_taken_for_the_one_that_runs_in_its_directory_now() {
    let home = tempfile::tempdir().expect("a directory");
    let (dead, _lock) = write(home.path(), "dead", 1);
    let next = Devnet { name: "next".parse().expect("a name"), started_ms: 2, ..dead.clone() };
    note(home.path(), &next);
    assert_eq!(names_in(home.path()), ["next"]);
    assert!(!dead.is_alive());
}

#[test]
fn a_devnet_is_chosen_by_name_or_by_directory() {
    let home = tempfile::tempdir().expect("a directory");
    let (a, _a) = write(home.path(), "a", 1);
    let (_, b) = write(home.path(), "b", 2);
    let chosen =
        |wanted: &OsStr| named(wanted, living(home.path())).map(|found| found.devnet.name.to_string());
    assert_eq!(chosen(OsStr::new("b")).as_deref(), Ok("b"));
    assert_eq!(chosen(a.dir.as_os_str()).as_deref(), Ok("a"));
    drop(b);
    let error = chosen(OsStr::new("b")).expect_err("it has ended").to_string();
    assert_eq!(error, "no devnet \"b\" runs; a does");
}

#[test]
fn where_several_run_the_answer_says_which_is_meant() {
    let home = tempfile::tempdir().expect("a directory");
    let (a, _a) = write(home.path(), "a", 1);
    let alone = named(OsStr::new("a"), living(home.path())).expect("found");
    assert_eq!(alone.notice("--devnet"), None);
    let (_, _b) = write(home.path(), "b", 2);
    let found = named(OsStr::new("a"), living(home.path())).expect("found");
    assert_eq!(found.notice("--devnet").as_deref(), Some("devnet a"));
    let default = Found { devnet: a, is_default: true, ..found };
    assert!(default.notice("--devnet").expect("several run").contains("(a, b); --devnet NAME"));
}

#[test]
fn a_name_can_be_a_file_on_every_system_and_every_directory_gives_one() {
    for text in ["", ".", "..", "a/b", "-a", "a b", "ä", &"x".repeat(65)] {
        assert!(text.parse::<DevnetName>().is_err(), "{text}");
    }
    let of = |path: &str| DevnetName::of_directory(Path::new(path)).to_string();
    assert_eq!(of("/srv/my, data"), "my--data");
    assert_eq!(of("/srv/.hidden"), "hidden");
    assert_eq!(of("/"), "devnet");
    assert_eq!(of("/srv/ää"), "devnet");
    let long = DevnetName::of_directory(Path::new(&"x".repeat(200))).numbered(u32::from(u16::MAX));
    assert!(long.to_string().parse::<DevnetName>().is_ok());
}
