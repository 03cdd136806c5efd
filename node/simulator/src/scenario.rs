//! Scenario files: a world and what happens in it, as text that people write.
//!
//! [`parse`] reads a file's text into a [`Plan`] and does nothing else. Every key is described in
//! `docs/scenarios.md`; an unknown one is refused, and every error names line, key, what was found
//! and what was expected. Nothing is allocated because a file says so before it was compared with
//! its bound.
//!
//! ```
//! let text = r#"
//! name = "two-sides"
//! teaches = "The side with more hash rate wins."
//!
//! [[group]]
//! name = "many"
//! nodes = 6
//! hashrate = 3
//!
//! [[group]]
//! name = "few"
//! nodes = 4
//! hashrate = 1
//!
//! [[step]]
//! at = "10 s"
//! partition = [["many"], ["few"]]
//!
//! [[step]]
//! at = "60 s"
//! heal = true
//!
//! [stop]
//! after = "90 s"
//!
//! [expect]
//! winner = "many"
//! "#;
//! let plan = cairn_simulator::scenario::parse(text).expect("it keeps to the rules");
//! assert_eq!(plan.groups[0].share, 750_000);
//!
//! let error = cairn_simulator::scenario::parse(&text.replace("hashrate = 3", "hashrate = -3"));
//! let error = error.expect_err("less than nothing").to_string();
//! assert_eq!(error, "line 8, `group.hashrate`: found -3, expected 0 to 1000000");
//! ```

use core::time::Duration;

use toml::de::DeTable;

use crate::behaviour::Behaviour;
use crate::plan::{Plan, Step};
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::groups::Groups;
use crate::scenario::section::Section;
use crate::scenario::steps::Around;

pub mod behaviour;
pub mod chain;
pub mod ending;
pub mod expect;
pub mod fault;
pub mod groups;
pub mod links;
pub mod names;
pub mod section;
pub mod steps;
pub mod topology;

/// Keys of the file itself.
pub const KEYS: &[&str] = &[
    "name", "teaches", "seed", "disk", "chain", "group", "topology", "links", "workload", "step", "stop",
    "expect",
];
/// Bytes of a file: ten thousand steps and more fit.
const LONGEST: usize = 2_000_000;
/// Characters of what the TOML parser says that an error repeats.
const LONGEST_MESSAGE: usize = 120;
/// Characters of a scenario's name.
const LONGEST_NAME: usize = 64;
/// Characters of what it teaches.
const LONGEST_SENTENCE: usize = 300;
/// The seed when the file names none.
const USUAL_SEED: u64 = 1;
/// How long a disk takes when the file does not say.
const USUAL_DISK: Duration = Duration::from_millis(3);
/// No disk takes longer.
const SLOWEST_DISK: Duration = Duration::from_secs(60);

/// Reads a scenario file's text.
///
/// # Errors
/// The first rule of [`Fault`] that it breaks, with line and key.
pub fn parse(text: &str) -> Result<Plan, ScenarioError> {
    let of_file = |line, fault| ScenarioError { line, key: "scenario".into(), fault };
    if text.len() > LONGEST {
        return Err(of_file(1, Fault::TooLong { found: text.len(), most: LONGEST }));
    }
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.as_bytes().get(..at).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        // What it expects is told for all of TOML: the parser names its own kinds of texts.
        let message = error.message().lines().next().unwrap_or_default();
        let message = message.split(", expected").next().unwrap_or_default();
        let fault = Fault::NotToml(message.chars().take(LONGEST_MESSAGE).collect());
        ScenarioError { line, key: key_at(text, at), fault }
    })?;
    read(&Section::whole(text, table.get_ref(), KEYS)?)
}

/// The key that a value belongs to which is no TOML, as far as the lines up to it tell: what stands before
/// the equals sign, after the table that was begun last.
fn key_at(text: &str, at: usize) -> String {
    let end =
        text.as_bytes().iter().skip(at).position(|byte| *byte == b'\n').map_or(text.len(), |next| at + next);
    let lines = || text.get(..end).unwrap_or_default().lines().rev().map(str::trim);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.\"' ".contains(c);
    let key = |line: &'_ str| {
        let (key, _) = line.split_once('=')?;
        Some(key.trim().to_owned()).filter(|key| !key.is_empty() && key.chars().all(is_plain))
    };
    let table = |line: &'_ str| {
        let name = line.strip_prefix('[')?.trim_start_matches('[').split(']').next()?.trim();
        Some(name.to_owned()).filter(|name| !name.is_empty() && name.chars().all(is_plain))
    };
    // A line in the middle of a long value has none: the value begins further up.
    let of = lines().find_map(key);
    let header = lines().find_map(table);
    let name = [header, of].into_iter().flatten().collect::<Vec<_>>().join(".");
    if name.is_empty() { "scenario".into() } else { section::shown(&name) }
}

fn read(whole: &Section) -> Result<Plan, ScenarioError> {
    let name = whole.require("name", "a name in quotes")?.name(LONGEST_NAME)?.to_owned();
    let teaches = sentence(whole)?;
    let seed = whole.get("seed").map_or(Ok(USUAL_SEED), |entry| entry.whole(0, i64::MAX as u64))?;
    let disk = whole.get("disk").map_or(Ok(USUAL_DISK), |entry| entry.time(Duration::ZERO, SLOWEST_DISK))?;
    let of_chain = whole.get("chain").map(|entry| entry.section(chain::KEYS)).transpose()?;
    let chain = chain::read(of_chain.as_ref())?;
    let Groups { names, list: groups, confined } = groups::read(whole)?;
    let topology = topology::read(whole, &groups, &confined)?;
    let links::Read { links, said: links_said, ping_every } = links::read(whole, &names)?;
    let workload = ending::workload(whole)?;
    let stop = ending::stop(whole, &groups)?;
    let around = Around { names: &names, groups: &groups, workload: &workload, stop: &stop };
    let steps = steps::read(whole, around)?;
    let expectations = expect::read(whole, &names, &groups, &steps)?;
    let mines = |step: &Step| matches!(step, Step::Mine { .. });
    if groups.iter().all(|group| group.share == 0) && !steps.iter().any(|(_, step)| mines(step)) {
        return Err(whole.require("group", "groups")?.fault(Fault::NobodyMines));
    }
    let attackers = groups.iter().filter(|group| matches!(group.behaviour, Behaviour::DoubleSpend(_)));
    let purses = u64::from(workload.wallets) + attackers.count() as u64;
    self::chain::check(&chain, u16::try_from(purses).unwrap_or(u16::MAX), of_chain.as_ref(), whole)?;
    Ok(Plan {
        name,
        teaches,
        chain,
        groups,
        topology,
        links,
        links_said,
        ping_every,
        disk,
        workload,
        steps,
        stop,
        expectations,
        seed,
    })
}

fn sentence(whole: &Section) -> Result<String, ScenarioError> {
    let entry = whole.require("teaches", "a sentence in quotes")?;
    let text = entry.text("a sentence in quotes")?;
    let found = text.chars().count();
    if (1..=LONGEST_SENTENCE).contains(&found) && !text.contains(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(entry.fault(Fault::NotASentence { found, most: LONGEST_SENTENCE }))
}

#[cfg(test)]
mod tests;
