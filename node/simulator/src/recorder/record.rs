//! The recorder: both engines report to it what happens, and it makes a report of that in the end.
//!
//! Times are milliseconds since the run began, and never go back.

use std::collections::BTreeSet;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::hash::BlockHash;

use crate::behaviour::Behaviour;
use crate::node_index::NodeIndex;
use crate::note::Note;
use crate::partition::Partition;
use crate::partition_state::PartitionState;
use crate::plan::Plan;
use crate::plan::Step;
use crate::plan_state::{PlanState, StepEffect};
use crate::recorder::agreement::Agreement;
use crate::recorder::blocks::{Blocks, Found};
use crate::recorder::branches::Branches;
use crate::recorder::payment_log::PaymentLog;
use crate::recorder::timeline::Timeline;
use crate::report::{Branching, Convergence, MomentKind, Reorganization};
use crate::settlement::Settlement;
use crate::settlement::is_one_in_each;
use crate::text;
use cairn_genesis::hashrate::hashes_of;

/// A step that is being carried out.
#[derive(Clone, Debug)]
struct PendingStep {
    effect: StepEffect,
    /// The number of payments that it handed in, and the reason why not all were.
    handed_in: Option<(u32, String)>,
}

/// The time from steps that heal to agreement.
#[derive(Clone, Debug, Default)]
pub struct Healing {
    /// Every step that healed.
    pub steps: Vec<Convergence>,
    /// Whether agreement is awaited since the last of them.
    pub(super) is_awaited: bool,
    pub(super) first_partition_ms: Option<u64>,
    /// When the first partition ended.
    pub(super) healed_ms: Option<u64>,
}

/// Records what happens on either engine.
#[derive(Clone, Debug)]
pub struct Recorder {
    pub(super) plan: Arc<Plan>,
    /// What steps have made of the plan so far.
    pub state: PlanState,
    pub timeline: Timeline,
    pub healing: Healing,
    pub payments: PaymentLog,
    pub(super) blocks: Blocks,
    pub(super) agreement: Agreement,
    pub(super) branches: Branches,
    pending: Option<PendingStep>,
    /// Secret nodes of double-spenders that live, which are no part of the network.
    pub(super) secret: BTreeSet<NodeIndex>,
    /// Whether nodes that were given time to agree had no way to.
    pub(super) is_apart: bool,
    /// Nodes that have another tip than their side because of their clocks, and milliseconds that these are ahead.
    pub(super) clocks_apart: Vec<(u16, i64)>,
    pub(super) is_interrupted: bool,
}

impl Recorder {
    /// A recorder of a run in which no node is up yet.
    pub fn new(plan: impl Into<Arc<Plan>>, genesis: BlockHash) -> Self {
        let plan = plan.into();
        let nodes = usize::from(plan.nodes());
        Self {
            state: PlanState::new(&plan),
            timeline: Timeline::default(),
            healing: Healing::default(),
            payments: PaymentLog::default(),
            blocks: Blocks::new(nodes, genesis),
            agreement: Agreement::new(nodes),
            branches: Branches::default(),
            pending: None,
            secret: BTreeSet::new(),
            is_apart: false,
            clocks_apart: Vec::new(),
            is_interrupted: false,
            plan,
        }
    }

    /// A node found a block.
    pub fn found(&mut self, at_ms: u64, miner: NodeIndex, height: u32, block: &Block) {
        let transactions = u32::try_from(block.transactions().len()).unwrap_or(u32::MAX);
        let parent = block.header().previous_block_hash;
        let hashes = hashes_of(block.header().bits).unwrap_or(0);
        let found = Found { hash: block.hash(), parent, height, miner, at_ms, transactions, hashes };
        if self.blocks.found(found) {
            self.payments.found(self.blocks.list().len() - 1, block);
            let text = text::block_found(height, miner, transactions);
            self.timeline.add(at_ms, MomentKind::Block, text);
        }
    }

