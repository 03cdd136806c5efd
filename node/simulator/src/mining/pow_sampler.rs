//! The sampler: which miner finds the next block, and when. One draw decides for all of them.
//!
//! Waits for blocks are exponential, so the wait for the first of many miners is exponential with the
//! sum of their rates, and the first one is drawn in proportion to them. A change of rates spends what
//! has passed of the drawn wait and stretches the rest, which is exact and draws nothing.

use cairn_core::time::Timestamp;
use cairn_protocol::random::Random;

use crate::node_index::NodeIndex;
use cairn_genesis::hashrate::Hashrate;

/// A ticket's unit: blocks per 2^20 * 10^9 seconds. Fine enough for 10,000 miners with equal parts.
const SCALE: u128 = 1 << 20;
/// Ticket-milliseconds in 2^-32 of a mean wait: 2^20 * 10^12 / 2^32.
const PER_UNIT: u128 = 244_140_625;

/// The rates of all miners, and the time of the next block.
#[derive(Clone, Debug)]
pub struct PowSampler {
    tickets: Vec<u64>,
    /// Sums of tickets (a Fenwick tree), so that a miner is found by its place among all tickets.
    sums: Vec<u128>,
    total: u128,
    /// What is left of the drawn wait, in ticket-milliseconds.
    left: u128,
    since: Timestamp,
    /// When the next block is found; kept up by everything that changes it, because it is asked often.
    next: Option<Timestamp>,
    random: Random,
}

impl PowSampler {
    /// A sampler in which no miner has a rate yet.
    pub fn new(miners: usize, now: Timestamp, mut random: Random) -> Self {
        let left = draw(&mut random);
        let (tickets, sums) = (vec![0; miners], vec![0; miners + 1]);
        Self { tickets, sums, total: 0, left, since: now, next: None, random }
    }

    /// Sets a miner's rate, and the hashes that its next block takes on average.
    pub fn set(&mut self, now: Timestamp, miner: NodeIndex, rate: Hashrate, hashes: u64) {
        let tickets = u128::from(rate.0) * SCALE / u128::from(hashes.max(1));
        let tickets = u64::try_from(tickets).unwrap_or(u64::MAX);
        let Some(held) = self.tickets.get_mut(miner.index()) else { return };
        let before = core::mem::replace(held, tickets);
        if before == tickets {
            return;
        }
        let passed = self.total.saturating_mul(now.since(self.since).as_millis());
        self.left = self.left.saturating_sub(passed);
        self.since = now;
        self.total = self.total + u128::from(tickets) - u128::from(before);
        let mut index = miner.index() + 1;
        while let Some(sum) = self.sums.get_mut(index) {
            *sum = *sum + u128::from(tickets) - u128::from(before);
            index += index & index.wrapping_neg();
        }
        self.reschedule();
    }

    /// The time of the next block; none while no node mines.
    pub const fn next_time(&self) -> Option<Timestamp> {
        self.next
    }

    fn reschedule(&mut self) {
        let wait = self.left.div_ceil(self.total.max(1));
        let wait = u64::try_from(wait).ok().filter(|_| self.total > 0);
        self.next = wait.map(|wait| self.since.saturating_add(core::time::Duration::from_millis(wait)));
    }

    /// The miner of the block whose time has come; the next wait is drawn.
    pub fn take(&mut self, now: Timestamp) -> Option<NodeIndex> {
        if self.total == 0 {
            return None;
        }
        (self.left, self.since) = (draw(&mut self.random), now);
        self.reschedule();
        let high = u128::from(self.random.next_u64()) << 64;
        let ticket = multiply_high(high | u128::from(self.random.next_u64()), self.total);
        Some(NodeIndex::new(u16::try_from(self.holder(ticket)).unwrap_or(u16::MAX)))
    }

    /// Whose ticket it is, counted through all of them.
    fn holder(&self, mut ticket: u128) -> usize {
        let mut position = 0;
        let mut stride = self.sums.len().next_power_of_two();
        while stride > 0 {
            if let Some(sum) = self.sums.get(position + stride)
                && *sum <= ticket
            {
                ticket -= *sum;
                position += stride;
            }
            stride /= 2;
        }
        position
    }
}

