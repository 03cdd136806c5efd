//! What the steps of a plan have made of it so far, and what a step would do now.

use crate::behaviour::Behaviour;
use crate::node_index::NodeIndex;
use crate::partition::Partition;
use crate::plan::{Plan, Step};

/// What steps have made of a plan so far.
#[derive(Clone, Debug)]
pub struct PlanState {
    pub partition: Partition,
    /// The behaviour of each group.
    pub behaviours: Vec<Behaviour>,
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

impl PlanState {
    /// A plan of which no step was carried out.
    pub fn new(plan: &Plan) -> Self {
        let behaviours = plan.groups.iter().map(|group| group.behaviour.clone()).collect();
        Self { partition: Partition::default(), behaviours }
    }

    /// A step is carried out.
    pub fn take(&mut self, step: &Step, nodes: usize) {
        self.partition.take(step, nodes);
        if let Step::Behave { group, behaviour } = step
            && let Some(held) = self.behaviours.get_mut(*group)
        {
            *held = behaviour.clone();
        }
    }

    /// What a step would do now.
    pub fn effect(&self, plan: &Plan, step: &Step, is_up: impl Fn(NodeIndex) -> bool) -> StepEffect {
        let nodes = usize::from(plan.nodes());
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
