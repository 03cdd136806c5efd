//! What is noted while a run lasts: both engines tell it what happens, and it knows in the end what came of it.
//!
//! Times are milliseconds since the run began. Whoever tells keeps to the order of time.

use std::collections::{BTreeMap, BTreeSet};

use cairn_core::block::Block;
use cairn_core::hash::{BlockHash, Txid};

use crate::mining::hashes_of;
use crate::place::Place;
use crate::plan::{Plan, Step};
use crate::recorder::agreement::Agreement;
use crate::recorder::blocks::{Blocks, Found};
use crate::recorder::branches::{Branches, Done};
use crate::report::{Convergence, Moment, MomentKind, Payments, Reorganisation};

/// Reorganisations told one by one in a report; of more only the deepest.
const TOLD_REORGANISATIONS: usize = 1_000;
/// Moments in a timeline; a run of thousands of blocks tells its steps and the first of the rest.
const MAX_MOMENTS: usize = 20_000;

/// What has happened so far.
#[derive(Clone, Debug)]
pub struct Recorder {
    pub(crate) plan: Plan,
    pub(crate) groups: Vec<usize>,
    pub(crate) blocks: Blocks,
    pub(crate) agreement: Agreement,
    branches: Branches,
    pub(crate) timeline: Vec<Moment>,
    pub(crate) convergence: Vec<Convergence>,
    /// Whether all agreed the last time somebody looked.
    is_mending: bool,
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
        let groups = plan.places().map(|place| plan.group_of(place)).collect();
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
    pub fn found(&mut self, at_ms: u64, miner: Place, height: u32, block: &Block) {
        let transactions = u32::try_from(block.transactions().len()).unwrap_or(u32::MAX);
        let parent = block.header().previous_block_hash;
        let hashes = hashes_of(block.header().bits).unwrap_or(0);
        let found = Found { hash: block.hash(), parent, height, miner, at_ms, transactions, hashes };
        if self.blocks.found(found) {
            let payments = match transactions {
                0 => String::new(),
                1 => ", 1 transaction".into(),
                many => format!(", {many} transactions"),
            };
            self.tell(at_ms, MomentKind::Block, format!("block {height} by {miner}{payments}"));
        }
    }

    /// A node keeps a block on a branch that is not its best.
    pub fn has(&mut self, at_ms: u64, at: Place, hash: &BlockHash) {
        self.blocks.reached(at_ms, at, hash);
    }

    /// A block joined a node's best chain.
    pub fn connected(&mut self, at_ms: u64, at: Place, block: &Block) {
        self.blocks.reached(at_ms, at, &block.hash());
        if let Some(done) = self.branches.connected(at, block) {
            self.reorganised(at_ms, at, done);
        }
    }

    /// A block left a node's best chain.
    pub fn disconnected(&mut self, at: Place, block: &Block) {
        for txid in block.transactions().iter().map(|transaction| transaction.txid()) {
            if self.accepted.contains(&txid) {
                self.undone.insert(txid);
            }
        }
        self.branches.disconnected(at, block);
    }

    /// A node is about to change branch; every block that leaves and joins is told after this.
    pub fn changes_branch(&mut self, at: Place, fork_height: u32, disconnected: u32, connected: u32) {
        self.branches.begin(at, fork_height, disconnected, connected);
    }

    /// A node has a new tip.
    pub fn tip(&mut self, at_ms: u64, at: Place, tip: BlockHash) {
        self.agreement.moved(at_ms, at, Some(tip));
        self.look_for_agreement(at_ms);
    }

    /// A node lives, with this tip.
    pub fn came_up(&mut self, at_ms: u64, at: Place, tip: BlockHash) {
        self.blocks.contact.came_up(at);
        self.tip(at_ms, at, tip);
    }

    /// A node is gone.
    pub fn went_down(&mut self, at_ms: u64, at: Place) {
        self.branches.forget(at);
        self.blocks.contact.went_down(at);
        self.agreement.moved(at_ms, at, None);
        self.look_for_agreement(at_ms);
    }

    /// A step of the plan is about to be carried out. One that mends is told now, before anything can
    /// follow from it.
    pub fn step_begins(&mut self, at_ms: u64, step: &Step) {
        match step {
            // A restart or another behaviour mends too, but the sides are still cut from each other.
            step if step.joins_all(self.groups.len()) => {
                self.blocks.contact.heal();
                if self.first_cut_ms.is_some() {
                    self.healed_ms.get_or_insert(at_ms);
                }
            }
            Step::Partition(groups) | Step::Refuse(groups) => {
                self.blocks.contact.cut(groups);
                self.first_cut_ms.get_or_insert(at_ms);
                // Agreement that was awaited is no longer to be had.
                self.is_mending = false;
            }
            _ => {}
        }
        if step.mends() {
            let text = self.plan.in_words(step);
            self.convergence.push(Convergence { after: text.clone(), at_ms, took_ms: None });
            self.is_mending = false;
            self.tell(at_ms, MomentKind::Step, text);
        }
    }

    /// A step has been carried out. Agreement after one that mends is measured from here: before, a
    /// node that is about to start again is not yet among those that must agree.
    pub fn step_is_done(&mut self, at_ms: u64, step: &Step) {
        if step.mends() {
            self.is_mending = true;
        } else {
            self.is_mending &= self.agreement.tips() > 1;
            self.tell(at_ms, MomentKind::Step, self.plan.in_words(step));
        }
        self.look_for_agreement(at_ms);
    }

