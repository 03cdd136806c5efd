//! Scenario files: a world and what happens in it, as text that people write.
//!
//! [`parse`] reads a file's text into a [`Plan`] and does nothing else. Every key is described in
//! `docs/scenarios.md`; an unknown one is rejected, and every error names line, key, what was found
//! and what was expected, with an example. Nothing is allocated because a file says so before it was compared with
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
//! assert_eq!(error, "line 8, `group.hashrate`: found -3, expected a number from 0 to 1000000, as in 50.5");
//! ```

use core::time::Duration;

use cairn_genesis::bounded::{Bounded, Name};
use cairn_genesis::toml_file::{Document, Spanned, TomlFault, Unread};
use serde::Deserialize;

use crate::behaviour::Behaviour;
use crate::plan::{Plan, Step};
use crate::scenario::chain::ChainTable;
use crate::scenario::ending::{StopTable, WorkloadTable};
use crate::scenario::expect::ExpectTable;
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::groups::GroupTable;
use crate::scenario::nodes::Reader;
use crate::scenario::values::Time;

pub mod chain;
pub mod ending;
pub mod expect;
pub mod fault;
pub mod groups;
pub mod links;
pub mod nodes;
pub mod steps;
pub mod topology;
pub mod values;

/// The most bytes of a file: ten thousand steps and more fit.
const MAX_BYTES: usize = 2_000_000;
/// The most characters of what a scenario teaches.
const MAX_SENTENCE: usize = 300;
/// The seed when the file names none.
const USUAL_SEED: u64 = 1;
/// The time that a disk takes when the file does not say.
const USUAL_DISK: Duration = Duration::from_millis(3);

/// A scenario file. Values whose rules depend on others are left unread at first.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Name<64>,
    teaches: Spanned<String>,
    seed: Option<Bounded<0, 9_223_372_036_854_775_807>>,
    disk: Option<Time<0, 60_000>>,
    chain: Option<Spanned<ChainTable>>,
    group: Vec<Spanned<GroupTable>>,
    topology: Option<Unread>,
    links: Option<Unread>,
    #[serde(default)]
    workload: WorkloadTable,
    #[serde(default)]
    step: Vec<Unread>,
    stop: StopTable,
    #[serde(default)]
    expect: ExpectTable,
}

/// A file with nearly every key, out of which errors show examples.
const EXAMPLE: &str = include_str!("scenario/example.toml");

/// Reads a scenario file's text.
///
/// # Errors
/// The first rule of [`Fault`] that it breaks, with line and key.
pub fn parse(text: &str) -> Result<Plan, ScenarioError> {
    read(text).map_err(|mut error| {
        let (Fault::File(TomlFault::Value { expected: text_of, .. })
        | Fault::File(TomlFault::Unparsed { why: text_of, .. })) = &mut error.fault
        else {
            return error;
        };
        let document = Document::parse::<Fault>(EXAMPLE).ok();
        let example = document.as_ref().and_then(|document| document.example(&error.key));
        if let Some(example) =
            example.filter(|_| !text_of.contains(" as in ") && !text_of.contains("such as"))
        {
            text_of.push_str(&format!(", as in {example}"));
        }
        error
    })
}

fn read(text: &str) -> Result<Plan, ScenarioError> {
    if text.len() > MAX_BYTES {
        let fault = Fault::TooLong { found: text.len(), most: MAX_BYTES };
        return Err(ScenarioError { line: 1, key: "file".into(), fault });
    }
    let document = Document::parse(text)?;
    let file: File = document.read()?;
    let teaches = file.teaches.get_ref();
    let found = teaches.chars().count();
    if !(1..=MAX_SENTENCE).contains(&found) || teaches.contains(char::is_control) {
        return Err(document.error(file.teaches.span(), Fault::NotASentence { found, most: MAX_SENTENCE }));
    }
    let chain =
        file.chain.as_ref().map(Spanned::get_ref).unwrap_or(&ChainTable::default()).definition(&document)?;
    let mut reader = Reader { groups: groups::read(&document, &file.group)?, document };
    let confined = groups::read_behaviours(&mut reader, &file.group)?;
    let topology = topology::read(&reader, file.topology.as_ref(), confined)?;
    let (links, links_said, ping_every) = links::read(&reader, file.links.as_ref())?;
    let workload = file.workload.workload();
    let stop = file.stop.stop(&reader)?;
    let steps = steps::read(&reader, &file.step, &workload, &stop)?;
    let expectations = expect::read(&reader, &file.expect, &steps)?;
    let mines = |step: &Step| matches!(step, Step::Mine { .. });
    if reader.groups.iter().all(|group| group.share == 0) && !steps.iter().any(|(_, step)| mines(step)) {
        let first = file.group.first().map(Spanned::span).unwrap_or_default();
        return Err(reader.document.error(first, Fault::NoMiner));
    }
    let attackers = reader.groups.iter().filter(|group| matches!(group.behaviour, Behaviour::DoubleSpend(_)));
    let wallets = workload.wallets + attackers.count() as u16;
    ChainTable::check(file.chain.as_ref(), &chain, wallets, &reader.document)?;
    Ok(Plan {
        name: file.name.as_str().to_owned(),
        teaches: teaches.clone(),
        chain,
        groups: reader.groups,
        topology,
        links,
        links_said,
        ping_every,
        disk: file.disk.map_or(USUAL_DISK, Time::get),
        workload,
        steps,
        stop,
        expectations,
        seed: file.seed.map_or(USUAL_SEED, Bounded::get),
    })
}

#[cfg(test)]
mod tests;
