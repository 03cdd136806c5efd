//! A bug planted in the nodes' own code shows in the simulator: there is no second code to hide it.
//!
//! The packages that a simulated node is made of are copied, one line is made wrong, and worlds are
//! played until an invariant breaks. Before that, the copy as it is plays worlds in which none breaks.
//! Nothing in the product knows of these bugs.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a simulated node is made of.
const PACKAGES: [&str; 4] = ["core", "genesis", "node/protocol", "node/simulator"];

/// Worlds in which a bug must show.
const SEEDS: u32 = 1_000;
/// Worlds that the copy plays before a bug is planted in it.
const CONTROL_SEEDS: u32 = 50;

/// One wrong line.
struct Bug {
    what: &'static str,
    file: &'static str,
    right: &'static str,
    wrong: &'static str,
    /// One of these words is in what the invariants say.
    found_as: &'static [&'static str],
}

const BUGS: [Bug; 3] = [
    Bug {
        what: "relay: a new block is told to those who have it, and to nobody else",
        file: "node/protocol/src/relay/blocks.rs",
        right: "            if side.known.insert(hash) {\n",
        wrong: "            if !side.known.insert(hash) {\n",
        found_as: &["different tips"],
    },
    Bug {
        what: "sync: of what is lacking, only that is asked for which was asked for before",
        file: "node/protocol/src/sync/bodies.rs",
        right: "                if !one.has_body() && !self.requests.contains_key(&one.hash()) {\n",
        wrong: "                if !one.has_body() && self.requests.contains_key(&one.hash()) {\n",
        found_as: &["different tips"],
    },
    Bug {
        what: "chain: of several blocks that leave, only the first gives its coins back",
        file: "node/protocol/src/chain/reorg.rs",
        right: "            coins.apply(disconnect_block(&block, entry.height, &undo));\n",
        wrong: "            if disconnected.is_empty() {\n                coins.apply(disconnect_block(&block, entry.height, &undo));\n            }\n",
        found_as: &[
            "are worth",
            "not those that its blocks make",
            "not valid",
            "rejected its own block",
            "was rejected",
        ],
    },
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the workspace").to_owned()
}

/// Makes `to` the same as `from`: what is gone there goes here too, or a module that was renamed would
/// stay twice.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory for the copy");
    let mut names = BTreeSet::<OsString>::new();
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("entries have names");
        let there = to.join(name);
        if there.exists() && there.is_dir() != path.is_dir() {
            remove(&there);
        }
        if path.is_dir() {
            copy(&path, &there);
        } else {
            copy_file(&path, &there);
        }
        names.insert(name.to_owned());
    }
    for entry in fs::read_dir(to).expect("the copy is a directory") {
        let entry = entry.expect("an entry");
        if !names.contains(&entry.file_name()) {
            remove(&entry.path());
        }
    }
}

/// Files that did not change keep their time, so that they are not compiled again.
fn copy_file(from: &Path, to: &Path) {
    let text = fs::read(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    if fs::read(to).ok().as_ref() != Some(&text) {
        fs::write(to, text).expect("the copy");
    }
}

fn remove(path: &Path) {
    let gone = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    gone.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// The workspace's manifest with these packages alone.
fn manifest() -> String {
    let text = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has a manifest");
    let (_, after_members) = text.split_once("\n]\n").expect("the members are a list over several lines");
    let lines = after_members.lines().filter(|line| !line.starts_with("default-members"));
    let rest = lines.collect::<Vec<&str>>().join("\n");
    format!("[workspace]\nresolver = \"3\"\nmembers = {PACKAGES:?}\n{rest}")
}

/// The packages as they are, with none of the bugs.
fn copy_packages(place: &Path) {
    for package in PACKAGES {
        for part in ["src", "Cargo.toml", "clippy.toml"] {
            let (from, to) = (root().join(package).join(part), place.join(package).join(part));
            if from.is_dir() {
                copy(&from, &to);
            } else if from.is_file() {
                copy_file(&from, &to);
            }
        }
    }
    for file in ["genesis/devnet.toml", "genesis/testnet.toml", "genesis/regtest.toml"] {
        copy_file(&root().join(file), &place.join(file));
    }
    let world = "node/simulator/simulation.toml";
    copy_file(&root().join(world), &place.join(world));
    copy(&root().join("node/simulator/examples"), &place.join("node/simulator/examples"));
    fs::write(place.join("Cargo.toml"), manifest()).expect("a manifest");
    copy_file(&root().join("Cargo.lock"), &place.join("Cargo.lock"));
}

/// Plays seeds from 0 on until an invariant breaks.
fn play(place: &Path, seeds: u32) -> Output {
    Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--release", "--offline", "-p", "cairn-simulator"])
        .args(["--example", "hunt", "--", "0", &seeds.to_string()])
        .env("CARGO_TARGET_DIR", place.join("target"))
        .current_dir(place)
        .output()
        .expect("cargo runs")
}

fn said(run: &Output) -> String {
    String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr)
}

#[test]
fn bugs_planted_in_relay_sync_and_chain_are_each_found_by_the_invariants_within_1_000_seeds() {
    let place = root().join("target/planted");
    copy_packages(&place);
    // Were an invariant broken without a bug, finding one would mean nothing.
    let control = play(&place, CONTROL_SEEDS);
    let all_held = format!("{CONTROL_SEEDS} seeds, and every invariant held");
    assert_eq!(control.status.code(), Some(0), "the copy is broken as it is: {}", said(&control));
    assert_eq!(said(&control).trim(), all_held);
    for bug in BUGS {
        copy_packages(&place);
        let file = place.join(bug.file);
        let text = fs::read_to_string(&file).expect("the file of the bug");
        assert_eq!(text.matches(bug.right).count(), 1, "{}: {} has changed", bug.what, bug.file);
        fs::write(&file, text.replace(bug.right, bug.wrong)).expect("the bug is planted");

        let run = play(&place, SEEDS);
        let said = said(&run);
        assert_eq!(run.status.code(), Some(1), "{}: not found; {said}", bug.what);
        assert!(bug.found_as.iter().any(|words| said.contains(words)), "{}: {said}", bug.what);
        println!("{}: {}", bug.what, said.trim());
    }
}

#[test]
fn a_copy_has_what_its_source_has_and_nothing_else() {
    let place = tempfile::tempdir().expect("a directory");
    let (from, to) = (place.path().join("from"), place.path().join("to"));
    let put = |path: PathBuf, text: &str| {
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    };
    put(from.join("stays.rs"), "new");
    put(from.join("became/a_directory.rs"), "");
    put(from.join("became_a_file"), "");
    put(to.join("stays.rs"), "old");
    put(to.join("gone.rs"), "");
    put(to.join("gone/too.rs"), "");
    put(to.join("became"), "");
    put(to.join("became_a_file/not.rs"), "");
    copy(&from, &to);
    let names = |directory: &Path| {
        let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry"));
        entries.map(|entry| entry.file_name()).collect::<BTreeSet<OsString>>()
    };
    assert_eq!(names(&to), names(&from));
    assert_eq!(names(&to.join("became")), names(&from.join("became")));
    assert!(to.join("became_a_file").is_file());
    assert_eq!(fs::read_to_string(to.join("stays.rs")).expect("a file"), "new");
}
