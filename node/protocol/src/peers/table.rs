//! The table of connections.

use std::collections::BTreeSet;

use cairn_core::time::Timestamp;

use crate::action::Action;
use crate::limits::PEERS_ASK_INTERVAL;
use crate::message::Message;
use crate::peer::{Direction, PeerAddress, PeerId};
use crate::peer_map::PeerMap;
use crate::peers::connection::{Connection, Heartbeat, Need, Phase};
use crate::random::Random;

/// Every connection, one for each peer.
#[derive(Clone, Debug, Default)]
pub struct Table(PeerMap<Connection>);

impl Table {
    /// Adds a connection.
    pub fn insert(&mut self, connection: Connection) {
        self.0.insert(connection.peer, connection);
    }

    /// Takes a connection out.
    pub fn remove(&mut self, peer: &PeerId) -> Option<Connection> {
        self.0.remove(peer)
    }

    /// A connection.
    pub fn get(&self, peer: &PeerId) -> Option<&Connection> {
        self.0.get(peer)
    }

    /// The remote end of a connection.
    pub fn address_of(&self, peer: &PeerId) -> Option<PeerAddress> {
        self.get(peer).map(|connection| connection.address)
    }

    /// A connection, to be changed.
    pub fn get_mut(&mut self, peer: &PeerId) -> Option<&mut Connection> {
        self.0.get_mut(peer)
    }

    /// Notes that a peer lives; returns its connection.
    pub fn heard_from(&mut self, now: Timestamp, peer: &PeerId) -> Option<&Connection> {
        let connection = self.0.get_mut(peer)?;
        connection.last_heard = now;
        Some(connection)
    }

    /// Notes that a peer gave us a block that we lacked.
    pub fn gave_block(&mut self, now: Timestamp, peer: &PeerId) {
        if let Some(connection) = self.0.get_mut(peer) {
            connection.last_block = Some(now);
        }
    }

    /// Notes the answer to a ping.
    pub fn ponged(&mut self, now: Timestamp, peer: &PeerId, nonce: u64) {
        if let Some(connection) = self.0.get_mut(peer) {
            connection.pong(now, nonce);
        }
    }

    /// Every connection, in the order of ids, whatever its phase.
    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.0.values()
    }

    /// Every connection, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Connection> {
        self.0.values_mut()
    }

    /// Every connection whose handshake is complete.
    pub fn ready(&self) -> impl Iterator<Item = &Connection> {
        self.iter().filter(|connection| connection.is_ready())
    }

    /// How many are open in this direction.
    pub fn count(&self, direction: Direction) -> usize {
        self.iter().filter(|one| one.direction == direction && one.phase != Phase::Closing).count()
    }

    /// Where the connected can be met.
    pub fn addresses(&self) -> BTreeSet<PeerAddress> {
        self.iter().flat_map(|one| one.listens_at().into_iter().chain([one.address])).collect()
    }

    /// The peer that may be asked for addresses and was not for the longest time.
    pub fn to_ask(&mut self, now: Timestamp) -> Option<&mut Connection> {
        let may_ask = |one: &&mut Connection| {
            one.is_ready() && one.asked_peers.is_none_or(|asked| now.since(asked) >= PEERS_ASK_INTERVAL)
        };
        self.iter_mut().filter(may_ask).min_by_key(|one| one.asked_peers)
    }

    /// When a peer may be asked for addresses.
    pub fn next_to_ask(&self, now: Timestamp) -> Option<Timestamp> {
        self.ready().map(|one| one.asked_peers.unwrap_or(now).saturating_add(PEERS_ASK_INTERVAL)).min()
    }

    /// Asks whoever is due whether it lives; returns those that fell silent.
    pub fn beat(&mut self, now: Timestamp, random: &mut Random, actions: &mut Vec<Action>) -> Vec<PeerId> {
        let mut silent = Vec::new();
        for connection in self.iter_mut() {
            match connection.need(now) {
                Need::Nothing => {}
                Need::HangUp => silent.push(connection.peer),
                Need::Ping => {
                    let nonce = random.next_u64();
                    connection.heartbeat = Heartbeat::AwaitingPong { nonce, since: now };
                    actions.push(Action::Send { peer: connection.peer, message: Message::Ping { nonce } });
                }
            }
        }
        silent
    }

    /// When a connection needs something.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.iter().filter_map(Connection::next_due).min()
    }
}
