//! Clocks of nodes, as steps of a plan set them.

use cairn_core::time::Timestamp;

/// A computer's clock. Like the one of a real node it never goes back: set back, it goes on at half its pace until
/// true time and offset have caught up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    offset_ms: i64,
    /// What it showed when it was set last, and the true time then.
    set: Option<(Timestamp, Timestamp)>,
}

impl Clock {
    /// The offset that was set last, in milliseconds.
    pub const fn offset_ms(&self) -> i64 {
        self.offset_ms
    }

    /// Sets it ahead of true time, or behind it when negative, from `now` on.
    pub fn set_offset(&mut self, now: Timestamp, offset_ms: i64) {
        self.set = Some((self.shows(now), now));
        self.offset_ms = offset_ms;
    }

    /// What it shows at a true time.
    pub fn shows(&self, now: Timestamp) -> Timestamp {
        let wall = shifted(now, self.offset_ms);
        self.set.map_or(wall, |(shown, at)| wall.max(shown.saturating_add(now.since(at) / 2)))
    }

    /// Milliseconds that it is ahead at a true time; behind when negative.
    pub fn ahead_ms(&self, now: Timestamp) -> i64 {
        self.shows(now).millis() as i64 - now.millis() as i64
    }

    /// The true time at which it shows a time.
    pub fn true_time(&self, shown: Timestamp) -> Timestamp {
        let by_wall = shifted(shown, -self.offset_ms);
        self.set.map_or(by_wall, |(before, at)| by_wall.min(at.saturating_add(shown.since(before) * 2)))
    }
}

fn shifted(time: Timestamp, by_ms: i64) -> Timestamp {
    Timestamp::from_millis(time.millis().saturating_add_signed(by_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_runs_at_half_pace_until_true_time_has_caught_up() {
        let at = |seconds: u64| Timestamp::from_millis(seconds * 1_000);
        let mut clock = Clock::default();
        clock.set_offset(at(100), 10_000);
        assert_eq!((clock.shows(at(100)), clock.true_time(at(115))), (at(110), at(105)));
        clock.set_offset(at(110), 0);
        assert_eq!(clock.shows(at(114)), at(122), "half of what has passed");
        assert_eq!(clock.true_time(at(122)), at(114));
        assert_eq!((clock.shows(at(130)), clock.shows(at(140))), (at(130), at(140)), "it is right again");
        assert_eq!(clock.true_time(at(140)), at(140));
    }
}
