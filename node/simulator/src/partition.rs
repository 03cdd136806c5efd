//! Cuts: which nodes a plan's steps keep from each other, and which are on one side together.

use std::collections::BTreeSet;

use crate::node_index::{NodeIndex, rest, with_rest};
use crate::plan::Step;

/// A partition of the network. A new one replaces the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Partition {
    /// All nodes may reach each other.
    #[default]
    Whole,
    /// Only nodes of one side reach each other; every node is on one.
    Split(Vec<Vec<NodeIndex>>),
    /// Nodes block those of other sides; a node on no side reaches all.
    Refused(Vec<Vec<NodeIndex>>),
}

impl Partition {
    /// A step of a plan is carried out. `nodes` is the number of all nodes.
    pub fn take(&mut self, step: &Step, nodes: u16) {
        match step {
            step if step.joins_all(nodes) => *self = Self::Whole,
            Step::Partition(groups) => *self = Self::Split(with_rest(groups.clone(), nodes)),
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
        side(one).zip(side(other)).is_some_and(|(one, other)| one != other)
    }

    /// The nodes that can agree with each other, side by side: each of `nodes` is on one.
    /// `passes_on` says whether a node relays what it receives.
    pub fn sides(&self, nodes: u16, passes_on: impl Fn(NodeIndex) -> bool) -> Vec<Vec<NodeIndex>> {
        let all = || NodeIndex::first(nodes).collect::<Vec<_>>();
        match self {
            Self::Whole => vec![all()],
            Self::Split(groups) => sorted(groups).collect(),
            Self::Refused(groups) => match rest(groups, nodes) {
                // A node on no side relays between all of them; one that does not is alone.
                bridges if bridges.iter().any(|node| passes_on(*node)) => vec![all()],
                others => sorted(groups).chain(others.into_iter().map(|node| vec![node])).collect(),
            },
        }
    }
}

fn sorted(groups: &[Vec<NodeIndex>]) -> impl Iterator<Item = Vec<NodeIndex>> {
    groups.iter().map(|group| group.iter().copied().collect::<BTreeSet<_>>().into_iter().collect())
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
    fn nodes_on_no_side_form_one_more_in_a_partition_and_are_bridges_when_others_block_each_other() {
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
