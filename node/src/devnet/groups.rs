//! Groups: the parts of a partitioned network, as people write them: `0,1,2 / 3,4`.

use std::collections::BTreeSet;

use cairn_simulator::node_index::{NodeIndex, with_rest};
use serde::{Deserialize, Serialize};

/// Disjoint groups that hold every node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups(Vec<BTreeSet<u16>>);

/// A text does not name groups of nodes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupsError {
    /// A word is not a number.
    #[error("{0:?} is not a node: write numbers with commas, a slash between groups, as in 0,1,2 / 3,4")]
    NotANode(String),
    /// A number is not that of a node.
    #[error("there is no node {node}: this devnet has nodes 0 to {last}")]
    NoSuchNode { node: u16, last: u16 },
    /// A node is in two groups.
    #[error("node {0} is named twice")]
    Twice(u16),
    /// All nodes are in one group.
    #[error("one group of all nodes is no partition: put a slash between two groups, as in 0,1,2 / 3,4")]
    OneGroup,
    /// There is no node between two slashes.
    #[error("a group is empty: write numbers on both sides of each slash")]
    EmptyGroup,
}

impl Groups {
    /// One group of all nodes.
    pub fn whole(nodes: u16) -> Self {
        Self(vec![(0..nodes).collect()])
    }

    /// The first half and the rest.
    pub fn halves(nodes: u16) -> Self {
        Self(vec![(0..nodes.div_ceil(2)).collect(), (nodes.div_ceil(2)..nodes).collect()])
    }

    /// These sides; nodes that are on none form one more group.
    pub fn sides(sides: impl IntoIterator<Item = BTreeSet<u16>>, nodes: u16) -> Self {
        let sides = sides.into_iter().map(|side| side.into_iter().map(NodeIndex::new).collect());
        let groups = with_rest(sides.collect(), nodes).into_iter();
        groups.map(|group| group.into_iter().map(NodeIndex::number).collect()).collect()
    }

    /// Reads groups; nodes that are not named form one more group.
    ///
    /// # Errors
    /// Every variant of [`GroupsError`].
    pub fn parse(text: &str, nodes: u16) -> Result<Self, GroupsError> {
        let mut seen = BTreeSet::new();
        let mut groups = Vec::new();
        for part in text.split('/') {
            let mut group = BTreeSet::new();
            for word in part.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()) {
                let fault = || GroupsError::NotANode(word.chars().take(20).collect());
                let node: u16 = word.parse().map_err(|_| fault())?;
                if node >= nodes {
                    return Err(GroupsError::NoSuchNode { node, last: nodes - 1 });
                }
                if !seen.insert(node) {
                    return Err(GroupsError::Twice(node));
                }
                group.insert(node);
            }
            if group.is_empty() {
                return Err(GroupsError::EmptyGroup);
            }
            groups.push(group);
        }
        let groups = Self::sides(groups, nodes);
        if groups.is_whole() {
            return Err(GroupsError::OneGroup);
        }
        Ok(groups)
    }

    /// Whether the network is whole.
    pub fn is_whole(&self) -> bool {
        self.0.len() == 1
    }

    /// The groups in their order.
    pub fn iter(&self) -> impl Iterator<Item = &BTreeSet<u16>> {
        self.0.iter()
    }

    /// The index of a node's group.
    pub fn of(&self, node: u16) -> usize {
        self.0.iter().position(|group| group.contains(&node)).unwrap_or(0)
    }

    /// Nodes of the other groups.
    pub fn across(&self, node: u16) -> impl Iterator<Item = u16> + '_ {
        let own = self.of(node);
        self.0
            .iter()
            .enumerate()
            .filter(move |(index, _)| *index != own)
            .flat_map(|(_, group)| group.iter().copied())
    }

    /// The letter by which people call a group, given its index; a number from the 27th on.
    pub fn letter(index: usize) -> String {
        match u8::try_from(index) {
            Ok(offset @ 0..26) => char::from(b'A' + offset).to_string(),
            _ => (index + 1).to_string(),
        }
    }
}

impl FromIterator<BTreeSet<u16>> for Groups {
    fn from_iter<T: IntoIterator<Item = BTreeSet<u16>>>(groups: T) -> Self {
        Self(groups.into_iter().collect())
    }
}

impl std::fmt::Display for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let numbers = |group: &BTreeSet<u16>| group.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        f.write_str(&self.0.iter().map(numbers).collect::<Vec<_>>().join(" / "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read_as_people_write_them() {
        let groups = Groups::parse("0,1, 2/3 4", 5).expect("groups");
        assert_eq!(groups.to_string(), "0,1,2 / 3,4");
        assert_eq!(groups.across(3).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((groups.of(2), groups.of(4)), (0, 1));
    }

    #[test]
    fn nodes_that_are_not_named_are_one_more_group() {
        assert_eq!(Groups::parse("1,3", 5).expect("groups").to_string(), "1,3 / 0,2,4");
    }

    #[test]
    fn nodes_on_no_side_are_one_more_group() {
        let sides = [BTreeSet::from([0, 1]), BTreeSet::new(), BTreeSet::from([3])];
        assert_eq!(Groups::sides(sides, 5).to_string(), "0,1 / 3 / 2,4");
        assert!(Groups::sides([BTreeSet::from([0, 1])], 2).is_whole());
    }

    #[test]
    fn groups_beyond_the_alphabet_are_numbered() {
        assert_eq!([0, 25, 26, 49].map(Groups::letter), ["A", "Z", "27", "50"]);
    }

    #[test]
    fn nonsense_is_rejected_by_name() {
        assert_eq!(Groups::parse("0,x/1", 5), Err(GroupsError::NotANode("x".into())));
        assert_eq!(Groups::parse("0/5", 5), Err(GroupsError::NoSuchNode { node: 5, last: 4 }));
        assert_eq!(Groups::parse("0,1/1", 5), Err(GroupsError::Twice(1)));
        assert_eq!(Groups::parse("0,1,2,3,4", 5), Err(GroupsError::OneGroup));
        assert_eq!(Groups::parse("0,1//2", 5), Err(GroupsError::EmptyGroup));
    }

    #[test]
    fn halves_give_the_odd_node_to_the_first() {
        assert_eq!(Groups::halves(5).to_string(), "0,1,2 / 3,4");
        assert_eq!(Groups::halves(2).to_string(), "0 / 1");
    }
}
