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

/// The integral over time of the share that has not heard of a block, from how long after its finding
/// each of equal nodes heard of it: the mean of those delays.
///
/// The finder counts, with a delay of zero. With a delay D to all others, n nodes give D (1 - 1/n).
///
/// # Panics
/// When there are no delays.
pub fn unreached_seconds(delays_s: &[f64]) -> f64 {
    assert!(!delays_s.is_empty(), "no node heard of the block");
    delays_s.iter().sum::<f64>() / delays_s.len() as f64
}

/// Share of all blocks that end outside the main chain: x / (1 + x), where x is delay over interval.
///
/// Of many small miners, all hear of a block `delay_s` after it is found. The first block of a height
/// is followed by x more of that height on average, of which one stays; the next height begins when the
/// first has arrived. `interval_s` is between blocks of the whole network, stale ones counted. For n
/// equal miners, who hear of their own blocks at once, x (1 - 1/n) is right to first order.
///
/// # Panics
/// When the delay is negative or the interval is not above zero.
pub fn stale_share(delay_s: f64, interval_s: f64) -> f64 {
    let x = relative_delay(delay_s, interval_s);
    x / (1.0 + x)
}

/// Probability that a height gets more than one block, in the set-up of [`stale_share`]: 1 - e^-x.
///
/// # Panics
/// As [`stale_share`].
pub fn height_forks(delay_s: f64, interval_s: f64) -> f64 {
    -(-relative_delay(delay_s, interval_s)).exp_m1()
}

/// Seconds per block of the main chain, in the set-up of [`stale_share`]: interval + delay.
///
/// # Panics
/// As [`stale_share`].
pub fn main_chain_interval_s(delay_s: f64, interval_s: f64) -> f64 {
    interval_s * (1.0 + relative_delay(delay_s, interval_s))
}

/// Probability that a gap between blocks is longer than `intervals` times the mean one: e^-intervals.
pub fn gap_longer_than(intervals: f64) -> f64 {
    (-intervals).exp().min(1.0)
}

fn relative_delay(delay_s: f64, interval_s: f64) -> f64 {
    assert!(delay_s >= 0.0 && interval_s > 0.0, "{delay_s} s in {interval_s} s is no delay");
    delay_s / interval_s
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Interval, delay, stale share in per cent to so many digits: closed form, checked by a simulation.
    const STALE: [(f64, f64, f64, i32); 5] = [
        (600.0, 10.0, 1.639, 3),
        (600.0, 12.6, 2.057, 3),
        (60.0, 2.0, 3.226, 3),
        (30.0, 10.0, 25.0, 1),
        (1.0, 0.5, 33.3, 1),
    ];

    #[test]
    fn decker_and_wattenhofers_forks_come_out() {
        // Their values: a block each 633.68 s, an integral of 11.37 s, 1.78 %.
        let percent = 100.0 * decker_wattenhofer(1.0 / 633.68, 11.37);
        assert!((percent - 1.780).abs() < 0.0005, "{percent}");
    }

    #[test]
    fn stale_shares_come_out_to_the_last_digit() {
        for (interval, delay, printed, digits) in STALE {
            let percent = 100.0 * stale_share(delay, interval);
            assert!((percent - printed).abs() < 0.5 * 10f64.powi(-digits), "{interval} {delay}: {percent}");
        }
    }

    #[test]
    fn blocks_that_are_not_stale_are_one_per_height() {
        let (delay, interval) = (2.0, 10.0);
        let kept_per_second = (1.0 - stale_share(delay, interval)) / interval;
        assert!((kept_per_second - 1.0 / main_chain_interval_s(delay, interval)).abs() < 1e-15);
    }

    #[test]
    fn short_delays_make_all_three_formulas_one() {
        let (delay, interval) = (0.01, 600.0);
        let x = delay / interval;
        for share in [
            stale_share(delay, interval),
            height_forks(delay, interval),
            decker_wattenhofer(1.0 / interval, delay),
        ] {
            assert!((share / x - 1.0).abs() < 1e-3, "{share}");
        }
    }

    #[test]
    fn the_integral_of_a_fixed_delay_leaves_out_the_finder() {
        assert_eq!(unreached_seconds(&[0.0, 2.0, 2.0, 2.0]), 1.5);
    }

    #[test]
    fn one_gap_in_twenty_is_three_intervals_long() {
        assert!((100.0 * gap_longer_than(3.0) - 4.98).abs() < 0.005);
    }
}
