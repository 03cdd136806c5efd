//! The address manager: addresses of other nodes in tables of buckets (Bitcoin Core's `AddrMan`, after Heilman et al.,
//! "Eclipse Attacks on Bitcoin's Peer-to-Peer Network", USENIX Security 2015).
//!
//! New addresses, which a peer or discovery named, are kept apart from tried ones, where a node of our chain was
//! connected. A secret key decides the bucket of an address; the group of the address, and of the peer that named it,
//! decide among which few buckets. So an attacker with addresses in few groups fills few buckets, however many
//! addresses it names.

use std::collections::BTreeMap;

use cairn_core::encoding::{Decode, Encode};
use cairn_core::time::Timestamp;

use crate::limits::{
    BUCKET_SIZE, COLLISION_TIMEOUT, FAILURE_INTERVAL, FEW_ADDRESSES, MAX_COLLISIONS, MAX_NEW_FAILURES,
    MAX_PEERS_PER_MESSAGE, NEW_BUCKETS, NEW_BUCKETS_PER_SOURCE, PEERS_SHARE, TRIED_BUCKETS,
    TRIED_BUCKETS_PER_GROUP, TRIED_RECENTLY,
};
use crate::peer::PeerAddress;
use crate::peers::address_key::AddressKey;
use crate::peers::address_rates::AddressRates;
use crate::peers::backoff::backoff;
use crate::peers::network_group::NetworkGroup;
use crate::random::Random;

/// Addresses of other nodes.
#[derive(Clone, Debug)]
pub struct AddressManager {
    key: AddressKey,
    known: BTreeMap<PeerAddress, Known>,
    new: Table,
    tried: Table,
    /// By the tried address whose place is disputed.
    collisions: BTreeMap<PeerAddress, Rival>,
    rates: AddressRates,
}

type Table = BTreeMap<Place, PeerAddress>;

/// A place in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    bucket: u64,
    position: u64,
}

/// A new address where a node was connected and that would take the place of a tried one.
#[derive(Clone, Copy, Debug)]
struct Rival {
    address: PeerAddress,
    since: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// The address of the peer that named it; its own if discovery did.
    source: PeerAddress,
    place: Place,
    /// When a node of our chain was last connected there: then it is in the tried table.
    tried: Option<Timestamp>,
    /// Failures that count against it, which have an interval.
    failures: u32,
    /// When the last of these was.
    last_failure: Option<Timestamp>,
    /// All failures in a row, for the back-off.
    dial_failures: u32,
    not_before: Timestamp,
}

impl Known {
    fn new(source: PeerAddress, place: Place, tried: Option<Timestamp>) -> Self {
        let not_before = Timestamp::default();
        Self { source, place, tried, failures: 0, last_failure: None, dial_failures: 0, not_before }
    }
}

/// The addresses as they are kept across restarts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SavedAddresses {
    key: AddressKey,
    /// Each with the address of the peer that named it.
    new: Vec<(PeerAddress, PeerAddress)>,
    /// Each with the time of the last connection.
    tried: Vec<(PeerAddress, Timestamp)>,
}

impl AddressManager {
    /// No addresses, with a secret key.
    pub fn new(key: AddressKey) -> Self {
        let (known, new, tried) = (BTreeMap::new(), Table::new(), Table::new());
        Self { key, known, new, tried, collisions: BTreeMap::new(), rates: AddressRates::default() }
    }

    /// The addresses that were saved, as far as they can be dialed.
    pub fn restore(saved: SavedAddresses) -> Self {
        let mut manager = Self::new(saved.key);
        for (address, last) in saved.tried {
            if is_dialable(&address) {
                manager.insert_tried(last, address, address);
            }
        }
        for (address, source) in saved.new {
            manager.add(address, Some(source));
        }
        manager
    }

    /// The addresses to be kept across restarts.
    pub fn saved(&self) -> SavedAddresses {
        let (mut new, mut tried) = (Vec::new(), Vec::new());
        for (address, known) in &self.known {
            match known.tried {
                Some(last) => tried.push((*address, last)),
                None => new.push((*address, known.source)),
            }
        }
        SavedAddresses { key: self.key, new, tried }
    }

