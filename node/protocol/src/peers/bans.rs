//! The ban list: banned peers and hosts, each until a time, up to a fixed number.

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::IpAddr;

use cairn_core::encoding::{Decode, Encode};
use cairn_core::time::Timestamp;

use crate::limits::{MAX_BANS, MAX_OPERATOR_BANS};
use crate::peer::{PeerAddress, PeerId};
use crate::peers::network_group::is_public;

/// The ban of one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Ban {
    pub until: Timestamp,
    pub since: Timestamp,
    /// The host that is banned with the peer, or a /64 of IPv6: a new identity costs nothing, nor does a new address in
    /// one's own network. An address on the loopback or in a private network may be that of many nodes and is never
    /// banned.
    pub host: Option<IpAddr>,
    pub by: BannedBy,
}

/// The cause of a ban. No number of bans for misbehavior removes one by the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum BannedBy {
    Operator,
    Misbehavior,
}

/// Every ban, by peer.
#[derive(Clone, Debug, Default)]
pub struct BanList {
    bans: BTreeMap<PeerId, Ban>,
    /// The peers that are banned with each host, so that a lookup costs the same however long the list is.
    hosts: BTreeMap<IpAddr, Vec<PeerId>>,
}

impl BanList {
    /// The bans that were saved.
    pub fn restore(saved: Vec<(PeerId, Ban)>) -> Self {
        let mut list = Self::default();
        saved.into_iter().for_each(|(peer, ban)| list.insert(peer, ban));
        list
    }

    /// Bans a peer, and the host of its connection, if known. A second ban replaces the first, but misbehavior does not
    /// shorten a ban by the operator.
    pub fn ban(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        seen_at: Option<PeerAddress>,
        duration: Duration,
        by: BannedBy,
    ) {
        let is_kept = |ban: &Ban| ban.by == BannedBy::Operator && ban.until > now;
        if by == BannedBy::Misbehavior && self.bans.get(&peer).is_some_and(is_kept) {
            return;
        }
        let host = seen_at.map(|address| network_of(address.socket().ip()));
        let host = host.filter(|host| is_public(*host));
        self.insert(peer, Ban { until: now.saturating_add(duration), since: now, host, by });
    }

    fn insert(&mut self, peer: PeerId, ban: Ban) {
        self.unban(&peer);
        let limit = if ban.by == BannedBy::Operator { MAX_OPERATOR_BANS } else { MAX_BANS };
        let alike = || self.bans.iter().filter(|(_, other)| other.by == ban.by);
        if self.bans.len() >= limit && alike().count() >= limit {
            let oldest = alike().min_by_key(|(_, other)| other.since).map(|(peer, _)| *peer);
            if let Some(oldest) = oldest {
                self.unban(&oldest);
            }
        }
        if let Some(host) = ban.host {
            self.hosts.entry(host).or_default().push(peer);
        }
        self.bans.insert(peer, ban);
    }

    /// Ends the ban of a peer and its host.
    pub fn unban(&mut self, peer: &PeerId) {
        let Some(ban) = self.bans.remove(peer) else { return };
        if let Some(host) = ban.host
            && let Some(peers) = self.hosts.get_mut(&host)
        {
            peers.retain(|banned| banned != peer);
            if peers.is_empty() {
                self.hosts.remove(&host);
            }
        }
    }

    /// Ends the bans of all peers.
    pub fn clear(&mut self) {
        self.bans.clear();
        self.hosts.clear();
    }

    /// Whether a peer, or its host, is banned now.
    pub fn covers(&self, now: Timestamp, peer: &PeerId, address: &PeerAddress) -> bool {
        self.covers_peer(now, peer) || self.covers_host(now, address)
    }

    /// Whether a peer is banned now.
    pub fn covers_peer(&self, now: Timestamp, peer: &PeerId) -> bool {
        self.bans.get(peer).is_some_and(|ban| ban.until > now)
    }

    /// Whether a host is banned now.
    pub fn covers_host(&self, now: Timestamp, address: &PeerAddress) -> bool {
        let peers = self.hosts.get(&network_of(address.socket().ip()));
        peers.is_some_and(|peers| peers.iter().any(|peer| self.covers_peer(now, peer)))
    }

