//! How often blocks are found at one height, given how long blocks travel.

/// Probability that at least one other block is found while a block spreads: 1 - (1 - p)^w.
///
/// `p` is the probability that the network finds a block in a given second, and `w`, in seconds, the
/// integral over time of the share of the hash rate that has not heard of the block.
/// Source: Decker and Wattenhofer, "Information propagation in the Bitcoin network" (2013).
///
/// # Panics
/// When `block_per_second` is no probability, or the integral is negative.
pub fn decker_wattenhofer(block_per_second: f64, unreached_seconds: f64) -> f64 {
    assert!((0.0..=1.0).contains(&block_per_second), "{block_per_second} is no probability");
    assert!(unreached_seconds >= 0.0, "{unreached_seconds} s is no wait");
    -(unreached_seconds * (-block_per_second).ln_1p()).exp_m1()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decker_and_wattenhofers_forks_come_out() {
        // Their values: a block each 633.68 s, an integral of 11.37 s, 1.78 %.
        let percent = 100.0 * decker_wattenhofer(1.0 / 633.68, 11.37);
        assert!((percent - 1.780).abs() < 0.0005, "{percent}");
    }

    #[test]
    fn short_waits_make_it_the_wait_over_the_interval() {
        let (wait, interval) = (0.01, 600.0);
        let share = decker_wattenhofer(1.0 / interval, wait);
        assert!((share / (wait / interval) - 1.0).abs() < 1e-3, "{share}");
    }
}
