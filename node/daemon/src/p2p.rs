//! Peers over the network: one task owns the libp2p swarm, each connection has a task of its own.
//!
//! The driver decides whom to dial and when to hang up; this edge carries it out and reports. It
//! never waits for the driver, so that the driver may wait for it.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cairn_protocol::limits::MAX_FRAME;
use cairn_protocol::peer::{Direction, PeerAddress, PeerId};
use futures::StreamExt;
use libp2p::allow_block_list::{self, BlockedPeers};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::core::transport::ListenerId;
use libp2p::identity::Keypair;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, DialError, NetworkBehaviour, SwarmEvent};
use libp2p::{Stream, Swarm};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub mod backlog;
pub mod choice;
pub mod conversation;
pub mod delays;
pub mod fault;
pub mod identity;
pub mod link;
pub mod mux;
pub mod names;
pub mod one_stream;
pub mod stream;
pub mod traffic;
pub mod transport;

use backlog::{Backlog, MAX_BACKLOG_BYTES};
use choice::{Choice, choose};
use conversation::{PeerEvent, Reader, converse};
use delays::Delays;
pub use fault::{NetworkError, hint};
use link::{Link, Shared};
use one_stream::{OneStream, Outcome, StreamEvent};
use traffic::Traffic;

/// Bytes of messages that were read and not yet handled, over all peers: eight of the longest. When
/// they are used up, reading waits.
const BUDGET: usize = 8 * MAX_FRAME;
/// Events that may wait for the driver; with more, reading waits.
const MAX_EVENTS: usize = 256;
/// Orders that may wait for the swarm, which only ever works them off.
const MAX_ORDERS: usize = 256;
/// Inbound connections whose handshakes are under way.
const MAX_PENDING_INBOUND: u32 = 128;
/// Outbound connections whose handshakes are under way.
const MAX_PENDING_OUTBOUND: u32 = 64;
/// Connections of one peer: two, while both sides dial at once, until one of them is chosen.
const MAX_PER_PEER: u32 = 2;
/// Inbound connections beyond those borne: room for the machine to make its choice.
const INBOUND_SLACK: u32 = 16;
/// How long the last words of a peer that hung up may take to be read.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How long saying farewell to peers may take once the node stops.
const FAREWELL: Duration = Duration::from_millis(400);

/// What the driver wants of the network.
#[derive(Debug)]
pub enum Order {
    /// Dial.
    Dial(PeerAddress),
    /// Let nobody of this set in or out; it replaces the set before.
    Block(BTreeSet<PeerId>),
}

/// The network, as the rest of the node sees it.
pub struct Network {
    /// Who this node is.
    pub own: PeerId,
    /// Where it listens, with the port that the system chose if it was asked to.
    pub listen: Option<SocketAddr>,
    /// What happens.
    pub events: mpsc::Receiver<PeerEvent>,
    /// What is to be done.
    pub orders: mpsc::Sender<Order>,
    /// Bytes come and gone, over all peers.
    pub traffic: Arc<Traffic>,
    /// How long what is said to peers is held back.
    pub delays: Arc<Delays>,
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    blocked: allow_block_list::Behaviour<BlockedPeers>,
    limits: connection_limits::Behaviour,
    streams: OneStream,
}

/// Starts listening and the task that owns the swarm, which ends once told to stop and every peer was
/// said farewell, or a moment later. Must be called within a runtime.
///
/// # Errors
/// When it cannot listen, or the key is unusable.
pub fn start(
    keypair: &Keypair,
    listen: Option<SocketAddr>,
    max_inbound: usize,
    stop: CancellationToken,
) -> Result<(Network, JoinHandle<()>), NetworkError> {
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(MAX_PENDING_INBOUND))
        .with_max_pending_outgoing(Some(MAX_PENDING_OUTBOUND))
        .with_max_established_per_peer(Some(MAX_PER_PEER))
        .with_max_established_incoming(Some(
            u32::try_from(max_inbound).unwrap_or(u32::MAX).saturating_add(INBOUND_SLACK),
        ));
    let behaviour = Behaviour {
        blocked: allow_block_list::Behaviour::default(),
        limits: connection_limits::Behaviour::new(limits),
        streams: OneStream::default(),
    };
    let config = libp2p::swarm::Config::with_tokio_executor().with_max_negotiating_inbound_streams(2);
    let mut swarm = Swarm::new(transport::build(keypair)?, behaviour, keypair.public().to_peer_id(), config);
    let listen = listen.map(|address| open(&mut swarm, address)).transpose()?;

    let (event_sender, events) = mpsc::channel(MAX_EVENTS);
    let (orders, order_receiver) = mpsc::channel(MAX_ORDERS);
    let (over_sender, over) = mpsc::channel(MAX_EVENTS);
    let own = identity::own_id(keypair);
    let (traffic, delays) = (Arc::new(Traffic::default()), Arc::new(Delays::default()));
    let task = Task {
        own,
        swarm,
        events: event_sender,
        over: over_sender,
        budget: Arc::new(Semaphore::new(BUDGET)),
        backlog: Backlog::new(MAX_BACKLOG_BYTES),
        traffic: traffic.clone(),
        delays: delays.clone(),
        dials: HashMap::new(),
        connections: HashMap::new(),
        conversations: HashMap::new(),
    };
    let task = tokio::spawn(task.run(order_receiver, over, stop));
    Ok((Network { own, listen, events, orders, traffic, delays }, task))
}

