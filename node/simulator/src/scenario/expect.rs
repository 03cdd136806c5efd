//! `[expect]`: what a run is expected to come to.

use core::time::Duration;

use crate::behaviour::Behaviour;
use crate::expectation::{Bounds, Expectation};
use crate::plan::{Group, MILLION, Step};
use crate::scenario::ending::LONGEST_RUN;
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::names::Names;
use crate::scenario::section::{Entry, Section};

/// Keys of `[expect]`.
pub const KEYS: &[&str] = &[
    "converged_within",
    "deepest_reorganisation",
    "stale_rate",
    "no_double_spend_deeper_than",
    "double_spends",
    "winner",
    "revenue",
    "tips",
    "height",
    "agreement",
];
/// Keys of `revenue`.
pub const REVENUE_KEYS: &[&str] = &["group", "least", "most"];
/// Keys of bounds.
const BOUNDS_KEYS: &[&str] = &["least", "most"];
/// No figure that is counted is larger.
const MOST_COUNTED: u64 = u32::MAX as u64;
/// Groups whose revenue may be expected.
const MAX_REVENUES: usize = 1_000;

/// Every expectation, in the order in which they are told.
///
/// # Errors
/// Every fault of expectations.
pub fn read(
    whole: &Section,
    names: &Names,
    groups: &[Group],
    steps: &[(Duration, Step)],
) -> Result<Vec<Expectation>, ScenarioError> {
    let Some(entry) = whole.get("expect") else { return Ok(Vec::new()) };
    let expect = entry.section(KEYS)?;
    let mut list = Vec::new();
    if let Some(entry) = expect.get("converged_within") {
        if !steps.iter().any(|(_, step)| step.mends(usize::from(names.nodes()))) {
            return Err(entry.fault(Fault::NothingMends));
        }
        list.push(Expectation::ConvergedWithin(entry.time(Duration::from_millis(1), LONGEST_RUN)?));
    }
    if let Some(entry) = expect.get("deepest_reorganisation") {
        list.push(Expectation::ReorganisationDepth(bounds(&entry, counted)?));
    }
    if let Some(entry) = expect.get("stale_rate") {
        list.push(Expectation::StaleRate(bounds(&entry, part)?));
    }
    let is_attacker = |group: &Group| matches!(group.behaviour, Behaviour::DoubleSpend(_));
    let pays_twice = |step: &Step| matches!(step, Step::Pay { twice_at: Some(_), .. });
    let takes_back = groups.iter().any(is_attacker) || steps.iter().any(|(_, step)| pays_twice(step));
    for key in ["no_double_spend_deeper_than", "double_spends"] {
        if let Some(entry) = expect.get(key).filter(|_| !takes_back) {
            return Err(entry.fault(Fault::NothingTakenBack));
        }
    }
    if let Some(entry) = expect.get("no_double_spend_deeper_than") {
        let most = u32::try_from(counted(&entry)?).expect("the bound fits");
        list.push(Expectation::NoDoubleSpendDeeperThan(most));
    }
    if let Some(entry) = expect.get("double_spends") {
        list.push(Expectation::DoubleSpends(bounds(&entry, counted)?));
    }
    if let Some(entry) = expect.get("winner") {
        let cuts = |step: &Step| matches!(step, Step::Partition(_) | Step::Refuse(_));
        if !steps.iter().any(|(_, step)| cuts(step)) {
            return Err(entry.fault(Fault::NothingCuts));
        }
        list.push(Expectation::Winner { group: names.group(&entry)? });
    }
    if let Some(entry) = expect.get("revenue") {
        let entries = if entry.is_list() { entry.list(1, MAX_REVENUES)? } else { vec![entry] };
        for entry in entries {
            let section = entry.section(REVENUE_KEYS)?;
            let of = section.require("group", "a group's name in quotes")?;
            let group = names.group(&of)?;
            let is_taken = |one: &Expectation| matches!(one, Expectation::Revenue { group: other, .. } if *other == group);
            if list.iter().any(is_taken) {
                return Err(of.fault(Fault::RevenueTaken { group: names.name(group).to_owned() }));
            }
            list.push(Expectation::Revenue { group, share: within(&section, part)? });
        }
    }
    if let Some(entry) = expect.get("tips") {
        list.push(Expectation::Tips(bounds(&entry, counted)?));
    }
    if let Some(entry) = expect.get("height") {
        list.push(Expectation::Height(bounds(&entry, counted)?));
    }
    if let Some(entry) = expect.get("agreement") {
        list.push(Expectation::Agreement(bounds(&entry, part)?));
    }
    Ok(list)
}

/// How a figure is written.
type Figure = fn(&Entry) -> Result<u64, ScenarioError>;

fn counted(entry: &Entry) -> Result<u64, ScenarioError> {
    entry.whole(0, MOST_COUNTED)
}

fn part(entry: &Entry) -> Result<u64, ScenarioError> {
    entry.decimal((0, MILLION), MILLION)
}

/// Bounds, or a figure that is expected exactly.
fn bounds(entry: &Entry, figure: Figure) -> Result<Bounds, ScenarioError> {
    if !entry.is_table() {
        let exactly = figure(entry)?;
        return Ok(Bounds { least: Some(exactly), most: Some(exactly) });
    }
    within(&entry.section(BOUNDS_KEYS)?, figure)
}

fn within(section: &Section, figure: Figure) -> Result<Bounds, ScenarioError> {
    let bound = |key| section.get(key).map(|entry| figure(&entry)).transpose();
    let (least, most) = (bound("least")?, bound("most")?);
    match (least, most) {
        (None, None) => Err(section.fault(Fault::NoBounds)),
        (Some(least), Some(most)) if least > most => Err(section.fault(Fault::BoundsReversed)),
        _ => Ok(Bounds { least, most }),
    }
}
