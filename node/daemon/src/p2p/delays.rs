//! Slow links: the delay of messages to a peer. For devnets, which simulate slow links.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use cairn_genesis::programs::held::held;
use cairn_protocol::peer::PeerId;
use tokio::time::Instant;

/// The longest delay. From half of it on replies arrive after the peer's timeouts: such a link stays connected,
/// and carries no blocks.
pub const MAX_DELAY: Duration = Duration::from_secs(10);

/// The delays of all links of a node, future ones included.
#[derive(Debug, Default)]
pub struct Delays(Mutex<Settings>);

#[derive(Debug, Default)]
struct Settings {
    all: Duration,
    peers: BTreeMap<PeerId, Duration>,
}

impl Delays {
    /// Sets the delay of all messages.
    pub fn set(&self, delay: Duration) {
        self.settings().all = delay.min(MAX_DELAY);
    }

    /// Sets the delay of messages to a peer, which counts if it is longer than that of all messages.
    pub fn set_for(&self, peer: PeerId, delay: Duration) {
        if delay.is_zero() {
            self.settings().peers.remove(&peer);
        } else {
            self.settings().peers.insert(peer, delay.min(MAX_DELAY));
        }
    }

    /// The time at which a message to a peer may be sent; none without a delay.
    pub fn due(&self, peer: &PeerId) -> Option<Instant> {
        let delay = self.delay(peer);
        (!delay.is_zero()).then(|| Instant::now() + delay)
    }

    fn delay(&self, peer: &PeerId) -> Duration {
        let settings = self.settings();
        settings.peers.get(peer).copied().unwrap_or_default().max(settings.all)
    }

    fn settings(&self) -> std::sync::MutexGuard<'_, Settings> {
        // Durations are valid whatever panicked.
        held(&self.0)
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
        assert_eq!(delays.delay(&other), MAX_DELAY);
    }
}
