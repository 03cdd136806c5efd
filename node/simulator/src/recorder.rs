//! What is noted while a run lasts: both engines tell it what happens, and it knows in the end what came of it.
//!
//! Times are milliseconds since the run began. Whoever tells keeps to the order of time.

use std::collections::{BTreeMap, BTreeSet};

use cairn_core::block::Block;
use cairn_core::hash::{BlockHash, Txid};

use crate::behaviour::Behaviour;
use crate::node_index::NodeIndex;
use crate::partition::Partition;
use crate::partition_state::PartitionState;
use crate::plan::Plan;
use crate::recorder::agreement::Agreement;
use crate::recorder::blocks::{Blocks, Found};
use crate::recorder::branches::{Branches, Done};
use crate::recorder::conflicts::Conflicts;
use crate::recorder::pending_step::PendingStep;
use crate::report::{Convergence, Moment, MomentKind, Payments, Reorganisation};
use crate::settling::is_one_in_each;
use cairn_genesis::hashrate::hashes_of;

pub mod agreement;
pub mod arrivals;
pub mod blocks;
pub mod branches;
pub mod conclude;
pub mod conflicts;
pub mod pending_step;
pub mod reachability;
pub mod steps;
pub mod tips;

/// Reorganisations told one by one in a report; of more only the deepest.
const TOLD_REORGANISATIONS: usize = 1_000;
/// Moments in a timeline; a run of thousands of blocks tells its steps and the first of the rest.
const MAX_MOMENTS: usize = 20_000;

/// What has happened so far.
#[derive(Clone, Debug)]
pub struct Recorder {
    plan: Plan,
    pub(crate) groups: Vec<usize>,
    pub(crate) blocks: Blocks,
    pub(crate) agreement: Agreement,
    branches: Branches,
    pub(crate) timeline: Vec<Moment>,
    pub(crate) convergence: Vec<Convergence>,
    /// Whether agreement is awaited since the last step that mends.
    pub(crate) is_mending: bool,
    /// The step that is being carried out.
    pub(crate) under_way: Option<PendingStep>,
    /// How the network is cut now.
    pub(crate) cut: Partition,
    /// Whether nodes that were given time to agree had no way to.
    pub(crate) is_apart: bool,
    pub(crate) is_interrupted: bool,
    /// Moments that are not in the timeline.
    untold: u64,
    pub(crate) rivals: Conflicts,
    /// What each group does now.
    pub(crate) behaviours: Vec<Behaviour>,
    /// Secret nodes of double-spenders that live: the network knows nothing of them.
    pub(crate) secret: BTreeSet<NodeIndex>,
    pub(crate) reorganisations: Vec<Reorganisation>,
    pub(crate) reorganisations_in_all: u64,
    pub(crate) deepest: u32,
    accepted: BTreeSet<Txid>,
    undone: BTreeSet<Txid>,
    pub(crate) payments: Payments,
    attempts_ended: u64,
    /// When the network was cut first.
    pub(crate) first_cut_ms: Option<u64>,
    /// When that ended.
    pub(crate) healed_ms: Option<u64>,
}

impl Recorder {
    /// Nothing has happened yet; all nodes stand on genesis, and those that are up say so with
    /// [`Self::came_up`].
    pub fn new(plan: &Plan, genesis: BlockHash) -> Self {
        let groups = plan.indices().map(|node| plan.group_of(node)).collect();
        let nodes = usize::from(plan.nodes());
        Self {
            plan: plan.clone(),
            groups,
            blocks: Blocks::new(nodes, genesis),
            agreement: Agreement::new(nodes),
            branches: Branches::default(),
            timeline: Vec::new(),
            convergence: Vec::new(),
            is_mending: false,
            under_way: None,
            cut: Partition::default(),
            is_apart: false,
            is_interrupted: false,
            untold: 0,
            rivals: Conflicts::default(),
            behaviours: plan.groups.iter().map(|group| group.behaviour.clone()).collect(),
            secret: BTreeSet::new(),
            reorganisations: Vec::new(),
            reorganisations_in_all: 0,
            deepest: 0,
            accepted: BTreeSet::new(),
            undone: BTreeSet::new(),
            payments: Payments::default(),
            attempts_ended: 0,
            first_cut_ms: None,
            healed_ms: None,
        }
    }

