//! Back-off: how long to wait before dialling again.

use core::time::Duration;

use crate::limits::{REDIAL_FIRST, REDIAL_LONGEST};
use crate::random::Random;

/// Doubles with every failure up to the longest wait, with jitter, so that nodes that lost each
/// other at one instant do not return in step.
pub fn backoff(failures: u32, random: &mut Random) -> Duration {
    let doubled = REDIAL_FIRST.saturating_mul(1 << failures.min(16));
    random.jitter(doubled.min(REDIAL_LONGEST)).min(REDIAL_LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_below_the_longest() {
        let mut random = Random::derive(7, 0);
        for failures in 0..40 {
            let wait = backoff(failures, &mut random);
            assert!(wait <= REDIAL_LONGEST, "{failures} failures wait {wait:?}");
            assert!(wait >= REDIAL_FIRST / 2, "{failures} failures wait {wait:?}");
        }
        assert!(backoff(20, &mut random) >= REDIAL_LONGEST / 2);
    }
}
