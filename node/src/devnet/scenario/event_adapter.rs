//! The adapter: events of nodes, as the simulator's recorder takes them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use cairn_core::block::Block;
use cairn_core::encoding::decode;
use cairn_core::hash::{BlockHash, Txid};
use cairn_daemon::api::client::{LOOK, WORK};
use cairn_daemon::api::event::{NodeEvent, Reorganization};
use cairn_daemon::api::replies::RawTransaction;
use cairn_simulator::conductor::phases::Observed;
use cairn_simulator::node_index::NodeIndex;
use cairn_simulator::plan::Plan;
use cairn_simulator::recorder::Recorder;
use cairn_simulator::recorder::conclude::Ending;
use cairn_simulator::report::{Moment, Report};
use cairn_simulator::settlement::{is_one_in_each, ways};

use crate::devnet::event::{DevnetEvent, TimedEvent};
use crate::devnet::network::{NONE, Network};
use crate::devnet::plan::miner;
use crate::devnet::scenario::chain_setup;
use crate::devnet::scenario::error::ScenarioError;

/// Blocks kept so that they are not requested again: all that nodes report within a moment.
const KEPT: usize = 512;

/// Records the events of a devnet.
#[derive(Debug)]
pub struct EventAdapter {
    plan: Arc<Plan>,
    network: Arc<Network>,
    recorder: Recorder,
    begin: Instant,
    last_ms: u64,
    /// How often each node was started, and whether it runs.
    lives: Vec<(u32, bool)>,
    /// Blocks that the recorder knows, and genesis.
    known: BTreeSet<BlockHash>,
    kept: BTreeMap<BlockHash, Arc<Block>>,
    kept_in_order: VecDeque<BlockHash>,
    highest: u32,
    /// The number of steps that were given to the executor.
    pub steps_taken: usize,
    reported: usize,
}

impl EventAdapter {
    /// All nodes run and stand on genesis, now.
    pub fn new(plan: Arc<Plan>, network: Arc<Network>) -> Self {
        let genesis = network.chain.genesis.hash();
        let nodes = usize::from(plan.nodes());
        let mut recorder = Recorder::new(plan.clone(), genesis);
        plan.indices().for_each(|node| recorder.came_up(0, node, genesis));
        Self {
            plan,
            network,
            recorder,
            begin: Instant::now(),
            last_ms: 0,
            lives: vec![(1, true); nodes],
            known: BTreeSet::from([genesis]),
            kept: BTreeMap::new(),
            kept_in_order: VecDeque::new(),
            highest: 0,
            steps_taken: 0,
            reported: 0,
        }
    }

    /// The time at which the run began.
    pub const fn begin(&self) -> Instant {
        self.begin
    }

    /// The highest that a best chain ever was.
    pub const fn highest(&self) -> u32 {
        self.highest
    }

    /// How many tips running nodes have.
    pub fn tips(&self) -> usize {
        self.recorder.tips()
    }

    /// Number of starts of a node so far.
    pub fn life(&self, node: NodeIndex) -> u32 {
        self.lives.get(node.index()).map_or(0, |(life, _)| *life)
    }

    /// The moments that were recorded since the last call.
    pub fn news(&mut self) -> &[Moment] {
        let timeline = self.recorder.timeline.moments();
        let from = std::mem::replace(&mut self.reported, timeline.len());
        &timeline[from..]
    }

    /// Takes an event of the devnet.
    ///
    /// # Errors
    /// When it means that the scenario cannot go on.
    pub fn take(&mut self, happening: TimedEvent) -> Result<(), ScenarioError> {
        // Threads report events of the same instant in any order; a report has one.
        let at_ms = happening.at.saturating_duration_since(self.begin).as_millis() as u64;
        self.last_ms = self.last_ms.max(at_ms);
        let at_ms = self.last_ms;
        match happening.event {
            DevnetEvent::Node { node, event } => self.node_event(at_ms, node, &event, happening.is_tip),
            DevnetEvent::Conductor(note) => self.recorder.note(at_ms, note),
            DevnetEvent::StepFailed { what, why } => return Err(ScenarioError::Step { what, why }),
            DevnetEvent::Killed(node) => self.went_down(at_ms, node),
            DevnetEvent::Restarted(node) => self.came_up(at_ms, node),
            DevnetEvent::Died { node, how } => return Err(ScenarioError::Died { node, how }),
            DevnetEvent::Stop => self.recorder.interrupted(at_ms),
            // Recorded as steps of the plan.
            DevnetEvent::Partitioned(_) | DevnetEvent::Hashrate { .. } | DevnetEvent::Slowed { .. } => {}
        }
        Ok(())
    }

    /// Makes the report of a run.
    pub fn conclude(self, ending: Ending) -> Report {
        self.recorder.conclude(ending)
    }

    /// How many accepted payments the chain holds that most nodes have.
    pub fn confirmed(&self) -> u64 {
        let running = self.network.running();
        let tip = self.recorder.final_tip();
        let has_it = |node: &&u16| self.tip(**node) == tip;
        let Some(node) = running.iter().find(has_it).or(running.first()).copied() else { return 0 };
        let is_confirmed = |txid: &Txid| {
            let found = self.network.call::<RawTransaction>(WORK, node, "getrawtransaction", (txid, 1));
            found.is_ok_and(|found| found.confirmations > Some(0))
        };
        let confirmed = self.recorder.payments.all().filter(|txid| is_confirmed(txid));
        confirmed.count() as u64
    }

    fn tip(&self, node: u16) -> Option<BlockHash> {
        self.network.call(LOOK, node, "getbestblockhash", NONE).ok()
    }

