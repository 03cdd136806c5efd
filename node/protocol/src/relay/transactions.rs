//! Relay of transactions: announced by id, asked for once, delivered; and when the one who was
//! asked stays silent, another is asked (CVE-2024-52913).
//!
//! No list of refused ids is kept: a txid does not cover the signatures, so whoever sends it first
//! with bad ones could keep the good ones out (ATTACKS 30). What a peer makes us remember is counted
//! on its own account, so that no flood pushes out what another announced.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;
use cairn_core::transaction::Transaction;

use crate::action::Action;
use crate::limits::{
    ANNOUNCE_BATCH, ANNOUNCE_BURST, ANNOUNCE_INTERVAL, FULL_ANNOUNCE_INTERVAL, MAX_ANNOUNCE_QUEUE,
    MAX_ANNOUNCERS, MAX_INVENTORY, MAX_KNOWN_TRANSACTIONS, MAX_SERVED_TRANSACTION_BYTES, MAX_WANTED_PER_PEER,
    TRANSACTION_TIMEOUT,
};
use crate::message::{Inventory, Message};
use crate::peer::PeerId;
use crate::peer_map::PeerMap;
use crate::random::Random;
use crate::relay::by_txid::ByTxid;
use crate::relay::known::{Known, PeerSet};

/// Who has, wants and owes which transaction.
#[derive(Clone, Debug)]
pub struct TransactionRelay {
    peers: PeerMap<Side>,
    known: Known,
    /// The latest that blocks have confirmed: whoever announces one of them is behind us.
    confirmed: ByTxid<()>,
    wanted: BTreeMap<Txid, Wanted>,
    deadlines: BTreeSet<(Timestamp, Txid)>,
    /// When the next queue leaves; kept up by everything that changes it, because it is asked often.
    leaves_at: Option<Timestamp>,
    random: Random,
}

/// One peer's side.
#[derive(Clone, Debug)]
struct Side {
    /// Its place in sets of peers: a number that it has alone.
    place: usize,
    /// To be announced, in the order of arrival: a parent goes before its child.
    queue: VecDeque<Txid>,
    /// When the queue leaves; none while it is empty.
    leaves_at: Option<Timestamp>,
    last_left: Timestamp,
    /// Every announcement takes an interval. This is when those that left have taken theirs.
    busy_until: Timestamp,
    /// How many entries of `wanted` name this peer.
    wanted: usize,
}

/// A transaction that was announced and has not come.
#[derive(Clone, Debug)]
struct Wanted {
    asked: PeerId,
    deadline: Timestamp,
    others: VecDeque<PeerId>,
}

impl TransactionRelay {
    /// Relay without peers.
    pub fn new(random: Random) -> Self {
        let (peers, wanted, deadlines) = (PeerMap::default(), BTreeMap::new(), BTreeSet::new());
        let known = Known::new(MAX_KNOWN_TRANSACTIONS);
        let confirmed = ByTxid::new(MAX_KNOWN_TRANSACTIONS);
        Self { peers, known, confirmed, wanted, deadlines, leaves_at: None, random }
    }

    /// A peer joins; these ids wait for it, parents before children.
    pub fn joined(&mut self, now: Timestamp, peer: PeerId, txids: impl Iterator<Item = Txid>) {
        let queue: VecDeque<Txid> = txids.take(MAX_ANNOUNCE_QUEUE).collect();
        let leaves_at = (!queue.is_empty()).then_some(now);
        let taken: BTreeSet<usize> = self.peers.values().map(|side| side.place).collect();
        let place = (0..).find(|place| !taken.contains(place)).unwrap_or(taken.len());
        let long_ago = Timestamp::from_millis(0);
        let side = Side { place, queue, leaves_at, last_left: long_ago, busy_until: long_ago, wanted: 0 };
        self.peers.insert(peer, side);
        self.reschedule();
    }

    /// A peer is gone: what it was asked for is asked of others.
    pub fn left(&mut self, now: Timestamp, peer: &PeerId, actions: &mut Vec<Action>) {
        if let Some(side) = self.peers.remove(peer) {
            self.known.forget_peer(side.place);
        }
        self.reschedule();
        let mut asked = Vec::new();
        for (txid, wanted) in &mut self.wanted {
            wanted.others.retain(|other| other != peer);
            if wanted.asked == *peer {
                asked.push(*txid);
            }
        }
        self.ask_others(now, asked, actions);
    }

    /// Queues a transaction for every peer that is not known to have it.
    pub fn announce(&mut self, now: Timestamp, txid: Txid) {
        let known = self.known.begin(&txid);
        for side in self.peers.values_mut().filter(|side| !known.contains(side.place)) {
            side.enqueue(now, txid, &mut self.random);
        }
        self.reschedule();
    }