fn draw(random: &mut Random) -> u128 {
    u128::from(exponential(random)).saturating_mul(PER_UNIT)
}

/// The upper half of a product of 128 bits each; the second is far below 2^96.
fn multiply_high(one: u128, other: u128) -> u128 {
    let (high, low) = (one >> 64, one & u128::from(u64::MAX));
    let (other_high, other_low) = (other >> 64, other & u128::from(u64::MAX));
    let middle = high * other_low + ((low * other_low) >> 64);
    high * other_high + (middle >> 64) + ((low * other_high) >> 64)
}

/// A draw from the exponential distribution of mean 1, in units of 2^-32.
///
/// Von Neumann's method (1951): comparisons of uniform numbers and no logarithm, so that every
/// machine draws the same.
pub fn exponential(random: &mut Random) -> u64 {
    let mut whole = 0;
    loop {
        let first = random.next_u64();
        let (mut previous, mut falling) = (first, 1_u32);
        loop {
            let next = random.next_u64();
            if next >= previous {
                break;
            }
            (previous, falling) = (next, falling + 1);
        }
        if falling % 2 == 1 {
            return (whole << 32) | (first >> 32);
        }
        whole += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_exponential() {
        let mut random = Random::derive(1, 0);
        let draws: Vec<u64> = (0..100_000).map(|_| exponential(&mut random)).collect();
        let one = 1_u64 << 32;
        let mean_thousandths = draws.iter().sum::<u64>() / 100_000 * 1_000 / one;
        assert!((990..1_010).contains(&mean_thousandths), "mean {mean_thousandths}");
        // e^-1 of the waits are longer than the mean, e^-3 longer than thrice.
        let longer = |than: u64| draws.iter().filter(|draw| **draw > than).count();
        assert!((36_300..37_300).contains(&longer(one)), "{}", longer(one));
        assert!((4_750..5_210).contains(&longer(3 * one)), "{}", longer(3 * one));
    }

    #[test]
    fn miners_win_in_proportion_to_their_rates_and_blocks_come_at_the_spacing() {
        let mut now = Timestamp::from_millis(0);
        let mut sampler = PowSampler::new(5, now, Random::derive(3, 0));
        // 32 hashes a block, 16 hashes a second in all: a block every two seconds.
        let rates = [1, 0, 3, 4, 8].map(|rate| Hashrate(rate * 1_000_000_000));
        for (node, rate) in NodeIndex::first(5).zip(rates) {
            sampler.set(now, node, rate, 32);
        }
        let mut won = [0_u32; 5];
        for _ in 0..100_000 {
            now = sampler.next_time().expect("a node mines");
            won[sampler.take(now).expect("a node mines").index()] += 1;
        }
        assert!((1_980..2_020).contains(&(now.millis() / 100_000)), "{}", now.millis());
        assert_eq!(won[1], 0);
        for (won, rate) in won.into_iter().zip([1, 0, 3, 4, 8]) {
            let expected = 100_000 * rate / 16;
            assert!(won.abs_diff(expected) < 800, "{won} of {expected}");
        }
    }

    #[test]
    fn a_change_of_rates_stretches_the_wait_that_is_left() {
        let now = Timestamp::from_millis(0);
        let mut sampler = PowSampler::new(2, now, Random::derive(4, 0));
        assert_eq!(sampler.next_time(), None);
        sampler.set(now, NodeIndex::new(0), Hashrate(1_000_000_000), 1_000);
        let wait = sampler.next_time().expect("it mines").millis();
        let half = Timestamp::from_millis(wait / 2);
        sampler.set(half, NodeIndex::new(1), Hashrate(1_000_000_000), 1_000);
        let then = sampler.next_time().expect("both mine").millis();
        assert!(then.abs_diff(wait / 2 + wait / 4) <= 1, "{wait} {then}");
    }
}
