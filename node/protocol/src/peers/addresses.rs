//! The address book: addresses of other nodes, limited for each source, so that none fills it (Bitcoin Core's
//! `AddrMan`).
//!
//! New addresses, which a peer or discovery named, are kept apart from tried ones, where a node of our chain was
//! connected, so that a flood of new ones leaves the tried ones. Discovery enters as `add` without a source.

use std::collections::BTreeMap;

use cairn_core::time::Timestamp;

use crate::limits::{
    MAX_ADDRESSES_PER_SOURCE, MAX_NEW_ADDRESSES, MAX_NEW_FAILURES, MAX_TRIED_ADDRESSES, MAX_TRIED_FAILURES,
};
use crate::peer::{PeerAddress, PeerId};
use crate::peers::backoff::backoff;
use crate::random::Random;

/// Addresses of other nodes.
#[derive(Clone, Debug, Default)]
pub struct AddressBook {
    new: BTreeMap<PeerAddress, New>,
    tried: BTreeMap<PeerAddress, Tried>,
    /// Number of addresses of each source in `new`.
    sources: BTreeMap<Option<PeerId>, usize>,
}

#[derive(Clone, Copy, Debug)]
struct New {
    source: Option<PeerId>,
    failures: u32,
    not_before: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Tried {
    last: Timestamp,
    failures: u32,
    not_before: Timestamp,
}

impl AddressBook {
    /// Adds the addresses that a peer seen at `seen` names, as far as it may name them.
    pub fn add_from(
        &mut self,
        peer: PeerId,
        seen: &PeerAddress,
        addresses: &[PeerAddress],
        random: &mut Random,
    ) {
        for address in addresses.iter().filter(|address| seen.may_name(address)) {
            self.add(*address, Some(peer), random);
        }
    }

    /// Adds an address that a peer, or discovery, named; returns whether it was unknown.
    pub fn add(&mut self, address: PeerAddress, source: Option<PeerId>, random: &mut Random) -> bool {
        let socket = address.socket();
        let nowhere = socket.port() == 0 || socket.ip().is_unspecified() || socket.ip().is_multicast();
        if nowhere || self.new.contains_key(&address) || self.tried.contains_key(&address) {
            return false;
        }
        if self.sources.get(&source).is_some_and(|count| *count >= MAX_ADDRESSES_PER_SOURCE) {
            return false;
        }
        if self.new.len() >= MAX_NEW_ADDRESSES {
            self.drop_one_of_largest_source(random);
        }
        self.new.insert(address, New { source, failures: 0, not_before: Timestamp::from_millis(0) });
        *self.sources.entry(source).or_default() += 1;
        true
    }

    /// Notes that a node of our chain was connected at an address, which is tried from now on.
    pub fn succeeded(&mut self, now: Timestamp, address: PeerAddress) {
        self.remove_new(&address);
        if !self.tried.contains_key(&address) && self.tried.len() >= MAX_TRIED_ADDRESSES {
            let oldest = self.tried.iter().min_by_key(|(_, tried)| tried.last).map(|(address, _)| *address);
            if let Some(oldest) = oldest {
                self.tried.remove(&oldest);
            }
        }
        self.tried.insert(address, Tried { last: now, failures: 0, not_before: now });
    }

    /// Notes that no node of our chain was connected at an address.
    pub fn failed(&mut self, now: Timestamp, address: &PeerAddress, random: &mut Random) {
        if let Some(new) = self.new.get_mut(address) {
            new.failures += 1;
            new.not_before = now.saturating_add(backoff(new.failures, random));
            if new.failures >= MAX_NEW_FAILURES {
                self.remove_new(address);
            }
        } else if let Some(tried) = self.tried.get_mut(address) {
            tried.failures += 1;
            tried.not_before = now.saturating_add(backoff(tried.failures, random));
            if tried.failures >= MAX_TRIED_FAILURES {
                self.tried.remove(address);
            }
        }
    }

    /// Forgets an address, which is our own.
    pub fn forget(&mut self, address: &PeerAddress) {
        self.remove_new(address);
        self.tried.remove(address);
    }

    /// An address to dial now that `wanted` accepts. New and tried ones have the same probability, so that neither
    /// a flood of new ones nor a captured set of tried ones decides alone.
    pub fn pick(
        &self,
        now: Timestamp,
        wanted: impl Fn(&PeerAddress) -> bool,
        random: &mut Random,
    ) -> Option<PeerAddress> {
        let new = self.new.iter().filter(|(_, new)| new.not_before <= now).map(|(address, _)| *address);
        let tried = self.tried.iter().filter(|(_, tried)| tried.not_before <= now);
        let new: Vec<PeerAddress> = new.filter(|address| wanted(address)).collect();
        let tried = tried.map(|(address, _)| *address).filter(|address| wanted(address));
        let tried: Vec<PeerAddress> = tried.collect();
        let takes_new = tried.is_empty() || (!new.is_empty() && random.below(2) == 0);
        let from = if takes_new { new } else { tried };
        from.get(random.index(from.len())).copied()
    }

