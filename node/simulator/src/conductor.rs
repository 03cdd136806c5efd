//! The conductor: plays a plan on any engine. Both the simulated world and the devnet implement [`Network`] and
//! [`Payments`]; what is due when ([`schedule`]), which phase follows which ([`phases`]), who settles ([`settlement`])
//! and who pays ([`wallets`]) is decided here for both.

pub mod phases;
pub mod schedule;
pub mod settlement;
pub mod wallets;

use std::sync::Arc;

use cairn_core::hash::Txid;
use cairn_core::transaction::Transaction;
use cairn_protocol::input::RequestId;

use crate::behaviour::Behaviour;
use crate::conductor::settlement::{Settlement, steps_left};
use crate::conductor::wallets::Wallets;
use crate::node_index::NodeIndex;
use crate::partition::Partition;
use crate::plan::{Plan, Step};

/// The hash rate of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    None,
    /// A percentage of the node's first rate.
    Percent(u32),
    /// The rate of all miners together.
    Total,
}

/// What the recorder must know of the conductor's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A step of the plan is about to be carried out.
    StepBegins(usize),
    /// A step of the plan was carried out.
    StepIsDone(usize),
    /// Mining ends, and these nodes settle.
    MiningEnds(Settlement),
    /// The number of payments that the step under way handed in, and the reason why not all were.
    HandedIn { paid: u32, why: String },
    /// A node accepted a payment.
    Accepted(Txid),
    /// A node rejected a payment that a step handed in.
    Rejected { at: NodeIndex, why: String },
    /// Two payments of one coin are about to be handed in.
    PaidTwice { payment: Txid, conflict: Txid },
    /// The second payment of a coin was accepted.
    ConflictAccepted(Txid),
    /// The second payment of a coin was rejected, so that the first is like any other.
    ConflictRejected { at: NodeIndex, payment: Txid, why: String },
}

/// The answer of a node that a payment is handed in at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It follows with [`wallets::answered`].
    Later,
    Accepted,
    Rejected(String),
}

/// An engine's nodes, and the verbs with which a plan's steps are carried out.
pub trait Network {
    type Error;

    fn plan(&self) -> Arc<Plan>;

    /// What steps have made of the plan so far.
    fn state(&self) -> &PlanState;

    fn is_up(&self, node: NodeIndex) -> bool;

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

    fn set_power(&mut self, nodes: &[(NodeIndex, Power)]) -> Result<(), Self::Error>;

    /// Lets a node find blocks at once.
    fn mine(&mut self, node: NodeIndex, blocks: u32) -> Result<(), Self::Error>;

    /// Hands in payments at a node, with [`wallets::pay_many`].
    fn pay(&mut self, node: NodeIndex, payments: u32, twice_at: Option<NodeIndex>)
    -> Result<(), Self::Error>;

    fn behave(&mut self, group: usize, behaviour: &Behaviour) -> Result<(), Self::Error>;
}

/// An engine's wallets, and the way to hand in their transactions.
pub trait Payments {
    type Error;

    fn wallets(&mut self) -> &mut Wallets;

    /// Whether a payment can be handed in at a node.
    fn takes_payments(&self, node: NodeIndex) -> bool;

    /// Hands in a transaction.
    ///
    /// # Errors
    /// When the engine fails; a node that rejects the transaction is an [`Answer`].
    fn submit(
        &mut self,
        at: NodeIndex,
        request: RequestId,
        transaction: Arc<Transaction>,
    ) -> Result<Answer, Self::Error>;

    fn note(&mut self, note: Note);
}

/// Carries out a step of the plan, by its index.
///
/// # Errors
/// When a node does not obey.
pub fn take_step<N: Network>(network: &mut N, index: usize) -> Result<(), N::Error> {
    let plan = network.plan();
    let Some((_, step)) = plan.steps.get(index) else { return Ok(()) };
    network.note(Note::StepBegins(index));
    match step {
        Step::Partition(_) | Step::Refuse(_) | Step::Heal => {
            let mut partition = Partition::default();
            partition.take(step, usize::from(plan.nodes()));
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
/// miner on each side that can agree goes on, at the rate of all: at its own it could be unlucky for longer than
/// agreement may take.
///
/// # Errors
/// When a node does not obey.
pub fn settle<N: Network>(network: &mut N, steps_taken: usize) -> Result<Settlement, N::Error> {
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
    let settlement = Settlement::new(&plan, &state.partition, &state.behaviours, |node| network.is_up(node));
    let settlement = Settlement { left_out, ..settlement };
    let power = |node| if settlement.miners.contains(&node) { Power::Total } else { Power::None };
    let powers: Vec<_> = plan.indices().map(|node| (node, power(node))).collect();
    network.set_power(&powers)?;
    network.note(Note::MiningEnds(settlement.clone()));
    Ok(settlement)
}

/// No node mines any more.
///
/// # Errors
/// When a node does not obey.
pub fn end_mining<N: Network>(network: &mut N) -> Result<(), N::Error> {
    let powers: Vec<_> = network.plan().indices().map(|node| (node, Power::None)).collect();
    network.set_power(&powers)
}

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
