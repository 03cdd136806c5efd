//! Dialer: the addresses that are dialed, that wait for their next dial, and that are connected.
//!
//! Addresses that the operator named are dialed again for ever, with back-off. Others get a few more dials after
//! a loss, and are then left to the address manager.

use std::collections::BTreeMap;

use cairn_core::time::Timestamp;

use crate::limits::{DIAL_TIMEOUT, MAX_DIALS, MAX_REDIALS};
use crate::peer::{PeerAddress, PeerId};
use crate::peers::backoff::backoff;
use crate::peers::purpose::Purpose;
use crate::random::Random;

/// Every address that is dialed or connected.
#[derive(Clone, Debug, Default)]
pub struct Dialer {
    targets: BTreeMap<PeerAddress, Target>,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    /// Whether the operator wants it dialed for ever.
    kept: bool,
    purpose: Purpose,
    /// The peer that was last connected there.
    peer: Option<PeerId>,
    failures: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting { until: Timestamp },
    Dialing { since: Timestamp },
    Connected,
}

impl Target {
    fn waiting(kept: bool, purpose: Purpose, until: Timestamp) -> Self {
        Self { kept, purpose, peer: None, failures: 0, state: State::Waiting { until } }
    }
}

impl Dialer {
    /// Dials an address for ever from now on.
    pub fn keep(&mut self, now: Timestamp, address: PeerAddress) {
        self.targets.entry(address).or_insert_with(|| Target::waiting(true, Purpose::Full, now)).kept = true;
        self.hurry(now, &address);
    }

    /// Dials an address a few times, unless it is a target already.
    pub fn attempt(&mut self, now: Timestamp, address: PeerAddress, purpose: Purpose) {
        self.targets.entry(address).or_insert_with(|| Target::waiting(false, purpose, now));
        self.hurry(now, &address);
    }

    /// No longer dials an address for ever.
    pub fn release(&mut self, address: &PeerAddress) {
        let Some(target) = self.targets.get_mut(address) else { return };
        target.kept = false;
        if target.state != State::Connected {
            self.targets.remove(address);
        }
    }

    /// Forgets an address, which is our own.
    pub fn forget(&mut self, address: &PeerAddress) {
        self.targets.remove(address);
    }

    /// Dials an address now, if it waits for its next dial.
    pub fn hurry(&mut self, now: Timestamp, address: &PeerAddress) {
        if let Some(target) = self.targets.get_mut(address)
            && matches!(target.state, State::Waiting { .. })
        {
            target.failures = 0;
            target.state = State::Waiting { until: now };
        }
    }

    /// Dials every address now at which one of these peers was connected.
    pub fn hurry_peers(&mut self, now: Timestamp, is_meant: impl Fn(&PeerId) -> bool) {
        let meant = self.targets.iter().filter(|(_, target)| target.peer.is_some_and(|peer| is_meant(&peer)));
        let meant: Vec<PeerAddress> = meant.map(|(address, _)| *address).collect();
        meant.iter().for_each(|address| self.hurry(now, address));
    }

    /// The addresses to dial now, which count as being dialed from here on. Those of forbidden peers wait.
    pub fn take_due(&mut self, now: Timestamp, is_forbidden: impl Fn(&PeerId) -> bool) -> Vec<PeerAddress> {
        let free = MAX_DIALS.saturating_sub(self.dialing());
        let due = self.targets.iter_mut().filter(|(_, target)| {
            matches!(target.state, State::Waiting { until } if until <= now)
                && !target.peer.is_some_and(|peer| is_forbidden(&peer))
        });
        due.take(free)
            .map(|(address, target)| {
                target.state = State::Dialing { since: now };
                *address
            })
            .collect()
    }

    /// Addresses whose dial has no result for too long. The transport reports every result; this guards
    /// against the loss of one.
    pub fn overdue(&self, now: Timestamp) -> Vec<PeerAddress> {
        let overdue = self.targets.iter().filter(
            |(_, target)| matches!(target.state, State::Dialing { since } if now.since(since) >= DIAL_TIMEOUT),
        );
        overdue.map(|(address, _)| *address).collect()
    }

    /// Notes that a dial has connected a peer.
    pub fn connected(&mut self, address: PeerAddress, peer: PeerId) {
        let target = self
            .targets
            .entry(address)
            .or_insert_with(|| Target::waiting(false, Purpose::Full, Timestamp::default()));
        target.peer = Some(peer);
        target.state = State::Connected;
    }

