//! Back-off: the interval before the next dial.

use core::time::Duration;

use crate::limits::{REDIAL_FIRST, REDIAL_MAX};
use crate::random::Random;

/// The interval after a number of failures: doubled with each, up to a limit, with jitter, so that nodes that
/// lost each other at one moment do not dial at one moment.
pub fn backoff(failures: u32, random: &mut Random) -> Duration {
    let doubled = REDIAL_FIRST.saturating_mul(1 << failures.min(16));
    random.jitter(doubled.min(REDIAL_MAX)).min(REDIAL_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_below_the_longest() {
        let mut random = Random::derive(7, 0);
        for failures in 0..40 {
            let wait = backoff(failures, &mut random);
            assert!(wait <= REDIAL_MAX, "{failures} failures wait {wait:?}");
            assert!(wait >= REDIAL_FIRST / 2, "{failures} failures wait {wait:?}");
        }
        assert!(backoff(20, &mut random) >= REDIAL_MAX / 2);
    }
}
