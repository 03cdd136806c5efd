//! Transaction relay: a transaction is announced by its id, requested from one peer, and delivered. If the peer
//! does not deliver in time, others are asked, twice as many each time, and those first that deliver or that this
//! node chose itself: so no number of silent announcers keeps a transaction out (CVE-2024-52913).
//!
//! No list of rejected ids is kept: an id does not cover the signatures, so a copy with invalid ones could keep
//! the valid transaction out (ATTACKS 30). What is remembered of a peer's announcements is limited for each
//! peer, so that a flood from one leaves those of the others.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use cairn_core::generations::Generations;
use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;
use cairn_core::transaction::Transaction;
use smallvec::SmallVec;

use crate::action::Action;
use crate::limits::{
    ANNOUNCE_BATCH, ANNOUNCE_BURST, ANNOUNCE_INTERVAL, CHECK_TIMEOUT, FULL_ANNOUNCE_INTERVAL,
    MAX_ANNOUNCE_QUEUE, MAX_INVENTORY, MAX_KNOWN_TRANSACTIONS, MAX_REQUESTS_PER_PEER,
    MAX_SERVED_TRANSACTION_BYTES, STALLED_TRANSACTION_TIMEOUT, TRANSACTION_TIMEOUT,
};
use crate::message::{Inventory, Message};
use crate::peer::{Direction, PeerId};
use crate::prefix_map::PeerMap;
use crate::random::Random;
use crate::relay::known_transactions::{KnownTransactions, PeerSet};

/// The announcements, requests and known transactions of all peers.
#[derive(Clone, Debug)]
pub struct TransactionRelay {
    peers: PeerMap<Side>,
    known: KnownTransactions,
    /// Prefixes of the latest confirmed ids, which are not requested from a peer that is behind.
    confirmed: Generations<u64, ()>,
    requests: BTreeMap<Txid, Request>,
    deadlines: BTreeSet<(Timestamp, Txid)>,
    random: Random,
}

/// The announcements to one peer, and the requests that name it.
#[derive(Clone, Debug)]
struct Side {
    /// Its number in sets of peers, which no other peer has.
    slot: usize,
    /// Ids to be announced, in the order of arrival: a parent before its child.
    queue: VecDeque<Txid>,
    /// When the queue is announced; none while it is empty.
    announce_at: Option<Timestamp>,
    last_announced: Timestamp,
    /// The end of the intervals of all announcements so far.
    busy_until: Timestamp,
    /// The number of requests that name this peer.
    requests: usize,
    direction: Direction,
    /// Requests in a row that it did not answer in time.
    stalls: u32,
}

/// A transaction that was announced and has not arrived.
#[derive(Clone, Debug)]
struct Request {
    /// The peers that were asked and have time until the deadline.
    asked: SmallVec<[PeerId; 1]>,
    deadline: Timestamp,
    /// When they were asked.
    since: Timestamp,
    /// The other announcers, in the order of their announcements.
    others: Vec<PeerId>,
    /// The number of peers to ask next, which doubles with each deadline that passes.
    next: usize,
}

impl TransactionRelay {
    /// The state of a node without peers.
    pub fn new(random: Random) -> Self {
        Self {
            peers: PeerMap::default(),
            known: KnownTransactions::new(MAX_KNOWN_TRANSACTIONS),
            confirmed: Generations::new(MAX_KNOWN_TRANSACTIONS / 2),
            requests: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            random,
        }
    }

    /// A peer completed the handshake; these ids are announced to it, parents before children.
    pub fn connected(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        direction: Direction,
        txids: impl Iterator<Item = Txid>,
    ) {
        let queue: VecDeque<Txid> = txids.take(MAX_ANNOUNCE_QUEUE).collect();
        let announce_at = (!queue.is_empty()).then_some(now);
        let taken: BTreeSet<usize> = self.peers.values().map(|side| side.slot).collect();
        let slot = (0..).find(|slot| !taken.contains(slot)).unwrap_or(taken.len());
        let (last_announced, busy_until) = (Timestamp::default(), Timestamp::default());
        let (requests, stalls) = (0, 0);
        let side = Side { slot, queue, announce_at, last_announced, busy_until, requests, direction, stalls };
        self.peers.insert(peer, side);
    }