    /// Something that people want to know.
    pub fn tell(&mut self, at_ms: u64, kind: MomentKind, text: String) {
        if self.timeline.len() < MAX_MOMENTS || kind == MomentKind::Step {
            self.timeline.push(Moment { at_ms, kind, text });
        }
    }

    /// A payment was accepted.
    pub fn accepted(&mut self, txid: Txid) {
        if self.accepted.insert(txid) {
            self.payments.accepted += 1;
        }
    }

    /// Payments that were accepted.
    pub fn payments(&self) -> impl Iterator<Item = &Txid> {
        self.accepted.iter()
    }

    /// An attacker tries to take a payment back.
    pub fn attempted(&mut self) {
        self.payments.attempts += 1;
    }

    /// How many attempts have ended.
    pub const fn attempts_ended(&self) -> u64 {
        self.attempts_ended
    }

    /// An attempt has ended.
    pub fn attempt_ended(&mut self) {
        self.attempts_ended += 1;
    }

    /// A payment with so many confirmations was taken back for good.
    pub fn double_spent(&mut self, confirmations: u32) {
        self.payments.double_spent += 1;
        self.payments.deepest_double_spend = self.payments.deepest_double_spend.max(confirmations);
    }

    /// What was told so far, in the order of time.
    pub fn timeline(&self) -> &[Moment] {
        &self.timeline
    }

    /// How many payments lost a confirmation at least once.
    pub fn undone(&self) -> u64 {
        self.undone.len() as u64
    }

    /// How many tips living nodes have now.
    pub fn tips(&self) -> usize {
        self.agreement.tips()
    }

    fn look_for_agreement(&mut self, at_ms: u64) {
        if !self.is_mending || self.agreement.tips() != 1 {
            return;
        }
        self.is_mending = false;
        let mut took = None;
        for mended in self.convergence.iter_mut().rev().take_while(|one| one.took_ms.is_none()) {
            let waited = at_ms.saturating_sub(mended.at_ms);
            mended.took_ms = Some(waited);
            took = took.or(Some(waited));
        }
        if let Some(took) = took {
            let text = format!("all nodes agree again, {took} ms after the last step");
            self.tell(at_ms, MomentKind::Agreement, text);
        }
    }

    fn reorganised(&mut self, at_ms: u64, at: Place, done: Done) {
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

    pub(crate) fn is_honest(&self, at: Place) -> bool {
        use crate::behaviour::Behaviour;
        let group = self.groups.get(at.index()).and_then(|group| self.plan.groups.get(*group));
        group.is_none_or(|group| {
            !matches!(
                group.behaviour,
                Behaviour::Selfish { .. } | Behaviour::DoubleSpend(_) | Behaviour::Eclipse { .. }
            )
        })
    }

    /// Blocks of each group among those given by number.
    pub(crate) fn by_group(&self, miners: impl Iterator<Item = Place>) -> BTreeMap<usize, u64> {
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

    #[test]
    fn agreement_after_a_restart_counts_from_when_it_was_carried_out() {
        let hash = |number: u8| BlockHash::from_bytes([number; 32]);
        let mut recorder = Recorder::new(&Plan::quiet(2), hash(0));
        recorder.came_up(0, Place::new(0), hash(1));
        // The other is down, so those that live agree; they are not all that must.
        let restart = Step::Restart(vec![Place::new(1)]);
        recorder.step_begins(10, &restart);
        assert_eq!(recorder.convergence[0].took_ms, None);
        recorder.came_up(10, Place::new(1), hash(0));
        recorder.step_is_done(10, &restart);
        recorder.tip(40, Place::new(1), hash(1));
        assert_eq!(recorder.convergence[0].took_ms, Some(30));
    }

    #[test]
    fn only_what_joins_all_ends_the_first_cut() {
        let (one, other) = (Place::new(0), Place::new(1));
        let mut recorder = Recorder::new(&Plan::quiet(2), BlockHash::ZERO);
        recorder.step_begins(5, &Step::Heal);
        recorder.step_begins(10, &Step::Partition(vec![vec![one], vec![other]]));
        recorder.step_begins(20, &Step::Restart(vec![one]));
        recorder.step_begins(30, &Step::Behave { group: 0, behaviour: crate::behaviour::Behaviour::Honest });
        recorder.step_begins(40, &Step::Partition(vec![vec![other], vec![one]]));
        assert_eq!((recorder.first_cut_ms, recorder.healed_ms), (Some(10), None));
        recorder.step_begins(50, &Step::Partition(vec![vec![one, other]]));
        recorder.step_begins(60, &Step::Heal);
        assert_eq!((recorder.first_cut_ms, recorder.healed_ms), (Some(10), Some(50)));
    }

    #[test]
    fn a_step_that_changes_nothing_finds_them_agreed_at_once() {
        let mut recorder = Recorder::new(&Plan::quiet(1), BlockHash::ZERO);
        recorder.came_up(0, Place::new(0), BlockHash::ZERO);
        recorder.step_begins(10, &Step::Heal);
        recorder.step_is_done(10, &Step::Heal);
        assert_eq!(recorder.convergence[0].took_ms, Some(0));
    }
}
