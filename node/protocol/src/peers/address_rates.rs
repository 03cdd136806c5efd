//! Address rates: how many new addresses the peers of one network group may still name. Identities are free, so a limit
//! for each peer would bound nothing (Bitcoin Core limits each peer since CVE-2024-52919).

use core::time::Duration;
use std::collections::BTreeMap;

use cairn_core::time::Timestamp;

use crate::limits::{ADDRESS_BURST, ADDRESS_INTERVAL, MAX_ADDRESS_SOURCES, PEERS_REQUEST_INTERVAL};
use crate::peer::PeerAddress;
use crate::peers::network_group::NetworkGroup;

/// A token bucket for each network group of peers that named addresses lately.
#[derive(Clone, Debug, Default)]
pub struct AddressRates(BTreeMap<NetworkGroup, Bucket>);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// When it is full again: one interval later for each address that was taken.
    full_at: Timestamp,
    /// When it was last filled because addresses were requested.
    requested: Option<Timestamp>,
}

/// The time that an empty bucket takes to fill.
const FILL_TIME: Duration = ADDRESS_INTERVAL.saturating_mul(ADDRESS_BURST);

impl AddressRates {
    /// Whether a peer at this address may name another new one.
    pub fn allows(&self, now: Timestamp, source: &PeerAddress) -> bool {
        let full_at = self.0.get(&group(source)).map_or(now, |bucket| bucket.full_at);
        full_at.since(now) + ADDRESS_INTERVAL <= FILL_TIME
    }

    /// Counts a new address that a peer at `source` named.
    pub fn count(&mut self, now: Timestamp, source: &PeerAddress) {
        let bucket = self.bucket(now, source);
        bucket.full_at = bucket.full_at.max(now).saturating_add(ADDRESS_INTERVAL);
    }

    /// Allows the peers of a group a full reply, because one that this node dialed is asked for addresses. This counts
    /// once in an interval, however many of them are dialed.
    pub fn requested(&mut self, now: Timestamp, source: &PeerAddress) {
        let bucket = self.bucket(now, source);
        if bucket.requested.is_none_or(|last| now.since(last) >= PEERS_REQUEST_INTERVAL) {
            *bucket = Bucket { full_at: now, requested: Some(now) };
        }
    }

    /// The bucket of a group. Beyond the limit of groups the one that is full first makes way.
    fn bucket(&mut self, now: Timestamp, source: &PeerAddress) -> &mut Bucket {
        let group = group(source);
        if self.0.len() >= MAX_ADDRESS_SOURCES && !self.0.contains_key(&group) {
            let fullest = self.0.iter().min_by_key(|(_, bucket)| bucket.full_at).map(|(group, _)| *group);
            fullest.map(|group| self.0.remove(&group));
        }
        self.0.entry(group).or_insert(Bucket { full_at: now, requested: None })
    }
}

/// The group of a host, whatever its port: an inbound peer dials from any.
fn group(source: &PeerAddress) -> NetworkGroup {
    NetworkGroup::of_host(source.socket().ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

    /// A host of the /16 with this number.
    fn host(group: u16, number: u8) -> PeerAddress {
        let [first, second] = (0x2000 + group).to_be_bytes();
        PeerAddress::new((std::net::Ipv4Addr::new(first, second, 1, number), 4000).into())
    }

    /// Takes all that a group may name.
    fn take(rates: &mut AddressRates, now: Timestamp, group: u16) -> u32 {
        let mut taken = 0;
        while rates.allows(now, &host(group, 1)) {
            rates.count(now, &host(group, 2));
            taken += 1;
        }
        taken
    }

    #[test]
    fn a_group_names_a_burst_and_then_six_a_minute_and_leaves_others_theirs() {
        let mut rates = AddressRates::default();
        assert_eq!(take(&mut rates, NOW, 1), ADDRESS_BURST);
        assert_eq!(take(&mut rates, NOW.saturating_add(Duration::from_secs(60)), 1), 6);
        assert_eq!(take(&mut rates, NOW, 2), ADDRESS_BURST);
        assert_eq!(take(&mut rates, NOW.saturating_add(Duration::from_secs(86_400)), 1), ADDRESS_BURST);
    }

    #[test]
    fn a_request_allows_a_full_reply_once_in_an_interval() {
        let mut rates = AddressRates::default();
        for (seconds, expected) in [(0, ADDRESS_BURST), (0, 0), (59, 5), (60, ADDRESS_BURST)] {
            let now = NOW.saturating_add(Duration::from_secs(seconds));
            rates.requested(now, &host(1, 3));
            assert_eq!(take(&mut rates, now, 1), expected, "after {seconds} s");
        }
    }

    #[test]
    fn groups_beyond_the_limit_make_no_other_forgotten_that_has_named_more() {
        let mut rates = AddressRates::default();
        take(&mut rates, NOW, 0);
        (1..20_000).for_each(|group| rates.count(NOW, &host(group, 1)));
        assert_eq!(rates.0.len(), MAX_ADDRESS_SOURCES);
        assert_eq!(take(&mut rates, NOW, 0), 0);
    }
}
