//! Topologies: which node dials which when the world begins.

mod regular;

use std::collections::BTreeSet;

use cairn_protocol::random::Random;

use crate::node_index::NodeIndex;

/// A shape of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Each node dials every node before it.
    Full,
    /// Each dials the one before it: the longest way a block can have.
    Line,
    /// A line whose ends meet, and this many random others dialled by each, so that ways are short.
    Ring { chords: u16 },
    /// Each node dials this number of random others.
    Random { outbound: u16 },
    /// Each node has this number of links, dialled by either end: a random regular graph.
    Regular { degree: u16 },
    /// Watts and Strogatz 1998: each node dials its next neighbours on a ring, and this many
    /// millionths of these links lead to a random node instead.
    SmallWorld { neighbours: u16, rewired: u32 },
    /// Each node dials some of its own group, and some elsewhere.
    Regions { inside: u16, outside: u16 },
}

/// A shape, and the groups that are confined to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    pub shape: Shape,
    /// Groups whose nodes dial nodes of another group only, and that no other node dials.
    pub confined: Vec<(usize, usize)>,
}

/// A group as a topology sees it: its nodes.
pub type Members = Vec<NodeIndex>;

impl From<Shape> for Topology {
    fn from(shape: Shape) -> Self {
        Self { shape, confined: Vec::new() }
    }
}

impl Topology {
    /// The nodes that each node dials. `apart` are nodes without any link.
    pub fn dials(
        &self,
        groups: &[Members],
        apart: &BTreeSet<NodeIndex>,
        random: &mut Random,
    ) -> Vec<BTreeSet<NodeIndex>> {
        let all: Vec<(usize, NodeIndex)> = groups
            .iter()
            .enumerate()
            .flat_map(|(group, members)| members.iter().map(move |node| (group, *node)))
            .collect();
        let is_confined = |group: usize| self.confined.iter().any(|(confined, _)| *confined == group);
        let free: Vec<(usize, NodeIndex)> = all
            .iter()
            .filter(|(group, node)| !is_confined(*group) && !apart.contains(node))
            .copied()
            .collect();
        let mut dials = vec![BTreeSet::new(); all.len()];
        if let Shape::Regular { degree } = self.shape {
            for (one, other) in regular::links(free.len(), usize::from(degree), random) {
                let (from, to) = if random.below(2) == 0 { (one, other) } else { (other, one) };
                dials[free[from].1.index()].insert(free[to].1);
            }
        }
        for (position, (group, node)) in free.iter().enumerate() {
            let mut dialled = self.shape.dials_of(position, *group, &free, random);
            dialled.remove(node);
            dials[node.index()].append(&mut dialled);
        }
        for (confined, to) in &self.confined {
            for node in groups.get(*confined).into_iter().flatten() {
                dials[node.index()] = groups.get(*to).into_iter().flatten().copied().collect();
            }
        }
        dials
    }
}

impl Shape {
    fn dials_of(
        &self,
        position: usize,
        group: usize,
        free: &[(usize, NodeIndex)],
        random: &mut Random,
    ) -> BTreeSet<NodeIndex> {
        let count = free.len();
        let at = |position: usize| free.get(position % count.max(1)).map(|(_, node)| *node);
        let mut dialled = BTreeSet::new();
        match *self {
            // These links depend on all nodes at once.
            Self::Regular { .. } => {}
            Self::Full => dialled.extend(free.iter().take(position).map(|(_, node)| *node)),
            Self::Line => dialled.extend(position.checked_sub(1).and_then(at)),
            Self::Ring { chords } => {
                dialled.extend(at(position + 1));
                dialled.extend((0..chords).filter_map(|_| at(random.index(count))));
            }
            Self::Random { outbound } => {
                some_of((count, at), position, usize::from(outbound), random, &mut dialled)
            }
            Self::SmallWorld { neighbours, rewired } => {
                for step in 1..=usize::from(neighbours).min(count.saturating_sub(1)) {
                    let is_rewired = random.below(1_000_000) < u64::from(rewired);
                    let other = if is_rewired { random.index(count) } else { position + step };
                    dialled.extend(at(other));
                }
            }
            Self::Regions { inside, outside } => {
                // A group's nodes follow each other, so that no list of them need be made for every node.
                let start = free.partition_point(|(other, _)| *other < group);
                let size = free.partition_point(|(other, _)| *other <= group) - start;
                let own = |drawn: usize| at(start + drawn);
                let other = |drawn: usize| at(if drawn < start { drawn } else { drawn + size });
                some_of((size, own), position - start, usize::from(inside), random, &mut dialled);
                some_of((count - size, other), usize::MAX, usize::from(outside), random, &mut dialled);
            }
        }
        dialled
    }
}

