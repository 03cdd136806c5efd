//! Peers: connection table, outbound targets and eviction.
//!
//! A score for each peer would belong in `slots`. Other ways of discovery enter as `AddressFound`, which fills
//! the address book.

use core::time::Duration;
use std::collections::BTreeSet;

use cairn_core::time::Timestamp;

use crate::action::Action;
use crate::chain::tree::ChainTip;
use crate::event::{DisconnectReason, Event};
use crate::input::PeerCommand;
use crate::limits::{BAN_DURATION, GOOD_CONNECTION, MAX_PEERS_PER_MESSAGE, PEERS_REPLY_INTERVAL};
use crate::message::{Hello, Message};
use crate::peer::{Direction, PeerAddress, PeerId};
use crate::random::Random;

pub mod addresses;
pub mod backoff;
pub mod bans;
pub mod connection;
pub mod connection_table;
pub mod dialer;
pub mod handshake;
pub mod peer_filter;
pub mod slots;

pub use slots::ConnectionLimits;

use addresses::AddressBook;
use connection::{Connection, Phase};
use connection_table::ConnectionTable;
use dialer::Dialer;
use handshake::{HandshakeError, Identity};
use peer_filter::PeerFilter;

/// Every connection, and the addresses and peers that more can be made with.
#[derive(Clone, Debug)]
pub struct Peers {
    /// This node's own part of each handshake.
    pub identity: Identity,
    limits: ConnectionLimits,
    ping_interval: Option<Duration>,
    connections: ConnectionTable,
    /// The reasons against a connection with a peer.
    pub filter: PeerFilter,
    /// The addresses of other nodes.
    pub book: AddressBook,
    /// The addresses that are dialed or connected.
    pub dialer: Dialer,
    random: Random,
}

impl Peers {
    /// A node without connections that keeps a connection to each address of `connect`.
    pub fn new(
        own: PeerId,
        identity: Identity,
        limits: ConnectionLimits,
        ping_interval: Option<Duration>,
        connect: &[PeerAddress],
        random: Random,
    ) -> Self {
        let mut dialer = Dialer::default();
        connect.iter().for_each(|address| dialer.keep(Timestamp::default(), *address));
        let (connections, book) = (ConnectionTable::default(), AddressBook::default());
        let filter = PeerFilter::new(own);
        Self { identity, limits, ping_interval, connections, filter, book, dialer, random }
    }

    /// Sends `Hello` on a new connection, or rejects it. A second connection of one peer replaces the first.
    /// Returns the peers that lost a ready connection.
    pub fn connected(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        direction: Direction,
        address: PeerAddress,
        tip: ChainTip,
        actions: &mut Vec<Action>,
    ) -> Vec<PeerId> {
        let mut lost = Vec::new();
        if self.disconnected(now, &peer, actions) {
            lost.push(peer);
        }
        if direction == Direction::Outbound {
            self.dialer.connected(address, peer);
        }
        let connection = Connection::new(now, peer, direction, address, self.ping_interval);
        self.connections.0.insert(peer, connection);
        if let Some(reason) = self.filter.reason(now, &peer, &address) {
            self.disconnect(&peer, reason, actions);
        } else if direction == Direction::Inbound
            && self.connections.count(Direction::Inbound) > self.limits.inbound
        {
            let others = self.iter().filter(|one| one.peer != peer && one.phase != Phase::Closing);
            let evicted = slots::to_evict(others).unwrap_or(peer);
            if self.disconnect(&evicted, DisconnectReason::Full, actions) {
                lost.push(evicted);
            }
        }
        let connection = self.connections.0.get_mut(&peer);
        if let Some(connection) = connection.filter(|one| one.phase == Phase::AwaitingHello) {
            connection.sent_tip = Some(tip.hash);
            let message = Message::Hello(Box::new(self.identity.hello(tip)));
            actions.push(Action::Send { peer, message });
        }
        lost
    }

    /// Removes a connection that has ended; returns whether it was ready.
    pub fn disconnected(&mut self, now: Timestamp, peer: &PeerId, actions: &mut Vec<Action>) -> bool {
        let Some(connection) = self.connections.0.remove(peer) else { return false };
        let was_good = now.since(connection.since) >= GOOD_CONNECTION;
        self.dialer.disconnected(now, peer, was_good, &mut self.random);
        if connection.direction == Direction::Outbound && connection.phase == Phase::AwaitingHello {
            self.book.failed(now, &connection.address, &mut self.random);
        }
        if connection.is_ready() {
            let reason = DisconnectReason::LinkLost;
            actions.push(Action::Emit(Event::PeerDisconnected { peer: *peer, reason }));
        }
        connection.is_ready()
    }