    /// A node found a block.
    pub fn found(&mut self, at_ms: u64, miner: NodeIndex, height: u32, block: &Block) {
        let transactions = u32::try_from(block.transactions().len()).unwrap_or(u32::MAX);
        let parent = block.header().previous_block_hash;
        let hashes = hashes_of(block.header().bits).unwrap_or(0);
        let found = Found { hash: block.hash(), parent, height, miner, at_ms, transactions, hashes };
        if self.blocks.found(found) {
            self.rivals.found(self.blocks.list().len() - 1, block);
            let payments = match transactions {
                0 => String::new(),
                1 => ", 1 transaction".into(),
                many => format!(", {many} transactions"),
            };
            self.tell(at_ms, MomentKind::Block, format!("block {height} by {miner}{payments}"));
        }
    }

    /// A node keeps a block on a branch that is not its best.
    pub fn has(&mut self, at_ms: u64, at: NodeIndex, hash: &BlockHash) {
        self.blocks.reached(at_ms, at, hash);
    }

    /// A block joined a node's best chain.
    pub fn connected(&mut self, at_ms: u64, at: NodeIndex, block: &Block) {
        self.blocks.reached(at_ms, at, &block.hash());
        if let Some(done) = self.branches.connected(at, block) {
            self.reorganised(at_ms, at, done);
        }
    }

    /// A block left a node's best chain.
    pub fn disconnected(&mut self, at: NodeIndex, block: &Block) {
        for txid in block.transactions().iter().map(|transaction| transaction.txid()) {
            if self.accepted.contains(&txid) {
                self.undone.insert(txid);
            }
        }
        self.branches.disconnected(at, block);
    }

