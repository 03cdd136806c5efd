//! Peers: the table of connections, and the will to have enough of the right ones.
//!
//! Scoring by conduct, and discovery by mDNS or a distributed table, have their places here: the
//! first in `slots`, the second as `AddressFound`, which fills the address book.

use core::time::Duration;
use std::collections::BTreeSet;

use cairn_core::time::Timestamp;

use crate::action::Action;
use crate::event::{DisconnectReason, Event};
use crate::input::Command;
use crate::limits::{BAN_LASTING, LASTING_CONNECTION, MAX_PEERS_PER_MESSAGE, PEERS_ANSWER_INTERVAL};
use crate::message::{Hello, Message};
use crate::peer::{Direction, PeerAddress, PeerId};
use crate::random::Random;

pub mod addresses;
pub mod backoff;
pub mod bans;
pub mod connection;
pub mod dialling;
pub mod handshake;
pub mod refusals;
pub mod slots;
pub mod table;

pub use slots::Room;

use addresses::AddressBook;
use connection::{Connection, Phase};
use dialling::Dialler;
use handshake::{Identity, Tip};
use refusals::Refusals;
use table::Table;

/// Every connection, and who else may be connected.
#[derive(Clone, Debug)]
pub struct Peers {
    identity: Identity,
    room: Room,
    ping_every: Option<Duration>,
    connections: Table,
    refusals: Refusals,
    book: AddressBook,
    dialler: Dialler,
    random: Random,
    /// When something is due; kept up by everything that changes it, because it is asked often.
    due: Option<Timestamp>,
}

impl Peers {
    /// A node without connections that will dial these addresses for ever.
    pub fn new(
        own: PeerId,
        identity: Identity,
        (room, ping_every): (Room, Option<Duration>),
        connect: &[PeerAddress],
        random: Random,
    ) -> Self {
        let mut dialler = Dialler::default();
        connect.iter().for_each(|address| dialler.keep(Timestamp::default(), *address));
        let (connections, book) = (Table::default(), AddressBook::default());
        let refusals = Refusals::new(own);
        Self {
            identity,
            room,
            ping_every,
            connections,
            refusals,
            book,
            dialler,
            random,
            due: Some(Timestamp::default()),
        }
    }

    /// Greets a new connection, or refuses it. A second connection of one peer means that its
    /// stream was replaced: the first is over. Returns who lost a ready connection by this.
    pub fn connected(
        &mut self,
        now: Timestamp,
        (peer, direction, address): (PeerId, Direction, PeerAddress),
        tip: Tip,
        actions: &mut Vec<Action>,
    ) -> Vec<PeerId> {
        let mut departed = Vec::new();
        if self.disconnected(now, &peer, actions) {
            departed.push(peer);
        }
        if direction == Direction::Outbound {
            self.dialler.reached(address, peer);
        }
        self.connections.insert(Connection::new(now, peer, direction, address, self.ping_every));
        if let Some(reason) = self.refusals.reason(now, &peer, &address) {
            self.hang_up(&peer, reason, actions);
        } else if direction == Direction::Inbound
            && self.connections.count(Direction::Inbound) > self.room.inbound
        {
            let others =
                self.connections.iter().filter(|one| one.peer != peer && one.phase != Phase::Closing);
            let victim = slots::to_evict(others).unwrap_or(peer);
            if self.hang_up(&victim, DisconnectReason::Full, actions) {
                departed.push(victim);
            }
        }
        if let Some(one) = self.connections.get_mut(&peer).filter(|one| one.phase == Phase::AwaitingHello) {
            one.told_tip = Some(tip.hash);
            let message = Message::Hello(Box::new(self.identity.hello(tip)));
            actions.push(Action::Send { peer, message });
        }
        self.reschedule(now);
        departed
    }

    /// Notes that a connection is gone; says whether a ready one was lost by this.
    pub fn disconnected(&mut self, now: Timestamp, peer: &PeerId, actions: &mut Vec<Action>) -> bool {
        let Some(connection) = self.connections.remove(peer) else { return false };
        let lasted = now.since(connection.since) >= LASTING_CONNECTION;
        self.dialler.lost(now, peer, lasted, &mut self.random);
        if connection.direction == Direction::Outbound && connection.phase == Phase::AwaitingHello {
            self.book.miss(now, &connection.address, &mut self.random);
        }
        if connection.is_ready() {
            let reason = DisconnectReason::LinkLost;
            actions.push(Action::Emit(Event::PeerDisconnected { peer: *peer, reason }));
        }
        self.reschedule(now);
        connection.is_ready()
    }