    /// Disconnects a peer, after a `Goodbye` if the reason has one; returns whether the connection was ready.
    pub fn disconnect(&mut self, peer: &PeerId, reason: DisconnectReason, actions: &mut Vec<Action>) -> bool {
        let Some(connection) = self.connections.0.get_mut(peer) else { return false };
        if connection.phase == Phase::Closing {
            return false;
        }
        let (was_ready, address) = (connection.is_ready(), connection.address);
        connection.phase = Phase::Closing;
        if let Some(goodbye) = reason.goodbye() {
            actions.push(Action::Send { peer: *peer, message: Message::Goodbye(goodbye) });
        }
        actions.push(Action::Disconnect { peer: *peer });
        match reason {
            DisconnectReason::Duplicate => {
                self.dialer.forget(&address);
                self.book.forget(&address);
            }
            DisconnectReason::Operator if self.filter.is_active => self.dialer.give_up(peer),
            DisconnectReason::Misbehavior(_) | DisconnectReason::Banned => self.dialer.give_up(peer),
            _ => {}
        }
        actions.push(Action::Emit(Event::peer_gone(*peer, was_ready, address, reason)));
        was_ready
    }

    /// Bans and disconnects a peer; returns whether the connection was ready.
    pub fn ban(&mut self, now: Timestamp, peer: &PeerId, reason: String, actions: &mut Vec<Action>) -> bool {
        self.filter.bans.ban(now, *peer, self.connections.address_of(peer), BAN_DURATION);
        self.disconnect(peer, DisconnectReason::Misbehavior(reason), actions)
    }

    /// Completes the handshake with the `Hello` of a peer, or disconnects it; returns whether it is ready.
    pub fn received_hello(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        hello: Hello,
        actions: &mut Vec<Action>,
    ) -> bool {
        if let Err(error) = self.identity.check(&hello) {
            let reason = match error {
                HandshakeError::Ourselves => DisconnectReason::Duplicate,
                _ => DisconnectReason::WeSaid(error.goodbye()),
            };
            self.disconnect(&peer, reason, actions);
            return false;
        }
        let has_free_slot = self.connections.count(Direction::Outbound) < self.limits.outbound;
        let Some(connection) = self.connections.0.get_mut(&peer) else { return false };
        let user_agent = hello.user_agent.clone();
        connection.phase = Phase::Ready(Box::new(hello));
        connection.heartbeat = connection.first_heartbeat(now);
        let (direction, address) = (connection.direction, connection.address);
        let listens_at = connection.listens_at();
        if direction == Direction::Outbound {
            if has_free_slot {
                connection.request_addresses(now, actions);
            }
            self.book.succeeded(now, address);
        }
        self.book.add_from(peer, &address, &listens_at, &mut self.random);
        self.dialer.listens_at(peer, &listens_at);
        actions.push(Action::Emit(Event::PeerConnected { peer, direction, address, user_agent }));
        true
    }

    /// Notes the arrival of a message; returns the sender's connection.
    pub fn received(&mut self, now: Timestamp, peer: &PeerId) -> Option<&Connection> {
        let connection = self.connections.0.get_mut(peer)?;
        connection.last_received = now;
        Some(connection)
    }

    /// Notes that a peer delivered a new block.
    pub fn delivered_block(&mut self, now: Timestamp, peer: &PeerId) {
        if let Some(connection) = self.connections.0.get_mut(peer) {
            connection.last_block = Some(now);
        }
    }

    /// Notes the reply to a ping.
    pub fn received_pong(&mut self, now: Timestamp, peer: &PeerId, nonce: u64) {
        if let Some(connection) = self.connections.0.get_mut(peer) {
            connection.pong(now, nonce);
        }
    }

    /// Replies to a request for addresses, but not to too many of one peer.
    pub fn addresses_requested(&mut self, now: Timestamp, peer: PeerId, actions: &mut Vec<Action>) {
        let Some(connection) = self.connections.0.get_mut(&peer) else { return };
        if connection.sent_addresses.is_some_and(|last| now.since(last) < PEERS_REPLY_INTERVAL) {
            return;
        }
        connection.sent_addresses = Some(now);
        let mut addresses = self.book.sample(MAX_PEERS_PER_MESSAGE, &mut self.random);
        let its_own = connection.listens_at();
        addresses.retain(|address| !its_own.contains(address));
        actions.push(Action::Send { peer, message: Message::Peers(addresses) });
    }

    /// Adds the addresses of a reply to the book. Unsolicited ones are ignored.
    pub fn received_addresses(&mut self, peer: PeerId, addresses: &[PeerAddress]) {
        let Some(connection) = self.connections.0.get_mut(&peer) else { return };
        if connection.phase != Phase::Closing && core::mem::take(&mut connection.awaits_addresses) {
            self.book.add_from(peer, &connection.address, addresses, &mut self.random);
        }
    }

    /// Adds an address that discovery found, and dials it soon if it is a target.
    pub fn address_found(&mut self, now: Timestamp, address: PeerAddress) {
        if !self.identity.listen.contains(&address) {
            self.book.add(address, None, &mut self.random);
            self.dialer.hurry(now, &address);
        }
    }

    /// Notes that a dial failed.
    pub fn dial_failed(&mut self, now: Timestamp, address: &PeerAddress) {
        self.dialer.failed(now, address, &mut self.random);
        self.book.failed(now, address, &mut self.random);
    }