    /// Every ban that has not ended.
    pub fn iter(&self, now: Timestamp) -> impl Iterator<Item = (&PeerId, &Ban)> {
        self.bans.iter().filter(move |(_, ban)| ban.until > now)
    }
}

/// The addresses that one operator has for certain: a host of IPv4, a /64 of IPv6.
fn network_of(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(_) => host,
        IpAddr::V6(host) => IpAddr::V6((host.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u64) -> PeerId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        PeerId::from_bytes(bytes)
    }

    fn address(text: &str) -> PeerAddress {
        PeerAddress::new(text.parse().expect("a literal address"))
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_ban_ends_when_its_time_is_over() {
        let mut bans = BanList::default();
        let now = Timestamp::from_millis(5);
        bans.ban(now, peer(1), None, HOUR, BannedBy::Misbehavior);
        assert!(bans.covers_peer(now, &peer(1)));
        assert!(!bans.covers_peer(now.saturating_add(HOUR), &peer(1)));
    }

    #[test]
    fn a_new_identity_on_a_banned_host_is_refused() {
        let mut bans = BanList::default();
        let now = Timestamp::from_millis(5);
        bans.ban(now, peer(1), Some(address("8.8.8.8:4000")), HOUR, BannedBy::Misbehavior);
        assert!(bans.covers(now, &peer(2), &address("8.8.8.8:5000")));
        bans.unban(&peer(1));
        assert!(!bans.covers(now, &peer(2), &address("8.8.8.8:5000")));
    }

    #[test]
    fn a_ban_on_the_loopback_leaves_its_neighbours_alone() {
        let mut bans = BanList::default();
        let now = Timestamp::from_millis(5);
        bans.ban(now, peer(1), Some(address("127.0.0.1:4000")), HOUR, BannedBy::Misbehavior);
        assert!(!bans.covers(now, &peer(2), &address("127.0.0.1:5000")));
    }

    /// ATTACKS 25, CVE-2020-14198.
    #[test]
    fn twenty_thousand_bans_keep_the_list_at_its_bound() {
        let mut bans = BanList::default();
        for number in 0..20_000u64 {
            let host = std::net::Ipv4Addr::from(0x0800_0000 + u32::try_from(number).expect("small"));
            let seen_at = PeerAddress::new((host, 1).into());
            bans.ban(
                Timestamp::from_millis(number),
                peer(number),
                Some(seen_at),
                HOUR,
                BannedBy::Misbehavior,
            );
        }
        assert_eq!(bans.bans.len(), MAX_BANS);
        assert_eq!(bans.hosts.len(), MAX_BANS);
        assert!(bans.covers_peer(Timestamp::from_millis(20_000), &peer(19_999)), "the last ban holds");
    }

    #[test]
    fn no_number_of_bans_for_misbehavior_removes_one_by_the_operator() {
        let (mut bans, now) = (BanList::default(), Timestamp::from_millis(5));
        bans.ban(now, peer(1), None, HOUR, BannedBy::Operator);
        for number in 2..10_000u64 {
            let later = Timestamp::from_millis(number);
            bans.ban(later, peer(number), None, Duration::from_secs(24 * 3600), BannedBy::Misbehavior);
        }
        bans.ban(now, peer(1), None, Duration::from_secs(1), BannedBy::Misbehavior);
        let before_the_end = Timestamp::from_millis(4).saturating_add(HOUR);
        assert!(bans.covers_peer(before_the_end, &peer(1)));
        let all: Vec<(PeerId, Ban)> = bans.iter(now).map(|(peer, ban)| (*peer, *ban)).collect();
        let restored = BanList::restore(all.clone());
        assert_eq!(restored.iter(now).map(|(peer, ban)| (*peer, *ban)).collect::<Vec<_>>(), all);
    }

    #[test]
    fn another_address_of_a_banned_ipv6_network_is_banned_too() {
        let (mut bans, now) = (BanList::default(), Timestamp::from_millis(5));
        bans.ban(now, peer(1), Some(address("[2001:db8:0:1::1]:4000")), HOUR, BannedBy::Misbehavior);
        assert!(bans.covers(now, &peer(2), &address("[2001:db8:0:1:ffff::2]:5000")));
        assert!(!bans.covers(now, &peer(2), &address("[2001:db8:0:2::1]:5000")));
    }
}
