//! Settling: what both engines do when mining ends, so that all nodes that reach each other can agree.

use std::collections::{BTreeMap, BTreeSet};

use crate::behaviour::Behaviour;
use crate::node_index::NodeIndex;
use crate::partition::Partition;
use crate::plan::{Plan, Step};
use crate::plan_state::PlanState;

/// Steps that are still carried out when a run stops before the rest of its plan, of which `taken` steps
/// are behind it: what would have been healed is healed now, and what would have been broken stays whole.
pub fn steps_left(plan: &Plan, taken: usize) -> Vec<usize> {
    let nodes = plan.nodes();
    let steps = plan.steps.iter().enumerate().skip(taken);
    let is_left = |step: &Step| step.heals(nodes) || matches!(step, Step::Slow { percent: 100, .. });
    steps.filter(|(_, (_, step))| is_left(step)).map(|(number, _)| number).collect()
}

/// Each node with the nodes that it is linked to, from pairs of nodes.
pub fn ways(
    pairs: impl IntoIterator<Item = (NodeIndex, NodeIndex)>,
) -> BTreeMap<NodeIndex, BTreeSet<NodeIndex>> {
    let mut ways: BTreeMap<NodeIndex, BTreeSet<NodeIndex>> = BTreeMap::new();
    for (one, other) in pairs {
        ways.entry(one).or_default().insert(other);
        ways.entry(other).or_default().insert(one);
    }
    ways
}

/// Whether all nodes of each group that have something have the same.
pub fn is_one_in_each<T: PartialEq>(groups: &[Vec<NodeIndex>], of: impl Fn(NodeIndex) -> Option<T>) -> bool {
    groups.iter().all(|group| {
        let mut had = group.iter().filter_map(|node| of(*node));
        let first = had.next();
        had.all(|one| Some(one) == first)
    })
}

/// The nodes that can agree once mining ends, and the nodes that mine on so that they do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// Nodes that can agree with each other, side by side.
    pub sides: Vec<Vec<NodeIndex>>,
    /// One node of each side, which mines on, so that there is one best chain to agree on.
    pub miners: Vec<NodeIndex>,
    /// Steps of the plan that are never done, as the run stops before them.
    pub left_out: usize,
    /// Nodes that pass nothing on, or may be down when others need them.
    pub(crate) unsure: BTreeSet<NodeIndex>,
    /// The behaviour of each group, and its nodes.
    pub(crate) groups: Vec<(Behaviour, BTreeSet<NodeIndex>)>,
    /// The partition in force.
    pub(crate) cut: Partition,
    /// Nodes whose clocks are off by more than a block may be ahead, and milliseconds ahead.
    pub(crate) wrong_clocks: BTreeMap<NodeIndex, i64>,
    pub(crate) drift_ms: u64,
}

impl Settlement {
    /// As partition, behaviours and clocks are now. On each side a living node mines on whose blocks all
    /// others get, if there is one: the first that is honest, stays, has the right time and is no victim; otherwise
    /// the first that keeps to the manners; otherwise the first that lives.
    pub fn new(plan: &Plan, state: &PlanState, at_ms: u64, lives: impl Fn(NodeIndex) -> bool) -> Self {
        let PlanState { partition: cut, behaviours, .. } = state;
        let wrong_clocks = state.wrong_clocks(plan, at_ms);
        let behaviour = |node: NodeIndex| behaviours.get(plan.group_of(node)).unwrap_or(&Behaviour::Honest);
        let sides = cut.sides(plan.nodes(), |node| lives(node) && behaviour(node).passes_on());
        let is_victim = |node: NodeIndex| behaviours.iter().any(|behaviour| behaviour.starves(node));
        let is_steady = |node: &NodeIndex| {
            let is_honest = *behaviour(*node) == Behaviour::Honest;
            is_honest && !is_victim(*node) && !wrong_clocks.contains_key(node)
        };
        let steadiest = |side: &Vec<NodeIndex>| {
            let living = || side.iter().copied().filter(|node| lives(*node));
            let mannerly = || living().find(|node| behaviour(*node).is_mannerly());
            living().find(is_steady).or_else(mannerly).or_else(|| living().next())
        };
        let miners = sides.iter().filter_map(steadiest).collect();
        let is_unsure = |node: &NodeIndex| {
            !behaviour(*node).passes_on() || matches!(behaviour(*node), Behaviour::Intermittent { .. })
        };
        let unsure = plan.indices().filter(is_unsure).collect();
        let members = plan.groups.iter().map(|group| group.members().collect());
        let groups = behaviours.iter().cloned().zip(members).collect();
        let drift_ms = plan.chain.max_future_drift_ms.get();
        Self { miners, sides, left_out: 0, unsure, groups, cut: cut.clone(), wrong_clocks, drift_ms }
    }

