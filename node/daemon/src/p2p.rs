//! Peers over the network: one task owns the libp2p swarm, each connection has a task of its own.
//!
//! The driver decides which peers to dial and to disconnect; this edge carries it out and reports. It
//! never waits for the driver, so that the driver may wait for it.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cairn_protocol::limits::MAX_FRAME;
use cairn_protocol::message::{Goodbye, Message};
use cairn_protocol::peer::{Direction, PeerAddress, PeerId};
use cairn_protocol::peers::network_group::NetworkGroup;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use libp2p::allow_block_list::{self, BlockedPeers};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::core::transport::ListenerId;
use libp2p::identity::Keypair;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, DialError, NetworkBehaviour, SwarmEvent};
use libp2p::{Stream, Swarm, Transport};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub mod connection;
pub mod delays;
pub mod error;
pub mod evicting_transport;
pub mod group_limit;
pub mod identity;
pub mod memory_budget;
pub mod mux;
pub mod names;
pub mod peer_handle;
pub mod simultaneous_open;
pub mod stream;
pub mod stream_behaviour;
pub mod traffic;
pub mod transport;

use crate::clock;
use crate::log::rate_limit::{Permit, RateLimit};

use connection::{PeerEvent, Reader};
use delays::Delays;
pub use error::{NetworkError, hint};
use evicting_transport::EvictingTransport;
use group_limit::{GroupLimit, Ticket};
use peer_handle::{Budgets, ConnectionState, PeerHandle};
use simultaneous_open::{Choice, choose};
use stream_behaviour::{Outcome, StreamBehaviour, StreamEvent};
use traffic::Traffic;

/// Bytes of messages that are read and not yet handled, over all peers: eight of the longest. When
/// they are used up, reading pauses.
const READ_BUDGET: usize = 8 * MAX_FRAME;
/// The most events that are queued for the driver. When there are more, reading pauses.
const MAX_EVENTS: usize = 256;
/// The most commands that are queued for the swarm, which never waits for anything else.
const MAX_COMMANDS: usize = 256;
/// The most inbound connections whose handshakes are complete and that have no stream yet.
const MAX_WITHOUT_STREAM: usize = 64;
/// The timeout of an inbound connection without a stream.
const STREAM_TIMEOUT: Duration = Duration::from_secs(10);
/// The most outbound connections in the handshake.
const MAX_PENDING_OUTBOUND: u32 = 64;
/// The most connections of one peer: two, while both sides dial at once, until one of them is chosen.
const MAX_PER_PEER: u32 = 2;
/// Inbound connections beyond the node's limit, so that the protocol can choose which to evict.
const INBOUND_SLACK: u32 = 16;
/// The time to read the last messages of a peer that disconnected.
const LAST_MESSAGES_TIMEOUT: Duration = Duration::from_millis(200);
/// The time to send the last messages to peers once the node stops.
const STOP_TIMEOUT: Duration = Duration::from_millis(400);

/// A command of the driver.
#[derive(Debug)]
pub enum NetworkCommand {
    Dial(PeerAddress),
    /// Refuse connections with these peers in both directions; they replace the peers before.
    Block(BTreeSet<PeerId>),
}

/// The network, for the rest of the node.
pub struct Network {
    /// The id of this node.
    pub own: PeerId,
    /// The listening address, with the port that the system chose if it was asked to.
    pub listen: Option<SocketAddr>,
    pub events: mpsc::Receiver<PeerEvent>,
    pub commands: mpsc::Sender<NetworkCommand>,
    /// Bytes over all peers.
    pub traffic: Arc<Traffic>,
    pub delays: Arc<Delays>,
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    blocked: allow_block_list::Behaviour<BlockedPeers>,
    limits: connection_limits::Behaviour,
    streams: StreamBehaviour,
}

