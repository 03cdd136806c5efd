//! State of a devnet's network, its only owner: nodes, links, groups, delays, hash rates, tips, blocks. Events
//! and replies of nodes are folded into it; everything else reads it.

mod agreement;
mod blocks;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::iter::successors;

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::work::Work;
use cairn_daemon::api::event::{Arrival, NodeEvent};
use cairn_daemon::api::replies::ViewBlock;
use cairn_daemon::api::status::NodeStatus;
use cairn_genesis::Chain;
use cairn_genesis::hashrate::Hashrate;

use crate::devnet::event::DevnetEvent;
use crate::devnet::groups::Groups;
use crate::devnet::link_delays::LinkDelays;
use crate::devnet::state::agreement::AgreementHistory;
use crate::devnet::state::blocks::Blocks;
use crate::devnet::view::{
    Behind, BlockView, ChainView, DevnetView, Expectation, Mark, NodeView, ViewChange, Vitals,
};

/// Limit of marks kept; the oldest go first.
const MARKS_KEPT: usize = 2_000;
/// Intervals between blocks, and milliseconds at least, after which a node that has less work
/// than another is behind.
const PATIENCE: (u64, u64) = (3, 3_000);

/// Everything that is known of a network.
#[derive(Debug)]
pub struct NetworkState {
    nodes: Vec<Node>,
    groups: Groups,
    links: BTreeSet<(u16, u16)>,
    pub delays: LinkDelays,
    /// Node numbers by peer identity.
    peers: BTreeMap<String, u16>,
    /// Links of which the last replies said otherwise; none before the first.
    doubtful: Option<BTreeSet<(u16, u16)>>,
    blocks: Blocks,
    agreement: AgreementHistory,
    marks: VecDeque<Mark>,
    vitals: Vec<Vitals>,
    expectations: Vec<Expectation>,
    is_over: bool,
    chain: ChainView,
    changes: Vec<ViewChange>,
}

/// A node, and what is known of it beside its view.
#[derive(Clone, Debug)]
struct Node {
    view: NodeView,
    /// Chainwork of its tip.
    work: Work,
    /// Hash rate that counts as 100 per cent.
    first_rate: Option<Hashrate>,
    /// Hash rate that was asked for; it outlasts the process.
    rate: Hashrate,
    /// Number of status requests in a row without a reply.
    unanswered: u32,
    /// Blocks that are still to be connected in a reorganization: half of a branch is no tip.
    to_connect: u32,
    /// Number of times that its tip changed: a reply to an earlier request may show an older one.
    changes_of_tip: u64,
    /// The tip in its last reply; none since it was started.
    replied_tip: Option<BlockHash>,
}

impl Node {
    fn answers(&self) -> bool {
        // One request may be lost.
        self.unanswered < 2
    }

    /// Gives the last reply the tip that is known: it may be older than the last event.
    fn correct_status(&mut self) {
        let (view, work) = (&mut self.view, self.work);
        if let Some(status) = &mut view.status {
            (status.tip, status.height, status.chainwork) = (view.tip, view.height, work);
            status.headers = status.headers.max(view.height);
            status.header_chainwork = status.header_chainwork.max(work);
        }
    }

    fn set_rate(&mut self, rate: Hashrate) {
        self.rate = rate;
        self.first_rate = self.first_rate.or((rate > Hashrate::NONE).then_some(rate));
        self.view.percent = self.first_rate.map(|first| rate.percent_of(first));
    }
}

impl NetworkState {
    /// The state of `nodes` nodes that run, connected and on genesis.
    pub fn new(nodes: u16, chain: &Chain) -> Self {
        let params = &chain.params;
        let genesis = chain.genesis.hash();
        let node = |id| {
            let view = NodeView {
                id,
                peer_id: None,
                up: true,
                why_down: None,
                tip: genesis,
                height: Height::GENESIS,
                mining: false,
                percent: None,
                delay_ms: 0,
                answers: true,
                behind: None,
                status: None,
            };
            let rate = Hashrate::NONE;
            Node {
                view,
                work: Work::ZERO,
                first_rate: None,
                rate,
                unanswered: 0,
                to_connect: 0,
                changes_of_tip: 0,
                replied_tip: None,
            }
        };
        let mut agreement = AgreementHistory::default();
        (0..nodes).for_each(|_| agreement.joins(genesis));
        agreement.look(0);
        Self {
            nodes: (0..nodes).map(node).collect(),
            groups: Groups::whole(nodes),
            links: BTreeSet::new(),
            delays: LinkDelays::default(),
            peers: BTreeMap::new(),
            doubtful: None,
            blocks: Blocks::default(),
            agreement,
            marks: VecDeque::new(),
            vitals: Vec::new(),
            expectations: Vec::new(),
            is_over: false,
            chain: ChainView {
                name: params.name.clone(),
                genesis_hash: params.genesis_hash.to_string(),
                spacing_ms: params.spacing.as_millis() as u64,
                address_prefix: params.address_prefix.to_string(),
            },
            changes: Vec::new(),
        }
    }