    fn runs(&self, node: u16) -> bool {
        self.lives.get(usize::from(node)).is_some_and(|(_, runs)| *runs)
    }

    fn went_down(&mut self, at_ms: u64, node: u16) {
        if let Some((_, runs)) = self.lives.get_mut(usize::from(node)) {
            *runs = false;
            self.recorder.went_down(at_ms, NodeIndex::new(node));
        }
    }

    fn came_up(&mut self, at_ms: u64, node: u16) {
        if let Some((life, runs)) = self.lives.get_mut(usize::from(node)) {
            (*life, *runs) = (*life + 1, true);
            self.look(at_ms, node);
        }
    }

    /// Requests the tip of a node: the events before it were reported, or missed.
    fn look(&mut self, at_ms: u64, node: u16) {
        if let Some(tip) = self.tip(node) {
            self.know(at_ms, node, tip);
            self.recorder.came_up(at_ms, NodeIndex::new(node), tip);
        }
    }

    fn node_event(&mut self, at_ms: u64, node: u16, event: &NodeEvent, is_tip: bool) {
        let index = NodeIndex::new(node);
        match event {
            NodeEvent::Reorganized(change) => {
                let Reorganization { fork_height, disconnected, connected, .. } = *change;
                self.recorder.changes_branch(index, fork_height.get(), disconnected, connected);
            }
            NodeEvent::BlockDisconnected(block) => {
                if let Some(block) = self.know(at_ms, node, block.hash) {
                    self.recorder.disconnected(index, &block);
                }
            }
            NodeEvent::BlockConnected(arrival) => self.connected(at_ms, node, arrival.block.hash, is_tip),
            // Found by a node whose tip had moved meanwhile, or sent by a peer first.
            NodeEvent::BlockOnSideBranch(arrival) => drop(self.know(at_ms, node, arrival.block.hash)),
            NodeEvent::Gap { .. } if self.runs(node) => self.look(at_ms, node),
            _ => {}
        }
    }

    fn connected(&mut self, at_ms: u64, node: u16, hash: BlockHash, is_tip: bool) {
        let index = NodeIndex::new(node);
        if let Some(block) = self.know(at_ms, node, hash) {
            self.highest = self.highest.max(block.coinbase().height.get());
            self.recorder.connected(at_ms, index, &block);
        }
        // What a node reports before it was killed is not its tip any more.
        if is_tip && self.runs(node) {
            self.recorder.tip(at_ms, index, hash);
        }
    }

    /// A block that a node reports. The recorder gets it once, its ancestors before it: a node that was killed
    /// may have found some of them and not reported them.
    fn know(&mut self, at_ms: u64, node: u16, hash: BlockHash) -> Option<Arc<Block>> {
        let block = self.block(node, hash)?;
        let mut unknown = vec![(hash, block.clone())];
        while let Some((hash, eldest)) = unknown.last().cloned() {
            let parent = eldest.header().previous_block_hash;
            if self.known.contains(&hash) {
                unknown.pop();
                break;
            }
            if self.known.contains(&parent) {
                break;
            }
            unknown.push((parent, self.block(node, parent)?));
        }
        for (hash, block) in unknown.into_iter().rev() {
            let miner = miner(&block.coinbase().tag).filter(|miner| *miner < self.plan.nodes());
            let height = block.coinbase().height.get();
            self.recorder.found(at_ms, NodeIndex::new(miner.unwrap_or(node)), height, &block);
            self.known.insert(hash);
        }
        Some(block)
    }

    /// A block, from memory or from a node: the one that reported it, else any that has it.
    fn block(&mut self, node: u16, hash: BlockHash) -> Option<Arc<Block>> {
        if let Some(block) = self.kept.get(&hash) {
            return Some(block.clone());
        }
        let ask = |node: u16| {
            let answer: String = self.network.call(WORK, node, "getblock", (hash, 0)).ok()?;
            let bytes = hex::decode(answer).ok()?;
            decode::<Block>(&bytes, bytes.len()).ok().map(Arc::new)
        };
        let block = std::iter::once(node).chain(self.network.ids()).find_map(ask)?;
        self.kept.insert(hash, block.clone());
        self.kept_in_order.push_back(hash);
        if self.kept_in_order.len() > KEPT
            && let Some(oldest) = self.kept_in_order.pop_front()
        {
            self.kept.remove(&oldest);
        }
        Some(block)
    }
}

impl Observed for EventAdapter {
    fn recorder(&mut self) -> &mut Recorder {
        &mut self.recorder
    }

    fn highest(&self) -> u32 {
        self.highest
    }

    fn steps_taken(&self) -> usize {
        self.steps_taken
    }

    fn ways(&self) -> BTreeMap<NodeIndex, BTreeSet<NodeIndex>> {
        let running = self.network.running();
        let mut pairs = Vec::new();
        for (node, dialled) in
            (0..).zip(chain_setup::dials(&self.plan)).filter(|(node, _)| running.contains(node))
        {
            let peers = self.network.status(node).map(|status| status.peers).unwrap_or_default();
            let linked = peers.iter().filter_map(|peer| self.network.by_peer_id(peer));
            let others = linked.chain(dialled).filter(|other| running.contains(other));
            pairs.extend(others.map(|other| (NodeIndex::new(node), NodeIndex::new(other))));
        }
        ways(pairs)
    }

    fn are_even(&self, groups: &[Vec<NodeIndex>]) -> bool {
        is_one_in_each(groups, |node| Some(self.network.status(node.number()).ok()?.chainwork))
    }
}