    /// The purpose for which an address is dialed.
    pub fn purpose(&self, address: &PeerAddress) -> Purpose {
        self.targets.get(address).map_or(Purpose::Full, |target| target.purpose)
    }

    /// Dials an address for another purpose from now on.
    pub fn set_purpose(&mut self, address: &PeerAddress, purpose: Purpose) {
        if let Some(target) = self.targets.get_mut(address) {
            target.purpose = purpose;
        }
    }

    /// Whether a full connection is made again that was lost or given up. Those that the operator named do not count,
    /// since they may be dialed for ever, nor those of forbidden peers.
    pub fn redials_full(&self, is_forbidden: impl Fn(&PeerId) -> bool) -> bool {
        let mut lost =
            self.targets.values().filter(|target| target.state != State::Connected && !target.kept);
        lost.any(|target| {
            target.purpose == Purpose::Full && target.peer.is_some_and(|peer| !is_forbidden(&peer))
        })
    }

    /// Notes that a connected peer listens at these addresses, which need no dial of their own.
    pub fn listens_at(&mut self, peer: PeerId, addresses: &[PeerAddress]) {
        for address in addresses {
            if let Some(target) = self.targets.get_mut(address) {
                target.peer = Some(peer);
                target.state = State::Connected;
            }
        }
    }

    /// Notes that a dial failed.
    pub fn failed(&mut self, now: Timestamp, address: &PeerAddress, random: &mut Random) {
        let Some(target) = self.targets.get_mut(address) else { return };
        if !matches!(target.state, State::Dialing { .. }) {
            return;
        }
        target.wait_again(now, random);
        if !target.kept && (target.failures >= MAX_REDIALS || target.purpose == Purpose::Feeler) {
            self.targets.remove(address);
        }
    }

    /// Notes that a connection has ended. The address of a good one is dialed again soon; one that was not
    /// counts as a failure.
    pub fn disconnected(&mut self, now: Timestamp, peer: &PeerId, was_good: bool, random: &mut Random) {
        let of_peer = |target: &Target| target.state == State::Connected && target.peer == Some(*peer);
        for target in self.targets.values_mut().filter(|target| of_peer(target)) {
            if was_good {
                target.failures = 0;
                target.state = State::Waiting { until: now.saturating_add(backoff(0, random)) };
            } else {
                target.wait_again(now, random);
            }
        }
        self.targets.retain(|_, target| {
            let is_given_up = target.purpose == Purpose::Feeler || target.failures >= MAX_REDIALS;
            let waits = matches!(target.state, State::Waiting { .. });
            target.kept || !waits || !is_given_up
        });
    }

    /// Forgets the addresses of a peer that the operator did not name.
    pub fn give_up(&mut self, peer: &PeerId) {
        self.targets.retain(|_, target| target.kept || target.peer != Some(*peer));
    }

    /// Whether an address is a target.
    pub fn has(&self, address: &PeerAddress) -> bool {
        self.targets.contains_key(address)
    }

    /// The number of dials without a result yet.
    pub fn dialing(&self) -> usize {
        self.targets.values().filter(|target| matches!(target.state, State::Dialing { .. })).count()
    }

    /// The number of dials for a purpose that have no result yet or are repeated soon. Those that the operator named
    /// count only while they are dialed, and those of forbidden peers, which wait, not at all.
    pub fn pending_for(&self, purpose: Purpose, is_forbidden: impl Fn(&PeerId) -> bool) -> usize {
        let is_pending = |target: &&Target| match target.state {
            State::Dialing { .. } => true,
            State::Waiting { .. } => !target.kept && !target.peer.is_some_and(|peer| is_forbidden(&peer)),
            State::Connected => false,
        };
        self.targets.values().filter(|target| target.purpose == purpose).filter(is_pending).count()
    }

    /// Every address that is dialed or connected.
    pub fn targets(&self) -> impl Iterator<Item = &PeerAddress> {
        self.targets.keys()
    }

    /// Every address that is dialed for ever, and whether it is connected.
    pub fn kept(&self) -> impl Iterator<Item = (&PeerAddress, bool)> {
        let kept = self.targets.iter().filter(|(_, target)| target.kept);
        kept.map(|(address, target)| (address, target.state == State::Connected))
    }

