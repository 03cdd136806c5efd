//! Cuts: which nodes a plan's steps keep from each other, and which are on one side together.

use std::collections::BTreeSet;

use crate::node_index::{NodeIndex, sides};
use crate::plan::Step;

/// A partition of the network. A new one replaces the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Partition {
    /// All nodes may reach each other.
    #[default]
    Whole,
    /// Only nodes of one side reach each other; a node on no side is alone.
    Split(Vec<Vec<NodeIndex>>),
    /// Nodes block those of other sides; a node on no side reaches all.
    Refused(Vec<Vec<NodeIndex>>),
}

impl Partition {
    /// A step of a plan is carried out. `nodes` is the number of all nodes.
    pub fn take(&mut self, step: &Step, nodes: usize) {
        match step {
            step if step.joins_all(nodes) => *self = Self::Whole,
            Step::Partition(sides) => *self = Self::Split(sides.clone()),
            Step::Refuse(sides) => *self = Self::Refused(sides.clone()),
            _ => {}
        }
    }

    /// Whether all nodes may reach each other.
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole)
    }

    /// Whether it keeps these two from each other.
    pub fn bars(&self, one: NodeIndex, other: NodeIndex) -> bool {
        let (Self::Split(groups) | Self::Refused(groups)) = self else { return false };
        let side = |node| groups.iter().position(|group| group.contains(&node));
        match (self, side(one), side(other)) {
            (_, Some(one), Some(other)) => one != other,
            (Self::Split(_), ..) => one != other,
            _ => false,
        }
    }

    /// The nodes that can agree with each other, side by side: each of `nodes` is on one.
    /// `passes_on` says whether a node relays what it receives.
    pub fn sides(&self, nodes: u16, passes_on: impl Fn(NodeIndex) -> bool) -> Vec<Vec<NodeIndex>> {
        let all = || NodeIndex::first(nodes).collect::<Vec<_>>();
        let groups = match self {
            Self::Whole => return vec![all()],
            Self::Split(groups) => groups,
            Self::Refused(groups) => {
                let named: BTreeSet<&NodeIndex> = groups.iter().flatten().collect();
                // A node on no side relays between all of them.
                if all().iter().any(|node| !named.contains(node) && passes_on(*node)) {
                    return vec![all()];
                }
                groups
            }
        };
        let of = sides(groups, usize::from(nodes));
        let mut found: Vec<Vec<NodeIndex>> = vec![Vec::new(); of.iter().max().map_or(0, |last| last + 1)];
        for (node, side) in NodeIndex::first(nodes).zip(of) {
            found[side].push(node);
        }
        found.retain(|side| !side.is_empty());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(numbers: &[u16]) -> Vec<NodeIndex> {
        numbers.iter().copied().map(NodeIndex::new).collect()
    }

    fn after(steps: &[Step]) -> Partition {
        let mut cut = Partition::default();
        steps.iter().for_each(|step| cut.take(step, 4));
        cut
    }

    #[test]
    fn whoever_is_on_no_side_is_alone_when_parted_and_a_bridge_when_others_refuse() {
        let sides = vec![nodes(&[0, 1]), nodes(&[3])];
        let bars = |step: Step| {
            let (cut, [zero, one, two, three]) = (after(&[step]), [0, 1, 2, 3].map(NodeIndex::new));
            [cut.bars(zero, one), cut.bars(zero, two), cut.bars(two, three), cut.bars(one, three)]
        };
        assert_eq!(bars(Step::Partition(sides.clone())), [false, true, true, true]);
        assert_eq!(bars(Step::Refuse(sides.clone())), [false, false, false, true]);
        assert_eq!(bars(Step::Heal), [false; 4]);
        let parted = after(&[Step::Partition(sides.clone())]).sides(4, |_| true);
        assert_eq!(
            BTreeSet::from_iter(parted),
            [vec![0, 1], vec![2], vec![3]].map(|side| nodes(&side)).into()
        );
        let bridged = after(&[Step::Refuse(sides)]);
        assert_eq!(bridged.sides(4, |_| true), [nodes(&[0, 1, 2, 3])]);
        let without = bridged.sides(4, |node| node != NodeIndex::new(2));
        assert_eq!(
            BTreeSet::from_iter(without),
            [vec![0, 1], vec![2], vec![3]].map(|side| nodes(&side)).into(),
            "a bridge that is down or keeps things to itself is none"
        );
        let refused = after(&[Step::Refuse(vec![nodes(&[0, 3]), nodes(&[1, 2])])]);
        assert_eq!(refused.sides(4, |_| true), [nodes(&[0, 3]), nodes(&[1, 2])]);
    }

    #[test]
    fn a_heal_and_a_side_of_all_end_a_cut_and_a_new_cut_takes_the_place_of_the_old() {
        let cut = Step::Partition(vec![nodes(&[0]), nodes(&[1, 2, 3])]);
        let refusal = Step::Refuse(vec![nodes(&[0, 1]), nodes(&[2, 3])]);
        assert!(after(&[cut.clone(), Step::Heal]).is_whole());
        assert!(after(&[refusal.clone(), Step::Partition(vec![nodes(&[3, 2, 1, 0])])]).is_whole());
        assert!(after(&[cut.clone(), Step::Refuse(vec![nodes(&[0, 1])])]).is_whole());
        assert_eq!(after(&[cut, refusal.clone()]), after(&[refusal]));
    }
}