    /// A node keeps a block on a branch that is not its best.
    pub fn has(&mut self, at_ms: u64, at: NodeIndex, hash: &BlockHash) {
        self.blocks.reached(at_ms, at, hash);
    }

    /// A block joined a node's best chain.
    pub fn connected(&mut self, at_ms: u64, at: NodeIndex, block: &Block) {
        self.blocks.reached(at_ms, at, &block.hash());
        if let Some(change) = self.branches.connected(at_ms, at, block) {
            let Reorganization { fork_height, disconnected, connected, .. } = change;
            self.branches.add(change, self.is_honest(at));
            let change = Branching { fork_height, disconnected, connected };
            self.timeline.add_reorganization(at_ms, at, change);
        }
    }

    /// A block left a node's best chain.
    pub fn disconnected(&mut self, at: NodeIndex, block: &Block) {
        self.payments.disconnected(block);
        self.branches.disconnected(at, block);
    }

    /// A node is about to change branch; every block that leaves and joins follows.
    pub fn changes_branch(&mut self, at: NodeIndex, fork_height: u32, disconnected: u32, connected: u32) {
        self.branches.begin(at, fork_height, disconnected, connected);
    }

    /// A node has a new tip.
    pub fn tip(&mut self, at_ms: u64, at: NodeIndex, tip: BlockHash) {
        self.agreement.moved(at_ms, at, Some(tip));
        self.look_for_agreement(at_ms);
    }

    /// A node lives, with this tip.
    pub fn came_up(&mut self, at_ms: u64, at: NodeIndex, tip: BlockHash) {
        if self.plan.is_secret(at) {
            self.secret.insert(at);
            return;
        }
        let sides = self.sides_if_bridged();
        self.blocks.reachability.came_up(at);
        self.bridges_changed(sides);
        self.tip(at_ms, at, tip);
    }

    /// A node is gone.
    pub fn went_down(&mut self, at_ms: u64, at: NodeIndex) {
        self.secret.remove(&at);
        let sides = self.sides_if_bridged();
        self.branches.forget(at);
        self.blocks.reachability.went_down(at);
        self.bridges_changed(sides);
        // A node that is gone neither agrees nor disagrees: agreement is for those to show that stay.
        self.agreement.moved(at_ms, at, None);
    }

    /// Blocks that the final chain leaves out.
    pub fn left_out(&self) -> Vec<BlockHash> {
        let is_in = self.blocks.lineage(&self.final_tip().unwrap_or(BlockHash::ZERO));
        let known = self.blocks.list().iter().zip(is_in);
        known.filter(|(_, is_in)| !is_in).map(|(known, _)| known.found.hash).collect()
    }

    /// Whether nodes have one tip on each of these sides.
    pub fn agrees_within(&self, sides: &[Vec<NodeIndex>]) -> bool {
        self.agreement.tips() <= sides.len() && self.agree(sides)
    }

    /// Whether the nodes of each of these groups have one tip; others may have another.
    pub fn agree(&self, groups: &[Vec<NodeIndex>]) -> bool {
        is_one_in_each(groups, |node| self.agreement.tip(node))
    }

    /// How living nodes stand to each other now.
    pub fn standing(&self) -> PartitionState {
        PartitionState {
            running: self.agreement.living(),
            tips: self.agreement.tips(),
            is_cut: self.is_apart || (!self.state.partition.is_whole() && self.sides().len() > 1),
        }
    }

    /// The tip that most living nodes have; when none lives, most that had one.
    pub fn final_tip(&self) -> Option<BlockHash> {
        self.agreement.majority().map(|(tip, _)| tip)
    }

    /// How many tips living nodes have now.
    pub fn tips(&self) -> usize {
        self.agreement.tips()
    }