    /// Queues a transaction for every peer, known or not: it may have been forgotten.
    pub fn announce_again(&mut self, now: Timestamp, txid: Txid) {
        *self.known.begin(&txid) = PeerSet::default();
        for side in self.peers.values_mut() {
            side.enqueue(now, txid, &mut self.random);
        }
        self.reschedule();
    }

    /// A peer says what it can deliver; what `is_lacking` confirms is asked for, once.
    pub fn announced(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        txids: &[Txid],
        is_lacking: impl Fn(&Txid) -> bool,
        actions: &mut Vec<Action>,
    ) {
        let Some(side) = self.peers.get_mut(&peer) else { return };
        let mut asked = Vec::new();
        for txid in txids {
            self.known.note(txid, side.place);
            if side.wanted >= MAX_WANTED_PER_PEER || !is_lacking(txid) {
                continue;
            }
            if let Some(wanted) = self.wanted.get_mut(txid) {
                let is_new = wanted.asked != peer && !wanted.others.contains(&peer);
                if is_new && wanted.others.len() < MAX_ANNOUNCERS {
                    wanted.others.push_back(peer);
                    side.wanted += 1;
                }
            } else if !self.confirmed.contains(txid) {
                self.known.begin(txid).insert(side.place);
                let deadline = now.saturating_add(TRANSACTION_TIMEOUT);
                self.wanted.insert(*txid, Wanted { asked: peer, deadline, others: VecDeque::new() });
                self.deadlines.insert((deadline, *txid));
                side.wanted += 1;
                asked.push(*txid);
            }
        }
        ask(peer, asked, actions);
    }

    /// A peer delivers. Says whether it had announced this transaction and it had not come yet:
    /// only then is it worth a look. What the look finds is said with [`Self::arrived`] or
    /// [`Self::spoiled`].
    pub fn delivered(&self, peer: PeerId, txid: &Txid) -> bool {
        self.wanted.get(txid).is_some_and(|wanted| wanted.asked == peer || wanted.others.contains(&peer))
    }

    /// What a peer delivered cannot be judged, or is not what the id stands for: signatures are no
    /// part of the id, so the next who announced it is asked and nobody can keep it out (ATTACKS 30).
    pub fn spoiled(&mut self, now: Timestamp, peer: PeerId, txid: Txid, actions: &mut Vec<Action>) {
        let Some(wanted) = self.wanted.get_mut(&txid) else { return };
        if wanted.asked == peer {
            return self.ask_others(now, vec![txid], actions);
        }
        let before = wanted.others.len();
        wanted.others.retain(|other| *other != peer);
        let left = before - wanted.others.len();
        if let Some(side) = self.peers.get_mut(&peer) {
            side.wanted = side.wanted.saturating_sub(left);
        }
    }

    /// A transaction came, or is not to come.
    pub fn arrived(&mut self, txid: &Txid) {
        self.no_longer_wanted(txid);
    }

    /// A block of the best chain confirms a transaction: it spreads no longer.
    pub fn confirmed(&mut self, txid: &Txid) {
        self.no_longer_wanted(txid);
        self.known.forget(txid);
        self.confirmed.begin(txid);
    }

    /// A block that confirmed a transaction is in the best chain no longer.
    pub fn unconfirmed(&mut self, txid: &Txid) {
        self.confirmed.forget(txid);
    }

    /// A transaction left the mempool unconfirmed: should it come again, it spreads as if it were new.
    pub fn forgotten(&mut self, txid: &Txid) {
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
        for item in items {
            if let Inventory::Transaction(txid) = item
                && self.wanted.get(txid).is_some_and(|wanted| wanted.asked == peer)
            {
                self.ask_others(now, vec![*txid], actions);
            }
        }
    }

