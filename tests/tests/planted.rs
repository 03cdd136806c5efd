//! A bug planted in the nodes' own code shows in the simulator: there is no second code to hide it.
//!
//! The packages that a simulated node is made of are copied, one line is made wrong, and worlds are
//! played until an invariant breaks. Nothing in the product knows of these bugs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a simulated node is made of.
const PACKAGES: [&str; 4] = ["core", "genesis", "node/protocol", "node/simulator"];

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
        right: "            if known.insert(hash) {\n",
        wrong: "            if !known.insert(hash) {\n",
        found_as: &["different tips"],
    },
    Bug {
        what: "sync: of what is lacking, only that is asked for which was asked for before",
        file: "node/protocol/src/sync/bodies.rs",
        right: "                if !one.has_body() && !self.asked.contains_key(&one.hash) {\n",
        wrong: "                if !one.has_body() && self.asked.contains_key(&one.hash) {\n",
        found_as: &["different tips"],
    },
    Bug {
        what: "chain: of several blocks that leave, only the first gives its coins back",
        file: "node/protocol/src/chain/branch.rs",
        right: "            coins.apply(disconnect_block(&block, height, &undo));\n",
        wrong: "            if disconnected.is_empty() {\n                coins.apply(disconnect_block(&block, height, &undo));\n            }\n",
        found_as: &[
            "are worth",
            "not those that its blocks make",
            "not valid",
            "refused its own block",
            "was refused",
        ],
    },
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the workspace").to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory for the copy");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("entries have names");
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            // Files that did not change keep their time, so that they are not compiled again.
            let there = to.join(name);
            let text = fs::read(&path).expect("a file of ours");
            if fs::read(&there).ok().as_ref() != Some(&text) {
                fs::write(there, text).expect("the copy");
            }
        }
    }
}

/// The workspace's manifest with these packages alone.
fn manifest() -> String {
    let text = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has a manifest");
    let lines = text.lines().filter(|line| !line.starts_with("default-members"));
    let lines = lines.map(|line| match line.starts_with("members") {
        true => format!("members = {PACKAGES:?}"),
        false => line.to_owned(),
    });
    lines.collect::<Vec<String>>().join("\n")
}

#[test]
fn bugs_planted_in_relay_sync_and_chain_are_each_found_by_the_invariants_within_1_000_seeds() {
    let place = root().join("target/planted");
    for bug in BUGS {
        for package in PACKAGES {
            for part in ["src", "Cargo.toml", "clippy.toml"] {
                let (from, to) = (root().join(package).join(part), place.join(package).join(part));
                if from.is_dir() {
                    copy(&from, &to);
                } else if from.is_file() {
                    fs::write(to, fs::read(from).expect("a file of ours")).expect("the copy");
                }
            }
        }
        for file in ["genesis/devnet.toml", "genesis/testnet.toml", "genesis/regtest.toml"] {
            fs::copy(root().join(file), place.join(file)).expect("a chain definition");
        }
        let world = "node/simulator/simulation.toml";
        fs::copy(root().join(world), place.join(world)).expect("the simulated chain");
        copy(&root().join("node/simulator/examples"), &place.join("node/simulator/examples"));
        fs::write(place.join("Cargo.toml"), manifest()).expect("a manifest");
        fs::copy(root().join("Cargo.lock"), place.join("Cargo.lock")).expect("the same versions");

        let file = place.join(bug.file);
        let text = fs::read_to_string(&file).expect("the file of the bug");
        assert_eq!(text.matches(bug.right).count(), 1, "{}: {} has changed", bug.what, bug.file);
        fs::write(&file, text.replace(bug.right, bug.wrong)).expect("the bug is planted");

        let run = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--release", "--offline", "-p", "cairn-simulator"])
            .args(["--example", "seeds", "--", "0", "1000"])
            .env("CARGO_TARGET_DIR", place.join("target"))
            .current_dir(&place)
            .output()
            .expect("cargo runs");
        let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(1), "{}: not found; {said}", bug.what);
        assert!(bug.found_as.iter().any(|words| said.contains(words)), "{}: {said}", bug.what);
        println!("{}: {}", bug.what, said.trim());
    }
}