    fn is_honest(&self, at: NodeIndex) -> bool {
        let group = self.plan.groups.get(self.plan.group_of(at));
        group.is_none_or(|group| {
            !matches!(
                group.behaviour,
                Behaviour::Selfish { .. } | Behaviour::DoubleSpend(_) | Behaviour::Eclipse { .. }
            )
        })
    }

    /// The number of blocks of each group, from their miners.
    pub(super) fn by_group(&self, miners: impl Iterator<Item = NodeIndex>) -> Vec<u64> {
        let mut counts = vec![0; self.plan.groups.len()];
        miners.for_each(|miner| counts[self.plan.group_of(miner)] += 1);
        counts
    }
}

impl Recorder {
    /// The conductor has done something.
    pub fn note(&mut self, at_ms: u64, note: Note) {
        let plan = self.plan.clone();
        let step = |index: usize| plan.steps.get(index).map(|(_, step)| step);
        match note {
            Note::StepBegins(index) => step(index).into_iter().for_each(|step| self.step_begins(at_ms, step)),
            Note::StepIsDone(index) => {
                step(index).into_iter().for_each(|step| self.step_is_done(at_ms, step))
            }
            Note::MiningEnds(settlement) => self.mining_ends(at_ms, &settlement),
            Note::HandedIn { paid, why } => {
                if let Some(pending) = &mut self.pending {
                    pending.handed_in = Some((paid, why));
                }
            }
            Note::Accepted(txid) => self.payments.accepted(txid),
            Note::Rejected { at, why } => {
                self.timeline.add(at_ms, MomentKind::Pay, text::payment_rejected(at, &why));
            }
            Note::PaidTwice { payment, conflict } => self.payments.watch(payment, conflict),
            Note::ConflictAccepted(txid) => self.payments.conflict_accepted(txid),
            Note::ConflictRejected { at, why, .. } => {
                self.timeline.add(at_ms, MomentKind::Attack, text::conflict_rejected(at, &why));
            }
        }
    }

    /// A step of the plan is about to be carried out. The moment of one that heals comes now, before its effects.
    pub fn step_begins(&mut self, at_ms: u64, step: &Step) {
        let effect = self.effect(step);
        if effect.heals {
            let after = self.plan.effect_in_words(&effect, None);
            self.healing.steps.push(Convergence { after: after.clone(), at_ms, took_ms: None });
            self.healing.is_awaited = false;
            self.timeline.add(at_ms, effect.kind(self.plan.nodes()), after);
        }
        self.pending = Some(PendingStep { effect, handed_in: None });
        let sides = self.sides_if_bridged();
        let was_whole = self.state.partition.is_whole();
        self.state.take(at_ms, step, self.plan.nodes());
        match step {
            Step::Heal | Step::Partition(_) | Step::Refuse(_) => {}
            // A restart or another behaviour heals too, but the partition stays in force.
            _ => return self.bridges_changed(sides),
        }
        if !self.state.partition.is_whole() {
            self.blocks.reachability.split(&self.sides());
            self.healing.first_partition_ms.get_or_insert(at_ms);
            // The partition ends the wait for agreement.
            self.healing.is_awaited = false;
        } else if !was_whole {
            self.blocks.reachability.heal();
            self.healing.healed_ms.get_or_insert(at_ms);
        }
    }

    /// A step has been carried out. Agreement after one that heals is measured from here: before, a node that is about
    /// to start again is not yet among those that must agree.
    pub fn step_is_done(&mut self, at_ms: u64, step: &Step) {
        let pending = self.pending.take();
        let PendingStep { effect, handed_in } =
            pending.unwrap_or_else(|| PendingStep { effect: self.effect(step), handed_in: None });
        if effect.heals {
            self.healing.is_awaited = true;
        } else {
            self.healing.is_awaited &= self.agreement.tips() > 1;
            let text = self.plan.effect_in_words(&effect, handed_in.as_ref());
            self.timeline.add(at_ms, effect.kind(self.plan.nodes()), text);
        }
        self.look_for_agreement(at_ms);
    }