    /// A peer is disconnected: its requests go to others.
    pub fn disconnected(&mut self, now: Timestamp, peer: &PeerId, actions: &mut Vec<Action>) {
        if let Some(side) = self.peers.remove(peer) {
            self.known.forget_peer(side.slot);
        }
        let named = self.requests.iter().filter(|(_, request)| request.names(peer));
        let named: Vec<Txid> = named.map(|(txid, _)| *txid).collect();
        self.withdraw(now, peer, named, actions);
    }

    /// Queues a transaction for every peer that is not known to have it.
    pub fn announce(&mut self, now: Timestamp, txid: Txid) {
        let known = self.known.begin(&txid);
        for side in self.peers.values_mut().filter(|side| !known.contains(side.slot)) {
            side.enqueue(now, txid, &mut self.random);
        }
    }

    /// Queues a transaction for every peer, also for those that are known to have had it.
    pub fn announce_again(&mut self, now: Timestamp, txid: Txid) {
        *self.known.begin(&txid) = PeerSet::default();
        for side in self.peers.values_mut() {
            side.enqueue(now, txid, &mut self.random);
        }
    }

    /// A peer announces transactions. Those that `is_missing` confirms are requested, once each.
    pub fn announced(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        txids: &[Txid],
        is_missing: impl Fn(&Txid) -> bool,
        actions: &mut Vec<Action>,
    ) {
        let Some(side) = self.peers.get_mut(&peer) else { return };
        let mut requested = Vec::new();
        for txid in txids {
            self.known.note(txid, side.slot);
            if side.requests >= MAX_REQUESTS_PER_PEER || !is_missing(txid) {
                continue;
            }
            if let Some(request) = self.requests.get_mut(txid) {
                if !request.names(&peer) {
                    request.others.push(peer);
                    side.requests += 1;
                }
            } else if self.confirmed.get(&txid.prefix()).is_none() {
                self.known.begin(txid).insert(side.slot);
                let deadline = now.saturating_add(side.timeout());
                let asked = SmallVec::from_buf([peer]);
                let request = Request { asked, deadline, since: now, others: Vec::new(), next: 1 };
                self.requests.insert(*txid, request);
                self.deadlines.insert((deadline, *txid));
                side.requests += 1;
                requested.push(*txid);
            }
        }
        send_requests(peer, requested, actions);
    }

    /// A peer delivers a transaction; returns whether it has announced it, and it has not arrived. Only then is it
    /// checked, and the result noted with [`Self::arrived`] or [`Self::not_valid`]; until then no other peer is asked.
    pub fn delivered(&mut self, now: Timestamp, peer: &PeerId, txid: &Txid) -> bool {
        let Some(request) = self.requests.get_mut(txid).filter(|request| request.names(peer)) else {
            return false;
        };
        self.deadlines.remove(&(request.deadline, *txid));
        request.deadline = now.saturating_add(CHECK_TIMEOUT);
        self.deadlines.insert((request.deadline, *txid));
        if let Some(side) = self.peers.get_mut(peer) {
            side.stalls = 0;
        }
        true
    }

    /// A delivered transaction is not valid, or its parents are missing. The id does not cover the signatures,
    /// so the next peer that announced it is asked, and no peer can keep it out (ATTACKS 30).
    pub fn not_valid(&mut self, now: Timestamp, peer: PeerId, txid: Txid, actions: &mut Vec<Action>) {
        self.withdraw(now, &peer, vec![txid], actions);
    }

    /// A transaction arrived, or is no longer needed.
    pub fn arrived(&mut self, txid: &Txid) {
        let Some(request) = self.requests.remove(txid) else { return };
        self.deadlines.remove(&(request.deadline, *txid));
        for peer in request.others.iter().chain(&request.asked) {
            if let Some(side) = self.peers.get_mut(peer) {
                side.requests = side.requests.saturating_sub(1);
            }
        }
    }

    /// A block of the best chain confirms a transaction, which is no longer announced.
    pub fn confirmed(&mut self, txid: &Txid) {
        self.arrived(txid);
        self.known.forget(txid);
        self.confirmed.renew(txid.prefix());
    }

    /// The block that confirmed a transaction was disconnected.
    pub fn unconfirmed(&mut self, txid: &Txid) {
        self.confirmed.remove(&txid.prefix());
    }

