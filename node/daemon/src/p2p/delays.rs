//! Slow links: how long what is said to a peer is held back. For devnets, where a slow link is wanted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cairn_protocol::peer::PeerId;
use tokio::time::Instant;

/// The longest delay. From half of it on answers come later than peers wait for them: such a link stands, and
/// carries no blocks.
pub const LONGEST: Duration = Duration::from_secs(10);

/// The delays of all links of a node, those to come included.
#[derive(Debug, Default)]
pub struct Delays(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    all: Duration,
    peers: BTreeMap<PeerId, Duration>,
}

impl Delays {
    /// From now on everything that is said waits so long.
    pub fn set(&self, delay: Duration) {
        self.kept().all = delay.min(LONGEST);
    }

    /// From now on everything that is said to this peer waits so long, if that is longer.
    pub fn set_for(&self, peer: PeerId, delay: Duration) {
        match delay.is_zero() {
            true => drop(self.kept().peers.remove(&peer)),
            false => drop(self.kept().peers.insert(peer, delay.min(LONGEST))),
        }
    }

    /// When what is said to a peer now may go; nothing when at once.
    pub fn due(&self, peer: &PeerId) -> Option<Instant> {
        let delay = self.delay(peer);
        (!delay.is_zero()).then(|| Instant::now() + delay)
    }

    fn delay(&self, peer: &PeerId) -> Duration {
        let kept = self.kept();
        kept.peers.get(peer).copied().unwrap_or_default().max(kept.all)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Durations are whole whatever happens.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_of_both_delays_counts_and_none_is_longer_than_the_bound() {
        let (delays, one, other) =
            (Delays::default(), PeerId::from_bytes([1; 32]), PeerId::from_bytes([2; 32]));
        assert_eq!(delays.due(&one), None);
        delays.set(Duration::from_millis(200));
        delays.set_for(one, Duration::from_secs(1));
        assert_eq!([delays.delay(&one), delays.delay(&other)].map(|delay| delay.as_millis()), [1_000, 200]);
        delays.set_for(one, Duration::ZERO);
        assert_eq!(delays.delay(&one).as_millis(), 200);
        delays.set(Duration::from_secs(1_000));
        assert_eq!(delays.delay(&other), LONGEST);
    }
}