    /// Adds the addresses that a peer at `source` names, as far as it may name them and its network group may name
    /// more.
    pub fn add_from(&mut self, now: Timestamp, source: &PeerAddress, addresses: &[PeerAddress]) {
        for address in addresses.iter().filter(|address| source.may_name(address)) {
            if self.rates.allows(now, source) && self.add(*address, Some(*source)) {
                self.rates.count(now, source);
            }
        }
    }

    /// A peer at `source` that this node dialed is asked for addresses, and may name as many as a reply holds.
    pub fn requested_from(&mut self, now: Timestamp, source: &PeerAddress) {
        self.rates.requested(now, source);
    }

    /// Adds an address that a peer at `source`, or discovery, named; returns whether it is new and has a place. A
    /// place that is taken by an address that failed lately is given to it.
    pub fn add(&mut self, address: PeerAddress, source: Option<PeerAddress>) -> bool {
        let source = source.unwrap_or(address);
        if !is_dialable(&address) || self.known.contains_key(&address) {
            return false;
        }
        let place = self.new_place(&address, &source);
        if let Some(occupant) = self.new.get(&place).copied() {
            if self.known.get(&occupant).is_some_and(|known| known.failures == 0) {
                return false;
            }
            self.forget(&occupant);
        }
        self.known.insert(address, Known::new(source, place, None));
        self.new.insert(place, address);
        true
    }

    /// Notes that a node of our chain was connected at an address, which is in the tried table from now on. An address
    /// in its place that is connected, or was lately, keeps it; another one keeps it until it fails a test.
    pub fn succeeded(
        &mut self,
        now: Timestamp,
        address: PeerAddress,
        is_connected: impl Fn(&PeerAddress) -> bool,
    ) {
        self.collisions.retain(|_, rival| now.since(rival.since) < COLLISION_TIMEOUT);
        self.collisions.remove(&address);
        let source = self.known.get(&address).map_or(address, |known| known.source);
        let place = self.tried_place(&address);
        if let Some(occupant) = self.tried.get(&place).copied().filter(|occupant| *occupant != address) {
            let last = self.known.get(&occupant).and_then(|known| known.tried);
            if is_connected(&occupant) || last.is_some_and(|last| now.since(last) < TRIED_RECENTLY) {
                return;
            }
            if self.collisions.len() < MAX_COLLISIONS {
                self.collisions.entry(occupant).or_insert(Rival { address, since: now });
            }
            return;
        }
        self.forget(&address);
        self.insert_tried(now, address, source);
    }

    fn insert_tried(&mut self, last: Timestamp, address: PeerAddress, source: PeerAddress) {
        let place = self.tried_place(&address);
        if let Some(occupant) = self.tried.insert(place, address) {
            self.known.remove(&occupant);
        }
        self.known.insert(address, Known::new(source, place, Some(last)));
    }

    /// Notes that no node of our chain was connected at an address. It counts against the address only while this node
    /// is online, that is connected to another: otherwise all would be forgotten when the network fails. Against a new
    /// one it counts once in an interval (Bitcoin Core's `AddrMan::Attempt` and `IsTerrible`).
    pub fn failed(&mut self, now: Timestamp, address: &PeerAddress, is_online: bool, random: &mut Random) {
        let Some(known) = self.known.get_mut(address) else { return };
        known.dial_failures = known.dial_failures.saturating_add(1);
        known.not_before = now.saturating_add(backoff(known.dial_failures, random));
        let source = known.source;
        if !is_online {
            known.dial_failures = known.dial_failures.min(MAX_NEW_FAILURES - 1);
        } else if known.tried.is_some() {
            let rival = self.collisions.remove(address);
            if let Some(rival) = rival.filter(|rival| now.since(rival.since) < COLLISION_TIMEOUT) {
                self.forget(address);
                self.forget(&rival.address);
                self.insert_tried(rival.since, rival.address, rival.address);
                self.add(*address, Some(source));
            }
        } else if known.last_failure.is_none_or(|last| now.since(last) >= FAILURE_INTERVAL) {
            (known.failures, known.last_failure) = (known.failures.saturating_add(1), Some(now));
            if known.failures >= MAX_NEW_FAILURES {
                self.forget(address);
            }
        }
    }

    /// Forgets an address, which is our own or was replaced.
    pub fn forget(&mut self, address: &PeerAddress) {
        let Some(known) = self.known.remove(address) else { return };
        let table = if known.tried.is_some() { &mut self.tried } else { &mut self.new };
        table.remove(&known.place);
        self.collisions.remove(address);
    }