    /// A transaction left the mempool unconfirmed. If it is accepted again, it is announced as a new one.
    pub fn removed(&mut self, txid: &Txid) {
        self.known.forget(txid);
    }

    /// A peer cannot deliver what it announced.
    pub fn not_found(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        items: &[Inventory],
        actions: &mut Vec<Action>,
    ) {
        let txids = items.iter().filter_map(|item| match item {
            Inventory::Transaction(txid) => Some(*txid),
            Inventory::Block(_) => None,
        });
        let was_asked = |txid: &Txid| self.requests.get(txid).is_some_and(|one| one.asked.contains(&peer));
        let txids = txids.filter(was_asked).collect();
        self.withdraw(now, &peer, txids, actions);
    }

    /// Replies to a request with the transactions that `get` finds, up to a limit of bytes. The others are
    /// reported as not found.
    pub fn requested(
        &mut self,
        peer: PeerId,
        txids: &[Txid],
        get: impl Fn(&Txid) -> Option<Arc<Transaction>>,
        actions: &mut Vec<Action>,
    ) {
        let Some(side) = self.peers.get(&peer) else { return };
        let (mut found, mut missing, mut bytes) = (Vec::new(), Vec::new(), 0);
        for txid in txids {
            match get(txid).filter(|_| bytes < MAX_SERVED_TRANSACTION_BYTES) {
                Some(transaction) => {
                    bytes += transaction.size();
                    self.known.note(txid, side.slot);
                    found.push(transaction);
                }
                None => missing.push(Inventory::Transaction(*txid)),
            }
        }
        if !found.is_empty() {
            actions.push(Action::Send { peer, message: Message::Transactions(found) });
        }
        if !missing.is_empty() {
            actions.push(Action::Send { peer, message: Message::NotFound(missing) });
        }
    }

    /// Sends the announcements that are due, and the overdue requests to other peers.
    pub fn wake(
        &mut self,
        now: Timestamp,
        is_unconfirmed: impl Fn(&Txid) -> bool,
        actions: &mut Vec<Action>,
    ) {
        for (peer, side) in self.peers.iter_mut() {
            if side.announce_at.is_some_and(|due| due <= now) {
                let txids = side.take_queue(now, &mut self.known, &is_unconfirmed);
                if !txids.is_empty() {
                    side.announced(now, &mut self.random);
                    actions.push(Action::Send { peer: *peer, message: Message::AnnounceTransactions(txids) });
                }
            }
        }
        let mut overdue = Vec::new();
        while let Some((_, txid)) = self.deadlines.first().copied().filter(|(deadline, _)| *deadline <= now) {
            self.deadlines.pop_first();
            let Some(request) = self.requests.get_mut(&txid) else { continue };
            // Without another announcer, a peer that was slow once has the whole time again.
            let latest = request.since.saturating_add(TRANSACTION_TIMEOUT);
            if request.others.is_empty() && now < latest {
                request.deadline = latest;
                self.deadlines.insert((latest, txid));
                continue;
            }
            overdue.push(txid);
            request.next = request.next.saturating_mul(2);
            for silent in core::mem::take(&mut request.asked) {
                if let Some(side) = self.peers.get_mut(&silent) {
                    side.requests = side.requests.saturating_sub(1);
                    side.stalls = side.stalls.saturating_add(1);
                }
            }
        }
        self.request_from_others(now, overdue, actions);
    }

