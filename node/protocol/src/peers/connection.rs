//! One connection: who is at the other end, how far the handshake is, whether it lives.

use core::time::Duration;

use cairn_core::hash::BlockHash;
use cairn_core::time::Timestamp;

use crate::limits::{HANDSHAKE_TIMEOUT, PING_TIMEOUT};
use crate::message::Hello;
use crate::peer::{Direction, PeerAddress, PeerId};

/// A connection as the table keeps it.
#[derive(Clone, Debug)]
pub struct Connection {
    pub peer: PeerId,
    pub direction: Direction,
    /// The remote end as the transport saw it.
    pub address: PeerAddress,
    pub since: Timestamp,
    /// When it last said anything.
    pub last_heard: Timestamp,
    /// When it last gave us a block that we lacked.
    pub last_block: Option<Timestamp>,
    /// How far it has come.
    pub phase: Phase,
    /// The last round trip measured.
    pub ping: Option<Duration>,
    /// The shortest round trip measured.
    pub min_ping: Option<Duration>,
    /// How often it is asked whether it lives, while it is silent; none never.
    pub ping_every: Option<Duration>,
    /// The ping under way, or when the next is due.
    pub heartbeat: Heartbeat,
    /// The tip that it was told of in our `Hello`; none before.
    pub told_tip: Option<BlockHash>,
    /// When it was last told addresses.
    pub told_peers: Option<Timestamp>,
    /// When it was last asked for addresses.
    pub asked_peers: Option<Timestamp>,
    /// Whether its answer to that is awaited.
    pub owes_peers: bool,
}

/// How far a connection has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its `Hello` has not come yet.
    AwaitingHello,
    /// Its `Hello` was read and agreed with.
    Ready(Box<Hello>),
    /// We hung up; whatever still arrives is not heard.
    Closing,
}

/// Whether an answer to a ping is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    Still,
    /// The next ping is due then.
    Resting {
        until: Timestamp,
    },
    AwaitingPong {
        nonce: u64,
        since: Timestamp,
    },
}

/// What a connection needs at some instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Nothing,
    Ping,
    /// It fell silent: hang up.
    HangUp,
}

impl Connection {
    /// A connection that has just come to stand.
    pub fn new(
        now: Timestamp,
        peer: PeerId,
        direction: Direction,
        address: PeerAddress,
        ping_every: Option<Duration>,
    ) -> Self {
        Self {
            peer,
            direction,
            address,
            since: now,
            last_heard: now,
            last_block: None,
            phase: Phase::AwaitingHello,
            ping: None,
            min_ping: None,
            ping_every,
            heartbeat: Heartbeat::Still,
            told_tip: None,
            told_peers: None,
            asked_peers: None,
            owes_peers: false,
        }
    }

    /// What the peer said of itself; none before the handshake.
    pub fn hello(&self) -> Option<&Hello> {
        match &self.phase {
            Phase::Ready(hello) => Some(hello),
            Phase::AwaitingHello | Phase::Closing => None,
        }
    }

    /// Whether the handshake is complete.
    pub fn is_ready(&self) -> bool {
        self.hello().is_some()
    }

    /// Where the peer can be dialled: what it said, with the host as we saw it where it said "any".
    pub fn listens_at(&self) -> Vec<PeerAddress> {
        let said = self.hello().map(|hello| hello.listen.as_slice()).unwrap_or_default();
        let seen = self.address.socket().ip();
        let completed = said.iter().map(|address| {
            let socket = address.socket();
            if socket.ip().is_unspecified() {
                PeerAddress::new((seen, socket.port()).into())
            } else {
                *address
            }
        });
        completed.collect()
    }

    /// Notes that it is asked for addresses.
    pub fn ask_for_peers(&mut self, now: Timestamp) {
        self.asked_peers = Some(now);
        self.owes_peers = true;
    }

    /// What its heart does first: it is asked at once, or never.
    pub fn first_beat(&self, now: Timestamp) -> Heartbeat {
        self.ping_every.map_or(Heartbeat::Still, |_| Heartbeat::Resting { until: now })
    }

    /// Notes the answer to a ping; an answer to nothing is ignored.
    pub fn pong(&mut self, now: Timestamp, answered: u64) {
        if let Heartbeat::AwaitingPong { nonce, since } = self.heartbeat
            && nonce == answered
        {
            let took = now.since(since);
            self.ping = Some(took);
            self.min_ping = Some(self.min_ping.map_or(took, |shortest| shortest.min(took)));
            let next = self.ping_every.map(|rest| now.saturating_add(rest));
            self.heartbeat = next.map_or(Heartbeat::Still, |until| Heartbeat::Resting { until });
        }
    }

    /// What is due now. A peer that talks is alive, even if its pong is stuck behind a block.
    pub fn need(&self, now: Timestamp) -> Need {
        if now < self.next_due().unwrap_or(Timestamp::from_millis(u64::MAX)) {
            return Need::Nothing;
        }
        match (&self.phase, self.heartbeat) {
            (Phase::AwaitingHello, _) => Need::HangUp,
            (Phase::Ready(_), Heartbeat::Still) => Need::Nothing,
            (Phase::Ready(_), Heartbeat::Resting { .. }) => Need::Ping,
            (Phase::Ready(_), Heartbeat::AwaitingPong { .. }) => Need::HangUp,
            (Phase::Closing, _) => Need::Nothing,
        }
    }

    /// When something becomes due.
    pub fn next_due(&self) -> Option<Timestamp> {
        match (&self.phase, self.heartbeat) {
            (Phase::AwaitingHello, _) => Some(self.since.saturating_add(HANDSHAKE_TIMEOUT)),
            (Phase::Ready(_), Heartbeat::Still) => None,
            (Phase::Ready(_), Heartbeat::Resting { until }) => Some(until),
            (Phase::Ready(_), Heartbeat::AwaitingPong { since, .. }) => {
                Some(since.max(self.last_heard).saturating_add(PING_TIMEOUT))
            }
            (Phase::Closing, _) => None,
        }
    }
}