    /// A peer asks; what `get` finds is delivered up to a bound of bytes, the rest is not found.
    pub fn asked(
        &mut self,
        peer: PeerId,
        txids: &[Txid],
        get: impl Fn(&Txid) -> Option<Arc<Transaction>>,
        actions: &mut Vec<Action>,
    ) {
        let Some(side) = self.peers.get_mut(&peer) else { return };
        let (mut found, mut missing, mut bytes) = (Vec::new(), Vec::new(), 0);
        for txid in txids {
            match get(txid).filter(|_| bytes < MAX_SERVED_TRANSACTION_BYTES) {
                Some(transaction) => {
                    bytes += transaction.size();
                    self.known.note(txid, side.place);
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

    /// Does what is due: announcements leave, silent peers are passed over.
    pub fn wake(&mut self, now: Timestamp, is_held: impl Fn(&Txid) -> bool, actions: &mut Vec<Action>) {
        for (peer, side) in self.peers.iter_mut() {
            if side.leaves_at.is_some_and(|leaves_at| leaves_at <= now) {
                let txids = side.take_news(now, &mut self.known, &is_held);
                if !txids.is_empty() {
                    side.said(now, &mut self.random);
                    announce(*peer, txids, actions);
                }
            }
        }
        self.reschedule();
        let mut overdue = Vec::new();
        while let Some((_, txid)) = self.deadlines.first().copied().filter(|(deadline, _)| *deadline <= now) {
            self.deadlines.pop_first();
            overdue.push(txid);
        }
        self.ask_others(now, overdue, actions);
    }

    /// When `wake` has something to do.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.leaves_at.into_iter().chain(self.deadlines.first().map(|(deadline, _)| *deadline)).min()
    }

    fn reschedule(&mut self) {
        self.leaves_at = self.peers.values().filter_map(|side| side.leaves_at).min();
    }

    /// How many transactions were announced and have not come.
    pub fn wanted(&self) -> usize {
        self.wanted.len()
    }

    fn ask_others(&mut self, now: Timestamp, txids: Vec<Txid>, actions: &mut Vec<Action>) {
        let mut by_peer: BTreeMap<PeerId, Vec<Txid>> = BTreeMap::new();
        for txid in txids {
            let Some(wanted) = self.wanted.get_mut(&txid) else { continue };
            self.deadlines.remove(&(wanted.deadline, txid));
            if let Some(side) = self.peers.get_mut(&wanted.asked) {
                side.wanted = side.wanted.saturating_sub(1);
            }
            let Some(next) = wanted.others.pop_front() else {
                self.wanted.remove(&txid);
                continue;
            };
            wanted.asked = next;
            wanted.deadline = now.saturating_add(TRANSACTION_TIMEOUT);
            self.deadlines.insert((wanted.deadline, txid));
            by_peer.entry(next).or_default().push(txid);
        }
        by_peer.into_iter().for_each(|(peer, txids)| ask(peer, txids, actions));
    }

    fn no_longer_wanted(&mut self, txid: &Txid) {
        let Some(wanted) = self.wanted.remove(txid) else { return };
        self.deadlines.remove(&(wanted.deadline, *txid));
        for peer in wanted.others.iter().chain([&wanted.asked]) {
            if let Some(side) = self.peers.get_mut(peer) {
                side.wanted = side.wanted.saturating_sub(1);
            }
        }
    }
}

impl Side {
    /// Announcements leave at once when none left lately. Of a few in a row each waits a moment for
    /// company, of many each waits for its interval.
    fn enqueue(&mut self, now: Timestamp, txid: Txid, random: &mut Random) {
        if self.queue.len() >= MAX_ANNOUNCE_QUEUE {
            self.queue.pop_front();
        }
        self.queue.push_back(txid);
        if self.leaves_at.is_none() {
            let company = self.last_left.saturating_add(random.jitter(ANNOUNCE_BATCH));
            // An announcement takes one and a half intervals at most.
            let head_start = ANNOUNCE_INTERVAL * 3 / 2 * (ANNOUNCE_BURST - 1);
            let turn = self.busy_until.saturating_sub(head_start);
            self.leaves_at = Some(now.max(company).max(turn));
        }
    }

    /// What is queued and still news, as much as a message may hold: the peer may have told us of some
    /// of it meanwhile.
    fn take_news(&mut self, now: Timestamp, known: &mut Known, is_held: impl Fn(&Txid) -> bool) -> Vec<Txid> {
        let mut news = Vec::new();
        while news.len() < MAX_INVENTORY
            && let Some(txid) = self.queue.pop_front()
        {
            if is_held(&txid) && !known.note(&txid, self.place) {
                news.push(txid);
            }
        }
        let has_more = !self.queue.is_empty();
        self.leaves_at = has_more.then(|| now.saturating_add(FULL_ANNOUNCE_INTERVAL));
        news
    }

    /// An announcement left.
    fn said(&mut self, now: Timestamp, random: &mut Random) {
        self.last_left = now;
        self.busy_until = self.busy_until.max(now).saturating_add(random.jitter(ANNOUNCE_INTERVAL));
    }
}

fn announce(peer: PeerId, txids: Vec<Txid>, actions: &mut Vec<Action>) {
    actions.push(Action::Send { peer, message: Message::AnnounceTransactions(txids) });
}

/// As many as a message may hold at a time.
fn ask(peer: PeerId, mut txids: Vec<Txid>, actions: &mut Vec<Action>) {
    while !txids.is_empty() {
        let rest = txids.split_off(txids.len().min(MAX_INVENTORY));
        actions.push(Action::Send { peer, message: Message::GetTransactions(txids) });
        txids = rest;
    }
}

#[cfg(test)]
mod tests;