/// Starts listening and the task that owns the swarm. The task ends after `stop` once every connection is
/// closed, or at a timeout. Must be called within a runtime.
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
        .with_max_pending_outgoing(Some(MAX_PENDING_OUTBOUND))
        .with_max_established_per_peer(Some(MAX_PER_PEER))
        .with_max_established_incoming(Some(
            u32::try_from(max_inbound.saturating_add(MAX_WITHOUT_STREAM))
                .unwrap_or(u32::MAX)
                .saturating_add(INBOUND_SLACK),
        ));
    let behaviour = Behaviour {
        blocked: allow_block_list::Behaviour::default(),
        limits: connection_limits::Behaviour::new(limits),
        streams: StreamBehaviour::default(),
    };
    let config = libp2p::swarm::Config::with_tokio_executor().with_max_negotiating_inbound_streams(2);
    let transport = EvictingTransport::new(transport::build(keypair)?).boxed();
    let mut swarm = Swarm::new(transport, behaviour, keypair.public().to_peer_id(), config);
    let listen = listen.map(|address| open(&mut swarm, address)).transpose()?;

    let (event_sender, events) = mpsc::channel(MAX_EVENTS);
    let (commands, command_receiver) = mpsc::channel(MAX_COMMANDS);
    let (closed_sender, closed) = mpsc::channel(MAX_EVENTS);
    let own = identity::own_id(keypair);
    let (traffic, delays) = (Arc::new(Traffic::default()), Arc::new(Delays::default()));
    let task = Task {
        own,
        swarm,
        events: event_sender,
        closed: closed_sender,
        read_budget: Arc::new(Semaphore::new(READ_BUDGET)),
        budgets: Budgets::default(),
        traffic: traffic.clone(),
        delays: delays.clone(),
        dials: HashMap::new(),
        expiring: FuturesUnordered::new(),
        established: HashMap::new(),
        without_stream: GroupLimit::new(MAX_WITHOUT_STREAM),
        active: HashMap::new(),
        failed_accepts: RateLimit::of_retries(),
    };
    let task = tokio::spawn(task.run(command_receiver, closed, stop));
    Ok((Network { own, listen, events, commands, traffic, delays }, task))
}

fn open(swarm: &mut Swarm<Behaviour>, address: SocketAddr) -> Result<SocketAddr, NetworkError> {
    let address = transport::probe(address).map_err(|source| NetworkError::Listen { address, source })?;
    let _: ListenerId = swarm.listen_on(transport::to_multiaddr(address))?;
    Ok(address)
}

/// A connection of the swarm.
#[derive(Clone, Copy, Debug)]
struct Established {
    peer: PeerId,
    direction: Direction,
    address: PeerAddress,
    /// Its ticket among the inbound connections without a stream.
    ticket: Option<Ticket>,
}

/// The connection of a peer whose stream is open.
struct Active {
    connection: ConnectionId,
    direction: Direction,
    handle: PeerHandle,
}

/// The active connection of a peer has ended.
struct Closed {
    peer: PeerId,
    connection: ConnectionId,
}

/// The task that owns the swarm.
struct Task {
    own: PeerId,
    swarm: Swarm<Behaviour>,
    events: mpsc::Sender<PeerEvent>,
    closed: mpsc::Sender<Closed>,
    read_budget: Arc<Semaphore>,
    budgets: Budgets,
    traffic: Arc<Traffic>,
    delays: Arc<Delays>,
    /// Dials without an outcome so far, neither an active connection nor a failure.
    dials: HashMap<ConnectionId, PeerAddress>,
    /// The time limits of inbound connections to open a stream.
    expiring: FuturesUnordered<BoxFuture<'static, ConnectionId>>,
    established: HashMap<ConnectionId, Established>,
    /// Inbound connections that can be given up for others.
    without_stream: GroupLimit<ConnectionId>,
    active: HashMap<PeerId, Active>,
    /// The limit of log lines about connections that cannot be accepted, as without file descriptors.
    failed_accepts: RateLimit,
}