    /// A node is about to change branch; every block that leaves and joins is told after this.
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
        self.blocks.contact.came_up(at);
        self.bridges_changed(sides);
        self.tip(at_ms, at, tip);
    }

    /// A node is gone.
    pub fn went_down(&mut self, at_ms: u64, at: NodeIndex) {
        self.secret.remove(&at);
        let sides = self.sides_if_bridged();
        self.branches.forget(at);
        self.blocks.contact.went_down(at);
        self.bridges_changed(sides);
        // Who is gone disagrees no longer and agrees no more: agreement is for those to show that stay.
        self.agreement.moved(at_ms, at, None);
    }

    /// Something that people want to know.
    pub fn tell(&mut self, at_ms: u64, kind: MomentKind, text: String) {
        let is_always_told = matches!(kind, MomentKind::Step | MomentKind::Agreement | MomentKind::Phase);
        if self.timeline.len() >= MAX_MOMENTS && !is_always_told {
            if self.untold == 0 {
                let kind = MomentKind::Phase;
                let text = format!("{MAX_MOMENTS} moments are told: from here on only steps and agreement");
                self.timeline.push(Moment { at_ms, kind, text });
            }
            self.untold += 1;
            return;
        }
        self.timeline.push(Moment { at_ms, kind, text });
    }

    /// A payment was accepted.
    pub fn accepted(&mut self, txid: Txid) {
        self.rivals.accepted(txid);
        if self.accepted.insert(txid) {
            self.payments.accepted += 1;
        }
    }

    /// Payments that were accepted.
    pub fn payments(&self) -> impl Iterator<Item = &Txid> {
        self.accepted.iter()
    }

    /// How many attempts have ended.
    pub const fn attempts_ended(&self) -> u64 {
        self.attempts_ended
    }

    /// An attempt has ended.
    pub fn attempt_ended(&mut self) {
        self.attempts_ended += 1;
    }

    /// An attacker pays, and pays itself with the same coin in a chain that nobody sees.
    pub fn attempted(&mut self, payment: Txid, rival: Txid) {
        self.rivals.watch(payment, rival);
        self.rivals.accepted(payment);
        self.rivals.accepted(rival);
    }

    /// What was told so far, in the order of time.
    pub fn timeline(&self) -> &[Moment] {
        &self.timeline
    }

    /// How many payments lost a confirmation at least once.
    pub fn undone(&self) -> u64 {
        self.undone.len() as u64
    }

    /// How many moments are not in the timeline, as there were too many.
    pub(crate) const fn untold(&self) -> u64 {
        self.untold
    }

    /// A payment and another of the same coin are handed in: at most one of them lasts.
    pub fn paid_twice(&mut self, payment: Txid, rival: Txid) {
        self.rivals.watch(payment, rival);
    }

    /// The second payment of a coin was accepted.
    pub fn rival_accepted(&mut self, txid: Txid) {
        self.rivals.accepted(txid);
    }

    /// A node refuses a payment that a step of the plan hands in.
    pub fn payment_refused(&mut self, at_ms: u64, at: NodeIndex, why: &str) {
        self.tell(at_ms, MomentKind::Step, format!("{at} refuses a payment: {why}"));
    }

    /// A node refuses the second payment of a coin.
    pub fn rival_refused(&mut self, at_ms: u64, at: NodeIndex, why: &str) {
        self.tell(at_ms, MomentKind::Attack, format!("{at} takes no second payment of a coin: {why}"));
    }

    /// Blocks that the final chain leaves out.
    pub fn left_out(&self) -> Vec<BlockHash> {
        let is_in = self.blocks.lineage(&self.final_tip().unwrap_or(BlockHash::ZERO));
        let known = self.blocks.list().iter().zip(is_in);
        known.filter(|(_, is_in)| !is_in).map(|(known, _)| known.found.hash).collect()
    }

    /// Every mending so far, and how long it took until all agreed.
    pub fn convergence(&self) -> &[Convergence] {
        &self.convergence
    }

    /// How the network is cut now.
    pub const fn cut(&self) -> &Partition {
        &self.cut
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
            is_cut: self.is_apart || (!self.cut.is_whole() && self.sides().len() > 1),
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

    fn reorganised(&mut self, at_ms: u64, at: NodeIndex, done: Done) {
        self.reorganisations_in_all += 1;
        let is_honest = self.is_honest(at);
        if is_honest {
            self.deepest = self.deepest.max(done.disconnected);
        }
        let Done { fork_height, disconnected, connected, unconfirmed } = done;
        let node = at.number();
        let told = Reorganisation { at_ms, node, fork_height, disconnected, connected, unconfirmed };
        let text = format!(
            "reorganisation on {at}: {disconnected} left, {connected} joined, fork point {fork_height}"
        );
        self.tell(at_ms, MomentKind::Reorganisation, text);
        if self.reorganisations.len() >= 2 * TOLD_REORGANISATIONS {
            self.keep_deepest();
        }
        self.reorganisations.push(told);
    }

    pub(crate) fn keep_deepest(&mut self) {
        self.reorganisations.sort_by_key(|one| (core::cmp::Reverse(one.disconnected), one.at_ms, one.node));
        self.reorganisations.truncate(TOLD_REORGANISATIONS);
    }

    pub(crate) fn is_honest(&self, at: NodeIndex) -> bool {
        let group = self.groups.get(at.index()).and_then(|group| self.plan.groups.get(*group));
        group.is_none_or(|group| {
            !matches!(
                group.behaviour,
                Behaviour::Selfish { .. } | Behaviour::DoubleSpend(_) | Behaviour::Eclipse { .. }
            )
        })
    }

    /// Blocks of each group among those given by number.
    pub(crate) fn by_group(&self, miners: impl Iterator<Item = NodeIndex>) -> BTreeMap<usize, u64> {
        let mut counts = BTreeMap::new();
        for miner in miners {
            let group = self.groups.get(miner.index()).copied().unwrap_or_default();
            *counts.entry(group).or_default() += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Engine;
    use crate::recorder::conclude::Ending;

    #[test]
    fn a_timeline_that_grows_too_long_says_where_it_ends_and_how_much_is_missing() {
        let mut recorder = Recorder::new(&Plan::quiet(1), BlockHash::ZERO);
        for at_ms in 0..MAX_MOMENTS as u64 + 3 {
            recorder.tell(at_ms, MomentKind::Block, "a block".into());
        }
        recorder.tell(90_000, MomentKind::Step, "a step".into());
        let ending = Ending {
            engine: Engine::Simulator,
            seed: None,
            lasted_ms: 100_000,
            trace: None,
            confirmed: 0,
            dropped: None,
            traffic: (0, 0),
        };
        let told = recorder.conclude(ending).timeline;
        let texts: Vec<&str> = told[MAX_MOMENTS..].iter().map(|moment| moment.text.as_str()).collect();
        let limit = "20000 moments are told: from here on only steps and agreement";
        assert_eq!(texts, [limit, "a step", "3 moments more are not told"]);
    }
}
