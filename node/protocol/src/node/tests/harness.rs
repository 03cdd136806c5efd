//! A few nodes joined in memory: every message goes through the codec, time passes only when told to.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::hash::BlockHash;
use cairn_core::signature::{SerialVerifier, Verifier};
use cairn_core::testing::TestChain;

use super::super::*;
use crate::chain::memory_store::MemoryStore;
use crate::chain::tree::ChainTip;
use crate::input::{PeerCommand, RequestId};
use crate::limits::PING_INTERVAL;
use crate::message::codec;
use crate::peer::{Direction, PeerAddress};
use crate::peers::ConnectionLimits;
use crate::peers::address_key::AddressKey;
use crate::peers::purpose::Purpose;

/// A time after every block of the tests.
pub const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Nodes, the links between them, and all that was said and told.
pub struct Net {
    pub nodes: Vec<Node<MemoryStore>>,
    pub events: Vec<Vec<Event>>,
    pub said: Vec<(usize, usize, Message)>,
    pub answers: Vec<Answer>,
    pub now: Timestamp,
    /// Nodes that nobody can dial.
    pub deaf: BTreeSet<usize>,
    links: BTreeSet<(usize, usize)>,
    queue: VecDeque<(usize, Input)>,
}

pub fn id(node: usize) -> PeerId {
    PeerId::from_bytes([node as u8 + 1; 32])
}

pub fn address(node: usize) -> PeerAddress {
    PeerAddress::new((std::net::Ipv4Addr::LOCALHOST, 4000 + node as u16).into())
}

pub fn node(
    test: &TestChain,
    index: usize,
    connect: &[usize],
    limits: ConnectionLimits,
) -> Node<MemoryStore> {
    node_with(test, index, connect, limits, Box::new(SerialVerifier))
}

pub fn node_with(
    test: &TestChain,
    index: usize,
    connect: &[usize],
    limits: ConnectionLimits,
    verifier: Box<dyn Verifier + Send>,
) -> Node<MemoryStore> {
    let chain = Chain::open(test.params.clone(), &test.genesis, MemoryStore::default(), verifier);
    let config = NodeConfig {
        id: id(index),
        user_agent: "cairn/test".into(),
        listen: vec![address(index)],
        connect: connect.iter().map(|other| address(*other)).collect(),
        limits,
        ping_interval: Some(PING_INTERVAL),
        address_key: AddressKey::new([index as u64, 4]),
    };
    Node::new(config, chain.expect("memory does not fail"), Mempool::default(), index as u64)
}

/// Only what is named is dialled.
pub const QUIET: ConnectionLimits = ConnectionLimits { outbound: 0, inbound: 100 };

impl Net {
    pub fn new(nodes: Vec<Node<MemoryStore>>) -> Self {
        let events = nodes.iter().map(|_| Vec::new()).collect();
        let (links, queue) = (BTreeSet::new(), VecDeque::new());
        let (said, answers, deaf) = (Vec::new(), Vec::new(), BTreeSet::new());
        Self { nodes, events, said, answers, now: START, deaf, links, queue }
    }

    /// Nodes in a line, each of which dials the next.
    pub fn line(test: &TestChain, count: usize) -> Self {
        let nodes = (0..count).map(|index| {
            let next: Vec<usize> = (index + 1 < count).then_some(index + 1).into_iter().collect();
            node(test, index, &next, QUIET)
        });
        let mut net = Self::new(nodes.collect());
        net.settle();
        net
    }

    /// Gives one input and lets everything that follows happen, without time passing.
    pub fn give(&mut self, node: usize, input: Input) {
        self.queue.push_back((node, input));
        self.settle();
    }

    pub fn say(&mut self, from: usize, to: usize, message: Message) {
        self.give(to, Input::Received { peer: id(from), message });
    }

    pub fn submit(&mut self, node: usize, submission: Submission) {
        self.give(node, Input::Submit { request: RequestId(0), submission });
    }

    pub fn submit_blocks(&mut self, node: usize, blocks: &[Arc<Block>]) {
        for block in blocks {
            self.submit(node, Submission::Block(block.clone()));
        }
    }

    pub fn command(&mut self, node: usize, command: PeerCommand) {
        self.give(node, Input::Command(command));
    }

    /// A connection to somebody who is no node: the test speaks for it.
    pub fn stranger(&mut self, stranger: usize, node: usize) {
        let (peer, address) = (id(stranger), address(stranger));
        self.give(node, Input::Connected { peer, direction: Direction::Inbound, address });
    }

    /// A stranger that has said a proper Hello.
    pub fn guest(&mut self, test: &TestChain, guest: usize, node: usize) {
        self.stranger(guest, node);
        self.say(guest, node, Message::Hello(Box::new(hello(test, guest))));
    }

    /// Lets everything happen that follows without time passing.
    pub fn settle(&mut self) {
        loop {
            if let Some((node, input)) = self.queue.pop_front() {
                self.step(node, input);
                continue;
            }
            let due = |node: &Node<MemoryStore>| node.next_wake().is_some_and(|due| due <= self.now);
            let Some(due) = self.nodes.iter().position(due) else { return };
            self.step(due, Input::Wake);
        }
    }