    /// Hangs up: says why, if the other side should know. Says whether a ready connection ends.
    pub fn hang_up(&mut self, peer: &PeerId, reason: DisconnectReason, actions: &mut Vec<Action>) -> bool {
        let Some(connection) = self.connections.get_mut(peer) else { return false };
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
                self.dialler.forget(&address);
                self.book.forget(&address);
            }
            DisconnectReason::Operator if self.refusals.is_active() => self.dialler.give_up(peer),
            DisconnectReason::Misconduct(_) | DisconnectReason::Banned => self.dialler.give_up(peer),
            _ => {}
        }
        let peer = *peer;
        actions.push(Action::Emit(Event::peer_gone(peer, was_ready, address, reason)));
        was_ready
    }

    /// Hangs up on one that broke a rule no honest peer can break, and refuses it for a while.
    pub fn ban(&mut self, now: Timestamp, peer: &PeerId, offence: String, actions: &mut Vec<Action>) -> bool {
        self.refusals.bans.ban(now, *peer, self.connections.address_of(peer), BAN_LASTING);
        self.hang_up(peer, DisconnectReason::Misconduct(offence), actions)
    }

    /// Reads the first message of a peer; says whether the two go on together.
    pub fn greeted(&mut self, now: Timestamp, peer: PeerId, hello: Hello, actions: &mut Vec<Action>) -> bool {
        if let Err(refusal) = self.identity.judge(&hello) {
            let reason = match refusal {
                handshake::Refusal::Ourselves => DisconnectReason::Duplicate,
                _ => DisconnectReason::WeSaid(refusal.goodbye()),
            };
            self.hang_up(&peer, reason, actions);
            self.reschedule(now);
            return false;
        }
        let lacks_outbound = self.connections.count(Direction::Outbound) < self.room.outbound;
        let Some(connection) = self.connections.get_mut(&peer) else { return false };
        let user_agent = hello.user_agent.clone();
        connection.phase = Phase::Ready(Box::new(hello));
        connection.heartbeat = connection.first_beat(now);
        let (direction, address) = (connection.direction, connection.address);
        let listens_at = connection.listens_at();
        let asks = direction == Direction::Outbound && lacks_outbound;
        if asks {
            connection.ask_for_peers(now);
            actions.push(Action::Send { peer, message: Message::GetPeers });
        }
        if direction == Direction::Outbound {
            self.book.meet(now, address);
        }
        self.book.hear_from(peer, &address, &listens_at, &mut self.random);
        self.dialler.listens_at(peer, &listens_at);
        actions.push(Action::Emit(Event::PeerConnected { peer, direction, address, user_agent }));
        self.reschedule(now);
        true
    }

    /// Notes that a peer lives; returns its connection.
    pub fn heard_from(&mut self, now: Timestamp, peer: &PeerId) -> Option<&Connection> {
        self.connections.heard_from(now, peer)
    }

    /// Notes that a peer gave us a block that we lacked.
    pub fn gave_block(&mut self, now: Timestamp, peer: &PeerId) {
        self.connections.gave_block(now, peer);
    }

    /// Notes the answer to a ping.
    pub fn ponged(&mut self, now: Timestamp, peer: &PeerId, nonce: u64) {
        self.connections.ponged(now, peer, nonce);
        self.reschedule(now);
    }

    /// Tells a peer of others, now and then: who asks more often gets no answer.
    pub fn asked_for_peers(&mut self, now: Timestamp, peer: PeerId, actions: &mut Vec<Action>) {
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        if connection.told_peers.is_some_and(|told| now.since(told) < PEERS_ANSWER_INTERVAL) {
            return;
        }
        connection.told_peers = Some(now);
        let mut addresses = self.book.sample(MAX_PEERS_PER_MESSAGE, &mut self.random);
        let its_own = connection.listens_at();
        addresses.retain(|address| !its_own.contains(address));
        actions.push(Action::Send { peer, message: Message::Peers(addresses) });
    }

    /// Notes addresses that a peer was asked for; unasked ones are not heard.
    pub fn told_of_peers(&mut self, now: Timestamp, peer: PeerId, addresses: &[PeerAddress]) {
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        if !connection.owes_peers || connection.phase == Phase::Closing {
            return;
        }
        connection.owes_peers = false;
        let seen = connection.address;
        self.book.hear_from(peer, &seen, addresses, &mut self.random);
        self.reschedule(now);
    }

    /// Notes an address that discovery found, and dials it soon if it was waited for.
    pub fn address_found(&mut self, now: Timestamp, address: PeerAddress) {
        if !self.identity.listen.contains(&address) {
            self.book.hear(address, None, &mut self.random);
            self.dialler.hurry(now, &address);
        }
        self.reschedule(now);
    }

    /// Notes that a dial came to nothing.
    pub fn dial_failed(&mut self, now: Timestamp, address: &PeerAddress) {
        self.dialler.failed(now, address, &mut self.random);
        self.book.miss(now, address, &mut self.random);
        self.reschedule(now);
    }

    /// Does what the operator wants; returns who lost a ready connection by it.
    pub fn command(&mut self, now: Timestamp, command: Command, actions: &mut Vec<Action>) -> Vec<PeerId> {
        let mut unwanted = Vec::new();
        match command {
            Command::AddNode(address) => self.dialler.keep(now, address),
            Command::TryNode(address) => self.dialler.attempt(now, address),
            Command::RemoveNode(address) => {
                self.dialler.release(&address);
            }
            Command::DisconnectPeer(peer) => unwanted.push((peer, DisconnectReason::Operator)),
            Command::Ban { peer, lasting } => {
                self.refusals.bans.ban(now, peer, self.connections.address_of(&peer), lasting);
                unwanted.push((peer, DisconnectReason::Banned));
            }
            Command::Unban(peer) => {
                self.refusals.bans.unban(&peer);
            }
            Command::ClearBans => self.refusals.bans.clear(),
            Command::SetBlocked(blocked) => {
                let healed = self.refusals.set_blocked(blocked.clone());
                unwanted.extend(blocked.iter().map(|peer| (*peer, DisconnectReason::Blocked)));
                actions.push(Action::Block { peers: blocked });
                self.dialler.hurry_peers(now, |peer| healed.contains(peer));
            }
            Command::SetNetworkActive(is_active) => {
                self.refusals.set_active(is_active);
                if is_active {
                    self.dialler.hurry_peers(now, |_| true);
                } else {
                    unwanted
                        .extend(self.connections.iter().map(|one| (one.peer, DisconnectReason::Operator)));
                }
            }
        }
        let departed =
            unwanted.into_iter().filter(|(peer, reason)| self.hang_up(peer, reason.clone(), actions));
        let departed: Vec<PeerId> = departed.map(|(peer, _)| peer).collect();
        self.reschedule(now);
        departed
    }

    /// Does what is due: pings, time-outs, dials. Returns who lost a ready connection by it.
    pub fn wake(&mut self, now: Timestamp, actions: &mut Vec<Action>) -> Vec<PeerId> {
        let mut departed = self.connections.beat(now, &mut self.random, actions);
        departed.retain(|silent| self.hang_up(silent, DisconnectReason::TimedOut, actions));
        for address in self.dialler.take_overdue(now) {
            self.dial_failed(now, &address);
        }
        if self.refusals.is_active() {
            self.fill_slots(now, actions);
            let refusals = &self.refusals;
            let due = self.dialler.take_due(now, |peer| refusals.refuses_to_dial(now, peer));
            actions.extend(due.into_iter().map(|address| Action::Connect { address }));
        }
        self.reschedule(now);
        departed
    }

    /// When `wake` has something to do.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.due
    }

    /// A connection.
    pub fn get(&self, peer: &PeerId) -> Option<&Connection> {
        self.connections.get(peer)
    }

    /// Every connection, in the order of ids, whatever its phase.
    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter()
    }

    /// Every connection whose handshake is complete.
    pub fn ready(&self) -> impl Iterator<Item = &Connection> {
        self.connections.ready()
    }

    /// Who is refused.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Where other nodes may be.
    pub fn book(&self) -> &AddressBook {
        &self.book
    }

    /// Which addresses are kept up.
    pub fn dialler(&self) -> &Dialler {
        &self.dialler
    }

    /// What this node says of itself.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Dials addresses from the book while outbound connections lack; with none left, asks a peer.
    fn fill_slots(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let in_use = self.addresses_in_use();
        let mut lacking = self
            .room
            .outbound
            .saturating_sub(self.connections.count(Direction::Outbound) + self.dialler.dialling());
        while lacking > 0 {
            let (dialler, refusals) = (&self.dialler, &self.refusals);
            let wanted = |address: &PeerAddress| refusals.would_dial(now, address, dialler, &in_use);
            let Some(address) = self.book.pick(now, wanted, &mut self.random) else { break };
            self.dialler.attempt(now, address);
            lacking -= 1;
        }
        if lacking > 0
            && let Some(connection) = self.connections.to_ask(now)
        {
            connection.ask_for_peers(now);
            actions.push(Action::Send { peer: connection.peer, message: Message::GetPeers });
        }
    }

    fn addresses_in_use(&self) -> BTreeSet<PeerAddress> {
        let mut in_use = self.connections.addresses();
        in_use.extend(&self.identity.listen);
        in_use
    }

    fn reschedule(&mut self, now: Timestamp) {
        let of_connections = self.connections.next_due();
        let of_dialler = self.dialler.next_due(|peer| self.refusals.refuses_to_dial(now, peer));
        let of_dialler = of_dialler.filter(|_| self.refusals.is_active());
        self.due = [of_connections, of_dialler, self.next_fill(now)].into_iter().flatten().min();
    }

    /// When slots may be filled: at the next due address of the book, or when a peer may be asked.
    fn next_fill(&self, now: Timestamp) -> Option<Timestamp> {
        let lacks =
            self.connections.count(Direction::Outbound) + self.dialler.dialling() < self.room.outbound;
        if !lacks || !self.refusals.is_active() {
            return None;
        }
        let in_use = self.addresses_in_use();
        let wanted = |address: &PeerAddress| self.refusals.would_dial(now, address, &self.dialler, &in_use);
        let from_book = self.book.next_due(wanted);
        from_book.into_iter().chain(self.connections.next_to_ask(now)).min()
    }
}
