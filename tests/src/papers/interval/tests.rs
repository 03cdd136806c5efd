//! Held against sums of many digits and closed forms, and against many draws of known truths.

use cairn_protocol::random::Random;
use statrs::function::beta::beta_reg;

use super::*;

/// 95 %: what papers print.
const P95: Confidence = Confidence(0.95);
/// 99.9 %: for many draws, of which none may fail by luck.
const P999: Confidence = Confidence(0.999);
/// Hits, trials and ends at 95 %, from the binomial sums with 60 digits. For 5 of 100, `binom.test` of R
/// prints 0.01643 to 0.11283.
const PROPORTIONS: [(u64, u64, f64, f64); 3] = [
    (5, 100, 0.016_431_879_2, 0.112_834_911_1),
    (1, 10, 0.002_528_578_5, 0.445_016_117_0),
    (7, 20, 0.153_909_204_8, 0.592_188_534_5),
];
fn assert_close(left: f64, right: f64, tolerance: f64) {
    assert!((left - right).abs() < tolerance, "{left} and {right}");
}

/// Evenly between zero and one, without either.
fn uniform(luck: &mut Random) -> f64 {
    (luck.next_u64() as f64 + 0.5) / 2f64.powi(64)
}

#[test]
fn proportions_are_those_of_the_binomial_sums() {
    for (hits, trials, low, high) in PROPORTIONS {
        let interval = Interval::of_proportion(hits, trials, P95);
        assert_close(interval.low, low, 1e-9);
        assert_close(interval.high, high, 1e-9);
        assert_close(interval.estimate, hits as f64 / trials as f64, 1e-15);
    }
}

#[test]
fn no_hits_and_only_hits_have_closed_forms() {
    // Of 100 misses: the p at which (1-p)^100 is 2.5 %.
    let high = 1.0 - 0.025f64.powf(0.01);
    let none = Interval::of_proportion(0, 100, P95);
    assert_eq!((none.low, none.estimate), (0.0, 0.0));
    assert_close(none.high, high, 1e-12);
    let all = Interval::of_proportion(100, 100, P95);
    assert_eq!((all.high, all.estimate), (1.0, 1.0));
    assert_close(all.low, 1.0 - high, 1e-12);
}

#[test]
fn the_ends_leave_out_what_the_level_says_for_rare_events_too() {
    for confidence in [P95, P999] {
        let tail = confidence.tail();
        for (hits, trials) in [(1, 1_000_000), (20, 1_000_000), (3, 4), (500_000, 1_000_000), (999, 1_000)] {
            let interval = Interval::of_proportion(hits, trials, confidence);
            let (k, n) = (hits as f64, trials as f64);
            assert_close(beta_reg(k, n - k + 1.0, interval.low) / tail, 1.0, 1e-9);
            assert_close(beta_reg(n - k, k + 1.0, 1.0 - interval.high) / tail, 1.0, 1e-9);
        }
    }
}

#[test]
fn every_count_has_its_estimate_between_ends_that_rise_with_it() {
    for trials in [1, 2, 7, 200, 1_000_000_000] {
        let mut previous = Interval { low: 0.0, estimate: 0.0, high: 0.0 };
        for hits in 0..=trials.min(200) {
            let interval = Interval::of_proportion(hits, trials, Confidence::P99);
            assert!(interval.contains(interval.estimate), "{hits} of {trials}: {interval:?}");
            assert!(interval.low >= previous.low && interval.high > previous.high, "{hits} of {trials}");
            previous = interval;
        }
    }
}

#[test]
fn the_mean_of_ten_values_reaches_as_far_as_nine_degrees_of_freedom_make_it() {
    // t at 97.5 % with nine degrees is 2.262157; the variance of 1 to 10 is 55/6.
    let interval = Interval::of_mean(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0], P95);
    assert_close(interval.low, 5.5 - 2.262_157 * (55.0 / 60.0f64).sqrt(), 1e-5);
    assert_close(interval.estimate, 5.5, 1e-12);
    assert_close(interval.high, 5.5 + 2.262_157 * (55.0 / 60.0f64).sqrt(), 1e-5);
}

#[test]
fn two_values_reach_as_far_as_one_degree_of_freedom_makes_them() {
    // t at 97.5 % with one degree is 12.7062; the deviation of the mean of 0 and 2 is 1.
    let interval = Interval::of_mean(&[0.0, 2.0], P95);
    assert_close(interval.high, 1.0 + 12.706_204_736, 1e-6);
}

#[test]
fn proportions_hold_the_truth_at_least_as_often_as_said() {
    let mut luck = Random::derive(7, 0);
    for truth in [0.001, 0.05, 0.3, 0.5, 0.97] {
        let held = (0..2_000).filter(|_| {
            let hits = (0..200).filter(|_| uniform(&mut luck) < truth).count();
            Interval::of_proportion(hits as u64, 200, P95).contains(truth)
        });
        let held = Interval::of_proportion(held.count() as u64, 2_000, P999);
        assert!(held.high >= 0.95, "{truth}: held in {}", held.percent());
    }
}

#[test]
fn means_hold_the_truth_as_often_as_said() {
    let mut luck = Random::derive(7, 2);
    let held = (0..2_000).filter(|_| {
        // Twelve uniform numbers make a near normal one with mean six.
        let values: Vec<f64> = (0..5).map(|_| (0..12).map(|_| uniform(&mut luck)).sum()).collect();
        Interval::of_mean(&values, P95).contains(6.0)
    });
    let held = Interval::of_proportion(held.count() as u64, 2_000, P999);
    assert!(held.contains(0.95), "held in {}", held.percent());
}

#[test]
fn both_ends_belong_to_it() {
    let interval = Interval { low: 1.0, estimate: 2.0, high: 3.0 };
    assert!(interval.contains(1.0) && interval.contains(3.0));
    assert!(!interval.contains(0.999) && !interval.contains(3.001) && !interval.contains(f64::NAN));
}

#[test]
fn it_prints_the_digits_that_count() {
    let rare = Interval { low: 0.000411, estimate: 0.000593, high: 0.000830 };
    assert_eq!(rare.percent(), "0.0593 % (0.0411 to 0.0830)");
    assert_eq!(rare.to_string(), "0.000593 (0.000411 to 0.000830)");
    let none = Interval { low: 0.0, estimate: 0.0, high: 0.0362 };
    assert_eq!(none.percent(), "0.0 % (0.0 to 3.6)");
    let narrow = Interval { low: 45.1211, estimate: 45.1234, high: 45.1257 };
    assert_eq!(narrow.to_string(), "45.1234 (45.1211 to 45.1257)");
    let point = Interval { low: 1234.0, estimate: 1234.0, high: 1234.0 };
    assert_eq!(point.to_string(), "1234 (1234 to 1234)");
}

#[test]
#[should_panic(expected = "3 hits of 2")]
fn more_hits_than_trials_are_refused() {
    Interval::of_proportion(3, 2, P95);
}