    /// An address to dial now that `wanted` accepts. New and tried ones have the same probability, and so has each
    /// bucket, so that neither a flood of new ones nor a captured set of tried ones decides alone.
    pub fn pick(
        &self,
        now: Timestamp,
        wanted: impl Fn(&PeerAddress) -> bool,
        random: &mut Random,
    ) -> Option<PeerAddress> {
        let [new, tried] = [&self.new, &self.tried].map(|table| self.candidates(now, table, &wanted));
        let takes_new = tried.is_empty() || (!new.is_empty() && random.below(2) == 0);
        pick_by_bucket(if takes_new { &new } else { &tried }, random)
    }

    /// An address to be tested by a short connection: one whose place in the tried table another would take, or a new
    /// one.
    pub fn pick_for_test(
        &self,
        now: Timestamp,
        wanted: impl Fn(&PeerAddress) -> bool,
        random: &mut Random,
    ) -> Option<PeerAddress> {
        let disputed = self.collisions.keys().find(|address| wanted(address)).copied();
        disputed.or_else(|| pick_by_bucket(&self.candidates(now, &self.new, &wanted), random))
    }

    fn candidates(
        &self,
        now: Timestamp,
        table: &Table,
        wanted: impl Fn(&PeerAddress) -> bool,
    ) -> Vec<(u64, PeerAddress)> {
        let is_due =
            |address: &PeerAddress| self.known.get(address).is_some_and(|known| known.not_before <= now);
        let due = table.iter().filter(|(_, address)| is_due(address) && wanted(address));
        due.map(|(place, address)| (place.bucket, *address)).collect()
    }

    /// The time at which an address that `wanted` accepts may be dialed.
    pub fn next_due(&self, wanted: impl Fn(&PeerAddress) -> bool) -> Option<Timestamp> {
        self.known.iter().filter(|(address, _)| wanted(address)).map(|(_, known)| known.not_before).min()
    }

    /// The addresses to send to a peer: a random share of all, so that it learns neither all of them nor which of them
    /// are tried, that is to which nodes this one is connected. Few are sent whole.
    pub fn sample(&self, random: &mut Random) -> Vec<PeerAddress> {
        let mut sample: Vec<PeerAddress> = self.known.keys().copied().collect();
        random.shuffle(&mut sample);
        sample.truncate((sample.len() / PEERS_SHARE).clamp(FEW_ADDRESSES, MAX_PEERS_PER_MESSAGE));
        sample
    }

    /// The number of addresses.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is no address.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Every tried address.
    pub fn tried(&self) -> impl Iterator<Item = &PeerAddress> {
        self.tried.values()
    }

    fn new_place(&self, address: &PeerAddress, source: &PeerAddress) -> Place {
        let (group, source) = (NetworkGroup::of(address), NetworkGroup::of(source));
        let choice = self.key.hash(("new", group, source)) % NEW_BUCKETS_PER_SOURCE;
        self.place(self.key.hash(("new", source, choice)) % NEW_BUCKETS, "new", address)
    }

    fn tried_place(&self, address: &PeerAddress) -> Place {
        let choice = self.key.hash(("tried", address)) % TRIED_BUCKETS_PER_GROUP;
        let bucket = self.key.hash(("tried", NetworkGroup::of(address), choice)) % TRIED_BUCKETS;
        self.place(bucket, "tried", address)
    }

    fn place(&self, bucket: u64, table: &'static str, address: &PeerAddress) -> Place {
        Place { bucket, position: self.key.hash((table, bucket, address)) % BUCKET_SIZE }
    }
}

/// A random address of a random bucket among these, which are sorted by bucket.
fn pick_by_bucket(candidates: &[(u64, PeerAddress)], random: &mut Random) -> Option<PeerAddress> {
    let buckets: Vec<&[(u64, PeerAddress)]> = candidates.chunk_by(|one, next| one.0 == next.0).collect();
    let bucket = buckets.get(random.index(buckets.len()))?;
    bucket.get(random.index(bucket.len())).map(|(_, address)| *address)
}

/// Whether an address can be dialed at all.
fn is_dialable(address: &PeerAddress) -> bool {
    let socket = address.socket();
    socket.port() != 0 && !socket.ip().is_unspecified() && !socket.ip().is_multicast()
}

#[cfg(test)]
mod tests;
