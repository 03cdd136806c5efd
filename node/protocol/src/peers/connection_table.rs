//! The connection table: every connection, whatever its phase, and the questions about all of them.

use std::collections::BTreeSet;

use cairn_core::time::Timestamp;

use crate::action::Action;
use crate::limits::PEERS_REQUEST_INTERVAL;
use crate::message::Message;
use crate::peer::{Direction, PeerAddress, PeerId};
use crate::peers::connection::{Connection, Heartbeat, Need, Phase};
use crate::peers::purpose::Purpose;
use crate::prefix_map::PeerMap;
use crate::random::Random;

/// Every connection, one for each peer.
#[derive(Clone, Debug, Default)]
pub struct ConnectionTable(pub PeerMap<Connection>);

impl ConnectionTable {
    /// The remote end of a connection.
    pub fn address_of(&self, peer: &PeerId) -> Option<PeerAddress> {
        self.0.get(peer).map(|connection| connection.address)
    }

    /// Every connection whose handshake is complete.
    pub fn ready(&self) -> impl Iterator<Item = &Connection> {
        self.0.values().filter(|connection| connection.is_ready())
    }

    /// The number of open connections in one direction.
    pub fn count(&self, direction: Direction) -> usize {
        self.0.values().filter(|one| one.direction == direction && one.phase != Phase::Closing).count()
    }

    /// The number of outbound connections for a purpose. One that is closing counts until it is gone.
    pub fn outbound_for(&self, purpose: Purpose) -> usize {
        let outbound = self.0.values().filter(|one| one.direction == Direction::Outbound);
        outbound.filter(|one| one.purpose == purpose).count()
    }

    /// Whether a peer is connected at an address that this node dialed.
    pub fn is_dialed(&self, address: &PeerAddress) -> bool {
        self.ready().any(|one| one.direction == Direction::Outbound && one.address == *address)
    }

    /// The addresses that need no dial, since their peers are connected.
    pub fn addresses(&self) -> BTreeSet<PeerAddress> {
        self.0.values().flat_map(Connection::occupies).collect()
    }

    /// The peer that addresses may be requested from and were not for the longest time.
    pub fn next_address_source(&mut self, now: Timestamp) -> Option<&mut Connection> {
        let may_request = |one: &&mut Connection| {
            one.relays_transactions()
                && one.requested_addresses.is_none_or(|last| now.since(last) >= PEERS_REQUEST_INTERVAL)
        };
        self.0.values_mut().filter(may_request).min_by_key(|one| one.requested_addresses)
    }

    /// The time at which addresses may be requested from a peer.
    pub fn next_address_request(&self, now: Timestamp) -> Option<Timestamp> {
        let last = self
            .ready()
            .filter(|one| one.relays_transactions())
            .map(|one| one.requested_addresses.unwrap_or(now));
        last.map(|last| last.saturating_add(PEERS_REQUEST_INTERVAL)).min()
    }

    /// Sends the pings that are due; returns the peers that timed out.
    pub fn ping(&mut self, now: Timestamp, random: &mut Random, actions: &mut Vec<Action>) -> Vec<PeerId> {
        let mut timed_out = Vec::new();
        for connection in self.0.values_mut() {
            match connection.need(now) {
                Need::Nothing => {}
                Need::Disconnect => timed_out.push(connection.peer),
                Need::Ping => {
                    let nonce = random.next_u64();
                    connection.heartbeat = Heartbeat::AwaitingPong { nonce, since: now };
                    actions.push(Action::Send { peer: connection.peer, message: Message::Ping { nonce } });
                }
            }
        }
        timed_out
    }

    /// The time at which a ping is due or a peer times out.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.0.values().filter_map(Connection::next_due).min()
    }
}