    /// The view with the latest blocks, at most `blocks`. Run, version and addresses are the server's to fill in.
    pub fn view(&self, blocks: usize, now_ms: u64) -> DevnetView {
        DevnetView {
            kind: "devnet".into(),
            nodes: self.nodes.iter().map(|node| node.view.clone()).collect(),
            groups: self.groups.clone(),
            links: self.links.clone(),
            blocks: self.blocks.latest(blocks),
            agreement: self.agreement.points(),
            marks: self.marks.iter().cloned().collect(),
            expectations: self.expectations.clone(),
            is_over: self.is_over,
            chain: self.chain.clone(),
            run: String::new(),
            now_ms,
            next: 0,
            version: env!("CARGO_PKG_VERSION").into(),
            addresses: Vec::new(),
        }
    }

    /// The changes since the last call.
    pub fn take_changes(&mut self) -> Vec<ViewChange> {
        core::mem::take(&mut self.changes)
    }

    /// The groups of the network; one of a whole network.
    pub const fn groups(&self) -> &Groups {
        &self.groups
    }

    /// A node by its number.
    pub fn node(&self, id: u16) -> Option<&NodeView> {
        self.nodes.get(usize::from(id)).map(|node| &node.view)
    }

    /// Whether a node replies, as far as it runs; one lost reply does not count.
    pub fn answers(&self, id: u16) -> bool {
        self.node(id).is_none_or(|node| node.answers)
    }

    /// Whether a node runs and has replied to the last status request.
    pub fn has_just_replied(&self, id: u16) -> bool {
        self.nodes.get(usize::from(id)).is_some_and(|node| node.view.up && node.unanswered == 0)
    }

    /// The nodes that run.
    pub fn running(&self) -> impl Iterator<Item = &NodeView> {
        self.nodes.iter().map(|node| &node.view).filter(|node| node.up)
    }

    /// Pairs of connected nodes, the lower number first.
    pub const fn links(&self) -> &BTreeSet<(u16, u16)> {
        &self.links
    }

    /// The node with this peer identity.
    pub fn by_peer_id(&self, peer: &str) -> Option<u16> {
        self.peers.get(peer).copied()
    }

    /// The hash rate that was asked of a node, and the one that counts as 100 per cent.
    pub fn rates(&self, id: u16) -> (Hashrate, Option<Hashrate>) {
        self.nodes.get(usize::from(id)).map_or((Hashrate::NONE, None), |node| (node.rate, node.first_rate))
    }

    /// Chainwork of a node's tip.
    pub fn chainwork(&self, id: u16) -> Work {
        self.nodes.get(usize::from(id)).map_or(Work::ZERO, |node| node.work)
    }

    /// Numbers of blocks that are disconnected and connected from one tip to another; none where their fork point
    /// is too long ago to be known.
    pub fn way(&self, from: BlockHash, to: BlockHash) -> Option<(u32, u32)> {
        let chain = |tip| successors(Some(tip), |hash| Some(self.blocks.get(hash)?.previous));
        let new: BTreeMap<BlockHash, u32> = chain(to).zip(0..).collect();
        chain(from).zip(0..).find_map(|(hash, left)| Some((left, *new.get(&hash)?)))
    }

    /// Whether no reorganization of a node is under way.
    pub fn is_on_whole_branch(&self, id: u16) -> bool {
        self.nodes.get(usize::from(id)).is_some_and(|node| node.to_connect == 0)
    }

