//! Peers: connection table, outbound targets and eviction.
//!
//! Other ways of discovery enter as `AddressFound`, which fills the address manager.

use core::time::Duration;
use std::collections::BTreeSet;

use cairn_core::encoding::{Decode, Encode};
use cairn_core::time::Timestamp;

use crate::action::Action;
use crate::chain::tree::ChainTip;
use crate::event::{DisconnectReason, Event};
use crate::input::PeerCommand;
use crate::limits::{
    BAN_DURATION, BLOCKS_ONLY_TARGET, BLOCKS_ONLY_TIMEOUT, FEELER_INTERVAL, GOOD_CONNECTION,
    PEERS_REPLY_INTERVAL,
};
use crate::message::{Hello, Message};
use crate::peer::{Direction, PeerAddress, PeerId};
use crate::random::Random;

pub mod address_key;
pub mod address_manager;
pub mod address_rates;
pub mod backoff;
pub mod bans;
pub mod connection;
pub mod connection_table;
pub mod dialer;
pub mod handshake;
pub mod network_group;
pub mod peer_filter;
pub mod purpose;
pub mod slots;

pub use slots::ConnectionLimits;

use address_key::AddressKey;
use address_manager::{AddressManager, SavedAddresses};
use bans::{Ban, BanList, BannedBy};
use connection::{Connection, Phase};
use connection_table::ConnectionTable;
use dialer::Dialer;
use handshake::{HandshakeError, Identity};
use network_group::NetworkGroup;
use peer_filter::PeerFilter;
use purpose::Purpose;

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
    pub addresses: AddressManager,
    /// The addresses that are dialed or connected.
    pub dialer: Dialer,
    /// When the next address is tested.
    next_feeler: Timestamp,
    random: Random,
}

/// The part of the peers that is kept across restarts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SavedPeers {
    pub addresses: SavedAddresses,
    /// Addresses of connections for blocks alone, which are dialed first (Heilman et al., countermeasure 5).
    pub anchors: Vec<PeerAddress>,
    pub bans: Vec<(PeerId, Ban)>,
}

impl Peers {
    /// A node without connections that keeps a connection to each address of `connect`. The secret key decides the
    /// buckets of addresses.
    pub fn new(
        own: PeerId,
        identity: Identity,
        limits: ConnectionLimits,
        ping_interval: Option<Duration>,
        connect: &[PeerAddress],
        key: AddressKey,
        random: Random,
    ) -> Self {
        let mut dialer = Dialer::default();
        connect.iter().for_each(|address| dialer.keep(Timestamp::default(), *address));
        let (connections, addresses) = (ConnectionTable::default(), AddressManager::new(key));
        let (filter, next_feeler) = (PeerFilter::new(own), Timestamp::default());
        Self { identity, limits, ping_interval, connections, filter, addresses, dialer, next_feeler, random }
    }

    /// Adds what was saved before a restart; the anchors are dialed first.
    pub fn restore(&mut self, saved: SavedPeers) {
        self.addresses = AddressManager::restore(saved.addresses);
        self.filter.bans = BanList::restore(saved.bans);
        for anchor in saved.anchors.into_iter().take(BLOCKS_ONLY_TARGET).filter(|_| self.limits.outbound > 0)
        {
            self.dialer.attempt(Timestamp::default(), anchor, Purpose::BlocksOnly);
        }
    }