    /// The time at which an address is to be dialed or a dial is overdue.
    pub fn next_due(&self, is_forbidden: impl Fn(&PeerId) -> bool) -> Option<Timestamp> {
        let is_free = self.dialing() < MAX_DIALS;
        let due = self.targets.values().filter_map(|target| match target.state {
            State::Waiting { until } if is_free && !target.peer.is_some_and(|peer| is_forbidden(&peer)) => {
                Some(until)
            }
            State::Dialing { since } => Some(since.saturating_add(DIAL_TIMEOUT)),
            State::Waiting { .. } | State::Connected => None,
        });
        due.min()
    }
}

impl Target {
    fn wait_again(&mut self, now: Timestamp, random: &mut Random) {
        self.failures = self.failures.saturating_add(1);
        self.state = State::Waiting { until: now.saturating_add(backoff(self.failures, random)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::REDIAL_MAX;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn address(port: u16) -> PeerAddress {
        PeerAddress::new((std::net::Ipv4Addr::LOCALHOST, port).into())
    }

    fn peer(number: u8) -> PeerId {
        PeerId::from_bytes([number; 32])
    }

    fn nobody(_: &PeerId) -> bool {
        false
    }

    #[test]
    fn a_kept_address_is_dialled_for_ever_and_never_less_often_than_the_longest_wait() {
        let (mut dialer, mut random) = (Dialer::default(), Random::derive(1, 1));
        dialer.keep(NOW, address(1));
        let mut now = NOW;
        for _ in 0..1000 {
            assert_eq!(dialer.take_due(now, nobody), [address(1)]);
            dialer.failed(now, &address(1), &mut random);
            let due = dialer.next_due(nobody).expect("it is tried again");
            assert!(due.since(now) <= REDIAL_MAX);
            now = due;
        }
    }

    #[test]
    fn a_passing_address_is_given_up_after_a_few_failures() {
        let (mut dialer, mut random) = (Dialer::default(), Random::derive(1, 1));
        dialer.attempt(NOW, address(1), Purpose::Full);
        let mut now = NOW;
        for _ in 0..MAX_REDIALS {
            dialer.take_due(now, nobody);
            dialer.failed(now, &address(1), &mut random);
            now = dialer.next_due(nobody).unwrap_or(now);
        }
        assert!(!dialer.has(&address(1)));
    }

    #[test]
    fn a_refused_peer_waits_and_is_dialled_at_once_when_no_longer_refused() {
        let (mut dialer, mut random) = (Dialer::default(), Random::derive(1, 1));
        dialer.attempt(NOW, address(1), Purpose::Full);
        dialer.take_due(NOW, nobody);
        dialer.connected(address(1), peer(1));
        dialer.disconnected(NOW, &peer(1), true, &mut random);
        let later = NOW.saturating_add(core::time::Duration::from_secs(600));
        assert!(dialer.take_due(later, |refused| *refused == peer(1)).is_empty());
        assert_eq!(dialer.next_due(|refused| *refused == peer(1)), None);
        dialer.hurry_peers(later, |healed| *healed == peer(1));
        assert_eq!(dialer.take_due(later, nobody), [address(1)]);
    }

    #[test]
    fn a_peer_that_dialled_us_is_not_dialled_back() {
        let mut dialer = Dialer::default();
        dialer.keep(NOW, address(1));
        dialer.listens_at(peer(1), &[address(1)]);
        assert!(dialer.take_due(NOW, nobody).is_empty());
    }

    #[test]
    fn dials_under_way_are_bounded() {
        let mut dialer = Dialer::default();
        (1..200).for_each(|port| dialer.attempt(NOW, address(port), Purpose::Full));
        assert_eq!(dialer.take_due(NOW, nobody).len(), MAX_DIALS);
        assert!(dialer.take_due(NOW, nobody).is_empty());
    }

    #[test]
    fn a_dial_that_the_edge_never_answered_is_overdue() {
        let mut dialer = Dialer::default();
        dialer.attempt(NOW, address(1), Purpose::Full);
        dialer.take_due(NOW, nobody);
        assert!(dialer.overdue(NOW).is_empty());
        assert_eq!(dialer.overdue(NOW.saturating_add(DIAL_TIMEOUT)), [address(1)]);
    }

    /// A feeler whose target was lost would become a full connection, beside the limit and of any network group.
    #[test]
    fn the_end_of_another_connection_does_not_change_the_purpose_of_a_dial() {
        let (mut dialer, mut random) = (Dialer::default(), Random::derive(1, 1));
        dialer.attempt(NOW, address(1), Purpose::Feeler);
        dialer.take_due(NOW, nobody);
        dialer.disconnected(NOW, &peer(9), false, &mut random);
        assert_eq!(dialer.purpose(&address(1)), Purpose::Feeler);
    }
}
