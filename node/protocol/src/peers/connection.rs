//! One connection: the peer, the phase of the handshake, and the heartbeat.

use core::time::Duration;

use cairn_core::hash::BlockHash;
use cairn_core::time::Timestamp;

use crate::action::Action;
use crate::limits::{HANDSHAKE_TIMEOUT, PING_TIMEOUT};
use crate::message::{Hello, Message};
use crate::peer::{Direction, PeerAddress, PeerId};
use crate::peers::purpose::{Purpose, SERVICE_BLOCKS_ONLY};

/// A connection with a peer.
#[derive(Clone, Debug)]
pub struct Connection {
    pub peer: PeerId,
    pub direction: Direction,
    pub purpose: Purpose,
    /// The remote end as the transport saw it.
    pub address: PeerAddress,
    /// When it was established.
    pub since: Timestamp,
    /// When the last message arrived.
    pub last_received: Timestamp,
    /// When the peer last delivered a new block.
    pub last_block: Option<Timestamp>,
    /// When the peer last delivered a transaction that was accepted.
    pub last_transaction: Option<Timestamp>,
    pub phase: Phase,
    /// Whether the peer's `Hello` was accepted at any time.
    pub was_ready: bool,
    /// The last round trip.
    pub ping: Option<Duration>,
    /// The shortest round trip.
    pub min_ping: Option<Duration>,
    /// The pause between pings; none if the transport reports every connection that ends.
    pub ping_interval: Option<Duration>,
    pub heartbeat: Heartbeat,
    /// The tip in our `Hello`; none before it is sent.
    pub sent_tip: Option<BlockHash>,
    /// When it was last sent addresses.
    pub sent_addresses: Option<Timestamp>,
    /// When addresses were last requested from it.
    pub requested_addresses: Option<Timestamp>,
    /// Whether the reply to that is awaited.
    pub awaits_addresses: bool,
}

/// The phase of the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The peer has not sent its `Hello`.
    AwaitingHello,
    /// The peer's `Hello` was accepted.
    Ready(Box<Hello>),
    /// This node has disconnected; messages that still arrive are ignored.
    Closing,
}

/// The pings of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// No ping is ever sent.
    Off,
    Pausing {
        until: Timestamp,
    },
    AwaitingPong {
        nonce: u64,
        since: Timestamp,
    },
}

/// The action that a connection needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Nothing,
    Ping,
    /// The peer timed out.
    Disconnect,
}

impl Connection {
    /// A connection that was just established.
    pub fn new(
        now: Timestamp,
        peer: PeerId,
        direction: Direction,
        purpose: Purpose,
        address: PeerAddress,
        ping_interval: Option<Duration>,
    ) -> Self {
        Self {
            peer,
            direction,
            purpose,
            address,
            since: now,
            last_received: now,
            last_block: None,
            last_transaction: None,
            phase: Phase::AwaitingHello,
            was_ready: false,
            ping: None,
            min_ping: None,
            ping_interval,
            heartbeat: Heartbeat::Off,
            sent_tip: None,
            sent_addresses: None,
            requested_addresses: None,
            awaits_addresses: false,
        }
    }

    /// The `Hello` of the peer, once the handshake is complete.
    pub fn hello(&self) -> Option<&Hello> {
        match &self.phase {
            Phase::Ready(hello) => Some(hello),
            Phase::AwaitingHello | Phase::Closing => None,
        }
    }

    /// Whether transactions are relayed on this connection, in both directions.
    pub fn relays_transactions(&self) -> bool {
        let wants = |hello: &Hello| hello.services & SERVICE_BLOCKS_ONLY == 0;
        self.purpose == Purpose::Full && self.hello().is_some_and(wants)
    }

    /// Whether the handshake is complete.
    pub fn is_ready(&self) -> bool {
        self.hello().is_some()
    }

    /// The addresses at which the peer accepts connections. Where it named no host, that of the connection.
    pub fn listens_at(&self) -> Vec<PeerAddress> {
        let named = self.hello().map(|hello| hello.listen.as_slice()).unwrap_or_default();
        let seen = self.address.socket().ip();
        let completed = named.iter().map(|address| {
            let socket = address.socket();
            if socket.ip().is_unspecified() {
                PeerAddress::new((seen, socket.port()).into())
            } else {
                *address
            }
        });
        completed.collect()
    }

    /// The addresses that this connection makes superfluous to dial: the one dialed, and those named by the peer on
    /// its own host. It may name those of other nodes as well, to keep this node from dialing them (ATTACKS 27).
    pub fn occupies(&self) -> impl Iterator<Item = PeerAddress> {
        let host = self.address.socket().ip();
        let of_its_host = move |address: &PeerAddress| address.socket().ip() == host;
        self.listens_at().into_iter().filter(of_its_host).chain([self.address])
    }

    /// Requests addresses of other nodes.
    pub fn request_addresses(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        self.requested_addresses = Some(now);
        self.awaits_addresses = true;
        actions.push(Action::Send { peer: self.peer, message: Message::GetPeers });
    }

    /// The heartbeat after the handshake: a ping at once, or none ever.
    pub fn first_heartbeat(&self, now: Timestamp) -> Heartbeat {
        self.ping_interval.map_or(Heartbeat::Off, |_| Heartbeat::Pausing { until: now })
    }

    /// Notes the reply to a ping. A reply to no ping is ignored.
    pub fn pong(&mut self, now: Timestamp, answered: u64) {
        if let Heartbeat::AwaitingPong { nonce, since } = self.heartbeat
            && nonce == answered
        {
            let took = now.since(since);
            self.ping = Some(took);
            self.min_ping = Some(self.min_ping.map_or(took, |shortest| shortest.min(took)));
            let next = self.ping_interval.map(|rest| now.saturating_add(rest));
            self.heartbeat = next.map_or(Heartbeat::Off, |until| Heartbeat::Pausing { until });
        }
    }

    /// The action that is due now. A peer that sends messages is alive, even if its pong is queued behind a block.
    pub fn need(&self, now: Timestamp) -> Need {
        if now < self.next_due().unwrap_or(Timestamp::from_millis(u64::MAX)) {
            return Need::Nothing;
        }
        match (&self.phase, self.heartbeat) {
            (Phase::AwaitingHello, _) => Need::Disconnect,
            (Phase::Ready(_), Heartbeat::Off) => Need::Nothing,
            (Phase::Ready(_), Heartbeat::Pausing { .. }) => Need::Ping,
            (Phase::Ready(_), Heartbeat::AwaitingPong { .. }) => Need::Disconnect,
            (Phase::Closing, _) => Need::Nothing,
        }
    }

    /// The time of the next ping or timeout.
    pub fn next_due(&self) -> Option<Timestamp> {
        match (&self.phase, self.heartbeat) {
            (Phase::AwaitingHello, _) => Some(self.since.saturating_add(HANDSHAKE_TIMEOUT)),
            (Phase::Ready(_), Heartbeat::Off) => None,
            (Phase::Ready(_), Heartbeat::Pausing { until }) => Some(until),
            (Phase::Ready(_), Heartbeat::AwaitingPong { since, .. }) => {
                Some(since.max(self.last_received).saturating_add(PING_TIMEOUT))
            }
            (Phase::Closing, _) => None,
        }
    }
}
