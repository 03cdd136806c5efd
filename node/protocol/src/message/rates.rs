//! Message rates: a token bucket for each kind of message of a peer. The edge reads no further from a peer whose bucket
//! is empty, so a flood waits at its sender, and no message is lost (ATTACKS 31).

use core::time::Duration;

use crate::message::types::Message;

/// The rate of one kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Units in a second: entries of a list, or messages.
    pub per_second: u64,
    /// Units that may be sent at once after a pause.
    pub burst: u64,
}

const fn rate(per_second: u64, burst: u64) -> Rate {
    Rate { per_second, burst }
}

/// Together they take a few hundredths of a core: a heartbeat or an empty list about 1 us, an id 0.1 us, a header that
/// is known 1 us, a request for headers 200 us.
pub const RATES: [Rate; 9] = [
    // Heartbeats, requests for addresses, and what is unsolicited: messages.
    rate(100, 1_000),
    // GetHeaders: messages.
    rate(100, 200),
    // Headers. After a pause of an hour a chain of 200,000 arrives at once.
    rate(20_000, 200_000),
    // GetBlocks: hashes.
    rate(100_000, 100_000),
    // Ids of transactions, announced or requested.
    rate(100_000, 100_000),
    // NotFound: entries.
    rate(50_000, 100_000),
    // Blocks: a short chain of empty ones arrives at once.
    rate(50_000, 200_000),
    // Transactions, also those of compact blocks.
    rate(100_000, 200_000),
    // Compact blocks, and requests for them or for their transactions: messages.
    rate(100, 200),
];

/// The buckets of one connection.
#[derive(Clone, Debug)]
pub struct MessageRates {
    /// Units that are left in each.
    left: [u64; RATES.len()],
    /// When they were last filled, since the connection began.
    filled: [Duration; RATES.len()],
}

impl Default for MessageRates {
    fn default() -> Self {
        Self { left: RATES.map(|rate| rate.burst), filled: [Duration::ZERO; RATES.len()] }
    }
}

impl MessageRates {
    /// Takes the units of a message that arrived at a time since the connection began; returns how long to wait before
    /// the next message is read.
    pub fn take(&mut self, now: Duration, message: &Message) -> Duration {
        let (kind, units) = kind_of(message);
        let (rate, left, filled) = (RATES[kind], &mut self.left[kind], &mut self.filled[kind]);
        let passed = now.saturating_sub(*filled);
        let gained = passed.as_micros().saturating_mul(u128::from(rate.per_second)) / 1_000_000;
        let gained = u64::try_from(gained).unwrap_or(u64::MAX);
        if gained > 0 {
            *filled = now;
            *left = left.saturating_add(gained).min(rate.burst);
        }
        let missing = units.saturating_sub(*left);
        *left = left.saturating_sub(units);
        if missing == 0 {
            return Duration::ZERO;
        }
        // What is gained while waiting is used up by this message.
        let wait = Duration::from_micros(missing.saturating_mul(1_000_000) / rate.per_second);
        *filled = now.saturating_add(wait);
        wait
    }
}

/// The index of a message's rate, and its units. An empty list counts for more than its entries.
fn kind_of(message: &Message) -> (usize, u64) {
    let entries = |length: usize| u64::try_from(length).unwrap_or(u64::MAX).max(20);
    match message {
        Message::Hello(_)
        | Message::Goodbye(_)
        | Message::Ping { .. }
        | Message::Pong { .. }
        | Message::GetPeers
        | Message::Peers(_)
        | Message::SendCompact(_) => (0, 1),
        Message::GetHeaders { .. } => (1, 1),
        Message::Headers(headers) => (2, entries(headers.len())),
        Message::GetBlocks(hashes) => (3, entries(hashes.len())),
        Message::AnnounceTransactions(txids) | Message::GetTransactions(txids) => (4, entries(txids.len())),
        Message::NotFound(items) => (5, entries(items.len())),
        Message::Block(_) => (6, 1),
        Message::Transactions(transactions) | Message::BlockTransactions { transactions, .. } => {
            (7, entries(transactions.len()))
        }
        Message::GetCompactBlock(_) | Message::CompactBlock(_) | Message::GetBlockTransactions { .. } => {
            (8, 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::hash::Txid;

    use super::*;

    fn announcement(ids: usize) -> Message {
        Message::AnnounceTransactions(vec![Txid::ZERO; ids])
    }

    #[test]
    fn a_flood_is_slowed_to_the_rate_and_a_burst_is_not() {
        let (mut rates, mut now) = (MessageRates::default(), Duration::ZERO);
        assert!((0..100).all(|_| rates.take(now, &announcement(1_000)).is_zero()), "a burst");
        for _ in 0..1_000 {
            now += rates.take(now, &announcement(1_000));
        }
        assert_eq!(now, Duration::from_secs(10), "a million ids at 100,000 a second");
        assert!(rates.take(now, &Message::GetPeers).is_zero(), "other kinds are not slowed");
    }

    #[test]
    fn a_peer_that_keeps_below_the_rate_never_waits() {
        let mut rates = MessageRates::default();
        for millis in 0..60_000 {
            assert!(rates.take(Duration::from_millis(millis), &announcement(100)).is_zero());
        }
    }

    #[test]
    fn empty_messages_are_slowed_as_well() {
        let (mut rates, mut now) = (MessageRates::default(), Duration::ZERO);
        for _ in 0..100_000 {
            now += rates.take(now, &announcement(0));
        }
        assert!(now > Duration::from_secs(15), "{now:?}");
    }
}
