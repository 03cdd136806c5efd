//! `[[group]]`: nodes that are alike, their hash rate, behaviour and confinement.

use cairn_genesis::bounded::{Bounded, Name};
use cairn_genesis::toml_file::{Document, Spanned, Unread};
use serde::Deserialize;

use crate::behaviour::{Behaviour, DoubleSpend};
use crate::node_index::NodeIndex;
use crate::plan::{Group, MILLION};
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::nodes::{Reader, References};
use crate::scenario::values::{Decimal, Time, small};

/// The most nodes of a world.
pub const MAX_NODES: u64 = 20_000;
/// The most groups of a world.
const MAX_GROUPS: usize = 1_000;
/// The most parts of the hash rate of one group, in millionths.
const MAX_PARTS: u64 = 1_000_000 * MILLION;
/// A year in milliseconds, the longest that an intermittent node stays or is away.
const YEAR: u64 = 365 * 24 * 3_600_000;

/// A table `[[group]]` as the file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupTable {
    name: Spanned<Name>,
    nodes: Spanned<Bounded<1, MAX_NODES>>,
    hashrate: Option<Decimal<0, MAX_PARTS, MILLION>>,
    behaviour: Option<Unread>,
    confined_to: Option<Spanned<String>>,
}

/// Every group, without behaviours: those may name groups further down.
///
/// # Errors
/// Every fault of names and numbers of nodes.
pub fn read(document: &Document, tables: &[Spanned<GroupTable>]) -> Result<Vec<Group>, ScenarioError> {
    if let Some(first_too_many) = tables.get(MAX_GROUPS) {
        let fault = Fault::Entries { found: tables.len(), least: 1, most: MAX_GROUPS };
        return Err(document.error(first_too_many.span(), fault));
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut parts = Vec::new();
    let mut first: u64 = 0;
    for table in tables.iter().map(Spanned::get_ref) {
        let (name, nodes) = (table.name.get_ref().as_str(), table.nodes.get_ref().get());
        if name == "all" || groups.iter().any(|group| group.name == name) {
            let fault = Fault::NameTaken { found: name.to_owned() };
            return Err(document.error(table.name.span(), fault));
        }
        if first + nodes > MAX_NODES {
            let fault = Fault::TooManyNodes { found: first + nodes, most: MAX_NODES };
            return Err(document.error(table.nodes.span(), fault));
        }
        // A group without a hash rate has one part for each node.
        parts.push(table.hashrate.map_or(nodes * MILLION, Decimal::parts));
        groups.push(Group {
            name: name.to_owned(),
            first: first as u16,
            nodes: nodes as u16,
            share: 0,
            behaviour: Behaviour::Honest,
        });
        first += nodes;
    }
    for (group, share) in groups.iter_mut().zip(shares(&parts)) {
        group.share = share;
    }
    Ok(groups)
}

/// Gives every group its behaviour; returns the groups whose nodes dial only those of another group.
pub fn read_behaviours(
    reader: &mut Reader,
    tables: &[Spanned<GroupTable>],
) -> Result<Vec<(usize, usize)>, ScenarioError> {
    let mut confined = Vec::new();
    for (number, table) in tables.iter().map(Spanned::get_ref).enumerate() {
        if let Some(value) = &table.behaviour {
            let behaviour = behaviour(reader, value, number)?;
            let (found, word) = (reader.groups[number].nodes, behaviour.word());
            if let Some(expected) = behaviour.nodes().filter(|expected| *expected != found) {
                let fault = Fault::NodesOfBehaviour { found, expected, behaviour: word };
                return Err(reader.error(value, fault));
            }
            reader.groups[number].behaviour = behaviour;
        }
        if let Some(name) = &table.confined_to {
            match reader.group(name)? {
                to if to == number => return Err(reader.error(name, Fault::ConfinedToItself)),
                to => confined.push((number, to)),
            }
        }
    }
    Ok(confined)
}

/// A behaviour with its numbers; a word stands for one that needs none.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum BehaviourTable {
    Honest {},
    Withhold {},
    Selfish {
        shown_first_to: Option<References>,
    },
    DoubleSpend {
        confirmations: Bounded<1, 1_000>,
        #[serde(default)]
        premined: bool,
        give_up_behind: Bounded<1, 1_000>,
    },
    Eclipse {
        victims: References,
    },
    Intermittent {
        up: Time<1_000, YEAR>,
        down: Time<1_000, YEAR>,
    },
}