    /// The part that is kept across restarts.
    pub fn saved(&self, now: Timestamp) -> SavedPeers {
        let anchors = self.ready().filter(|one| one.purpose == Purpose::BlocksOnly).map(|one| one.address);
        let bans = self.filter.bans.iter(now).map(|(peer, ban)| (*peer, *ban));
        SavedPeers { addresses: self.addresses.saved(), anchors: anchors.collect(), bans: bans.collect() }
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
        let mut purpose = Purpose::Full;
        if direction == Direction::Outbound {
            self.dialer.connected(address, peer);
            purpose = self.dialer.purpose(&address);
        }
        let connection = Connection::new(now, peer, direction, purpose, address, self.ping_interval);
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
            let message = Message::Hello(Box::new(self.identity.hello(tip, purpose)));
            actions.push(Action::Send { peer, message });
        }
        lost
    }

    /// Removes a connection that has ended; returns whether it was ready.
    pub fn disconnected(&mut self, now: Timestamp, peer: &PeerId, actions: &mut Vec<Action>) -> bool {
        let Some(connection) = self.connections.0.remove(peer) else { return false };
        let was_good = connection.was_ready && now.since(connection.since) >= GOOD_CONNECTION;
        self.dialer.disconnected(now, peer, was_good, &mut self.random);
        if connection.direction == Direction::Outbound && !connection.was_ready {
            self.address_failed(now, &connection.address);
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
                self.addresses.forget(&address);
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
        let (seen_at, by) = (self.connections.address_of(peer), BannedBy::Misbehavior);
        self.filter.bans.ban(now, *peer, seen_at, BAN_DURATION, by);
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
        let has_free_slot = self.connections.outbound_for(Purpose::Full) < self.limits.outbound;
        let Some(connection) = self.connections.0.get_mut(&peer) else { return false };
        connection.was_ready = true;
        if connection.purpose == Purpose::Feeler {
            let address = connection.address;
            self.address_succeeded(now, address);
            self.disconnect(&peer, DisconnectReason::Tested, actions);
            return false;
        }
        let user_agent = hello.user_agent.clone();
        connection.phase = Phase::Ready(Box::new(hello));
        connection.heartbeat = connection.first_heartbeat(now);
        let (direction, address) = (connection.direction, connection.address);
        let (listens_at, purpose) = (connection.listens_at(), connection.purpose);
        let occupied: Vec<PeerAddress> = connection.occupies().collect();
        if direction == Direction::Outbound {
            if has_free_slot && purpose == Purpose::Full {
                connection.request_addresses(now, actions);
                self.addresses.requested_from(now, &address);
            }
            self.address_succeeded(now, address);
        }
        self.addresses.add_from(now, &address, &listens_at);
        self.dialer.listens_at(peer, &occupied);
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

    /// Notes that a peer delivered a transaction that was accepted.
    pub fn delivered_transaction(&mut self, now: Timestamp, peer: &PeerId) {
        if let Some(connection) = self.connections.0.get_mut(peer) {
            connection.last_transaction = Some(now);
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
        if !connection.relays_transactions() {
            return;
        }
        if connection.sent_addresses.is_some_and(|last| now.since(last) < PEERS_REPLY_INTERVAL) {
            return;
        }
        connection.sent_addresses = Some(now);
        let mut addresses = self.addresses.sample(&mut self.random);
        let its_own = connection.listens_at();
        addresses.retain(|address| !its_own.contains(address));
        actions.push(Action::Send { peer, message: Message::Peers(addresses) });
    }

    /// Adds the addresses of a reply. Unsolicited ones are ignored.
    pub fn received_addresses(&mut self, now: Timestamp, peer: PeerId, addresses: &[PeerAddress]) {
        let Some(connection) = self.connections.0.get_mut(&peer) else { return };
        if connection.phase != Phase::Closing && core::mem::take(&mut connection.awaits_addresses) {
            self.addresses.add_from(now, &connection.address, addresses);
        }
    }

    /// Adds an address that discovery found, and dials it soon if it is a target.
    pub fn address_found(&mut self, now: Timestamp, address: PeerAddress) {
        if !self.identity.listen.contains(&address) {
            self.addresses.add(address, None);
            self.dialer.hurry(now, &address);
        }
    }

    /// Notes that a dial failed.
    pub fn dial_failed(&mut self, now: Timestamp, address: &PeerAddress) {
        self.dialer.failed(now, address, &mut self.random);
        self.address_failed(now, address);
    }

    fn address_succeeded(&mut self, now: Timestamp, address: PeerAddress) {
        let Self { addresses, connections, .. } = self;
        addresses.succeeded(now, address, |occupant| connections.is_dialed(occupant));
    }

    fn address_failed(&mut self, now: Timestamp, address: &PeerAddress) {
        let is_online = self.ready().next().is_some();
        self.addresses.failed(now, address, is_online, &mut self.random);
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
            PeerCommand::TryNode(address) => self.dialer.attempt(now, address, Purpose::Full),
            PeerCommand::RemoveNode(address) => self.dialer.release(&address),
            PeerCommand::DisconnectPeer(peer) => unwanted.push((peer, DisconnectReason::Operator)),
            PeerCommand::Ban { peer, duration } => {
                let seen_at = self.connections.address_of(&peer);
                self.filter.bans.ban(now, peer, seen_at, duration, BannedBy::Operator);
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
            if let Some((due, peer)) = self.next_promotion(now)
                && due <= now
            {
                self.promote(&peer, actions);
                lost.push(peer);
            }
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

    /// Dials addresses for free outbound slots. If too few are known, asks a peer for more; if none is free, tests an
    /// address now and then.
    fn fill_slots(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let mut is_short = false;
        for purpose in [Purpose::Full, Purpose::BlocksOnly] {
            for _ in 0..self.free_slots(now, purpose) {
                is_short |= !self.dial_one_more(now, purpose);
            }
        }
        if is_short && let Some(connection) = self.connections.next_address_source(now) {
            connection.request_addresses(now, actions);
            if connection.direction == Direction::Outbound {
                self.addresses.requested_from(now, &connection.address);
            }
        } else if !is_short && self.limits.outbound > 0 && self.next_feeler <= now {
            self.next_feeler = now.saturating_add(self.random.jitter(FEELER_INTERVAL));
            self.dial_one_more(now, Purpose::Feeler);
        }
    }

    /// The connection for blocks alone that becomes a full one, and when: no outbound connection is a full one, and none
    /// that was is made again. Otherwise a node that finds its anchors alone after a restart would relay no transaction
    /// and request no address.
    fn next_promotion(&self, now: Timestamp) -> Option<(Timestamp, PeerId)> {
        let is_full = self.connections.outbound_for(Purpose::Full) > 0
            || self.dialer.redials_full(|peer| self.filter.forbids_dialing(now, peer));
        let blocks_only = self.ready().filter(|one| !is_full && one.purpose == Purpose::BlocksOnly);
        blocks_only.map(|one| (one.since.saturating_add(BLOCKS_ONLY_TIMEOUT), one.peer)).min()
    }

    /// Disconnects a peer whose connection is for blocks alone, and dials a full one in its place.
    fn promote(&mut self, peer: &PeerId, actions: &mut Vec<Action>) {
        if let Some(connection) = self.connections.0.get_mut(peer) {
            connection.purpose = Purpose::Full;
            self.dialer.set_purpose(&connection.address, Purpose::Full);
        }
        self.disconnect(peer, DisconnectReason::Redialed, actions);
    }

    /// Dials one more address for a purpose; returns whether there is one.
    fn dial_one_more(&mut self, now: Timestamp, purpose: Purpose) -> bool {
        let wanted = self.wanted_addresses(now, purpose);
        let mut random = self.random.clone();
        let address = if purpose == Purpose::Feeler {
            self.addresses.pick_for_test(now, wanted, &mut random)
        } else {
            self.addresses.pick(now, wanted, &mut random)
        };
        self.random = random;
        let Some(address) = address else { return false };
        self.dialer.attempt(now, address, purpose);
        true
    }

    /// The addresses that may be dialed for a purpose: none that is in use or banned, and but for a test none of a
    /// network group to which there is an outbound connection or dial.
    fn wanted_addresses(&self, now: Timestamp, purpose: Purpose) -> impl Fn(&PeerAddress) -> bool {
        let mut in_use = self.connections.addresses();
        in_use.extend(&self.identity.listen);
        let outbound = self.iter().filter(|one| one.direction == Direction::Outbound).map(|one| &one.address);
        let outbound = outbound.chain(self.dialer.targets());
        let groups: BTreeSet<NetworkGroup> = match purpose {
            Purpose::Feeler => BTreeSet::new(),
            Purpose::Full | Purpose::BlocksOnly => outbound.map(NetworkGroup::of).collect(),
        };
        move |address| {
            !groups.contains(&NetworkGroup::of(address))
                && self.filter.allows_dialing(now, address, &self.dialer, &in_use)
        }
    }

    fn free_slots(&self, now: Timestamp, purpose: Purpose) -> usize {
        let target = match purpose {
            Purpose::Full => self.limits.outbound,
            Purpose::BlocksOnly => BLOCKS_ONLY_TARGET.min(self.limits.outbound),
            Purpose::Feeler => 0,
        };
        let pending = self.dialer.pending_for(purpose, |peer| self.filter.forbids_dialing(now, peer));
        let used = self.connections.outbound_for(purpose) + pending;
        target.saturating_sub(used)
    }

    /// The time at which a free slot may be filled, addresses requested, or an address tested.
    fn next_fill(&self, now: Timestamp) -> Option<Timestamp> {
        if self.limits.outbound == 0 || !self.filter.is_active {
            return None;
        }
        if self.free_slots(now, Purpose::Full) + self.free_slots(now, Purpose::BlocksOnly) == 0 {
            return Some(self.next_feeler);
        }
        let from_addresses = self.addresses.next_due(self.wanted_addresses(now, Purpose::Full));
        let promotion = self.next_promotion(now).map(|(due, _)| due);
        from_addresses.into_iter().chain(self.connections.next_address_request(now)).chain(promotion).min()
    }
}

#[cfg(test)]
mod tests;