    /// Carries out a command of the operator; returns the peers that lost a ready connection.
    pub fn command(
        &mut self,
        now: Timestamp,
        command: PeerCommand,
        actions: &mut Vec<Action>,
    ) -> Vec<PeerId> {
        let mut unwanted = Vec::new();
        match command {
            PeerCommand::AddNode(address) => self.dialer.keep(now, address),
            PeerCommand::TryNode(address) => self.dialer.attempt(now, address),
            PeerCommand::RemoveNode(address) => self.dialer.release(&address),
            PeerCommand::DisconnectPeer(peer) => unwanted.push((peer, DisconnectReason::Operator)),
            PeerCommand::Ban { peer, duration } => {
                self.filter.bans.ban(now, peer, self.connections.address_of(&peer), duration);
                unwanted.push((peer, DisconnectReason::Banned));
            }
            PeerCommand::Unban(peer) => self.filter.bans.unban(&peer),
            PeerCommand::ClearBans => self.filter.bans.clear(),
            PeerCommand::SetBlocked(blocked) => {
                let before = core::mem::replace(&mut self.filter.blocked, blocked.clone());
                unwanted.extend(blocked.iter().map(|peer| (*peer, DisconnectReason::Blocked)));
                self.dialer.hurry_peers(now, |peer| before.contains(peer) && !blocked.contains(peer));
                actions.push(Action::Block { peers: blocked });
            }
            PeerCommand::SetNetworkActive(is_active) => {
                self.filter.is_active = is_active;
                if is_active {
                    self.dialer.hurry_peers(now, |_| true);
                } else {
                    unwanted.extend(self.iter().map(|one| (one.peer, DisconnectReason::Operator)));
                }
            }
        }
        let lost = unwanted.into_iter().filter(|(peer, why)| self.disconnect(peer, why.clone(), actions));
        lost.map(|(peer, _)| peer).collect()
    }

    /// Does what is due now: pings, timeouts, dials. Returns the peers that lost a ready connection.
    pub fn wake(&mut self, now: Timestamp, actions: &mut Vec<Action>) -> Vec<PeerId> {
        let mut lost = self.connections.ping(now, &mut self.random, actions);
        lost.retain(|peer| self.disconnect(peer, DisconnectReason::TimedOut, actions));
        for address in self.dialer.overdue(now) {
            self.dial_failed(now, &address);
        }
        if self.filter.is_active {
            self.fill_slots(now, actions);
            let filter = &self.filter;
            let due = self.dialer.take_due(now, |peer| filter.forbids_dialing(now, peer));
            actions.extend(due.into_iter().map(|address| Action::Connect { address }));
        }
        lost
    }

    /// The time at which [`Self::wake`] has something to do.
    pub fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        let dials = self.dialer.next_due(|peer| self.filter.forbids_dialing(now, peer));
        let dials = dials.filter(|_| self.filter.is_active);
        [self.connections.next_due(), dials, self.next_fill(now)].into_iter().flatten().min()
    }

    /// The connection with a peer.
    pub fn get(&self, peer: &PeerId) -> Option<&Connection> {
        self.connections.0.get(peer)
    }

    /// Every connection, in the order of ids, whatever its phase.
    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.connections.0.values()
    }

    /// Every connection whose handshake is complete.
    pub fn ready(&self) -> impl Iterator<Item = &Connection> {
        self.connections.ready()
    }

    /// Dials addresses of the book for free outbound slots. If the book has too few, asks a peer for more.
    fn fill_slots(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let in_use = self.addresses_in_use();
        let mut free = self.free_outbound_slots();
        while free > 0 {
            let (dialer, filter) = (&self.dialer, &self.filter);
            let wanted = |address: &PeerAddress| filter.allows_dialing(now, address, dialer, &in_use);
            let Some(address) = self.book.pick(now, wanted, &mut self.random) else { break };
            self.dialer.attempt(now, address);
            free -= 1;
        }
        if free > 0
            && let Some(connection) = self.connections.next_address_source(now)
        {
            connection.request_addresses(now, actions);
        }
    }

    fn free_outbound_slots(&self) -> usize {
        let used = self.connections.count(Direction::Outbound) + self.dialer.dialing();
        self.limits.outbound.saturating_sub(used)
    }

    fn addresses_in_use(&self) -> BTreeSet<PeerAddress> {
        let mut in_use = self.connections.addresses();
        in_use.extend(&self.identity.listen);
        in_use
    }

    /// The time at which a free slot may be filled, or addresses requested.
    fn next_fill(&self, now: Timestamp) -> Option<Timestamp> {
        if self.free_outbound_slots() == 0 || !self.filter.is_active {
            return None;
        }
        let in_use = self.addresses_in_use();
        let wanted = |address: &PeerAddress| self.filter.allows_dialing(now, address, &self.dialer, &in_use);
        let from_book = self.book.next_due(wanted);
        from_book.into_iter().chain(self.connections.next_address_request(now)).min()
    }
}