    /// The time at which an address that `wanted` accepts may be dialed.
    pub fn next_due(&self, wanted: impl Fn(&PeerAddress) -> bool) -> Option<Timestamp> {
        let new = self.new.iter().map(|(address, new)| (address, new.not_before));
        let tried = self.tried.iter().map(|(address, tried)| (address, tried.not_before));
        new.chain(tried).filter(|(address, _)| wanted(address)).map(|(_, due)| due).min()
    }

    /// At most `count` addresses to send to a peer, tried ones before new ones.
    pub fn sample(&self, count: usize, random: &mut Random) -> Vec<PeerAddress> {
        let mut sample: Vec<PeerAddress> = self.tried.keys().copied().collect();
        let mut new: Vec<PeerAddress> = self.new.keys().copied().collect();
        random.shuffle(&mut sample);
        random.shuffle(&mut new);
        sample.extend(new);
        sample.truncate(count);
        sample
    }

    /// The number of addresses.
    pub fn len(&self) -> usize {
        self.new.len() + self.tried.len()
    }

    /// Whether there is no address.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every tried address, to be kept across restarts.
    pub fn tried(&self) -> impl Iterator<Item = &PeerAddress> {
        self.tried.keys()
    }

    fn drop_one_of_largest_source(&mut self, random: &mut Random) {
        let largest = self.sources.iter().max_by_key(|(_, count)| **count).map(|(source, _)| *source);
        let of_largest = self.new.iter().filter(|(_, new)| Some(new.source) == largest);
        let of_largest: Vec<PeerAddress> = of_largest.map(|(address, _)| *address).collect();
        if let Some(dropped) = of_largest.get(random.index(of_largest.len())) {
            self.remove_new(dropped);
        }
    }

    fn remove_new(&mut self, address: &PeerAddress) {
        let Some(new) = self.new.remove(address) else { return };
        if let Some(count) = self.sources.get_mut(&new.source) {
            *count -= 1;
            if *count == 0 {
                self.sources.remove(&new.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> PeerAddress {
        PeerAddress::new((std::net::Ipv4Addr::from(0x0a00_0000 + number), 4000).into())
    }

    fn source(number: u8) -> Option<PeerId> {
        Some(PeerId::from_bytes([number; 32]))
    }

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    #[test]
    fn one_source_fills_only_its_share() {
        let (mut book, mut random) = (AddressBook::default(), Random::derive(1, 1));
        (0..10_000).for_each(|number| {
            book.add(address(number), source(1), &mut random);
        });
        assert_eq!(book.len(), MAX_ADDRESSES_PER_SOURCE);
        assert!(book.add(address(20_000), source(2), &mut random), "another source still has room");
    }

    #[test]
    fn a_full_book_stays_at_its_bound_and_the_loudest_source_gives_way() {
        let (mut book, mut random) = (AddressBook::default(), Random::derive(1, 1));
        book.add(address(1_000_000), source(255), &mut random);
        for number in 0..250u32 {
            for nth in 0..MAX_ADDRESSES_PER_SOURCE as u32 {
                book.add(address(number * 1000 + nth), source(number as u8), &mut random);
            }
        }
        assert_eq!(book.len(), MAX_NEW_ADDRESSES);
        assert!(book.new.contains_key(&address(1_000_000)), "who named one address keeps it");
    }

    #[test]
    fn a_flood_of_addresses_leaves_those_where_a_node_was_met() {
        let (mut book, mut random) = (AddressBook::default(), Random::derive(1, 1));
        book.succeeded(NOW, address(1_000_000));
        for number in 0..250u32 {
            for nth in 0..MAX_ADDRESSES_PER_SOURCE as u32 {
                book.add(address(number * 1000 + nth), source(number as u8), &mut random);
            }
        }
        assert!(book.sample(1, &mut random).contains(&address(1_000_000)), "and it is told first");
    }

    #[test]
    fn an_address_that_never_answers_is_forgotten() {
        let (mut book, mut random) = (AddressBook::default(), Random::derive(1, 1));
        book.add(address(1), None, &mut random);
        (0..MAX_NEW_FAILURES).for_each(|_| book.failed(NOW, &address(1), &mut random));
        assert!(book.is_empty());
    }

    #[test]
    fn an_address_that_failed_waits_before_it_is_picked_again() {
        let (mut book, mut random) = (AddressBook::default(), Random::derive(1, 1));
        book.add(address(1), None, &mut random);
        book.failed(NOW, &address(1), &mut random);
        assert_eq!(book.pick(NOW, |_| true, &mut random), None);
        let due = book.next_due(|_| true).expect("it waits");
        assert_eq!(book.pick(due, |_| true, &mut random), Some(address(1)));
    }

    #[test]
    fn addresses_that_cannot_be_dialled_are_not_noted() {
        let (mut book, mut random) = (AddressBook::default(), Random::derive(1, 1));
        for text in ["0.0.0.0:4000", "127.0.0.1:0", "224.0.0.1:4000", "[::]:4000"] {
            let address = PeerAddress::new(text.parse().expect("a literal address"));
            assert!(!book.add(address, None, &mut random), "{text}");
        }
    }
}
