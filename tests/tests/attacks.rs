//! docs/attacks.md keeps its word: every row is there, and every test that it names exists and runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rows that must be there.
const DEMANDED: [u32; 39] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
    29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 40,
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the workspace").to_owned()
}

/// The tests that each row of the table names, as file and function.
fn rows(table: &str) -> BTreeMap<u32, Vec<(String, String)>> {
    let mut rows = BTreeMap::new();
    for line in table.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, number, elsewhere, here, tests, _] = cells[..] else { continue };
        let Ok(number) = number.parse() else { continue };
        assert!(
            !elsewhere.is_empty() && !here.is_empty(),
            "row {number} says what happened and what is done"
        );
        let named = tests.split('`').filter_map(|part| part.split_once("::"));
        let named = named.map(|(file, name)| (file.to_owned(), name.to_owned())).collect();
        assert!(rows.insert(number, named).is_none(), "row {number} is there twice");
    }
    rows
}

/// The names of functions that a test runner would run, of which none is ignored.
fn tests_in(source: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let (mut is_test, mut is_ignored) = (false, false);
    for line in source.lines().map(str::trim) {
        let is_attribute = |name: &str| line.starts_with(&format!("#[{name}"));
        if is_attribute("test]") || is_attribute("tokio::test") {
            is_test = true;
        } else if is_attribute("ignore") {
            is_ignored = true;
        } else if let Some(rest) = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ") {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            if is_test && !is_ignored {
                found.insert(name);
            }
            (is_test, is_ignored) = (false, false);
        }
    }
    found
}

/// What the table promises and does not keep, in words.
fn broken_promises(table: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let rows = rows(table);
    let mut broken = Vec::new();
    for number in DEMANDED {
        if rows.get(&number).is_none_or(Vec::is_empty) {
            broken.push(format!("row {number} names no test"));
        }
    }
    for (number, (file, name)) in
        rows.iter().flat_map(|(number, tests)| tests.iter().map(move |t| (number, t)))
    {
        match read(file) {
            None => broken.push(format!("row {number}: there is no {file}")),
            Some(source) if !tests_in(&source).contains(name.as_str()) => {
                broken.push(format!("row {number}: {file} has no test {name}"));
            }
            Some(_) => {}
        }
    }
    broken
}

#[test]
fn every_row_is_there_and_every_test_that_it_names_exists() {
    let table = fs::read_to_string(root().join("docs/attacks.md")).expect("the table");
    let broken = broken_promises(&table, |file| fs::read_to_string(root().join(file)).ok());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let named: usize = rows(&table).values().map(Vec::len).sum();
    assert!(named > 100, "{named} tests are named");
}

#[test]
fn a_missing_row_a_missing_file_and_a_test_that_does_not_run_are_found() {
    let source = "#[test]\nfn there() {}\n/// Words.\nfn no_test() {}\n#[test]\n#[ignore = \"slow\"]\nfn ignored() {}\n\
                  proptest! {\n    #[test]\n    fn drawn(x in 0..9) {}\n}\n#[tokio::test]\nasync fn awaited() {}\n";
    assert_eq!(tests_in(source).into_iter().collect::<Vec<_>>(), ["awaited", "drawn", "there"]);
    let good = |number: &u32| format!("| {number} | elsewhere | here | `a.rs::there`, `a.rs::drawn` |\n");
    let read = |file: &str| (file == "a.rs").then(|| source.to_owned());
    let whole: String = DEMANDED.iter().map(good).collect();
    assert_eq!(broken_promises(&whole, read), [""; 0]);
    let without: String = DEMANDED[1..].iter().map(good).collect();
    assert_eq!(broken_promises(&without, read), ["row 1 names no test"]);
    let other =
        format!("{whole}| 99 | elsewhere | here | `a.rs::no_test`, `a.rs::ignored`, `b.rs::there` |\n");
    let broken = broken_promises(&other, read);
    let expected =
        ["row 99: a.rs has no test no_test", "row 99: a.rs has no test ignored", "row 99: there is no b.rs"];
    assert_eq!(broken, expected);
}
