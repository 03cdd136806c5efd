//! The commands of README and docs are run as they stand there, and tell what is shown below them.

use std::path::{Path, PathBuf};

use cairn_core::address::{Address, AddressPrefix};
use cairn_tests::patience::wait_until;

#[path = "documented_commands/blocks.rs"]
mod blocks;
#[path = "documented_commands/session.rs"]
mod session;

use self::blocks::{Block, missing, shape};
use self::session::Session;

/// Commands that are not run here, by their beginning, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("tests/run", "it runs this test"),
    ("cargo install cargo-fuzz", "it compiles for minutes and takes what it needs from the network"),
    ("cargo +nightly fuzz", "it needs a nightly compiler"),
    (
        "cargo run --release -p cairn-tests --example seeds",
        "it compiles; tests/tests/fuzzing.rs does the same",
    ),
    (
        "cargo run --release -p cairn-tests --example papers",
        "minutes of simulation; tests/tests/papers.rs has the claims",
    ),
    ("cargo bench", "a quarter of an hour of measuring"),
];

/// Blocks that hold no command, by file and beginning.
const NO_COMMANDS: &[(&str, &str)] = &[
    ("README.md", " wallet ───"),
    ("docs/architecture.md", "core/   "),
    ("docs/pages.md", "{ "),
    ("docs/scenarios.md", "line 19, "),
];

/// Blocks that show what a command above them told.
const TOLD: &[(&str, &str, Source)] =
    &[("README.md", "cut: 0,1,2 / 3,4", Source::Devnet), ("README.md", "   40.0 s  healed:", Source::Last)];

/// Who told what a block shows.
#[derive(Clone, Copy)]
enum Source {
    /// The running devnet, in any order.
    Devnet,
    /// One of the commands of the block before, in this order.
    Last,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the repository").to_owned()
}

/// README, all of docs, and the table of papers.
fn texts() -> Vec<PathBuf> {
    let mut texts = vec![PathBuf::from("README.md"), PathBuf::from("tests/papers/README.md")];
    for directory in ["docs", "docs/decisions"] {
        let files = std::fs::read_dir(root().join(directory)).expect("a directory").flatten();
        let files = files.map(|file| Path::new(directory).join(file.file_name()));
        texts.extend(files.filter(|file| file.extension().is_some_and(|ending| ending == "md")));
    }
    texts.sort();
    texts
}

/// Runs what one text says, from its beginning to its end.
fn follow(file: &Path) {
    let (mut session, mut last) = (Session::begin(&root()), Vec::new());
    for block in Block::all_of(&root(), file) {
        let starts =
            |(text, start): (&str, &str)| Path::new(text) == file && block.first_line().starts_with(start);
        let told = TOLD.iter().find(|(text, start, _)| starts((text, start)));
        if let Some((.., source)) = told {
            is_told(&block, *source, &session, &last);
            continue;
        }
        if !block.kind.is_empty() || NO_COMMANDS.iter().any(|named| starts(*named)) {
            continue;
        }
        let commands = block.commands();
        assert!(!commands.is_empty(), "{}: neither commands nor named in this test", block.place());
        last.clear();
        for command in commands {
            if NOT_RUN.iter().any(|(start, _)| command.text.starts_with(start)) {
                continue;
            }
            eprintln!("{}: {}", block.place(), command.text);
            if runs_for_ever(&command.text) {
                session.start(&command.text);
                continue;
            }
            if command.text.starts_with("cairn net heal") {
                wait_until("both sides have found blocks", || both_sides_grew(&session.devnet_log()));
            }
            let told = session.run(&command.text);
            let missing = missing(&command.shown, &told);
            assert!(missing.is_none(), "{}: `{}` tells no {missing:?}:\n{told}", block.place(), command.text);
            last.push(told);
        }
    }
    session.end();
}

fn runs_for_ever(command: &str) -> bool {
    ["cairn devnet", "cairn node", "cairn top", "cargo run --release -- devnet"]
        .iter()
        .any(|start| command.starts_with(start))
}

/// Whether both sides of `0,1,2 / 3,4` have found a block since they were cut: then healing reorganizes one.
fn both_sides_grew(log: &str) -> bool {
    let since = log.rsplit_once("cut: ").map_or("", |(_, since)| since);
    let found_by = |node: u8| since.contains(&format!(" by node {node}, "));
    (0..3).any(found_by) && (3..5).any(found_by)
}

fn is_told(block: &Block, source: Source, session: &Session, last: &[String]) {
    match source {
        Source::Devnet => block.lines.iter().for_each(|line| {
            wait_until(&format!("{}: the devnet tells: {line}", block.place()), || {
                session.devnet_log().lines().any(|told| shape(told) == shape(line))
            });
        }),
        Source::Last => {
            let is_told = last.iter().any(|told| missing(&block.lines, told).is_none());
            assert!(
                is_told,
                "{}: no command above it tells this; they told\n{}",
                block.place(),
                last.join("\n")
            );
        }
    }
}

#[test]
fn the_commands_of_the_readme_run_as_they_stand_there() {
    follow(Path::new("README.md"));
}

#[test]
fn the_commands_of_the_docs_run_as_they_stand_there() {
    texts().iter().filter(|text| **text != Path::new("README.md")).for_each(|text| follow(text));
}

/// So that a text that is gone leaves no exception behind.
#[test]
fn every_exception_is_one_of_a_text_that_is_there() {
    let blocks: Vec<Block> = texts().iter().flat_map(|text| Block::all_of(&root(), text)).collect();
    for (start, why) in NOT_RUN {
        let mut commands = blocks.iter().flat_map(Block::commands);
        assert!(commands.any(|command| command.text.starts_with(start)), "`{start}` ({why}) is in no text");
    }
    let told = TOLD.iter().map(|(text, start, _)| (text, start));
    for (text, start) in NO_COMMANDS.iter().map(|(text, start)| (text, start)).chain(told) {
        let is_there = |block: &Block| block.file == Path::new(text) && block.first_line().starts_with(start);
        assert!(blocks.iter().any(is_there), "{text} has no block that begins with `{start}`");
    }
}

/// A reader may copy it: it must be one that a wallet takes.
#[test]
fn every_address_in_a_text_has_a_right_checksum() {
    for text in texts() {
        let content = std::fs::read_to_string(root().join(&text)).expect("a text");
        let words = content.split(|letter: char| !letter.is_ascii_alphanumeric());
        let addresses = words.filter_map(|word| Some((word, word.split_once("1q")?.0)));
        for (word, prefix) in addresses.filter(|(word, prefix)| word.len() > 50 && !prefix.is_empty()) {
            let prefix = AddressPrefix::new(prefix).expect("a prefix");
            let read = Address::parse(word, &prefix);
            assert!(read.is_ok(), "{}: {word}: {}", text.display(), read.expect_err("it is wrong"));
        }
    }
}