    fn effect(&self, step: &Step) -> StepEffect {
        self.state.effect(&self.plan, step, |node| !self.is_down(node))
    }

    /// The sides of the partition in force.
    pub fn sides(&self) -> Vec<Vec<NodeIndex>> {
        let passes_on = |node: NodeIndex| {
            let group = self.state.behaviours.get(self.plan.group_of(node));
            group.is_none_or(Behaviour::passes_on)
        };
        let is_bridge = |node| self.blocks.reachability.is_up(node) && passes_on(node);
        self.state.partition.sides(self.plan.nodes(), is_bridge)
    }

    /// The sides, where nodes that come or go can change them.
    fn sides_if_bridged(&self) -> Option<Vec<Vec<NodeIndex>>> {
        matches!(self.state.partition, Partition::Refused(_)).then(|| self.sides())
    }

    /// A bridge between sides may have come or gone since they were these.
    fn bridges_changed(&mut self, before: Option<Vec<Vec<NodeIndex>>>) {
        let now = self.sides_if_bridged();
        if let Some(sides) = now.filter(|now| before.is_some_and(|before| before != *now)) {
            self.blocks.reachability.split(&sides);
        }
    }

    /// Whether a node is known to be down. The secret node of a double-spender is no part of the network.
    fn is_down(&self, node: NodeIndex) -> bool {
        if self.plan.is_secret(node) {
            return !self.secret.contains(&node);
        }
        !self.blocks.reachability.is_up(node)
    }

    /// Mining ends: from here on one node mines on each side, until each side agrees.
    pub fn mining_ends(&mut self, at_ms: u64, settlement: &Settlement) {
        let text = self.plan.end_of_mining(settlement, self.agrees_within(&settlement.sides));
        self.timeline.add(at_ms, MomentKind::Phase, text);
    }

    /// Mining ends, and the run with it, without time for agreement.
    pub fn ends_as_it_stands(&mut self, at_ms: u64, left_out: usize) {
        let text = text::ends_as_it_stands(left_out, &self.standing());
        self.timeline.add(at_ms, MomentKind::Phase, text);
    }

    /// The time for agreement is over, and branches of equal work are left: each node keeps the one that it saw first.
    pub fn ends_even(&mut self, at_ms: u64) {
        self.timeline.add(at_ms, MomentKind::Phase, text::is_over(&self.standing(), true));
    }

    /// All nodes that can agree have done so; others had the time for it, and no way to.
    pub fn settled(&mut self, at_ms: u64) {
        self.is_apart = self.agreement.tips() > 1;
        self.clocks_apart = self.clocks_apart(at_ms);
        self.timeline.add(at_ms, MomentKind::Phase, text::is_over(&self.standing(), false));
    }

    /// Nodes that have not the tip of their side because of their clocks, and milliseconds that these are ahead.
    fn clocks_apart(&self, at_ms: u64) -> Vec<(u16, i64)> {
        let wrong = self.state.wrong_clocks(&self.plan, at_ms);
        let tip = |node: NodeIndex| self.agreement.tip(node);
        let of_side = |side: &Vec<NodeIndex>| {
            side.iter().filter(|node| !wrong.contains_key(node)).find_map(|node| tip(*node))
        };
        let sides = self.sides();
        let tips = sides.iter().flat_map(|side| side.iter().map(move |node| (*node, of_side(side))));
        let apart = tips.filter(|(node, of_side)| tip(*node).is_some() && tip(*node) != *of_side);
        apart.filter_map(|(node, _)| Some((node.number(), *wrong.get(&node)?))).collect()
    }

    /// The run is stopped before its end.
    pub fn interrupted(&mut self, at_ms: u64) {
        if core::mem::replace(&mut self.is_interrupted, true) {
            return;
        }
        self.timeline.add(at_ms, MomentKind::Phase, text::INTERRUPTED.into());
    }

