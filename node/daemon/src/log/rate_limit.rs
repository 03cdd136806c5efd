//! RateLimits: how many lines of a kind the log takes. Others decide how often something happens; if each
//! time were a line, they could fill the disk (CVE-2025-54604, CVE-2025-54605).

use cairn_core::time::Timestamp;

/// Lines of a burst: as many as a person would still read.
pub const BURST: u64 = 100;
/// Interval of lines after a burst, in milliseconds: a line a second is 13 MB a day.
pub const REFILL_MS: u64 = 1_000;

/// The rate limit of one kind of line.
#[derive(Clone, Debug)]
pub struct RateLimit {
    burst: u64,
    /// Interval of lines after a burst, in milliseconds.
    refill_ms: u64,
    /// Lines of the last burst that have not been compensated by time yet.
    owed: u64,
    /// Time from which on they are compensated.
    since: Timestamp,
    left_out: u64,
}

/// Permission to write a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Lines left out since the last one, if any were.
    pub left_out: Option<u64>,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { burst: BURST, refill_ms: REFILL_MS, owed: 0, since: Timestamp::default(), left_out: 0 }
    }
}

impl RateLimit {
    /// The limit of a failure that is tried again at once: a line, then one in ten seconds.
    pub fn of_retries() -> Self {
        Self { burst: 1, refill_ms: 10_000, ..Self::default() }
    }

    /// Permits a line; none if it must be left out.
    pub fn take(&mut self, now: Timestamp) -> Option<Permit> {
        let passed = now.millis().saturating_sub(self.since.millis()) / self.refill_ms;
        if passed >= self.owed {
            (self.owed, self.since) = (0, now);
        } else {
            self.owed -= passed;
            let counted = self.since.millis().saturating_add(passed.saturating_mul(self.refill_ms));
            self.since = Timestamp::from_millis(counted);
        }
        if self.owed >= self.burst {
            self.left_out += 1;
            return None;
        }
        self.owed += 1;
        let left_out = core::mem::take(&mut self.left_out);
        Some(Permit { left_out: Some(left_out).filter(|count| *count > 0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_written_and_then_a_line_a_second_that_says_how_many_were_left_out() {
        let mut limit = RateLimit::default();
        let at = |ms| Timestamp::from_millis(1_000_000 + ms);
        let written = (0..10_000).filter(|_| limit.take(at(0)).is_some()).count() as u64;
        assert_eq!(written, BURST);
        assert_eq!(limit.take(at(REFILL_MS - 1)), None);
        let left_out = Some(10_000 - BURST + 1);
        assert_eq!(limit.take(at(REFILL_MS)), Some(Permit { left_out }));
        assert_eq!(limit.take(at(REFILL_MS)), None);
        assert_eq!(limit.take(at(2 * REFILL_MS)), Some(Permit { left_out: Some(1) }));
        let quiet = 2 * REFILL_MS + BURST * REFILL_MS;
        assert!((0..BURST).all(|_| limit.take(at(quiet)) == Some(Permit { left_out: None })));
    }

    #[test]
    fn a_failure_that_is_tried_again_ten_times_a_second_is_a_line_in_ten_seconds() {
        let mut limit = RateLimit::of_retries();
        let tries = (1_000_000..1_060_000).step_by(100).map(Timestamp::from_millis);
        let permits: Vec<Permit> = tries.filter_map(|now| limit.take(now)).collect();
        assert_eq!(permits.len(), 6);
        assert_eq!((permits[0].left_out, permits[1].left_out), (None, Some(99)));
    }

    #[test]
    fn whatever_comes_a_day_has_no_more_lines_than_seconds_and_one_burst() {
        let mut limit = RateLimit::default();
        let lines = (0..86_400_000_u64).step_by(20).map(Timestamp::from_millis);
        let written = lines.filter(|now| limit.take(*now).is_some()).count() as u64;
        assert!(written <= 86_400 + BURST, "{written} lines");
    }
}
