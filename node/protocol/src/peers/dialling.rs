//! Dialling: which addresses are being dialled, which wait their turn, and which stand.
//!
//! Addresses that the operator named are kept up for ever, with back-off. Others are passing: they
//! get a few more tries after a loss, and are then left to the address book.

use std::collections::BTreeMap;

use cairn_core::time::Timestamp;

use crate::limits::{DIAL_TIMEOUT, MAX_DIALLING, REDIALS_OF_PASSING};
use crate::peer::{PeerAddress, PeerId};
use crate::peers::backoff::backoff;
use crate::random::Random;

/// Every address that is dialled or held.
#[derive(Clone, Debug, Default)]
pub struct Dialler {
    targets: BTreeMap<PeerAddress, Target>,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    /// The operator wants it kept up.
    kept: bool,
    /// Who was last met there.
    peer: Option<PeerId>,
    failures: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting { until: Timestamp },
    Dialling { since: Timestamp },
    Standing,
}

impl Target {
    fn waiting(kept: bool, until: Timestamp) -> Self {
        Self { kept, peer: None, failures: 0, state: State::Waiting { until } }
    }
}

impl Dialler {
    /// Keeps this address up from now on.
    pub fn keep(&mut self, now: Timestamp, address: PeerAddress) {
        self.targets.entry(address).or_insert_with(|| Target::waiting(true, now)).kept = true;
        self.hurry(now, &address);
    }

    /// Dials this address a few times, unless it is dialled or held already.
    pub fn attempt(&mut self, now: Timestamp, address: PeerAddress) {
        self.targets.entry(address).or_insert_with(|| Target::waiting(false, now));
        self.hurry(now, &address);
    }

    /// No longer keeps this address up; says whether it was kept.
    pub fn release(&mut self, address: &PeerAddress) -> bool {
        let Some(target) = self.targets.get_mut(address) else { return false };
        let was_kept = core::mem::replace(&mut target.kept, false);
        if !matches!(target.state, State::Standing) {
            self.targets.remove(address);
        }
        was_kept
    }

    /// Forgets an address altogether: it is our own.
    pub fn forget(&mut self, address: &PeerAddress) {
        self.targets.remove(address);
    }

    /// Ends the waiting for this address, if it waits.
    pub fn hurry(&mut self, now: Timestamp, address: &PeerAddress) {
        if let Some(target) = self.targets.get_mut(address)
            && matches!(target.state, State::Waiting { .. })
        {
            target.failures = 0;
            target.state = State::Waiting { until: now };
        }
    }

    /// Ends the waiting for every address at which one of these peers was met.
    pub fn hurry_peers(&mut self, now: Timestamp, is_meant: impl Fn(&PeerId) -> bool) {
        let meant = self.targets.iter().filter(|(_, target)| target.peer.is_some_and(|peer| is_meant(&peer)));
        let meant: Vec<PeerAddress> = meant.map(|(address, _)| *address).collect();
        meant.iter().for_each(|address| self.hurry(now, address));
    }

    /// The addresses to dial now; they count as being dialled from here on. Peers that are refused
    /// keep their place and wait.
    pub fn take_due(&mut self, now: Timestamp, is_refused: impl Fn(&PeerId) -> bool) -> Vec<PeerAddress> {
        let room = MAX_DIALLING.saturating_sub(self.dialling());
        let due = self.targets.iter_mut().filter(|(_, target)| {
            matches!(target.state, State::Waiting { until } if until <= now)
                && !target.peer.is_some_and(|peer| is_refused(&peer))
        });
        due.take(room)
            .map(|(address, target)| {
                target.state = State::Dialling { since: now };
                *address
            })
            .collect()
    }

    /// Dials that never got an answer; the edge owes one, so this only guards against its loss.
    pub fn take_overdue(&self, now: Timestamp) -> Vec<PeerAddress> {
        let overdue = self.targets.iter().filter(
            |(_, target)| matches!(target.state, State::Dialling { since } if now.since(since) >= DIAL_TIMEOUT),
        );
        overdue.map(|(address, _)| *address).collect()
    }

    /// Notes that a dial led to this peer.
    pub fn reached(&mut self, address: PeerAddress, peer: PeerId) {
        let target =
            self.targets.entry(address).or_insert_with(|| Target::waiting(false, Timestamp::from_millis(0)));
        target.peer = Some(peer);
        target.state = State::Standing;
    }

    /// Notes that the peer of a standing connection listens at these addresses: whichever of them
    /// was waiting needs no dial of its own.
    pub fn listens_at(&mut self, peer: PeerId, addresses: &[PeerAddress]) {
        for address in addresses {
            if let Some(target) = self.targets.get_mut(address) {
                target.peer = Some(peer);
                target.state = State::Standing;
            }
        }
    }

    /// Notes that a dial came to nothing.
    pub fn failed(&mut self, now: Timestamp, address: &PeerAddress, random: &mut Random) {
        let Some(target) = self.targets.get_mut(address) else { return };
        if !matches!(target.state, State::Dialling { .. }) {
            return;
        }
        target.wait_again(now, random);
        if !target.kept && target.failures >= REDIALS_OF_PASSING {
            self.targets.remove(address);
        }
    }

