//! `[[group]]`: who takes part, how fast they mine, how they behave, whom they know.

use crate::behaviour::Behaviour;
use crate::plan::{Group, MILLION};
use crate::scenario::behaviour;
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::names::Names;
use crate::scenario::section::{Entry, Section};

/// Keys of a `[[group]]`.
pub const KEYS: &[&str] = &["name", "nodes", "hashrate", "behaviour", "confined_to"];
/// Nodes of a world.
pub const MAX_NODES: u16 = 20_000;
/// Groups of a world.
const MAX_GROUPS: usize = 1_000;
/// Characters of a group's name.
const LONGEST_NAME: usize = 32;
/// Parts of the hash rate that a group may have.
const MOST_PARTS: u32 = 1_000_000;

/// Who takes part.
#[derive(Clone, Debug)]
pub struct Groups {
    /// By name.
    pub names: Names,
    /// As the plan has them.
    pub list: Vec<Group>,
    /// Groups whose nodes know nobody but another group's.
    pub confined: Vec<(usize, usize)>,
}

/// Every group.
///
/// # Errors
/// Every fault of groups.
pub fn read(whole: &Section) -> Result<Groups, ScenarioError> {
    let entries = whole.require("group", "at least one [[group]]")?.list(1, MAX_GROUPS)?;
    let sections: Vec<Section> = entries.iter().map(|entry| entry.section(KEYS)).collect::<Result<_, _>>()?;
    // Names first: a behaviour may name a group that stands after its own.
    let mut names = Names::default();
    let mut parts = Vec::new();
    for section in &sections {
        let nodes = add(section, &mut names)?;
        // Whoever says nothing has one part a node.
        let usual = || Ok(u64::from(nodes) * MILLION);
        parts.push(section.get("hashrate").map_or_else(usual, |entry| entry.millionths(0, MOST_PARTS))?);
    }
    let (mut list, mut confined, mut first) = (Vec::new(), Vec::new(), 0);
    for ((number, section), share) in sections.iter().enumerate().zip(shares(&parts)) {
        let nodes = nodes_of(section)?;
        let behaviour = match section.get("behaviour") {
            Some(entry) => {
                let behaviour = behaviour::read(&entry, number, &names)?;
                behaviour::check(&entry, &behaviour, nodes)?;
                behaviour
            }
            None => Behaviour::Honest,
        };
        if let Some(entry) = section.get("confined_to") {
            confined.push((number, confined_to(&entry, number, &names)?));
        }
        let name = section.require("name", "a name in quotes")?.name(LONGEST_NAME)?.to_owned();
        list.push(Group { name, first, nodes, share, behaviour });
        first += nodes;
    }
    Ok(Groups { names, list, confined })
}

fn nodes_of(section: &Section) -> Result<u16, ScenarioError> {
    let nodes = section.require("nodes", "how many nodes")?.whole(1, u64::from(MAX_NODES))?;
    Ok(u16::try_from(nodes).expect("the bound fits"))
}

/// Adds a group's name; returns how many nodes it has.
fn add(section: &Section, names: &mut Names) -> Result<u16, ScenarioError> {
    let entry = section.require("name", "a name in quotes")?;
    let (name, nodes) = (entry.name(LONGEST_NAME)?, nodes_of(section)?);
    if names.has(name) {
        return Err(entry.fault(Fault::NameTaken { found: name.to_owned() }));
    }
    let found = u64::from(names.nodes()) + u64::from(nodes);
    if found > u64::from(MAX_NODES) {
        let entry = section.require("nodes", "how many nodes")?;
        return Err(entry.fault(Fault::TooManyNodes { found, most: u64::from(MAX_NODES) }));
    }
    names.add(name, nodes);
    Ok(nodes)
}

fn confined_to(entry: &Entry, own: usize, names: &Names) -> Result<usize, ScenarioError> {
    let to = names.group(entry)?;
    if to == own { Err(entry.fault(Fault::ConfinedToItself)) } else { Ok(to) }
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
