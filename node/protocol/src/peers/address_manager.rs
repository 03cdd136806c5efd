//! The address manager: addresses of other nodes in tables of buckets (Bitcoin Core's `AddrMan`, after Heilman et al.,
//! "Eclipse Attacks on Bitcoin's Peer-to-Peer Network", USENIX Security 2015).
//!
//! New addresses, which a peer or discovery named, are kept apart from tried ones, where a node of our chain was
//! connected. A secret key decides the bucket of an address; the group of the address, and of the peer that named it,
//! decide among which few buckets. So an attacker with addresses in few groups fills few buckets, however many
//! addresses it names.

use std::collections::BTreeMap;

use cairn_core::encoding::{Decode, Encode, encode};
use cairn_core::time::Timestamp;
use siphasher::sip::SipHasher13;

use crate::limits::{
    BUCKET_SIZE, MAX_COLLISIONS, MAX_NEW_FAILURES, NEW_BUCKETS, NEW_BUCKETS_PER_SOURCE, TRIED_BUCKETS,
    TRIED_BUCKETS_PER_GROUP, TRIED_RECENTLY,
};
use crate::peer::PeerAddress;
use crate::peers::backoff::backoff;
use crate::peers::network_group::NetworkGroup;
use crate::random::Random;

/// Addresses of other nodes.
#[derive(Clone, Debug)]
pub struct AddressManager {
    /// Secret of this node, which decides the buckets.
    key: u64,
    known: BTreeMap<PeerAddress, Known>,
    new: Table,
    tried: Table,
    /// New addresses where a node was connected, by the tried address whose place they would take.
    collisions: BTreeMap<PeerAddress, PeerAddress>,
}

type Table = BTreeMap<Place, PeerAddress>;

/// A place in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    bucket: u64,
    position: u64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// The address of the peer that named it; its own if discovery did.
    source: PeerAddress,
    place: Place,
    /// When a node of our chain was last connected there: then it is in the tried table.
    tried: Option<Timestamp>,
    failures: u32,
    not_before: Timestamp,
}

/// The addresses as they are kept across restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct SavedAddresses {
    key: u64,
    /// Each with the address of the peer that named it.
    new: Vec<(PeerAddress, PeerAddress)>,
    /// Each with the time of the last connection.
    tried: Vec<(PeerAddress, Timestamp)>,
}

impl SavedAddresses {
    /// Whether they were saved by a node, with its secret; nothing was if there is no file.
    pub fn has_key(&self) -> bool {
        self.key != 0
    }
}

impl AddressManager {
    /// No addresses, with a secret key.
    pub fn new(key: u64) -> Self {
        let (known, new, tried) = (BTreeMap::new(), Table::new(), Table::new());
        Self { key, known, new, tried, collisions: BTreeMap::new() }
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

    /// Adds the addresses that a peer at `source` names, as far as it may name them.
    pub fn add_from(&mut self, source: &PeerAddress, addresses: &[PeerAddress]) {
        for address in addresses.iter().filter(|address| source.may_name(address)) {
            self.add(*address, Some(*source));
        }
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
        let not_before = Timestamp::default();
        self.known.insert(address, Known { source, place, tried: None, failures: 0, not_before });
        self.new.insert(place, address);
        true
    }

    /// Notes that a node of our chain was connected at an address, which is in the tried table from now on. An address
    /// in its place that was tried lately keeps it, until it fails.
    pub fn succeeded(&mut self, now: Timestamp, address: PeerAddress) {
        self.collisions.remove(&address);
        let source = self.known.get(&address).map_or(address, |known| known.source);
        let place = self.tried_place(&address);
        if let Some(occupant) = self.tried.get(&place).copied().filter(|occupant| *occupant != address) {
            let last = self.known.get(&occupant).and_then(|known| known.tried);
            if last.is_some_and(|last| now.since(last) < TRIED_RECENTLY) {
                return;
            }
            if self.collisions.len() < MAX_COLLISIONS {
                self.collisions.insert(occupant, address);
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
        let known = Known { source, place, tried: Some(last), failures: 0, not_before: Timestamp::default() };
        self.known.insert(address, known);
    }

    /// Notes that no node of our chain was connected at an address. It counts for a new one only while this node is
    /// online, that is connected to another: otherwise all would be forgotten when the network fails.
    pub fn failed(&mut self, now: Timestamp, address: &PeerAddress, is_online: bool, random: &mut Random) {
        let Some(known) = self.known.get_mut(address) else { return };
        known.failures = known.failures.saturating_add(1);
        known.not_before = now.saturating_add(backoff(known.failures, random));
        let (is_tried, source) = (known.tried.is_some(), known.source);
        if !is_online {
            known.failures = known.failures.min(MAX_NEW_FAILURES - 1);
        } else if is_tried && let Some(rival) = self.collisions.remove(address) {
            self.forget(address);
            self.forget(&rival);
            self.insert_tried(now, rival, rival);
            self.add(*address, Some(source));
        } else if !is_tried && known.failures >= MAX_NEW_FAILURES {
            self.forget(address);
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

    /// At most `count` addresses to send to a peer, tried ones before new ones.
    pub fn sample(&self, count: usize, random: &mut Random) -> Vec<PeerAddress> {
        let mut sample: Vec<PeerAddress> = self.tried.values().copied().collect();
        let mut new: Vec<PeerAddress> = self.new.values().copied().collect();
        random.shuffle(&mut sample);
        random.shuffle(&mut new);
        sample.extend(new);
        sample.truncate(count);
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
        let choice = self.hash(("new", group, source)) % NEW_BUCKETS_PER_SOURCE;
        self.place(self.hash(("new", source, choice)) % NEW_BUCKETS, "new", address)
    }

    fn tried_place(&self, address: &PeerAddress) -> Place {
        let choice = self.hash(("tried", address)) % TRIED_BUCKETS_PER_GROUP;
        let bucket = self.hash(("tried", NetworkGroup::of(address), choice)) % TRIED_BUCKETS;
        self.place(bucket, "tried", address)
    }

    fn place(&self, bucket: u64, table: &'static str, address: &PeerAddress) -> Place {
        Place { bucket, position: self.hash((table, bucket, address)) % BUCKET_SIZE }
    }

    fn hash(&self, value: impl Encode) -> u64 {
        SipHasher13::new_with_keys(self.key, 0).hash(&encode(&value))
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
