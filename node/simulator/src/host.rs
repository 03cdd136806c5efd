//! A host: one simulated computer. Its node lives or is dead; its disk stays.

use core::cell::OnceCell;
use core::time::Duration;
use std::collections::BTreeSet;

use cairn_core::lock::Lock;
use cairn_core::time::Timestamp;
use cairn_genesis::Chain as Definition;
use cairn_protocol::action::Action;
use cairn_protocol::chain::Chain;
use cairn_protocol::chain::open::OpenError;
use cairn_protocol::mempool::Mempool;
use cairn_protocol::node::{Node, NodeConfig};
use cairn_protocol::peer::PeerId;
use cairn_protocol::peers::ConnectionLimits;
use cairn_protocol::peers::address_key::AddressKey;
use cairn_protocol::prefix_map::PrefixMap;
use cairn_protocol::random::Random;

use crate::clock::Clock;
use crate::invariants::Witness;
use crate::network::{LinkNumber, LinkQueue, Network};
use crate::node_index::NodeIndex;
use crate::shared_store::SharedStore;
use crate::trace::Trace;
use crate::verifier::OncePerWorld;
use crate::wallets::miner_lock;
use cairn_genesis::hashrate::Hashrate;

/// Inbound connections of a node: in a world none is to be rejected for lack of slots.
const INBOUND: usize = 1_000;

/// A node and what surrounds it.
pub struct Host {
    index: NodeIndex,
    dials: BTreeSet<NodeIndex>,
    seed: u64,
    ping_every: Option<Duration>,
    state: State,
    life: u32,
    /// The queue of each link.
    sessions: PrefixMap<NodeIndex, LinkQueue>,
    /// Peers that the transport neither dials nor accepts.
    pub blocked: BTreeSet<PeerId>,
    /// Actions that are carried out once the disk has taken what they follow from.
    pub pending: Vec<Action>,
    /// Whether a disk write is in flight.
    pub is_flushing: bool,
    /// For when a wake is planned.
    pub wake_planned: Option<Timestamp>,
    /// The clock of the computer.
    pub clock: Clock,
    /// How fast it mines.
    pub hashrate: Hashrate,
    /// What it has shown so far.
    pub witness: Witness,
    /// A hash of its inputs.
    pub trace: Trace,
    /// The random generator of what it sends: its own, so that none depends on what others send meanwhile.
    random: Random,
    /// The lock that its blocks pay; made once, as making a key takes longer than most steps.
    payee: OnceCell<Lock>,
}

enum State {
    Up(Box<Node<SharedStore>>),
    Down(Box<SharedStore>),
}

impl Host {
    /// A computer with an empty disk, switched off.
    pub fn new(
        index: NodeIndex,
        dials: BTreeSet<NodeIndex>,
        seed: u64,
        disk: SharedStore,
        witness: Witness,
    ) -> Self {
        Self {
            index,
            dials,
            seed,
            ping_every: None,
            state: State::Down(Box::new(disk)),
            life: 0,
            sessions: PrefixMap::default(),
            blocked: BTreeSet::new(),
            pending: Vec::new(),
            is_flushing: false,
            wake_planned: None,
            clock: Clock::default(),
            hashrate: Hashrate::NONE,
            witness,
            trace: Trace::default(),
            // Lives count up from 1.
            random: Random::derive(seed, 0),
            payee: OnceCell::new(),
        }
    }

    /// The same, with a node that asks silent peers this often whether they live.
    pub fn with_pings(self, ping_every: Option<Duration>) -> Self {
        Self { ping_every, ..self }
    }

    /// Which node of the world it is.
    pub const fn index(&self) -> NodeIndex {
        self.index
    }

    /// The nodes that it dials.
    pub const fn dials(&self) -> &BTreeSet<NodeIndex> {
        &self.dials
    }

    /// The lock that its blocks pay.
    pub fn payee(&self) -> Lock {
        *self.payee.get_or_init(|| miner_lock(self.index.number()))
    }

