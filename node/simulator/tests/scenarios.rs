//! Every scenario that is shipped, in the simulator: what it expects comes true.

use std::fs;
use std::path::{Path, PathBuf};

use cairn_simulator::plan::Plan;
use cairn_simulator::play::play;
use cairn_simulator::scenario::parse;

/// Seeds that every scenario is played with besides its own.
const SEEDS: core::ops::Range<u64> = 100..120;
/// Scenarios that real processes can play, too.
const REAL: [&str; 5] =
    ["split-brain", "three-way-split", "minority-wins-by-work", "flapping-link", "mass-restart"];

/// Every scenario with the name of its file; whatever else lies there is a mistake.
fn shipped() -> Vec<(String, Plan)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry has a path").path()).collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> (String, Plan) {
    assert_eq!(path.extension().and_then(|extension| extension.to_str()), Some("toml"), "{}", path.display());
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let plan = parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
    (name, plan)
}

/// Whatever was not as expected, in words.
fn played(name: &str, plan: &Plan, seed: u64) -> Vec<String> {
    let report = match play(plan, seed) {
        Ok(report) => report,
        Err(failure) => return vec![format!("{name}: {failure}")],
    };
    let verdicts = report.expectations.iter();
    // Shown with `--nocapture`, for whoever writes a scenario.
    verdicts.clone().for_each(|verdict| println!("{name}, seed {seed}: {verdict}"));
    let missed = verdicts.filter(|verdict| !verdict.is_met);
    missed.map(|verdict| format!("{name}, seed {seed}: {verdict}")).collect()
}

#[test]
fn every_shipped_scenario_comes_to_what_it_expects() {
    let shipped = shipped();
    assert!(shipped.len() >= 10, "only {} were found", shipped.len());
    let mut missed = Vec::new();
    for (name, plan) in &shipped {
        assert_eq!(*name, plan.name, "a scenario is named as its file");
        assert!(!plan.expectations.is_empty(), "{name} expects nothing");
        missed.extend(played(name, plan, plan.seed));
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn every_shipped_scenario_does_so_whatever_the_luck() {
    let shipped = shipped();
    let all = shipped.iter().flat_map(|(name, plan)| SEEDS.flat_map(move |seed| played(name, plan, seed)));
    let missed: Vec<String> = all.collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn at_least_five_scenarios_are_for_real_processes_too() {
    for (name, plan) in shipped().iter().filter(|(name, _)| REAL.contains(&name.as_str())) {
        assert_eq!(plan.refusal_of_devnet(), None, "{name}");
        assert!(plan.nodes() <= 10 && plan.stop.after.as_secs() <= 100, "{name} asks for too much");
    }
    assert_eq!(shipped().iter().filter(|(name, _)| REAL.contains(&name.as_str())).count(), REAL.len());
}

#[test]
fn every_shipped_scenario_is_in_the_manual() {
    let manual = include_str!("../../../docs/scenarios.md");
    for (name, _) in shipped() {
        let link = format!("[{name}](../tests/scenarios/{name}.toml)");
        assert!(manual.contains(&link), "docs/scenarios.md has no line that begins with {link}");
    }
}
