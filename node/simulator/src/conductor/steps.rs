//! Steps of a plan, carried out by the verbs of an engine.

use std::sync::Arc;

use crate::behaviour::Behaviour;
use crate::node_index::NodeIndex;
use crate::note::Note;
use crate::partition::Partition;
use crate::plan::{Plan, Step};
use crate::plan_state::PlanState;
use crate::settlement::{Settlement, steps_left};

/// The hash rate of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    None,
    /// A percentage of the node's first rate.
    Percent(u32),
    /// The rate of all miners together.
    Total,
}

/// An engine's nodes, and the verbs with which a plan's steps are carried out.
pub trait Network {
    /// A node does not obey.
    type Error;

    /// The plan that is played.
    fn plan(&self) -> Arc<Plan>;

    /// What steps have made of the plan so far.
    fn state(&self) -> &PlanState;

    /// Whether a node lives.
    fn is_up(&self, node: NodeIndex) -> bool;

    /// Passes a note on to the recorder.
    fn note(&mut self, note: Note);

    /// Replaces the partition in force.
    ///
    /// # Errors
    /// When a node does not obey; this holds for every verb.
    fn set_partition(&mut self, partition: Partition) -> Result<(), Self::Error>;

    /// Takes the power from nodes; those that are down stay so.
    fn kill(&mut self, nodes: &[NodeIndex]) -> Result<(), Self::Error>;

    /// Starts nodes on their disks; those that are up stay so.
    fn restart(&mut self, nodes: &[NodeIndex]) -> Result<(), Self::Error>;

    /// Lets messages to and from nodes take a percentage of their usual time.
    fn slow(&mut self, nodes: &[NodeIndex], percent: u32) -> Result<(), Self::Error>;

    /// Sets the clocks of nodes ahead of true time, or behind it when negative.
    fn set_clock(&mut self, nodes: &[NodeIndex], offset_ms: i64) -> Result<(), Self::Error>;

    /// Sets the hash rates of nodes.
    fn set_power(&mut self, nodes: &[(NodeIndex, Power)]) -> Result<(), Self::Error>;

    /// Lets a node find blocks at once.
    fn mine(&mut self, node: NodeIndex, blocks: u32) -> Result<(), Self::Error>;

    /// Hands in payments at a node, with [`payments::pay_many`].
    fn pay(&mut self, node: NodeIndex, payments: u32, twice_at: Option<NodeIndex>)
    -> Result<(), Self::Error>;

    /// Lets a group behave in another way.
    fn behave(&mut self, group: usize, behaviour: &Behaviour) -> Result<(), Self::Error>;
}

/// Carries out a step of the plan, by its index.
pub fn take_step<N: Network>(network: &mut N, index: usize) -> Result<(), N::Error> {
    let plan = network.plan();
    let Some((_, step)) = plan.steps.get(index) else { return Ok(()) };
    network.note(Note::StepBegins(index));
    match step {
        Step::Partition(_) | Step::Refuse(_) | Step::Heal => {
            let mut partition = Partition::default();
            partition.take(step, plan.nodes());
            network.set_partition(partition)?;
        }
        Step::Kill(nodes) => network.kill(nodes)?,
        Step::Restart(nodes) => network.restart(nodes)?,
        Step::Slow { nodes, percent } => network.slow(nodes, *percent)?,
        Step::Clock { nodes, offset_ms } => network.set_clock(nodes, *offset_ms)?,
        Step::Mine { node, blocks } => network.mine(*node, *blocks)?,
        Step::Pay { node, payments, twice_at } => network.pay(*node, *payments, *twice_at)?,
        Step::SetHashrate { nodes, percent } => {
            let powers: Vec<_> = nodes.iter().map(|node| (*node, Power::Percent(*percent))).collect();
            network.set_power(&powers)?;
        }
        Step::Behave { group, behaviour } => network.behave(*group, behaviour)?,
    }
    network.note(Note::StepIsDone(index));
    Ok(())
}

/// Mining ends after this number of steps, and with it the plan: later steps that heal are carried out now. Then one
/// miner on each side that can agree goes on, at the rate of all: at its own its next block could take longer
/// than agreement may take.
pub fn settle<N: Network>(network: &mut N, steps_taken: usize, at_ms: u64) -> Result<Settlement, N::Error> {
    let plan = network.plan();
    let mut left_out = plan.steps.len() - steps_taken;
    for index in steps_left(&plan, steps_taken) {
        let effect = network.state().effect(&plan, &plan.steps[index].1, |node| network.is_up(node));
        if !effect.is_idle {
            take_step(network, index)?;
            left_out -= 1;
        }
    }
    let state = network.state();
    let settlement = Settlement::new(&plan, state, at_ms, |node| network.is_up(node));
    let settlement = Settlement { left_out, ..settlement };
    let power = |node| if settlement.miners.contains(&node) { Power::Total } else { Power::None };
    let powers: Vec<_> = plan.indices().map(|node| (node, power(node))).collect();
    network.set_power(&powers)?;
    network.note(Note::MiningEnds(settlement.clone()));
    Ok(settlement)
}

/// No node mines any more.
pub fn end_mining<N: Network>(network: &mut N) -> Result<(), N::Error> {
    let powers: Vec<_> = network.plan().indices().map(|node| (node, Power::None)).collect();
    network.set_power(&powers)
}
