//! References to groups and nodes, as steps make them: `all`, `miners`, `miners.0`, `miners.0-3`.

use std::collections::BTreeSet;

use cairn_genesis::toml_file::{Document, Spanned, Unread, shown};

use crate::node_index::NodeIndex;
use crate::plan::Group;
use crate::scenario::fault::{Fault, ScenarioError};

/// The most groups that an error lists.
const MAX_LISTED: usize = 10;

/// References to nodes: one, or a list of at least one.
pub type References = Unread;

/// A file and its groups, by which references are resolved.
#[derive(Clone, Debug)]
pub struct Reader<'t> {
    pub document: Document<'t>,
    /// Every group with its name and nodes; behaviours may still be missing.
    pub groups: Vec<Group>,
}

impl Reader<'_> {
    /// The number of nodes in all groups.
    pub fn node_count(&self) -> u16 {
        self.groups.last().map_or(0, |group| group.first + group.nodes)
    }

    /// An error about a value.
    pub fn error<T>(&self, at: &Spanned<T>, fault: Fault) -> ScenarioError {
        self.document.error(at.span(), fault)
    }

    /// The index of the group that a value names.
    ///
    /// # Errors
    /// [`Fault::UnknownGroup`], when no group has that name.
    pub fn group(&self, name: &Spanned<String>) -> Result<usize, ScenarioError> {
        self.group_named(name, name.get_ref())
    }

    fn group_named<T>(&self, at: &Spanned<T>, name: &str) -> Result<usize, ScenarioError> {
        self.groups.iter().position(|group| group.name == name).ok_or_else(|| {
            let known: Vec<&str> =
                self.groups.iter().take(MAX_LISTED).map(|group| group.name.as_str()).collect();
            self.error(at, Fault::UnknownGroup { found: shown(name), known: known.join(", ") })
        })
    }

    /// The nodes that references name, in order; no node is named twice.
    pub fn nodes(&self, references: &References) -> Result<Vec<NodeIndex>, ScenarioError> {
        let mut nodes = self.collect(references, &mut BTreeSet::new())?;
        nodes.sort_unstable();
        Ok(nodes)
    }

    /// The one node that a reference names.
    ///
    /// # Errors
    /// Every fault of references, and [`Fault::NotOneNode`].
    pub fn node(&self, reference: &Spanned<String>) -> Result<NodeIndex, ScenarioError> {
        match self.range(reference)? {
            (first, 1) => Ok(NodeIndex::new(first)),
            (_, found) => Err(self.error(reference, Fault::NotOneNode { found: found.into() })),
        }
    }

    /// The sides that a step names; no node is on two.
    ///
    /// # Errors
    /// Every fault of references, and [`Fault::Entries`].
    pub fn sides(&self, sides: &Spanned<Vec<References>>) -> Result<Vec<Vec<NodeIndex>>, ScenarioError> {
        let (found, most) = (sides.get_ref().len(), usize::from(self.node_count()));
        if !(1..=most).contains(&found) {
            return Err(self.error(sides, Fault::Entries { found, least: 1, most }));
        }
        let mut named = BTreeSet::new();
        sides.get_ref().iter().map(|side| self.collect(side, &mut named)).collect()
    }

    fn collect(
        &self,
        references: &References,
        named: &mut BTreeSet<NodeIndex>,
    ) -> Result<Vec<NodeIndex>, ScenarioError> {
        let mut nodes = Vec::new();
        let list = self.document.list(references)?;
        if list.is_empty() {
            let most = usize::from(self.node_count());
            return Err(self.error(references, Fault::Entries { found: 0, least: 1, most }));
        }
        for reference in &list {
            let (first, count) = self.range(reference)?;
            for node in first..first + count {
                if !named.insert(NodeIndex::new(node)) {
                    return Err(self.error(reference, Fault::NamedTwice { node }));
                }
                nodes.push(NodeIndex::new(node));
            }
        }
        Ok(nodes)
    }

    /// The first node that a reference names, and the number of nodes.
    fn range(&self, reference: &Spanned<String>) -> Result<(u16, u16), ScenarioError> {
        let text = reference.get_ref();
        if text == "all" {
            return Ok((0, self.node_count()));
        }
        let (name, which) =
            text.split_once('.').map_or((text.as_str(), None), |(name, which)| (name, Some(which)));
        let group = &self.groups[self.group_named(reference, name)?];
        let Some(which) = which else { return Ok((group.first, group.nodes)) };
        let not_nodes = || self.error(reference, Fault::NotNodes { found: shown(text) });
        let number = |digits: &str| -> Result<u16, ScenarioError> {
            let plain = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
            let found: u64 = plain.and_then(|digits| digits.parse().ok()).ok_or_else(not_nodes)?;
            let inside = u16::try_from(found).ok().filter(|number| *number < group.nodes);
            inside.ok_or_else(|| {
                let (group, last) = (group.name.clone(), group.nodes - 1);
                self.error(reference, Fault::NoSuchNode { found, group, last })
            })
        };
        let (from, to) = which.split_once('-').unwrap_or((which, which));
        let (from, to) = (number(from)?, number(to)?);
        if from > to { Err(not_nodes()) } else { Ok((group.first + from, to - from + 1)) }
    }
}