    /// Notes that a connection is gone. One that was good is dialled again soon, one that was not
    /// counts as a failure.
    pub fn lost(&mut self, now: Timestamp, peer: &PeerId, was_good: bool, random: &mut Random) {
        let of_peer = |target: &Target| target.state == State::Standing && target.peer == Some(*peer);
        for target in self.targets.values_mut().filter(|target| of_peer(target)) {
            if was_good {
                target.failures = 0;
                target.state = State::Waiting { until: now.saturating_add(backoff(0, random)) };
            } else {
                target.wait_again(now, random);
            }
        }
        self.targets.retain(|_, target| {
            target.kept || target.state == State::Standing || target.failures < REDIALS_OF_PASSING
        });
    }

    /// Drops the targets of this peer that the operator did not ask to keep.
    pub fn give_up(&mut self, peer: &PeerId) {
        self.targets.retain(|_, target| target.kept || target.peer != Some(*peer));
    }

    /// Whether this address is being dialled, waits for it, or is held.
    pub fn has(&self, address: &PeerAddress) -> bool {
        self.targets.contains_key(address)
    }

    /// How many dials are under way.
    pub fn dialling(&self) -> usize {
        self.targets.values().filter(|target| matches!(target.state, State::Dialling { .. })).count()
    }

    /// Every address that the operator wants kept up, and whether a connection to it stands.
    pub fn kept(&self) -> impl Iterator<Item = (&PeerAddress, bool)> {
        let kept = self.targets.iter().filter(|(_, target)| target.kept);
        kept.map(|(address, target)| (address, target.state == State::Standing))
    }

    /// When an address is to be dialled or a dial is overdue.
    pub fn next_due(&self, is_refused: impl Fn(&PeerId) -> bool) -> Option<Timestamp> {
        let room = self.dialling() < MAX_DIALLING;
        let due = self.targets.values().filter_map(|target| match target.state {
            State::Waiting { until } if room && !target.peer.is_some_and(|peer| is_refused(&peer)) => {
                Some(until)
            }
            State::Dialling { since } => Some(since.saturating_add(DIAL_TIMEOUT)),
            State::Waiting { .. } | State::Standing => None,
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
    use crate::limits::REDIAL_LONGEST;

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
        let (mut dialler, mut random) = (Dialler::default(), Random::derive(1, 1));
        dialler.keep(NOW, address(1));
        let mut now = NOW;
        for _ in 0..1000 {
            assert_eq!(dialler.take_due(now, nobody), [address(1)]);
            dialler.failed(now, &address(1), &mut random);
            let due = dialler.next_due(nobody).expect("it is tried again");
            assert!(due.since(now) <= REDIAL_LONGEST);
            now = due;
        }
    }

    #[test]
    fn a_passing_address_is_given_up_after_a_few_failures() {
        let (mut dialler, mut random) = (Dialler::default(), Random::derive(1, 1));
        dialler.attempt(NOW, address(1));
        let mut now = NOW;
        for _ in 0..REDIALS_OF_PASSING {
            dialler.take_due(now, nobody);
            dialler.failed(now, &address(1), &mut random);
            now = dialler.next_due(nobody).unwrap_or(now);
        }
        assert!(!dialler.has(&address(1)));
    }

    #[test]
    fn a_refused_peer_waits_and_is_dialled_at_once_when_no_longer_refused() {
        let (mut dialler, mut random) = (Dialler::default(), Random::derive(1, 1));
        dialler.attempt(NOW, address(1));
        dialler.take_due(NOW, nobody);
        dialler.reached(address(1), peer(1));
        dialler.lost(NOW, &peer(1), true, &mut random);
        let later = NOW.saturating_add(core::time::Duration::from_secs(600));
        assert!(dialler.take_due(later, |refused| *refused == peer(1)).is_empty());
        assert_eq!(dialler.next_due(|refused| *refused == peer(1)), None);
        dialler.hurry_peers(later, |healed| *healed == peer(1));
        assert_eq!(dialler.take_due(later, nobody), [address(1)]);
    }

    #[test]
    fn a_peer_that_dialled_us_is_not_dialled_back() {
        let mut dialler = Dialler::default();
        dialler.keep(NOW, address(1));
        dialler.listens_at(peer(1), &[address(1)]);
        assert!(dialler.take_due(NOW, nobody).is_empty());
    }

    #[test]
    fn dials_under_way_are_bounded() {
        let mut dialler = Dialler::default();
        (1..200).for_each(|port| dialler.attempt(NOW, address(port)));
        assert_eq!(dialler.take_due(NOW, nobody).len(), MAX_DIALLING);
        assert!(dialler.take_due(NOW, nobody).is_empty());
    }

    #[test]
    fn a_dial_that_the_edge_never_answered_is_overdue() {
        let mut dialler = Dialler::default();
        dialler.attempt(NOW, address(1));
        dialler.take_due(NOW, nobody);
        assert!(dialler.take_overdue(NOW).is_empty());
        assert_eq!(dialler.take_overdue(NOW.saturating_add(DIAL_TIMEOUT)), [address(1)]);
    }
}