    /// The time at which [`Self::wake`] has something to do.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let announcements = self.peers.values().filter_map(|side| side.announce_at);
        announcements.chain(self.deadlines.first().map(|(deadline, _)| *deadline)).min()
    }

    /// A peer will not deliver these transactions. Those that no other peer was asked for are requested from others.
    fn withdraw(&mut self, now: Timestamp, peer: &PeerId, txids: Vec<Txid>, actions: &mut Vec<Action>) {
        let mut unasked = Vec::new();
        for txid in txids {
            let Some(request) = self.requests.get_mut(&txid).filter(|request| request.names(peer)) else {
                continue;
            };
            request.others.retain(|other| other != peer);
            request.asked.retain(|asked| asked != peer);
            if request.asked.is_empty() {
                unasked.push(txid);
            }
            if let Some(side) = self.peers.get_mut(peer) {
                side.requests = side.requests.saturating_sub(1);
            }
        }
        self.request_from_others(now, unasked, actions);
    }

    /// Requests transactions, which no peer is asked for now, from other announcers.
    fn request_from_others(&mut self, now: Timestamp, txids: Vec<Txid>, actions: &mut Vec<Action>) {
        let mut by_peer: BTreeMap<PeerId, Vec<Txid>> = BTreeMap::new();
        for txid in txids {
            let Some(request) = self.requests.get_mut(&txid) else { continue };
            self.deadlines.remove(&(request.deadline, txid));
            if request.others.is_empty() {
                self.requests.remove(&txid);
                continue;
            }
            let rank = |peer: &PeerId| {
                self.peers.get(peer).map(|side| (side.stalls, side.direction == Direction::Inbound))
            };
            request.others.sort_by_key(rank);
            let rest = request.others.split_off(request.next.min(request.others.len()));
            request.asked = core::mem::replace(&mut request.others, rest).into();
            let timeouts = request.asked.iter().filter_map(|peer| self.peers.get(peer)).map(Side::timeout);
            (request.since, request.deadline) =
                (now, now.saturating_add(timeouts.max().unwrap_or(TRANSACTION_TIMEOUT)));
            self.deadlines.insert((request.deadline, txid));
            for peer in &request.asked {
                by_peer.entry(*peer).or_default().push(txid);
            }
        }
        by_peer.into_iter().for_each(|(peer, txids)| send_requests(peer, txids, actions));
    }
}

impl Request {
    fn names(&self, peer: &PeerId) -> bool {
        self.asked.contains(peer) || self.others.contains(peer)
    }
}

impl Side {
    /// The timeout of a request to this peer, which is shorter if the last one passed.
    fn timeout(&self) -> Duration {
        if self.stalls > 0 { STALLED_TRANSACTION_TIMEOUT } else { TRANSACTION_TIMEOUT }
    }

    /// Adds an id to the queue. An announcement leaves at once if none left lately. Of a few in a row, each is
    /// delayed to collect more ids; of many, each is delayed by its interval.
    fn enqueue(&mut self, now: Timestamp, txid: Txid, random: &mut Random) {
        if self.queue.len() >= MAX_ANNOUNCE_QUEUE {
            self.queue.pop_front();
        }
        self.queue.push_back(txid);
        if self.announce_at.is_none() {
            let batch = self.last_announced.saturating_add(random.jitter(ANNOUNCE_BATCH));
            // An announcement takes one and a half intervals at most.
            let head_start = ANNOUNCE_INTERVAL * 3 / 2 * (ANNOUNCE_BURST - 1);
            let turn = self.busy_until.saturating_sub(head_start);
            self.announce_at = Some(now.max(batch).max(turn));
        }
    }

    /// Takes the ids of one announcement out of the queue, without those that the peer announced meanwhile.
    fn take_queue(
        &mut self,
        now: Timestamp,
        known: &mut KnownTransactions,
        is_unconfirmed: impl Fn(&Txid) -> bool,
    ) -> Vec<Txid> {
        let mut txids = Vec::new();
        while txids.len() < MAX_INVENTORY
            && let Some(txid) = self.queue.pop_front()
        {
            if is_unconfirmed(&txid) && !known.note(&txid, self.slot) {
                txids.push(txid);
            }
        }
        let has_more = !self.queue.is_empty();
        self.announce_at = has_more.then(|| now.saturating_add(FULL_ANNOUNCE_INTERVAL));
        txids
    }

    fn announced(&mut self, now: Timestamp, random: &mut Random) {
        self.last_announced = now;
        self.busy_until = self.busy_until.max(now).saturating_add(random.jitter(ANNOUNCE_INTERVAL));
    }
}

/// Sends requests of at most as many transactions as a message may hold.
fn send_requests(peer: PeerId, mut txids: Vec<Txid>, actions: &mut Vec<Action>) {
    while !txids.is_empty() {
        let rest = txids.split_off(txids.len().min(MAX_INVENTORY));
        actions.push(Action::Send { peer, message: Message::GetTransactions(txids) });
        txids = rest;
    }
}

#[cfg(test)]
mod tests;