    /// Sets the hash rate that is asked of a node; the first above none counts as 100 per cent.
    pub fn set_rate(&mut self, id: u16, rate: Hashrate) {
        if let Some(node) = self.nodes.get_mut(usize::from(id)) {
            node.set_rate(rate);
        }
    }

    /// Notes the peer identity of a node.
    pub fn set_peer_id(&mut self, id: u16, peer: &str) {
        if let Some(node) = self.nodes.get_mut(usize::from(id)) {
            node.view.peer_id = Some(peer.to_owned());
            self.peers.insert(peer.to_owned(), id);
        }
    }

    /// Adds blocks that were there before, parents first. Genesis is in every chain and no news in any.
    pub fn remember(&mut self, blocks: Vec<ViewBlock>) {
        for block in blocks.into_iter().filter(|block| block.height > Height::GENESIS) {
            self.blocks.add(block.into());
        }
    }

    /// Folds an event into the state.
    pub fn fold(&mut self, event: &DevnetEvent, at: u64) {
        match event {
            DevnetEvent::Node { node, event } => self.fold_node(*node, event, at),
            DevnetEvent::Partitioned(groups) => self.set_groups(groups.clone(), at),
            DevnetEvent::Died { node, how } => self.down(*node, how, at),
            DevnetEvent::Killed(node) => self.down(*node, "killed", at),
            DevnetEvent::Restarted(node) => self.up(*node, at),
            DevnetEvent::Hashrate { node, rate, .. } => self.set_rate(*node, *rate),
            DevnetEvent::Slowed { node, delay_ms } => {
                self.delays.set_node(*node, *delay_ms);
                if let Some(node) = self.nodes.get_mut(usize::from(*node)) {
                    node.view.delay_ms = *delay_ms;
                }
            }
            // Of a scenario: its steps arrive as the events above.
            _ => {}
        }
    }

    /// Folds an event that a node reports.
    pub fn fold_node(&mut self, id: u16, event: &NodeEvent, at: u64) {
        let Some(node) = self.nodes.get_mut(usize::from(id)) else { return };
        match event {
            NodeEvent::BlockConnected(arrival) => {
                node.to_connect = node.to_connect.saturating_sub(1);
                let is_tip = node.to_connect == 0;
                self.arrived(id, arrival, at);
                if is_tip {
                    self.moves(id, arrival.block.hash, arrival.block.height, arrival.chainwork, at);
                }
            }
            NodeEvent::BlockOnSideBranch(arrival) => self.arrived(id, arrival, at),
            NodeEvent::BlockDisconnected(block) if node.to_connect == 0 => {
                let work = self.blocks.get(&block.previous).map_or(Work::ZERO, |parent| parent.chainwork);
                let height = Height::from_u32(block.height.get().saturating_sub(1));
                self.moves(id, block.previous, height, work, at);
            }
            NodeEvent::Reorganized(change) => {
                node.to_connect = change.connected;
                self.changes.push(ViewChange::Reorganized {
                    node: id,
                    at_ms: at,
                    disconnected: change.disconnected,
                    connected: change.connected,
                    fork_height: change.fork_height,
                });
            }
            NodeEvent::Gap { .. } => node.to_connect = 0,
            NodeEvent::TransactionAccepted { txid, fee, size, from } => {
                let from = from.as_deref().and_then(|peer| self.by_peer_id(peer));
                let (txid, fee, size) = (*txid, *fee, *size);
                self.changes.push(ViewChange::Transaction { node: id, txid, from, at_ms: at, fee, size });
            }
            NodeEvent::PeerConnected { peer, .. } => self.link(id, self.by_peer_id(peer), true, at),
            NodeEvent::PeerDisconnected { peer, .. } => self.link(id, self.by_peer_id(peer), false, at),
            _ => {}
        }
    }

    /// A block is at a node.
    fn arrived(&mut self, node: u16, arrival: &Arrival, at: u64) {
        let block = BlockView { at_ms: at, ..arrival.into() };
        if self.blocks.add(block.clone()) {
            self.changes.push(ViewChange::Block(block));
        }
        let hash = arrival.block.hash;
        let from = arrival.from.as_deref().and_then(|peer| self.by_peer_id(peer));
        if self.blocks.got(node, &hash, from, at) {
            self.changes.push(ViewChange::Got { node, hash, at_ms: at, from });
        }
    }