impl Task {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<NetworkCommand>,
        mut closed: mpsc::Receiver<Closed>,
        stop: CancellationToken,
    ) {
        let timeout = async {
            stop.cancelled().await;
            tokio::time::sleep(STOP_TIMEOUT).await;
        };
        tokio::pin!(timeout);
        while !(stop.is_cancelled() && self.active.is_empty() && self.established.is_empty()) {
            tokio::select! {
                event = self.swarm.select_next_some() => self.swarm_event(event),
                Some(command) = commands.recv() => self.command(command),
                Some(closed) = closed.recv() => self.closed(&closed),
                Some(connection) = self.expiring.next() => self.stream_timed_out(connection),
                () = stop.cancelled(), if self.active.is_empty() => self.close_all(),
                () = &mut timeout => break,
            }
        }
    }

    /// Closes the connections that are not active.
    fn close_all(&mut self) {
        for (connection, _) in self.established.drain() {
            self.swarm.close_connection(connection);
        }
    }

    fn command(&mut self, command: NetworkCommand) {
        match command {
            NetworkCommand::Dial(address) => self.dial(address),
            NetworkCommand::Block(peers) => {
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

    fn swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                let direction = if endpoint.is_dialer() { Direction::Outbound } else { Direction::Inbound };
                let address = transport::to_address(endpoint.get_remote_address());
                let (Some(peer), Some(address)) = (identity::to_ours(&peer_id), address) else {
                    self.swarm.close_connection(connection_id);
                    return;
                };
                let address = self.dials.get(&connection_id).copied().unwrap_or(address);
                let mut ticket = None;
                if direction == Direction::Outbound {
                    self.open_unless_connected(peer_id, peer, connection_id);
                } else {
                    let group = NetworkGroup::of_host(address.socket().ip());
                    let (own, evicted) = self.without_stream.add(group, connection_id);
                    ticket = Some(own);
                    if let Some(evicted) = evicted {
                        self.swarm.close_connection(evicted);
                    }
                    self.expiring
                        .push(tokio::time::sleep(STREAM_TIMEOUT).map(move |()| connection_id).boxed());
                }
                self.established.insert(connection_id, Established { peer, direction, address, ticket });
            }
            SwarmEvent::ConnectionClosed { connection_id, cause, .. } => {
                self.report_failed_dial(connection_id, || {
                    "the connection was closed before it could be used".into()
                });
                let Some(Established { peer, ticket, .. }) = self.established.remove(&connection_id) else {
                    return;
                };
                ticket.map(|ticket| self.without_stream.remove(ticket));
                if let Some(active) = self.active.get(&peer).filter(|one| one.connection == connection_id) {
                    close_soon(active.handle.state().clone(), cause.is_some());
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.dial_failed(connection_id, &error);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Streams(StreamEvent { connection, outcome, .. })) => {
                match outcome {
                    Outcome::Open(stream) => self.activate(connection, stream),
                    Outcome::Refused => {
                        self.swarm.close_connection(connection);
                    }
                }
            }
            SwarmEvent::ListenerError { error, .. } => {
                if let Some(Permit { left_out }) = self.failed_accepts.take(clock::now()) {
                    tracing::warn!(%error, left_out, "cannot accept peers");
                }
            }
            SwarmEvent::ListenerClosed { reason: Err(error), .. } => {
                tracing::error!(%error, "no longer listening for peers");
            }
            SwarmEvent::IncomingConnectionError { error, send_back_addr, .. } => {
                tracing::debug!(%error, from = %send_back_addr, "an inbound connection failed");
            }
            _ => {}
        }
    }

    fn stream_timed_out(&mut self, connection: ConnectionId) {
        if self.established.get(&connection).is_some_and(|established| established.ticket.is_some()) {
            self.swarm.close_connection(connection);
        }
    }

    /// Opens the stream of a dialed connection, unless another connection to the same peer stays.
    fn open_unless_connected(&mut self, libp2p_id: libp2p::PeerId, peer: PeerId, connection: ConnectionId) {
        let old = self.active.get(&peer).map(|active| active.direction);
        if old.is_some_and(|old| choose(&self.own, &peer, old, Direction::Outbound) == Choice::KeepOld) {
            self.swarm.close_connection(connection);
        } else {
            self.swarm.behaviour_mut().streams.open(libp2p_id, connection);
        }
    }

    /// Makes a connection whose stream is open the peer's active one, unless another stays.
    fn activate(&mut self, connection: ConnectionId, stream: Stream) {
        let Some(established) = self.established.get_mut(&connection) else { return };
        let Established { peer, direction, address, .. } = *established;
        established.ticket.take().map(|ticket| self.without_stream.remove(ticket));
        let mut replaced = None;
        if let Some(old) = self.active.get(&peer) {
            if choose(&self.own, &peer, old.direction, direction) == Choice::KeepOld {
                self.swarm.close_connection(connection);
                return;
            }
            if (old.direction, direction) == (Direction::Inbound, Direction::Inbound) {
                // Another node with the same identity may hold the old connection: it learns who took it.
                old.handle.send(Message::Goodbye(Goodbye::Duplicate));
                old.handle.disconnect();
            } else {
                old.handle.state().closed.cancel();
            }
            replaced = Some(old.handle.state().reported.clone());
        }
        self.dials.remove(&connection);
        let traffic = Traffic::within(self.traffic.clone());
        let (handle, queue) = PeerHandle::new(peer, connection, traffic, self.delays.clone(), &self.budgets);
        let state = handle.state().clone();
        self.active.insert(peer, Active { connection, direction, handle: handle.clone() });
        let reader = Reader { handle, events: self.events.clone(), budget: self.read_budget.clone() };
        let closed = self.closed.clone();
        tokio::spawn(async move {
            let _reported = state.reported.clone().drop_guard();
            // Otherwise the driver could be notified of this one first, and confuse it with the other.
            if let Some(replaced) = replaced {
                replaced.cancelled().await;
            }
            connection::run(reader, queue, stream, direction, address).await;
            let _ = closed.send(Closed { peer, connection }).await;
        });
    }

    fn closed(&mut self, &Closed { peer, connection }: &Closed) {
        self.swarm.close_connection(connection);
        if self.active.get(&peer).is_some_and(|active| active.connection == connection) {
            self.active.remove(&peer);
        }
    }

    fn dial_failed(&mut self, connection: ConnectionId, error: &DialError) {
        let Some(address) = self.dials.get(&connection).copied() else { return };
        tracing::debug!(%address, %error, "a dial failed");
        // libp2p drops our own listening addresses from a dial, which leaves none.
        if matches!(error, DialError::LocalPeerId { .. } | DialError::NoAddresses) {
            self.dials.remove(&connection);
            self.notify(PeerEvent::DialedSelf { address });
        } else {
            self.report_failed_dial(connection, || error::dial_failure(error));
        }
    }

    fn report_failed_dial(&mut self, connection: ConnectionId, reason: impl FnOnce() -> String) {
        if let Some(address) = self.dials.remove(&connection) {
            self.notify(PeerEvent::DialFailed { address, reason: reason() });
        }
    }

    /// Notifies the driver without waiting for it. Each dial is reported once, and the protocol limits the
    /// pending dials, so few of these tasks exist at a time.
    fn notify(&self, event: PeerEvent) {
        let events = self.events.clone();
        tokio::spawn(async move { events.send(event).await });
    }
}

/// Closes an active connection that the swarm has closed. If the peer closed it, its last messages may not be
/// read yet; if this node did, nothing else would wake the reader.
fn close_soon(state: Arc<ConnectionState>, may_have_messages: bool) {
    if !may_have_messages {
        state.closed.cancel();
        return;
    }
    tokio::spawn(async move {
        let _ = tokio::time::timeout(LAST_MESSAGES_TIMEOUT, state.closed.cancelled()).await;
        state.closed.cancel();
    });
}

#[cfg(test)]
mod tests;
