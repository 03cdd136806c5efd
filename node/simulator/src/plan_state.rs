//! What the steps of a plan have made of it so far, and what a step would do now.

use std::collections::BTreeMap;

use cairn_core::time::Timestamp;

use crate::behaviour::Behaviour;
use crate::clock::Clock;
use crate::node_index::NodeIndex;
use crate::partition::Partition;
use crate::plan::{Plan, Step};
use crate::report::MomentKind;

/// Two days, in milliseconds: runs begin at this time, so that no clock that is set back shows less than zero.
const BEGIN_MS: u64 = 2 * 86_400_000;

/// What steps have made of a plan so far.
#[derive(Clone, Debug)]
pub struct PlanState {
    pub partition: Partition,
    /// The behaviour of each group.
    pub behaviours: Vec<Behaviour>,
    /// The clocks that steps have set; all others show true time.
    clocks: BTreeMap<NodeIndex, Clock>,
}

/// What a step does to the nodes as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepEffect {
    /// The step, with those nodes only that it changes; the whole step when it changes none.
    pub step: Step,
    /// Nodes of the step that it does not change.
    pub unchanged: Vec<NodeIndex>,
    /// Whether nodes can agree again because of it.
    pub heals: bool,
    /// Whether it changes nothing.
    pub is_idle: bool,
}

impl StepEffect {
    /// The kind of its moment in a timeline.
    pub fn kind(&self, nodes: u16) -> MomentKind {
        match &self.step {
            _ if self.is_idle => MomentKind::NoEffect,
            step if step.joins_all(nodes) => MomentKind::Heal,
            Step::Partition(_) | Step::Refuse(_) => MomentKind::Partition,
            Step::Heal => MomentKind::Heal,
            Step::Kill(_) => MomentKind::Kill,
            Step::Restart(_) => MomentKind::Restart,
            Step::Slow { .. } => MomentKind::Slow,
            Step::Clock { .. } => MomentKind::Clock,
            Step::Mine { .. } => MomentKind::Mine,
            Step::Pay { .. } => MomentKind::Pay,
            Step::SetHashrate { .. } => MomentKind::Hashrate,
            Step::Behave { .. } => MomentKind::Behave,
        }
    }
}

impl PlanState {
    /// A plan of which no step was carried out.
    pub fn new(plan: &Plan) -> Self {
        let behaviours = plan.groups.iter().map(|group| group.behaviour.clone()).collect();
        Self { partition: Partition::default(), behaviours, clocks: BTreeMap::new() }
    }

    /// A step is carried out, in milliseconds since the run began.
    pub fn take(&mut self, at_ms: u64, step: &Step, nodes: u16) {
        self.partition.take(step, nodes);
        match step {
            Step::Behave { group, behaviour } => {
                if let Some(held) = self.behaviours.get_mut(*group) {
                    *held = behaviour.clone();
                }
            }
            Step::Clock { nodes, offset_ms } => nodes.iter().for_each(|node| {
                self.clocks.entry(*node).or_default().set_offset(run_time(at_ms), *offset_ms);
            }),
            _ => {}
        }
    }

    /// The offset that a step has set a node's clock to, if one has.
    pub fn clock_offset_ms(&self, node: NodeIndex) -> Option<i64> {
        self.clocks.get(&node).map(Clock::offset_ms)
    }

    /// Nodes whose clocks are off true time by more than a block may be ahead, and by how much. Not every node accepts
    /// their blocks, or they do not accept those of others.
    pub fn wrong_clocks(&self, plan: &Plan, at_ms: u64) -> BTreeMap<NodeIndex, i64> {
        let off = self.clocks.iter().map(|(node, clock)| (*node, clock.ahead_ms(run_time(at_ms))));
        let drift_ms = plan.chain.max_future_drift_ms.get();
        off.filter(|(_, ahead_ms)| ahead_ms.unsigned_abs() > drift_ms).collect()
    }

    /// What a step would do now.
    pub fn effect(&self, plan: &Plan, step: &Step, is_up: impl Fn(NodeIndex) -> bool) -> StepEffect {
        let nodes = plan.nodes();
        let whole = |heals, is_idle| StepEffect { step: step.clone(), unchanged: Vec::new(), heals, is_idle };
        let some = |changed: Vec<NodeIndex>, unchanged, heals, step: fn(Vec<NodeIndex>) -> Step| StepEffect {
            is_idle: changed.is_empty(),
            step: step(changed),
            unchanged,
            heals,
        };
        match step {
            step if step.joins_all(nodes) => whole(!self.partition.is_whole(), self.partition.is_whole()),
            Step::Kill(nodes) => {
                let (up, down) = nodes.iter().copied().partition(|node| is_up(*node));
                some(up, down, false, Step::Kill)
            }
            Step::Restart(nodes) => {
                let (up, down): (Vec<_>, Vec<_>) = nodes.iter().copied().partition(|node| is_up(*node));
                // A secret node is no part of the network: no agreement depends on it.
                let heals = down.iter().any(|node| !plan.is_secret(*node));
                some(down, up, heals, Step::Restart)
            }
            Step::Mine { node, .. } | Step::Pay { node, .. } if !is_up(*node) => {
                StepEffect { unchanged: vec![*node], ..whole(false, true) }
            }
            Step::Pay { node, payments, twice_at: Some(other) } if !is_up(*other) => StepEffect {
                step: Step::Pay { node: *node, payments: *payments, twice_at: None },
                unchanged: vec![*other],
                ..whole(false, false)
            },
            Step::Behave { group, behaviour } => {
                let held = self.behaviours.get(*group);
                // An intermittent group is started with it.
                let comes = matches!(held, Some(Behaviour::Intermittent { .. }));
                let lives = comes || plan.groups[*group].members().any(&is_up);
                whole(held != Some(behaviour) && lives && step.heals(nodes), held == Some(behaviour))
            }
            _ => whole(step.heals(nodes), false),
        }
    }
}

fn run_time(at_ms: u64) -> Timestamp {
    Timestamp::from_millis(BEGIN_MS.saturating_add(at_ms))
}