    /// How often it was started.
    pub const fn life(&self) -> u32 {
        self.life
    }

    /// The node, if it lives.
    pub fn node(&self) -> Option<&Node<SharedStore>> {
        match &self.state {
            State::Up(node) => Some(node),
            State::Down(_) => None,
        }
    }

    /// The node, if it lives, to be given an input, and the witness of it.
    pub fn alive(&mut self) -> Option<(&mut Node<SharedStore>, &mut Witness)> {
        match &mut self.state {
            State::Up(node) => Some((node, &mut self.witness)),
            State::Down(_) => None,
        }
    }

    /// The link to another node, if this one knows of it.
    pub fn session(&self, to: NodeIndex) -> Option<LinkNumber> {
        self.sessions.get(&to).map(|queue| queue.number)
    }

    /// Sends bytes over the link to another node; says when they arrive.
    pub fn carry(&mut self, network: &Network, now: Timestamp, to: NodeIndex, bytes: u64) -> Timestamp {
        let Some(queue) = self.sessions.get_mut(&to) else { return now };
        network.carry(now, (self.index, to), queue, &mut self.random, bytes)
    }

    /// Every node that it has a link to.
    pub fn linked(&self) -> impl Iterator<Item = NodeIndex> {
        self.sessions.iter().map(|(node, _)| *node)
    }

    /// Adds a link, in the place of an earlier one.
    pub fn open_session(&mut self, to: NodeIndex, queue: LinkQueue) {
        self.forget_actions_for(to);
        self.sessions.insert(to, queue);
    }

    /// Removes a link, and pending messages for it.
    pub fn close_session(&mut self, to: NodeIndex) {
        self.forget_actions_for(to);
        self.sessions.remove(&to);
    }

    /// Pending messages of a link that is over must not be sent on the next one of the same two, as in the real
    /// driver.
    fn forget_actions_for(&mut self, to: NodeIndex) {
        self.pending.retain(|action| match action {
            Action::Send { peer, .. } | Action::Disconnect { peer } => NodeIndex::of_peer(peer) != to,
            _ => true,
        });
    }

    /// Starts the node on what the disk holds.
    ///
    /// # Errors
    /// When the disk holds what no node may have left.
    pub fn start(&mut self, definition: &Definition, verifier: &OncePerWorld) -> Result<(), OpenError> {
        let State::Down(store) = &mut self.state else { return Ok(()) };
        let store = core::mem::take(&mut **store);
        let params = definition.params.clone();
        let chain = Chain::open(params, &definition.genesis, store, Box::new(verifier.clone()))?;
        self.life += 1;
        let seed = Random::derive(self.seed, u64::from(self.life)).next_u64();
        let config = NodeConfig {
            id: self.index.peer_id(),
            user_agent: format!("simulator/{}", self.index.index()),
            listen: vec![self.index.listens_at()],
            connect: self.dials.iter().map(|node| node.listens_at()).collect(),
            // The topology says which nodes it dials, so it looks for no others.
            limits: ConnectionLimits { outbound: 0, inbound: INBOUND },
            ping_interval: self.ping_every,
            address_key: AddressKey::derive(&mut Random::derive(seed, 4)),
        };
        self.state = State::Up(Box::new(Node::new(config, chain, Mempool::default(), seed)));
        Ok(())
    }

    /// Power goes: what the disk had not taken, and everything that waited for it, is lost.
    pub fn kill(&mut self) {
        let off = State::Down(Box::default());
        self.state = match core::mem::replace(&mut self.state, off) {
            State::Up(node) => {
                let mut store = node.into_chain().into_store();
                store.lose_unflushed();
                State::Down(Box::new(store))
            }
            off => off,
        };
        self.sessions = PrefixMap::default();
        self.blocked.clear();
        self.pending.clear();
        self.is_flushing = false;
        self.wake_planned = None;
    }
}