    /// A node has another tip.
    fn moves(&mut self, id: u16, hash: BlockHash, height: Height, work: Work, at: u64) {
        let Some(node) = self.nodes.get_mut(usize::from(id)) else { return };
        if node.view.tip == hash {
            return;
        }
        if node.view.up {
            self.agreement.leaves(node.view.tip);
            self.agreement.joins(hash);
        }
        (node.view.tip, node.view.height, node.work) = (hash, height, work);
        node.changes_of_tip += 1;
        node.correct_status();
        self.changes.push(ViewChange::Tip { node: id, hash, height, at_ms: at });
        self.look_at_agreement(at);
    }

    /// A connection was made, or ended.
    fn link(&mut self, node: u16, other: Option<u16>, up: bool, at: u64) {
        let Some(other) = other.filter(|other| *other != node) else { return };
        let (a, b) = (node.min(other), node.max(other));
        if if up { self.links.insert((a, b)) } else { self.links.remove(&(a, b)) } {
            self.changes.push(ViewChange::Link { a, b, up, at_ms: at });
        }
    }

    /// Sets the groups of the network.
    pub fn set_groups(&mut self, groups: Groups, at: u64) {
        self.changes.push(ViewChange::Groups { groups: groups.clone(), at_ms: at });
        self.groups = groups;
    }

    /// A node runs no longer.
    pub fn down(&mut self, id: u16, why: &str, at: u64) {
        let Some(node) = self.nodes.get_mut(usize::from(id)).filter(|node| node.view.up) else { return };
        (node.view.up, node.view.why_down, node.to_connect) = (false, Some(why.to_owned()), 0);
        self.agreement.leaves(node.view.tip);
        self.changes.push(ViewChange::Node { id, up: false, why: Some(why.to_owned()), at_ms: at });
        self.set_mining(id, false);
        self.publish_vitals(at);
        (0..self.nodes.len() as u16).for_each(|other| self.link(id, Some(other), false, at));
        self.look_at_agreement(at);
    }

    /// A node runs again.
    pub fn up(&mut self, id: u16, at: u64) {
        let Some(node) = self.nodes.get_mut(usize::from(id)).filter(|node| !node.view.up) else { return };
        (node.view.up, node.view.why_down, node.view.status, node.replied_tip) = (true, None, None, None);
        (node.unanswered, node.view.answers, node.to_connect) = (0, true, 0);
        self.agreement.joins(node.view.tip);
        self.changes.push(ViewChange::Node { id, up: true, why: None, at_ms: at });
        self.look_at_agreement(at);
    }

    /// A node begins to mine, or ends it.
    pub fn set_mining(&mut self, id: u16, mines: bool) {
        if let Some(node) = self.nodes.get_mut(usize::from(id)) {
            node.view.mining = mines;
        }
    }

    /// Number of times that the tip of each node changed so far.
    pub fn changes_of_tips(&self) -> Vec<u64> {
        self.nodes.iter().map(|node| node.changes_of_tip).collect()
    }

