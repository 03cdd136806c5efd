//! The address book: where other nodes may listen, bounded for each source so that nobody fills it.
//!
//! Addresses only heard of are kept apart from those where a node was met, so that a flood of the
//! first never pushes out the second. Discovery of any kind enters through `hear` without a source.

use std::collections::BTreeMap;

use cairn_core::time::Timestamp;

use crate::limits::{
    FAILURES_OF_HEARD, FAILURES_OF_MET, MAX_ADDRESSES_PER_SOURCE, MAX_HEARD_ADDRESSES, MAX_MET_ADDRESSES,
};
use crate::peer::{PeerAddress, PeerId};
use crate::peers::backoff::backoff;
use crate::random::Random;

/// Where nodes may be.
#[derive(Clone, Debug, Default)]
pub struct AddressBook {
    heard: BTreeMap<PeerAddress, Heard>,
    met: BTreeMap<PeerAddress, Met>,
    /// How many addresses each source has in `heard`.
    sources: BTreeMap<Option<PeerId>, usize>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    source: Option<PeerId>,
    failures: u32,
    not_before: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Met {
    last: Timestamp,
    failures: u32,
    not_before: Timestamp,
}

impl AddressBook {
    /// Hears what a peer seen at `seen` tells of others, as far as it may name them.
    pub fn hear_from(
        &mut self,
        peer: PeerId,
        seen: &PeerAddress,
        addresses: &[PeerAddress],
        random: &mut Random,
    ) {
        for address in addresses.iter().filter(|address| seen.may_name(address)) {
            self.hear(*address, Some(peer), random);
        }
    }

    /// Notes an address that a peer, or discovery, named; says whether it was new.
    pub fn hear(&mut self, address: PeerAddress, source: Option<PeerId>, random: &mut Random) -> bool {
        let socket = address.socket();
        let nowhere = socket.port() == 0 || socket.ip().is_unspecified() || socket.ip().is_multicast();
        if nowhere || self.heard.contains_key(&address) || self.met.contains_key(&address) {
            return false;
        }
        if self.sources.get(&source).is_some_and(|count| *count >= MAX_ADDRESSES_PER_SOURCE) {
            return false;
        }
        if self.heard.len() >= MAX_HEARD_ADDRESSES {
            self.drop_one_of_the_loudest(random);
        }
        self.heard.insert(address, Heard { source, failures: 0, not_before: Timestamp::from_millis(0) });
        *self.sources.entry(source).or_default() += 1;
        true
    }

    /// Notes that a node of our chain was met there.
    pub fn meet(&mut self, now: Timestamp, address: PeerAddress) {
        self.remove_heard(&address);
        if !self.met.contains_key(&address) && self.met.len() >= MAX_MET_ADDRESSES {
            let stalest = self.met.iter().min_by_key(|(_, met)| met.last).map(|(address, _)| *address);
            if let Some(stalest) = stalest {
                self.met.remove(&stalest);
            }
        }
        self.met.insert(address, Met { last: now, failures: 0, not_before: now });
    }

    /// Notes that nobody of our chain answered there.
    pub fn miss(&mut self, now: Timestamp, address: &PeerAddress, random: &mut Random) {
        if let Some(heard) = self.heard.get_mut(address) {
            heard.failures += 1;
            heard.not_before = now.saturating_add(backoff(heard.failures, random));
            if heard.failures >= FAILURES_OF_HEARD {
                self.remove_heard(address);
            }
        } else if let Some(met) = self.met.get_mut(address) {
            met.failures += 1;
            met.not_before = now.saturating_add(backoff(met.failures, random));
            if met.failures >= FAILURES_OF_MET {
                self.met.remove(address);
            }
        }
    }

    /// Forgets an address: it is our own.
    pub fn forget(&mut self, address: &PeerAddress) {
        self.remove_heard(address);
        self.met.remove(address);
    }

    /// An address to dial now, that `wanted` agrees with: one coin toss between the two kinds, so
    /// that neither a flood of new addresses nor a captured set of old ones decides alone.
    pub fn pick(
        &self,
        now: Timestamp,
        wanted: impl Fn(&PeerAddress) -> bool,
        random: &mut Random,
    ) -> Option<PeerAddress> {
        let heard =
            self.heard.iter().filter(|(_, heard)| heard.not_before <= now).map(|(address, _)| *address);
        let met = self.met.iter().filter(|(_, met)| met.not_before <= now).map(|(address, _)| *address);
        let heard: Vec<PeerAddress> = heard.filter(|address| wanted(address)).collect();
        let met: Vec<PeerAddress> = met.filter(|address| wanted(address)).collect();
        let from = match (heard.is_empty(), met.is_empty()) {
            (true, _) => met,
            (_, true) => heard,
            _ if random.below(2) == 0 => heard,
            _ => met,
        };
        from.get(random.index(from.len())).copied()
    }