/// Random others, drawn without repetition; all of them when there are no more.
fn some_of(
    (count, at): (usize, impl Fn(usize) -> Option<NodeIndex>),
    own: usize,
    wanted: usize,
    random: &mut Random,
    dialled: &mut BTreeSet<NodeIndex>,
) {
    let available = count - usize::from(own < count);
    let before = dialled.len();
    if wanted >= available {
        return dialled.extend((0..count).filter(|position| *position != own).filter_map(at));
    }
    while dialled.len() < before + wanted {
        let drawn = random.index(count);
        if drawn != own {
            dialled.extend(at(drawn));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dials(shape: Shape, sizes: &[u16]) -> Vec<BTreeSet<NodeIndex>> {
        let mut next = 0;
        let groups: Vec<Members> = sizes
            .iter()
            .map(|size| {
                next += size;
                (next - size..next).map(NodeIndex::new).collect()
            })
            .collect();
        Topology::from(shape).dials(&groups, &BTreeSet::new(), &mut Random::derive(2, 1))
    }

    #[test]
    fn a_line_is_dialled_once_per_neighbour() {
        let first = BTreeSet::from([NodeIndex::new(0)]);
        assert_eq!(
            dials(Shape::Line, &[3]),
            vec![BTreeSet::new(), first, BTreeSet::from([NodeIndex::new(1)])]
        );
    }

    #[test]
    fn no_node_dials_itself() {
        let shapes = [
            Shape::Line,
            Shape::Ring { chords: 5 },
            Shape::Full,
            Shape::Random { outbound: 4 },
            Shape::Regular { degree: 3 },
            Shape::SmallWorld { neighbours: 3, rewired: 500_000 },
            Shape::Regions { inside: 2, outside: 2 },
        ];
        for shape in shapes {
            let dials = dials(shape, &[6, 4]);
            assert!(dials.iter().zip(NodeIndex::first(10)).all(|(dials, node)| !dials.contains(&node)));
        }
    }

    #[test]
    fn a_random_network_gives_every_node_as_many_as_it_dials() {
        assert!(dials(Shape::Random { outbound: 4 }, &[10]).iter().all(|dialled| dialled.len() == 4));
        assert!(dials(Shape::Random { outbound: 4 }, &[3]).iter().all(|dialled| dialled.len() == 2));
    }

    #[test]
    fn a_regular_network_gives_every_node_as_many_links() {
        let dials = dials(Shape::Regular { degree: 4 }, &[7, 4]);
        let links_of = |node: NodeIndex| {
            dials[node.index()].len() + dials.iter().filter(|dialled| dialled.contains(&node)).count()
        };
        assert!(NodeIndex::first(11).all(|node| links_of(node) == 4), "{dials:?}");
    }

    #[test]
    fn regions_are_joined_inside_and_to_others() {
        for (number, dialled) in dials(Shape::Regions { inside: 2, outside: 1 }, &[5, 5]).iter().enumerate() {
            let inside = dialled.iter().filter(|node| (node.index() < 5) == (number < 5)).count();
            assert_eq!((inside, dialled.len()), (2, 3));
        }
    }

    /// Two filtered copies of all nodes for each of them were billions of steps here: no clock may be
    /// read, but such a loop would take minutes.
    #[test]
    fn regions_of_a_large_world_are_joined_in_no_time() {
        let dials = dials(Shape::Regions { inside: 4, outside: 2 }, &[15_000, 20_000, 30_000]);
        assert!(dials.iter().all(|dialled| dialled.len() == 6));
    }

    #[test]
    fn a_confined_group_is_linked_to_the_group_it_is_confined_to_alone() {
        let groups: Vec<Members> = vec![
            vec![NodeIndex::new(0)],
            vec![NodeIndex::new(1), NodeIndex::new(2)],
            vec![NodeIndex::new(3), NodeIndex::new(4)],
        ];
        let topology = Topology { shape: Shape::Full, confined: vec![(0, 1)] };
        let dials = topology.dials(&groups, &BTreeSet::new(), &mut Random::derive(1, 1));
        assert_eq!(dials[0], BTreeSet::from([NodeIndex::new(1), NodeIndex::new(2)]));
        assert!(dials[1..].iter().all(|dialled| !dialled.contains(&NodeIndex::new(0))));
    }
}