/// Behaviours that a word alone does not describe, with a table that does.
const TABLES: &[(&str, &str)] = &[
    ("double-spend", "{ kind = \"double-spend\", confirmations = 2, give_up_behind = 6 }"),
    ("eclipse", "{ kind = \"eclipse\", victims = [\"miners.0\"] }"),
    ("intermittent", "{ kind = \"intermittent\", up = \"20 s\", down = \"5 s\" }"),
];

/// A behaviour of the group with this index: a word, or a table with a `kind`.
///
/// # Errors
/// Unknown kinds, keys of another kind, and every fault of single values.
pub fn behaviour(reader: &Reader, value: &Unread, own: usize) -> Result<Behaviour, ScenarioError> {
    let word = reader.document.text_at(value);
    if let Some((found, expected)) = TABLES.iter().find(|(table, _)| word == Some(table)) {
        return Err(reader.error(value, Fault::WordForTable { found, expected }));
    }
    Ok(match reader.document.tagged(value, "kind")? {
        BehaviourTable::Honest {} => Behaviour::Honest,
        BehaviourTable::Withhold {} => Behaviour::Withhold,
        BehaviourTable::Selfish { shown_first_to } => {
            let nodes = shown_first_to.map(|nodes| others(reader, &nodes, own)).transpose()?;
            Behaviour::Selfish { shown_first_to: nodes.unwrap_or_default() }
        }
        BehaviourTable::DoubleSpend { confirmations, premined, give_up_behind } => {
            let (confirmations, give_up_behind) = (small(confirmations), small(give_up_behind));
            Behaviour::DoubleSpend(DoubleSpend { confirmations, premined, give_up_behind })
        }
        BehaviourTable::Eclipse { victims } => Behaviour::Eclipse { victims: others(reader, &victims, own)? },
        BehaviourTable::Intermittent { up, down } => {
            Behaviour::Intermittent { up: up.get(), down: down.get() }
        }
    })
}

/// Nodes that are not of the group itself.
fn others(reader: &Reader, nodes: &References, own: usize) -> Result<Vec<NodeIndex>, ScenarioError> {
    let found = reader.nodes(nodes)?;
    let group = &reader.groups[own];
    match found.iter().find(|node| group.has(**node)) {
        Some(node) => {
            let fault = Fault::OwnVictim { node: node.number(), group: group.name.clone() };
            Err(reader.error(nodes, fault))
        }
        None => Ok(found),
    }
}

/// Parts as millionths of their sum: rounded down, and what is left goes to those that lost most,
/// so that all together are a million. Nothing when there are no parts.
fn shares(parts: &[u64]) -> Vec<u64> {
    let total: u128 = parts.iter().map(|part| u128::from(*part)).sum();
    let whole = |part: &u64| u128::from(*part) * u128::from(MILLION);
    let share = |part: &u64| whole(part).checked_div(total).unwrap_or(0) as u64;
    let mut shares: Vec<u64> = parts.iter().map(share).collect();
    let left = if total == 0 { 0 } else { MILLION - shares.iter().sum::<u64>() };
    let mut by_loss: Vec<usize> = (0..parts.len()).collect();
    by_loss.sort_by_key(|index| core::cmp::Reverse(whole(&parts[*index]).checked_rem(total).unwrap_or(0)));
    for index in by_loss.into_iter().take(left as usize) {
        shares[index] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_come_to_a_million_whatever_the_parts() {
        assert_eq!(shares(&[1, 1, 1]), [333_334, 333_333, 333_333]);
        assert_eq!(shares(&[0, 70, 30]), [0, 700_000, 300_000]);
        assert_eq!(shares(&[0, 0]), [0, 0]);
        for parts in [vec![1; 7], vec![1_000_000_000_000, 1, 2], (1..1_000).collect()] {
            assert_eq!(shares(&parts).iter().sum::<u64>(), MILLION);
        }
    }
}