    pub(crate) fn look_for_agreement(&mut self, at_ms: u64) {
        if !self.healing.is_awaited || self.agreement.tips() != 1 {
            return;
        }
        self.healing.is_awaited = false;
        let mut took = None;
        for healed in self.healing.steps.iter_mut().rev().take_while(|one| one.took_ms.is_none()) {
            let waited = at_ms.saturating_sub(healed.at_ms);
            healed.took_ms = Some(waited);
            took = took.or(Some(waited));
        }
        if let Some(took) = took {
            let are_all_up = !self.plan.indices().any(|node| self.is_down(node));
            self.timeline.add(at_ms, MomentKind::Agreement, text::agree_again(are_all_up, took));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Engine;
    use crate::recorder::conclude::Ending;
    use crate::recorder::timeline::MAX_MOMENTS;

    fn hash(number: u8) -> BlockHash {
        BlockHash::from_bytes([number; 32])
    }

    /// Of three nodes the last is down.
    fn recorder() -> Recorder {
        let mut recorder = Recorder::new(Plan::quiet(3), hash(0));
        (0..2).for_each(|number| recorder.came_up(0, NodeIndex::new(number), hash(1)));
        recorder
    }

    fn added(recorder: &mut Recorder, step: Step) -> String {
        recorder.step_begins(10, &step);
        recorder.step_is_done(10, &step);
        recorder.timeline.moments().iter().rfind(|one| one.kind.is_step()).expect("a step").text.clone()
    }

    #[test]
    fn agreement_after_a_restart_counts_from_when_it_was_carried_out() {
        let mut recorder = Recorder::new(Plan::quiet(2), hash(0));
        recorder.came_up(0, NodeIndex::new(0), hash(1));
        // The other is down, so those that live agree; they are not all that must.
        let restart = Step::Restart(vec![NodeIndex::new(1)]);
        recorder.step_begins(10, &restart);
        assert_eq!(recorder.healing.steps[0].took_ms, None);
        recorder.came_up(10, NodeIndex::new(1), hash(0));
        recorder.step_is_done(10, &restart);
        recorder.tip(40, NodeIndex::new(1), hash(1));
        assert_eq!(recorder.healing.steps[0].took_ms, Some(30));
    }

    #[test]
    fn only_what_joins_all_ends_the_first_cut() {
        let (one, other) = (NodeIndex::new(0), NodeIndex::new(1));
        let mut recorder = Recorder::new(Plan::quiet(2), BlockHash::ZERO);
        recorder.step_begins(5, &Step::Heal);
        recorder.step_begins(10, &Step::Partition(vec![vec![one], vec![other]]));
        recorder.step_begins(20, &Step::Restart(vec![one]));
        recorder.step_begins(30, &Step::Behave { group: 0, behaviour: crate::behaviour::Behaviour::Honest });
        recorder.step_begins(40, &Step::Partition(vec![vec![other], vec![one]]));
        assert_eq!((recorder.healing.first_partition_ms, recorder.healing.healed_ms), (Some(10), None));
        recorder.step_begins(50, &Step::Partition(vec![vec![one, other]]));
        recorder.step_begins(60, &Step::Heal);
        assert_eq!((recorder.healing.first_partition_ms, recorder.healing.healed_ms), (Some(10), Some(50)));
    }

    #[test]
    fn what_is_down_does_nothing_and_the_timeline_says_so() {
        let (mut recorder, up, down) = (recorder(), NodeIndex::new(0), NodeIndex::new(2));
        let words = [
            (Step::Mine { node: down, blocks: 3 }, "node 2 is down: nothing is mined"),
            (Step::Mine { node: up, blocks: 3 }, "node 0 mines 3 blocks at once"),
            (Step::Pay { node: down, payments: 1, twice_at: None }, "node 2 is down: nothing is handed in"),
            (
                Step::Pay { node: up, payments: 1, twice_at: Some(down) },
                "a payment is handed in at node 0; node 2 is down: nothing is paid twice",
            ),
            (Step::Kill(vec![down]), "no power is lost: node 2 is already down"),
            (Step::Kill(vec![up, down]), "power lost: 0; node 2 is already down"),
        ];
        for (step, text) in words {
            assert_eq!(added(&mut recorder, step), text);
        }
    }

    #[test]
    fn what_mends_nothing_is_told_as_that_and_not_waited_for() {
        let (mut recorder, up, down) = (recorder(), NodeIndex::new(0), NodeIndex::new(2));
        assert_eq!(added(&mut recorder, Step::Heal), "nothing to heal: no partition is in force");
        let restart = Step::Restart(vec![up, NodeIndex::new(1)]);
        assert_eq!(added(&mut recorder, restart), "no node is started: nodes 0,1 are already up");
        assert!(recorder.healing.steps.is_empty());
        let restart = Step::Restart(vec![up, down]);
        assert_eq!(added(&mut recorder, restart), "started again: 2; node 0 is already up");
        added(&mut recorder, Step::Partition(vec![vec![up], vec![down]]));
        assert_eq!(added(&mut recorder, Step::Heal), "healed: all nodes may reach each other again");
        assert_eq!(recorder.healing.steps.len(), 2);
    }

    #[test]
    fn the_end_of_mining_names_who_mines_on_and_what_was_left_out() {
        let mut recorder = recorder();
        let (one, other) = (NodeIndex::new(0), NodeIndex::new(1));
        let (all, sides) = (vec![vec![one, other]], vec![vec![one], vec![other]]);
        let settlement = |miners: &[NodeIndex], sides: &Vec<Vec<NodeIndex>>, left_out| Settlement {
            miners: miners.to_vec(),
            sides: sides.clone(),
            left_out,
            ..Settlement::default()
        };
        recorder.tip(10, other, hash(2));
        recorder.mining_ends(20, &settlement(&[other], &all, 0));
        recorder.mining_ends(20, &settlement(&[one, other], &sides, 2));
        recorder.came_up(25, NodeIndex::new(2), hash(3));
        let of_three = vec![vec![one, NodeIndex::new(2)], vec![other]];
        recorder.mining_ends(25, &settlement(&[one, other], &of_three, 0));
        recorder.went_down(28, NodeIndex::new(2));
        recorder.tip(30, other, hash(1));
        recorder.mining_ends(30, &settlement(&[other], &all, 1));
        let texts: Vec<&str> = recorder.timeline.moments().iter().map(|one| one.text.as_str()).collect();
        let expected = [
            "mining ends; node 1 mines on until all agree",
            "mining ends before its plan does, so that 2 steps are left out; each side agrees",
            "mining ends; nodes 0,1 mine on until each side agrees",
            "mining ends before its plan does, so that a step is left out; all nodes agree",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn a_timeline_that_grows_too_long_says_where_it_ends_and_how_much_is_missing() {
        let mut recorder = Recorder::new(Plan::quiet(1), BlockHash::ZERO);
        for at_ms in 0..MAX_MOMENTS as u64 + 3 {
            recorder.timeline.add(at_ms, MomentKind::Block, "a block".into());
        }
        recorder.timeline.add(90_000, MomentKind::Heal, "a step".into());
        let ending = Ending {
            engine: Engine::Simulator,
            seed: None,
            lasted_ms: 100_000,
            trace: None,
            confirmed: 0,
            dropped: None,
            traffic: (0, 0),
        };
        let added = recorder.conclude(ending).timeline;
        let texts: Vec<&str> = added[MAX_MOMENTS..].iter().map(|moment| moment.text.as_str()).collect();
        let limit = "20000 moments are shown: from here on only steps and agreement";
        assert_eq!(texts, [limit, "a step", "3 more moments are not shown"]);
    }
}