    /// Nodes of each side that must have one tip when the time for agreement is over: those that
    /// receive the blocks of the node that mines there, over nodes that stay and pass on what they receive, and whose clocks are
    /// near its own. `ways` has the nodes that each living node is linked to, or would be if all went well. Nodes of
    /// one side may still have no way to the others of it.
    pub fn must_agree(&self, ways: &BTreeMap<NodeIndex, BTreeSet<NodeIndex>>) -> Vec<Vec<NodeIndex>> {
        self.miners.iter().filter_map(|miner| self.reached_from(*miner, ways)).collect()
    }

    fn reached_from(
        &self,
        miner: NodeIndex,
        ways: &BTreeMap<NodeIndex, BTreeSet<NodeIndex>>,
    ) -> Option<Vec<NodeIndex>> {
        let side: BTreeSet<NodeIndex> =
            self.sides.iter().find(|side| side.contains(&miner))?.iter().copied().collect();
        // The node that mined may be gone.
        let is_there = |node: &NodeIndex| ways.contains_key(node);
        let first =
            Some(miner).filter(is_there).or_else(|| side.iter().copied().find(is_there)).unwrap_or(miner);
        let (mut reached, mut to_ask) = (BTreeSet::from([first]), vec![first]);
        if self.unsure.contains(&first) {
            return Some(to_ask);
        }
        while let Some(node) = to_ask.pop() {
            for other in ways.get(&node).into_iter().flatten() {
                let is_way = side.contains(other)
                    && !self.unsure.contains(other)
                    && !self.is_barred(node, *other)
                    && self.have_near_clocks(first, *other);
                if is_way && reached.insert(*other) {
                    to_ask.push(*other);
                }
            }
        }
        Some(reached.into_iter().collect())
    }

    /// Whether each of two nodes accepts a block that the other makes now.
    fn have_near_clocks(&self, one: NodeIndex, other: NodeIndex) -> bool {
        let ahead_ms = |node| self.wrong_clocks.get(&node).copied().unwrap_or_default();
        ahead_ms(one).abs_diff(ahead_ms(other)) <= self.drift_ms
    }

