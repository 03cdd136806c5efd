//! `[expect]`: what a run is expected to come to.

use core::time::Duration;
use std::collections::BTreeSet;

use cairn_genesis::bounded::Bounded;
use cairn_genesis::toml_file::{Spanned, Unread};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::behaviour::Behaviour;
use crate::expectation::{Bounds, Expectation};
use crate::plan::{MILLION, Step};
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::nodes::Reader;
use crate::scenario::values::{Decimal, TEN_YEARS, Time, small};

/// A figure that is counted.
type Counted = Bounded<0, 4_294_967_295>;
/// A share, in millionths.
type Part = Decimal<0, MILLION, MILLION>;

/// The table as the file has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectTable {
    converged_within: Option<Spanned<Time<1, TEN_YEARS>>>,
    deepest_reorganization: Option<Unread>,
    stale_rate: Option<Unread>,
    no_double_spend_deeper_than: Option<Spanned<Counted>>,
    double_spends: Option<Unread>,
    winner: Option<Spanned<String>>,
    revenue: Option<Unread>,
    tips: Option<Unread>,
    height: Option<Unread>,
    agreement: Option<Unread>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revenue {
    group: Spanned<String>,
    least: Option<Part>,
    most: Option<Part>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BoundsTable<T> {
    least: Option<T>,
    most: Option<T>,
}

/// Every expectation, in the order in which reports show them.
pub fn read(
    reader: &Reader,
    table: &ExpectTable,
    steps: &[(Duration, Step)],
) -> Result<Vec<Expectation>, ScenarioError> {
    check(reader, table, steps)?;
    let counted = |value: &Option<Unread>| bounds(reader, value, Counted::get);
    let part = |value: &Option<Unread>| bounds(reader, value, Part::parts);
    table.winner.as_ref().map(|name| reader.group(name)).transpose()?;
    let mut list: Vec<Option<Expectation>> = vec![
        table.converged_within.as_ref().map(|time| Expectation::ConvergedWithinMs(time.get_ref().ms().get())),
        counted(&table.deepest_reorganization)?.map(Expectation::DeepestReorganization),
        part(&table.stale_rate)?.map(Expectation::StaleRate),
        table
            .no_double_spend_deeper_than
            .as_ref()
            .map(|most| Expectation::NoDoubleSpendDeeperThan(small(*most.get_ref()))),
        counted(&table.double_spends)?.map(Expectation::DoubleSpends),
        table.winner.as_ref().map(|group| Expectation::Winner(group.get_ref().clone())),
    ];
    let mut taken = BTreeSet::new();
    let revenues = table.revenue.as_ref().map(|revenue| reader.document.list(revenue)).transpose()?;
    for revenue in revenues.iter().flatten() {
        let Revenue { group: name, least, most }: &Revenue = revenue.get_ref();
        let group = name.get_ref().clone();
        if !taken.insert(reader.group(name)?) {
            return Err(reader.error(name, Fault::RevenueTaken { group }));
        }
        let share = within(reader, revenue, least.map(Part::parts), most.map(Part::parts))?;
        list.push(Some(Expectation::Revenue { group, share }));
    }
    list.extend([
        counted(&table.tips)?.map(Expectation::Tips),
        counted(&table.height)?.map(Expectation::Height),
        part(&table.agreement)?.map(Expectation::Agreement),
    ]);
    Ok(list.into_iter().flatten().collect())
}

/// Whether the plan has what the expectations are about.
fn check(reader: &Reader, table: &ExpectTable, steps: &[(Duration, Step)]) -> Result<(), ScenarioError> {
    let has_step = |is_one: &dyn Fn(&Step) -> bool| steps.iter().any(|(_, step)| is_one(step));
    let is_attacked = reader.groups.iter().any(|group| matches!(group.behaviour, Behaviour::DoubleSpend(_)));
    let is_tried = is_attacked || has_step(&|step| matches!(step, Step::Pay { twice_at: Some(_), .. }));
    let nodes = reader.node_count();
    let heals = has_step(&|step| step.heals(nodes));
    let is_partitioned = has_step(&|step| matches!(step, Step::Partition(_) | Step::Refuse(_)));
    let wants = [
        (table.converged_within.as_ref().map(Spanned::span), heals, Fault::NothingHeals),
        (table.no_double_spend_deeper_than.as_ref().map(Spanned::span), is_tried, Fault::NoDoubleSpend),
        (table.double_spends.as_ref().map(Spanned::span), is_tried, Fault::NoDoubleSpend),
        (table.winner.as_ref().map(Spanned::span), is_partitioned, Fault::NoPartition),
    ];
    let missing =
        wants.into_iter().find_map(|(at, is_there, fault)| Some((at.filter(|_| !is_there)?, fault)));
    missing.map_or(Ok(()), |(at, fault)| Err(reader.document.error(at, fault)))
}

/// Bounds, or a figure that is expected exactly.
fn bounds<T: DeserializeOwned>(
    reader: &Reader,
    value: &Option<Unread>,
    figure: fn(T) -> u64,
) -> Result<Option<Bounds>, ScenarioError> {
    let Some(value) = value else { return Ok(None) };
    if !reader.document.is_table(value) {
        let exactly = figure(reader.document.read_at(value)?);
        return Ok(Some(Bounds { least: Some(exactly), most: Some(exactly) }));
    }
    let BoundsTable { least, most } = reader.document.read_at(value)?;
    within(reader, value, least.map(figure), most.map(figure)).map(Some)
}

fn within<T>(
    reader: &Reader,
    at: &Spanned<T>,
    least: Option<u64>,
    most: Option<u64>,
) -> Result<Bounds, ScenarioError> {
    match (least, most) {
        (None, None) => Err(reader.error(at, Fault::NoBounds)),
        (Some(least), Some(most)) if least > most => Err(reader.error(at, Fault::BoundsReversed)),
        _ => Ok(Bounds { least, most }),
    }
}
