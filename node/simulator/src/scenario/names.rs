//! References to groups and nodes, as steps make them: `all`, `miners`, `miners.0`, `miners.0-3`.

use std::collections::BTreeSet;

use crate::place::Place;
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::section::{Entry, shown};

/// Groups that an error lists.
const LISTED: usize = 10;

/// Every group by its name.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Name, first node and number of nodes, in the order of the file.
    groups: Vec<(String, u16, u16)>,
}

impl Names {
    /// One group more, after those before it.
    pub fn add(&mut self, name: &str, nodes: u16) {
        let first = self.nodes();
        self.groups.push((name.to_owned(), first, nodes));
    }

    /// How many nodes all have.
    pub fn nodes(&self) -> u16 {
        self.groups.last().map_or(0, |(_, first, nodes)| first + nodes)
    }

    /// Whether a group has this name.
    pub fn has(&self, name: &str) -> bool {
        self.groups.iter().any(|(other, ..)| other == name)
    }

    /// The name of a group, by its place in the plan.
    pub fn name(&self, group: usize) -> &str {
        self.groups.get(group).map_or("?", |(name, ..)| name)
    }

    /// Whether a node is of this group, by its place in the plan.
    pub fn is_of(&self, place: Place, group: usize) -> bool {
        self.groups
            .get(group)
            .is_some_and(|(_, first, nodes)| place.number() >= *first && place.number() - *first < *nodes)
    }

    /// The group that a value names, by its place in the plan.
    ///
    /// # Errors
    /// [`Fault::WrongType`] and [`Fault::UnknownGroup`].
    pub fn group(&self, entry: &Entry) -> Result<usize, ScenarioError> {
        self.group_named(entry, entry.text("a group's name in quotes")?)
    }

    fn group_named(&self, entry: &Entry, name: &str) -> Result<usize, ScenarioError> {
        let found = self.groups.iter().position(|(other, ..)| other == name);
        found.ok_or_else(|| {
            let known: Vec<&str> = self.groups.iter().take(LISTED).map(|(name, ..)| name.as_str()).collect();
            entry.fault(Fault::UnknownGroup { found: shown(name), known: known.join(", ") })
        })
    }

    /// The nodes that a list of references names, each once, in order.
    ///
    /// # Errors
    /// Every fault of references.
    pub fn nodes_of(&self, entry: &Entry) -> Result<Vec<Place>, ScenarioError> {
        let mut named = BTreeSet::new();
        self.collect(entry, &mut named)?;
        Ok(named.into_iter().collect())
    }

    /// The one node that a reference names.
    ///
    /// # Errors
    /// Every fault of references, and [`Fault::NotOneNode`].
    pub fn node(&self, entry: &Entry) -> Result<Place, ScenarioError> {
        let (first, count) = self.range(entry)?;
        if count == 1 { Ok(Place::new(first)) } else { Err(not_one(entry, usize::from(count))) }
    }

    /// The sides of a cut: no node is on two.
    ///
    /// # Errors
    /// Every fault of references, [`Fault::Entries`] and [`Fault::NamedTwice`].
    pub fn sides(&self, entry: &Entry) -> Result<Vec<Vec<Place>>, ScenarioError> {
        let mut named = BTreeSet::new();
        let sides = entry.list(1, usize::from(self.nodes()))?;
        let side = |side: &Entry| self.collect(side, &mut named);
        sides.iter().map(side).collect()
    }

    /// Adds what a list of references names, and returns it.
    fn collect(&self, entry: &Entry, named: &mut BTreeSet<Place>) -> Result<Vec<Place>, ScenarioError> {
        let references =
            if entry.is_list() { entry.list(1, usize::from(self.nodes()))? } else { vec![entry.clone()] };
        let mut places = Vec::new();
        for reference in &references {
            let (first, count) = self.range(reference)?;
            for number in first..first + count {
                if !named.insert(Place::new(number)) {
                    return Err(reference.fault(Fault::NamedTwice { node: number }));
                }
                places.push(Place::new(number));
            }
        }
        Ok(places)
    }

    /// The first node that a reference names, and how many there are.
    fn range(&self, entry: &Entry) -> Result<(u16, u16), ScenarioError> {
        let text = entry.text("nodes in quotes, such as \"miners\" or \"miners.0\"")?;
        if text == "all" {
            return Ok((0, self.nodes()));
        }
        let (name, which) = text.split_once('.').map_or((text, None), |(name, which)| (name, Some(which)));
        let (_, first, nodes) = &self.groups[self.group_named(entry, name)?];
        let Some(which) = which else { return Ok((*first, *nodes)) };
        let not_nodes = || entry.fault(Fault::NotNodes { found: shown(text) });
        let number = |digits: &str| -> Result<u16, ScenarioError> {
            let plain = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
            let found: u64 = plain.and_then(|digits| digits.parse().ok()).ok_or_else(not_nodes)?;
            let inside = u16::try_from(found).ok().filter(|number| number < nodes);
            inside.ok_or_else(|| {
                entry.fault(Fault::NoSuchNode { found, group: name.to_owned(), last: nodes - 1 })
            })
        };
        let (from, to) = which.split_once('-').unwrap_or((which, which));
        let (from, to) = (number(from)?, number(to)?);
        if from > to { Err(not_nodes()) } else { Ok((first + from, to - from + 1)) }
    }
}

fn not_one(entry: &Entry, found: usize) -> ScenarioError {
    entry.fault(Fault::NotOneNode { found })
}
