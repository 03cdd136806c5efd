//! The throttle: limits the hash rate in small steps, so that slow miners find blocks evenly.

use std::time::Duration;

use cairn_genesis::hashrate::Hashrate;

/// The pause of a throttled worker between steps: at 400 hashes/s, four hashes a step.
pub const STEP: Duration = Duration::from_millis(10);
/// The most time that a worker which could not run catches up on.
const CATCH_UP: Duration = Duration::from_millis(500);

/// Counts the hashes that are due. Time is passed in, from one monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Throttle {
    rate: Hashrate,
    since: Duration,
    done: u64,
}

impl Throttle {
    /// A throttle of this rate from `now` on.
    pub const fn new(rate: Hashrate, now: Duration) -> Self {
        Self { rate, since: now, done: 0 }
    }

    /// The rate that it limits to.
    pub const fn rate(&self) -> Hashrate {
        self.rate
    }

    /// The number of hashes that are due now.
    pub fn due(&mut self, now: Duration) -> u64 {
        let due = self.earned(now).saturating_sub(self.done);
        if due > self.rate.hashes_in(CATCH_UP).max(1) {
            // Hashes that were missed for longer are lost: no burst after the machine slept.
            *self = Self::new(self.rate, now.saturating_sub(CATCH_UP));
            return self.earned(now).max(1);
        }
        due
    }

    /// Counts hashes that were done.
    pub fn spend(&mut self, hashes: u64) {
        self.done = self.done.saturating_add(hashes);
    }

    fn earned(&self, now: Duration) -> u64 {
        self.rate.hashes_in(now.saturating_sub(self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes done in `time`, with a step every `step`.
    fn done(throttle: &mut Throttle, from: Duration, time: Duration, step: Duration) -> u64 {
        let (mut now, mut hashes) = (from, 0);
        while now < from + time {
            now += step;
            let due = throttle.due(now);
            throttle.spend(due);
            hashes += due;
        }
        hashes
    }

    #[test]
    fn any_rate_is_kept_exactly_whatever_the_steps() {
        for rate in [1, 7, 400, 2_048, 1_000_003] {
            for step in [3, 10, 17] {
                let mut throttle = Throttle::new(Hashrate::per_second(rate), Duration::ZERO);
                let (time, step) = (Duration::from_millis(51_000), Duration::from_millis(step));
                assert_eq!(done(&mut throttle, Duration::ZERO, time, step), rate * 51, "{rate} in {step:?}");
            }
        }
    }

    #[test]
    fn work_is_spread_and_not_done_in_bursts() {
        let mut throttle = Throttle::new(Hashrate::per_second(400), Duration::ZERO);
        let steps = (1..1_000).map(|step| {
            let due = throttle.due(STEP * step);
            throttle.spend(due);
            due
        });
        assert!(steps.into_iter().all(|due| due == 4));
    }

    #[test]
    fn a_sleep_is_caught_up_on_only_so_far() {
        let mut throttle = Throttle::new(Hashrate::per_second(400), Duration::ZERO);
        assert_eq!(throttle.due(Duration::from_secs(3_600)), 200);
        throttle.spend(200);
        assert_eq!(throttle.due(Duration::from_secs(3_600) + STEP), 4);
    }

    #[test]
    fn a_rate_below_one_hash_in_the_catch_up_time_is_kept_too() {
        let mut throttle = Throttle::new(Hashrate::per_second(1), Duration::ZERO);
        assert_eq!(done(&mut throttle, Duration::ZERO, Duration::from_secs(20), STEP), 20);
    }

    #[test]
    fn a_rate_below_one_hash_a_second_is_kept_exactly() {
        for (rate, hashes) in [("0.5", 500), ("0.333333333", 333), ("0.01", 10), ("7.25", 7_250)] {
            let mut throttle = Throttle::new(rate.parse().expect("a rate"), Duration::ZERO);
            assert_eq!(
                done(&mut throttle, Duration::ZERO, Duration::from_secs(1_000), STEP),
                hashes,
                "{rate}"
            );
        }
    }
}