    /// Whether a partition, or an attacker that starves the other, is between two nodes.
    fn is_barred(&self, one: NodeIndex, other: NodeIndex) -> bool {
        let starves = |one, other| {
            self.groups.iter().any(|(behaviour, members)| behaviour.starves(other) && members.contains(&one))
        };
        self.cut.bars(one, other) || starves(one, other) || starves(other, one)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn plan() -> Plan {
        let group = |name: &str, first, nodes| crate::plan::Group {
            name: name.into(),
            first,
            ..Plan::quiet(nodes).groups.remove(0)
        };
        Plan { groups: vec![group("one", 0, 2), group("other", 2, 3)], ..Plan::quiet(1) }
    }

    #[test]
    fn a_run_that_stops_early_is_mended_and_not_broken() {
        let mut plan = plan();
        let all: Vec<NodeIndex> = plan.indices().collect();
        let steps = [
            Step::Partition(vec![vec![all[0]], vec![all[1]]]),
            Step::Heal,
            Step::Kill(vec![all[0]]),
            Step::Restart(vec![all[0]]),
            Step::Behave { group: 0, behaviour: Behaviour::Withhold },
            Step::Behave { group: 0, behaviour: Behaviour::Honest },
            Step::Mine { node: all[0], blocks: 1 },
            Step::Partition(vec![all]),
        ];
        plan.steps = (1..).map(Duration::from_secs).zip(steps).collect();
        assert_eq!(steps_left(&plan, 0), [1, 3, 5, 7]);
        assert_eq!(steps_left(&plan, 4), [5, 7]);
    }

    #[test]
    fn nodes_with_a_way_to_the_miner_of_their_side_must_agree_and_no_others() {
        let (plan, node) = (plan(), NodeIndex::new);
        // 0 - 1 - 2, and 3 - 4.
        let links = ways([(0, 1), (1, 2), (3, 4)].map(|(one, other)| (node(one), node(other))));
        let must_agree = |sides: &[&[u16]], behaviours: [Behaviour; 2]| {
            let side = |side: &&[u16]| side.iter().copied().map(node).collect();
            let mut state = PlanState::new(&plan);
            state.partition.take(&Step::Partition(sides.iter().map(side).collect()), 5);
            state.behaviours = behaviours.to_vec();
            let groups = Settlement::new(&plan, &state, 0, |_| true).must_agree(&links);
            groups
                .iter()
                .map(|group| group.iter().map(|node| node.number()).collect())
                .collect::<Vec<Vec<_>>>()
        };
        let honest = || [Behaviour::Honest, Behaviour::Honest];
        assert_eq!(must_agree(&[&[0, 1, 2, 3, 4]], honest()), [[0, 1, 2]], "the others have no way to them");
        assert_eq!(must_agree(&[&[0, 1, 3, 4], &[2]], honest()), [vec![0, 1], vec![2]]);
        let withheld = [Behaviour::Honest, Behaviour::Withhold];
        assert_eq!(must_agree(&[&[0, 1, 2, 3, 4]], withheld), [[0, 1]]);
        let eclipsed = [Behaviour::Honest, Behaviour::Eclipse { victims: vec![node(1)] }];
        assert_eq!(must_agree(&[&[0, 1, 2, 3, 4]], eclipsed), [[0, 1]]);
        let away = Behaviour::Intermittent { up: Duration::from_secs(9), down: Duration::from_secs(9) };
        assert_eq!(must_agree(&[&[0, 1, 2, 3, 4]], [Behaviour::Honest, away]), [[0, 1]]);
    }

    #[test]
    fn on_each_side_the_first_that_is_honest_stays_and_is_no_victim_mines_on() {
        let (plan, node) = (plan(), NodeIndex::new);
        let mut state = PlanState::new(&plan);
        let sides = vec![vec![node(0), node(2), node(3)], vec![node(1), node(4)]];
        state.partition.take(&Step::Partition(sides), 5);
        let mut miners = |behaviours: [Behaviour; 2], dead: u16| {
            state.behaviours = behaviours.to_vec();
            Settlement::new(&plan, &state, 0, |at| at != node(dead)).miners
        };
        assert_eq!(miners([Behaviour::Honest, Behaviour::Honest], 9), [node(0), node(1)]);
        assert_eq!(miners([Behaviour::Withhold, Behaviour::Honest], 9), [node(2), node(4)]);
        assert_eq!(miners([Behaviour::Withhold, Behaviour::Honest], 4), [node(2), node(1)]);
        let eclipse = Behaviour::Eclipse { victims: vec![node(2)] };
        assert_eq!(miners([eclipse, Behaviour::Honest], 9), [node(3), node(4)]);
        let eclipse = Behaviour::Eclipse { victims: plan.indices().skip(2).collect() };
        assert_eq!(
            miners([eclipse, Behaviour::Honest], 9),
            [node(2), node(4)],
            "victims rather than attackers"
        );
    }
}