    /// Folds the replies of all nodes to one round of status requests; none from a node that did not reply.
    /// Such a node is left as it was: whether it runs is for the one who started it to say. Events may be under
    /// way that a reply is ahead of or behind, so that another tip or link counts only when it is seen twice. A tip
    /// does not count either when an event moved the node since the round began: `before` is
    /// [`Self::changes_of_tips`] of then.
    pub fn fold_statuses(&mut self, before: &[u64], replies: Vec<Option<NodeStatus>>, at: u64) {
        for (id, reply) in (0..).zip(&replies) {
            reply.iter().for_each(|status| self.set_peer_id(id, &status.peer_id));
        }
        let runs: Vec<bool> = self.nodes.iter().map(|node| node.view.up).collect();
        let runs = |id: u16| runs.get(usize::from(id)).copied().unwrap_or_default();
        let mut links: BTreeSet<(u16, u16)> = BTreeSet::new();
        for (id, reply) in (0..).zip(replies).filter(|(id, _)| runs(*id)) {
            let Some(node) = self.nodes.get_mut(usize::from(id)) else { continue };
            node.unanswered = if reply.is_some() { 0 } else { node.unanswered.saturating_add(1) };
            node.view.answers = node.answers();
            let Some(status) = reply else {
                // Its links stay as they were.
                links.extend(self.links.iter().filter(|(one, other)| *one == id || *other == id));
                continue;
            };
            let linked = status.peers.iter().filter_map(|peer| self.peers.get(peer).copied());
            links.extend(linked.filter(|other| runs(*other)).map(|other| (id.min(other), id.max(other))));
            let (tip, height, work) = (status.tip, status.height, status.chainwork);
            node.view.mining = status.mining.is_some();
            if node.view.tip == tip {
                node.work = work;
            }
            let is_new = before.get(usize::from(id)) == Some(&node.changes_of_tip);
            let seen = node.replied_tip.replace(tip);
            node.view.status = Some(status);
            node.correct_status();
            if is_new && seen.is_none_or(|seen| seen == tip) {
                self.moves(id, tip, height, work, at);
            }
        }
        let doubtful: BTreeSet<(u16, u16)> = self.links.symmetric_difference(&links).copied().collect();
        let earlier = self.doubtful.replace(doubtful.clone());
        let is_seen_twice = |link: &(u16, u16)| earlier.as_ref().is_none_or(|earlier| earlier.contains(link));
        for (a, b) in doubtful.into_iter().filter(is_seen_twice) {
            self.link(a, Some(b), links.contains(&(a, b)), at);
        }
        self.look_who_is_behind(at);
    }

    /// Reports the nodes whose vitals have changed since the last call.
    fn publish_vitals(&mut self, at: u64) {
        let vitals: Vec<Vitals> = self.nodes.iter().map(|node| (&node.view).into()).collect();
        let earlier = self.vitals.iter().map(Some).chain(std::iter::repeat(None));
        let changed = vitals.iter().zip(earlier).filter(|(now, earlier)| Some(*now) != *earlier);
        let nodes: Vec<Vitals> = changed.map(|(now, _)| now.clone()).collect();
        if !nodes.is_empty() {
            self.changes.push(ViewChange::Status { at_ms: at, nodes });
            self.vitals = vitals;
        }
    }

    /// Decides which nodes are behind: since the first block came with more work than theirs, longer has passed
    /// than a block takes to arrive. Reports every change of vitals.
    pub fn look_who_is_behind(&mut self, at: u64) {
        let running = self.nodes.iter().filter(|node| node.view.up);
        let best = running.max_by_key(|node| node.work).map(|node| (node.work, node.view.height.get()));
        let patience_ms = PATIENCE.0.saturating_mul(self.chain.spacing_ms).max(PATIENCE.1);
        // Of thousands of nodes many have the same work.
        let mut first_above: BTreeMap<Work, Option<u64>> = BTreeMap::new();
        for node in &mut self.nodes {
            let above = best.filter(|(most, _)| node.view.up && node.work < *most);
            node.view.behind = above.and_then(|(_, height)| {
                let find = || self.blocks.first_above(node.work);
                let since_ms = (*first_above.entry(node.work).or_insert_with(find))?;
                let blocks = height.saturating_sub(node.view.height.get());
                (at.saturating_sub(since_ms) > patience_ms).then_some(Behind { since_ms, blocks })
            });
        }
        self.publish_vitals(at);
    }

    /// Sets the outcome of a scenario's expectations; with `is_over`, for good.
    pub fn judge(&mut self, expectations: Vec<Expectation>, is_over: bool) {
        for expectation in &expectations {
            if self.expectations.get(expectation.number) != Some(expectation) {
                self.changes.push(ViewChange::Expectation(expectation.clone()));
            }
        }
        self.expectations = expectations;
        if is_over && !self.is_over {
            self.is_over = true;
            self.changes.push(ViewChange::Over {});
        }
    }

    /// Adds a mark on the axis of time.
    pub fn mark(&mut self, mark: Mark) {
        self.changes.push(ViewChange::Mark(mark.clone()));
        self.marks.push_back(mark);
        if self.marks.len() > MARKS_KEPT {
            self.marks.pop_front();
        }
    }

    fn look_at_agreement(&mut self, at: u64) {
        self.changes.extend(self.agreement.look(at).map(ViewChange::Agreement));
    }
}

#[cfg(test)]
mod tests;