fn open(swarm: &mut Swarm<Behaviour>, address: SocketAddr) -> Result<SocketAddr, NetworkError> {
    let address = transport::probe(address).map_err(|source| NetworkError::Listen { address, source })?;
    let _: ListenerId = swarm.listen_on(transport::to_multiaddr(address))?;
    Ok(address)
}

/// A connection that libp2p holds.
#[derive(Clone, Copy, Debug)]
struct Standing {
    peer: PeerId,
    direction: Direction,
    address: PeerAddress,
}

/// The task that owns the swarm.
struct Task {
    own: PeerId,
    swarm: Swarm<Behaviour>,
    events: mpsc::Sender<PeerEvent>,
    over: mpsc::Sender<(PeerId, ConnectionId)>,
    budget: Arc<Semaphore>,
    backlog: Arc<Backlog>,
    traffic: Arc<Traffic>,
    delays: Arc<Delays>,
    /// Dials that have led to nothing yet, neither a conversation nor a failure.
    dials: HashMap<ConnectionId, PeerAddress>,
    connections: HashMap<ConnectionId, Standing>,
    conversations: HashMap<PeerId, (ConnectionId, Direction, Arc<Shared>)>,
}

impl Task {
    async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut over: mpsc::Receiver<(PeerId, ConnectionId)>,
        stop: CancellationToken,
    ) {
        let too_late = async {
            stop.cancelled().await;
            tokio::time::sleep(FAREWELL).await;
        };
        tokio::pin!(too_late);
        while !(stop.is_cancelled() && self.conversations.is_empty() && self.connections.is_empty()) {
            tokio::select! {
                event = self.swarm.select_next_some() => self.happened(event),
                Some(order) = orders.recv() => self.obey(order),
                Some((peer, connection)) = over.recv() => self.ended(&peer, connection),
                () = stop.cancelled(), if self.conversations.is_empty() => self.close_all(),
                () = &mut too_late => break,
            }
        }
    }

    /// Closes what is left of connections when no conversation is.
    fn close_all(&mut self) {
        for (connection, _) in self.connections.drain() {
            self.swarm.close_connection(connection);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Dial(address) => self.dial(address),
            Order::Block(peers) => {
                let wanted: BTreeSet<libp2p::PeerId> = peers.iter().filter_map(identity::to_libp2p).collect();
                let blocked = &mut self.swarm.behaviour_mut().blocked;
                let healed: Vec<_> =
                    blocked.blocked_peers().iter().filter(|peer| !wanted.contains(peer)).copied().collect();
                healed.into_iter().for_each(|peer| {
                    blocked.unblock_peer(peer);
                });
                wanted.into_iter().for_each(|peer| {
                    blocked.block_peer(peer);
                });
            }
        }
    }

    fn dial(&mut self, address: PeerAddress) {
        // From a port of its own: from the listening one, two nodes that dial each other at the
        // same instant would want the same pair of ports.
        let options = DialOpts::unknown_peer_id()
            .address(transport::to_multiaddr(address.socket()))
            .allocate_new_port();
        let options = options.build();
        self.dials.insert(options.connection_id(), address);
        let connection = options.connection_id();
        if let Err(error) = self.swarm.dial(options) {
            self.dial_failed(connection, &error);
        }
    }

    fn happened(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                let direction = if endpoint.is_dialer() { Direction::Outbound } else { Direction::Inbound };
                let address = transport::to_address(endpoint.get_remote_address());
                let (Some(peer), Some(address)) = (identity::to_ours(&peer_id), address) else {
                    self.swarm.close_connection(connection_id);
                    return;
                };
                let address = self.dials.get(&connection_id).copied().unwrap_or(address);
                self.connections.insert(connection_id, Standing { peer, direction, address });
                if direction == Direction::Outbound {
                    self.open_unless_connected(peer_id, peer, connection_id);
                }
            }
            SwarmEvent::ConnectionClosed { connection_id, cause, .. } => {
                self.report_failed_dial(connection_id, || {
                    "the connection was closed before it could be used".into()
                });
                let Some(Standing { peer, .. }) = self.connections.remove(&connection_id) else { return };
                if let Some((current, _, shared)) = self.conversations.get(&peer)
                    && *current == connection_id
                {
                    end_soon(shared.clone(), cause.is_some());
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.dial_failed(connection_id, &error);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Streams(StreamEvent { connection, outcome, .. })) => {
                match outcome {
                    Outcome::Open(stream) => self.begin(connection, stream),
                    Outcome::Refused => {
                        self.swarm.close_connection(connection);
                    }
                }
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "cannot accept peers"),
            SwarmEvent::ListenerClosed { reason: Err(error), .. } => {
                tracing::error!(%error, "no longer listening for peers");
            }
            SwarmEvent::IncomingConnectionError { error, send_back_addr, .. } => {
                tracing::debug!(%error, from = %send_back_addr, "a connection came to nothing");
            }
            _ => {}
        }
    }

    /// A dial has led to a peer: opens the stream, unless a connection to the same peer stays.
    fn open_unless_connected(&mut self, libp2p_id: libp2p::PeerId, peer: PeerId, connection: ConnectionId) {
        let stays = |direction| choose(&self.own, &peer, direction, Direction::Outbound) == Choice::KeepOld;
        if self.conversations.get(&peer).is_some_and(|(_, direction, _)| stays(*direction)) {
            self.swarm.close_connection(connection);
        } else {
            self.swarm.behaviour_mut().streams.open(libp2p_id, connection);
        }
    }

    /// A stream is open: the conversation begins, unless another with the same peer stays.
    fn begin(&mut self, connection: ConnectionId, stream: Stream) {
        let Some(Standing { peer, direction, address }) = self.connections.get(&connection).copied() else {
            return;
        };
        let mut replaced = None;
        if let Some((_, old, shared)) = self.conversations.get(&peer) {
            match choose(&self.own, &peer, *old, direction) {
                Choice::KeepOld => {
                    self.swarm.close_connection(connection);
                    return;
                }
                Choice::TakeNew => {
                    shared.over.cancel();
                    replaced = Some(shared.ended.clone());
                }
            }
        }
        self.dials.remove(&connection);
        let traffic = Traffic::within(self.traffic.clone());
        let (link, queue) = Link::new(peer, connection, traffic, self.delays.clone(), &self.backlog);
        self.conversations.insert(peer, (connection, direction, link.shared().clone()));
        let (events, budget, over) = (self.events.clone(), self.budget.clone(), self.over.clone());
        tokio::spawn(async move {
            let _ended = link.shared().ended.clone().drop_guard();
            // Otherwise the driver could be told of this one first, and then take the other for it.
            if let Some(replaced) = replaced {
                replaced.cancelled().await;
            }
            converse(Reader { link, events, budget }, queue, stream, (direction, address)).await;
            let _ = over.send((peer, connection)).await;
        });
    }

    fn ended(&mut self, peer: &PeerId, connection: ConnectionId) {
        self.swarm.close_connection(connection);
        if self.conversations.get(peer).is_some_and(|(current, ..)| *current == connection) {
            self.conversations.remove(peer);
        }
    }

    fn dial_failed(&mut self, connection: ConnectionId, error: &DialError) {
        let Some(address) = self.dials.get(&connection).copied() else { return };
        tracing::debug!(%address, %error, "a dial came to nothing");
        // libp2p drops our own listening addresses from a dial, which leaves none.
        if matches!(error, DialError::LocalPeerId { .. } | DialError::NoAddresses) {
            self.dials.remove(&connection);
            self.tell(PeerEvent::DialledOurselves { address });
        } else {
            self.report_failed_dial(connection, || fault::in_words(error));
        }
    }

    fn report_failed_dial(&mut self, connection: ConnectionId, reason: impl FnOnce() -> String) {
        if let Some(address) = self.dials.remove(&connection) {
            self.tell(PeerEvent::DialFailed { address, reason: reason() });
        }
    }

    /// Tells the driver without waiting for it. Each dial is told of once, and the machine bounds
    /// the dials under way, so few of these tasks exist at a time.
    fn tell(&self, event: PeerEvent) {
        let events = self.events.clone();
        tokio::spawn(async move { events.send(event).await });
    }
}

/// Ends a conversation whose connection is gone. If the other side closed it, its last words may be
/// waiting to be read; if we did, nobody would wake the reader.
fn end_soon(shared: Arc<Shared>, has_last_words: bool) {
    if !has_last_words {
        shared.over.cancel();
        return;
    }
    tokio::spawn(async move {
        let _ = tokio::time::timeout(LAST_WORDS, shared.over.cancelled()).await;
        shared.over.cancel();
    });
}

#[cfg(test)]
mod tests;