    /// When an address that is only waiting becomes due.
    pub fn next_due(&self, wanted: impl Fn(&PeerAddress) -> bool) -> Option<Timestamp> {
        let heard = self.heard.iter().map(|(address, heard)| (address, heard.not_before));
        let met = self.met.iter().map(|(address, met)| (address, met.not_before));
        heard.chain(met).filter(|(address, _)| wanted(address)).map(|(_, due)| due).min()
    }

    /// At most `count` addresses to tell a peer, those where a node was met before the others.
    pub fn sample(&self, count: usize, random: &mut Random) -> Vec<PeerAddress> {
        let mut met: Vec<PeerAddress> = self.met.keys().copied().collect();
        let mut heard: Vec<PeerAddress> = self.heard.keys().copied().collect();
        random.shuffle(&mut met);
        random.shuffle(&mut heard);
        met.extend(heard);
        met.truncate(count);
        met
    }

    /// How many addresses are known.
    pub fn len(&self) -> usize {
        self.heard.len() + self.met.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every address where a node was met, to be kept across restarts.
    pub fn met(&self) -> impl Iterator<Item = &PeerAddress> {
        self.met.keys()
    }

    fn drop_one_of_the_loudest(&mut self, random: &mut Random) {
        let Some(loudest) = self.sources.iter().max_by_key(|(_, count)| **count).map(|(source, _)| *source)
        else {
            return;
        };
        let of_loudest = self.heard.iter().filter(|(_, heard)| heard.source == loudest);
        let of_loudest: Vec<PeerAddress> = of_loudest.map(|(address, _)| *address).collect();
        if let Some(victim) = of_loudest.get(random.index(of_loudest.len())) {
            self.remove_heard(victim);
        }
    }

    fn remove_heard(&mut self, address: &PeerAddress) {
        let Some(heard) = self.heard.remove(address) else { return };
        if let Some(count) = self.sources.get_mut(&heard.source) {
            *count -= 1;
            if *count == 0 {
                self.sources.remove(&heard.source);
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
            book.hear(address(number), source(1), &mut random);
        });
        assert_eq!(book.len(), MAX_ADDRESSES_PER_SOURCE);
        assert!(book.hear(address(20_000), source(2), &mut random), "another source still has room");
    }

    #[test]
    fn a_full_book_stays_at_its_bound_and_the_loudest_source_gives_way() {
        let (mut book, mut random) = (AddressBook::default(), Random::derive(1, 1));
        book.hear(address(1_000_000), source(255), &mut random);
        for number in 0..250u32 {
            for nth in 0..MAX_ADDRESSES_PER_SOURCE as u32 {
                book.hear(address(number * 1000 + nth), source(number as u8), &mut random);
            }
        }
        assert_eq!(book.len(), MAX_HEARD_ADDRESSES);
        assert!(book.heard.contains_key(&address(1_000_000)), "who named one address keeps it");
    }

    #[test]
    fn a_flood_of_addresses_leaves_those_where_a_node_was_met() {
        let (mut book, mut random) = (AddressBook::default(), Random::derive(1, 1));
        book.meet(NOW, address(1_000_000));
        for number in 0..250u32 {
            for nth in 0..MAX_ADDRESSES_PER_SOURCE as u32 {
                book.hear(address(number * 1000 + nth), source(number as u8), &mut random);
            }
        }
        assert!(book.sample(1, &mut random).contains(&address(1_000_000)), "and it is told first");
    }

    #[test]
    fn an_address_that_never_answers_is_forgotten() {
        let (mut book, mut random) = (AddressBook::default(), Random::derive(1, 1));
        book.hear(address(1), None, &mut random);
        (0..FAILURES_OF_HEARD).for_each(|_| book.miss(NOW, &address(1), &mut random));
        assert!(book.is_empty());
    }

    #[test]
    fn an_address_that_failed_waits_before_it_is_picked_again() {
        let (mut book, mut random) = (AddressBook::default(), Random::derive(1, 1));
        book.hear(address(1), None, &mut random);
        book.miss(NOW, &address(1), &mut random);
        assert_eq!(book.pick(NOW, |_| true, &mut random), None);
        let due = book.next_due(|_| true).expect("it waits");
        assert_eq!(book.pick(due, |_| true, &mut random), Some(address(1)));
    }

    #[test]
    fn addresses_that_cannot_be_dialled_are_not_noted() {
        let (mut book, mut random) = (AddressBook::default(), Random::derive(1, 1));
        for text in ["0.0.0.0:4000", "127.0.0.1:0", "224.0.0.1:4000", "[::]:4000"] {
            let address = PeerAddress::new(text.parse().expect("a literal address"));
            assert!(!book.hear(address, None, &mut random), "{text}");
        }
    }
}
