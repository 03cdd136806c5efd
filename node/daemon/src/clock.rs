//! The clock: the only place that reads the system's time.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cairn_core::text::grouped;
use cairn_core::time::Timestamp;
use cairn_genesis::programs::held::held;

/// The last time that the clock showed.
#[derive(Debug)]
struct Reading {
    shown: Duration,
    at: Instant,
}

/// The process has one clock, so that no two of its parts see time in different order.
static LAST: Mutex<Option<Reading>> = Mutex::new(None);

/// How far the wall clock is set ahead of the system's, in milliseconds; behind it when negative.
static OFFSET_MS: AtomicI64 = AtomicI64::new(0);

/// Sets the clock ahead of the system's by this number of milliseconds, or behind it, for tests of wrong clocks. It never goes back, so a smaller offset slows it until it is reached.
pub fn set_offset_ms(offset: i64) {
    OFFSET_MS.store(offset, Ordering::Relaxed);
}

/// Wall-clock time that never goes back. Where the system's clock is set back, this one goes on at
/// half its pace until the system's has caught up: time-outs still fire, and no order is turned round.
pub fn now() -> Timestamp {
    let mut last = held(&LAST);
    let (at, wall) = (Instant::now(), wall());
    let shown = match &*last {
        None => wall,
        Some(last) => step(last.shown, at.saturating_duration_since(last.at), wall),
    };
    *last = Some(Reading { shown, at });
    Timestamp::from_millis(u64::try_from(shown.as_millis()).unwrap_or(u64::MAX))
}

/// How far the system's clock, offset included, was set back during the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetBack(Duration);

/// How far the clock may run ahead of the system's before it is reported: small corrections are usual.
const REPORTED_ABOVE: Duration = Duration::from_secs(5);

impl SetBack {
    fn check(shown: Duration, wall: Duration) -> Option<Self> {
        Some(shown.saturating_sub(wall)).filter(|by| *by > REPORTED_ABOVE).map(Self)
    }
}

impl fmt::Display for SetBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the system's clock was set back: it is {} s behind this node's clock, which runs at half pace until \
             the system's has caught up: set the clock, or wait",
            grouped(self.0.as_secs())
        )
    }
}

/// The distance to the system's clock, if that was set back and this clock waits for it.
pub fn set_back() -> Option<SetBack> {
    let shown = Duration::from_millis(now().millis());
    SetBack::check(shown, wall())
}

/// The time to show now: the wall clock, unless that is behind the time shown last.
fn step(shown: Duration, passed: Duration, wall: Duration) -> Duration {
    wall.max(shown.saturating_add(passed / 2))
}

fn wall() -> Duration {
    // A clock before 1970 is broken; the machine's rules on time then reject new blocks, as they should.
    let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let offset_ms = OFFSET_MS.load(Ordering::Relaxed);
    let offset = Duration::from_millis(offset_ms.unsigned_abs());
    if offset_ms < 0 { system.saturating_sub(offset) } else { system.saturating_add(offset) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn it_shows_the_wall_clock_and_follows_it_forward() {
        assert_eq!(step(s(100), s(1), s(101)), s(101));
        assert_eq!(step(s(100), s(1), s(4000)), s(4000));
    }

    #[test]
    fn a_wall_clock_that_jumps_back_slows_it_and_never_turns_it_round() {
        let mut shown = s(1000);
        for second in 1..=400 {
            let next = step(shown, s(1), s(800 + second));
            assert!(next > shown);
            shown = next;
        }
        assert_eq!(shown, s(1200), "the wall clock has caught up");
    }

    #[test]
    fn a_wall_clock_that_jumps_back_is_reported_until_it_has_nearly_caught_up() {
        assert_eq!(SetBack::check(s(1000), s(1001)), None);
        assert_eq!(SetBack::check(s(1000), s(995)), None, "a small correction");
        let message = SetBack::check(s(100_000), s(13_600)).expect("a day").to_string();
        assert!(
            message.contains("86,400 s behind this node's clock") && message.contains("half pace"),
            "{message}"
        );
    }

    #[test]
    fn two_looks_never_go_back() {
        let first = now();
        assert!(now() >= first);
    }
}