    /// Lets time pass, from one wake to the next.
    pub fn pass(&mut self, millis: u64) {
        let end = self.now.saturating_add(core::time::Duration::from_millis(millis));
        loop {
            self.settle();
            let next = self.nodes.iter().filter_map(Node::next_wake).min().filter(|next| *next <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
        }
        self.now = end;
        self.settle();
    }

    pub fn tips(&self) -> BTreeSet<BlockHash> {
        self.nodes.iter().map(|node| node.chain().tip().hash()).collect()
    }

    pub fn ready(&self, node: usize) -> Vec<PeerId> {
        self.nodes[node].peers().ready().map(|connection| connection.peer).collect()
    }

    /// What nodes said to a stranger.
    pub fn said_to(&self, to: usize) -> Vec<&Message> {
        self.said.iter().filter(|(_, listener, _)| *listener == to).map(|(_, _, message)| message).collect()
    }

    pub fn is_banned(&self, node: usize, peer: usize) -> bool {
        self.nodes[node].peers().filter.bans.covers_peer(self.now, &id(peer))
    }

    /// Cuts the line between two groups, on both sides.
    pub fn cut(&mut self, groups: [&[usize]; 2]) {
        for (side, other) in [(groups[0], groups[1]), (groups[1], groups[0])] {
            for node in side {
                self.command(*node, PeerCommand::SetBlocked(other.iter().map(|peer| id(*peer)).collect()));
            }
        }
    }

    pub fn heal(&mut self) {
        for node in 0..self.nodes.len() {
            self.command(node, PeerCommand::SetBlocked(BTreeSet::new()));
        }
    }

    fn step(&mut self, node: usize, input: Input) {
        let is_stale = match &input {
            Input::Received { peer, .. } => !self.linked(node, index(peer)),
            _ => false,
        };
        if is_stale && index_exists(self, &input) {
            return;
        }
        let actions = self.nodes[node].handle(self.now, input).expect("memory does not fail");
        for action in actions {
            self.carry_out(node, action);
        }
    }

    fn carry_out(&mut self, node: usize, action: Action) {
        match action {
            Action::Send { peer, message } => {
                let to = index(&peer);
                self.said.push((node, to, message.clone()));
                if to < self.nodes.len() {
                    let bytes = codec::encode(&message);
                    let message = codec::decode(&bytes).expect("what nodes say is proper");
                    self.queue.push_back((to, Input::Received { peer: id(node), message }));
                }
            }
            Action::Connect { address: to } => {
                let to = (0..self.nodes.len()).find(|index| address(*index) == to);
                let to = to.filter(|to| !self.deaf.contains(to) && !self.linked(node, *to));
                let Some(to) = to else { return self.dial_failed(node, action) };
                self.links.insert(pair(node, to));
                let connected =
                    |peer, direction| Input::Connected { peer: id(peer), direction, address: address(peer) };
                self.queue.push_back((node, connected(to, Direction::Outbound)));
                if to != node {
                    self.queue.push_back((to, connected(node, Direction::Inbound)));
                }
            }
            Action::Disconnect { peer } => {
                let other = index(&peer);
                self.queue.push_back((node, Input::Disconnected { peer }));
                if self.links.remove(&pair(node, other)) && other < self.nodes.len() {
                    // What was sent before is still read.
                    let unread: Vec<(usize, Input)> =
                        self.queue.iter().filter(|(to, _)| *to == other).cloned().collect();
                    self.queue.retain(|(to, _)| *to != other);
                    for (to, input) in unread {
                        self.links.insert(pair(node, other));
                        self.step(to, input);
                    }
                    self.links.remove(&pair(node, other));
                    self.queue.push_back((other, Input::Disconnected { peer: id(node) }));
                }
            }
            Action::Reply { answer, .. } => self.answers.push(answer),
            Action::Emit(event) => self.events[node].push(event),
            Action::Block { .. } | Action::TemplateStale { .. } => {}
        }
    }

    fn dial_failed(&mut self, node: usize, action: Action) {
        if let Action::Connect { address } = action {
            self.queue.push_back((node, Input::DialFailed { address }));
        }
    }

    fn linked(&self, one: usize, other: usize) -> bool {
        self.links.contains(&pair(one, other))
    }
}

pub fn headers_of(blocks: &[Arc<Block>]) -> Message {
    Message::Headers(blocks.iter().map(|block| *block.header()).collect())
}

pub fn hello(test: &TestChain, guest: usize) -> Hello {
    let identity = Identity {
        genesis: test.params.genesis_hash,
        nonce: 1_000 + guest as u64,
        user_agent: "guest".into(),
        listen: Vec::new(),
    };
    let hash = test.genesis.hash();
    let (height, work) = (cairn_core::height::Height::GENESIS, cairn_core::work::Work::ZERO);
    identity.hello(ChainTip { hash, height, work }, Purpose::Full)
}

fn index(peer: &PeerId) -> usize {
    usize::from(peer.as_bytes()[0]) - 1
}

fn index_exists(net: &Net, input: &Input) -> bool {
    matches!(input, Input::Received { peer, .. } if index(peer) < net.nodes.len())
}

fn pair(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}
