//! Held against the published tables, and against a race played out state by state.

use super::Start::{Bare, OneBlock};
use super::*;

/// Nakamoto 2008, section 11: z and P for q = 0.1.
const NAKAMOTO_TENTH: [(u32, f64); 11] = [
    (0, 1.0),
    (1, 0.2045873),
    (2, 0.0509779),
    (3, 0.0131722),
    (4, 0.0034552),
    (5, 0.0009137),
    (6, 0.0002428),
    (7, 0.0000647),
    (8, 0.0000173),
    (9, 0.0000046),
    (10, 0.0000012),
];
/// Nakamoto 2008, section 11: z and P for q = 0.3.
const NAKAMOTO_THREE_TENTHS: [(u32, f64); 11] = [
    (0, 1.0),
    (5, 0.1773523),
    (10, 0.0416605),
    (15, 0.0101008),
    (20, 0.0024804),
    (25, 0.0006132),
    (30, 0.0001522),
    (35, 0.0000379),
    (40, 0.0000095),
    (45, 0.0000024),
    (50, 0.0000006),
];
/// For a risk below 0.1 %: q, z by Nakamoto's formula (as he prints it), z by the exact one.
const LEAST: [(f64, u32, u32); 8] = [
    (0.10, 5, 6),
    (0.15, 8, 9),
    (0.20, 11, 13),
    (0.25, 15, 20),
    (0.30, 24, 32),
    (0.35, 41, 58),
    (0.40, 89, 133),
    (0.45, 340, 539),
];
/// Rosenfeld's sum in per cent, computed apart from this code: by q, for n of [`ROSENFELD_N`].
const ROSENFELD: [(f64, [f64; 8]); 7] = [
    (0.02, [4.000, 0.237, 0.016, 0.001, 0.000, 0.000, 0.000, 0.000]),
    (0.10, [20.000, 5.600, 1.712, 0.546, 0.178, 0.059, 0.007, 0.001]),
    (0.20, [40.000, 20.800, 11.584, 6.669, 3.916, 2.331, 0.848, 0.316]),
    (0.25, [50.000, 31.250, 20.703, 14.111, 9.785, 6.866, 3.460, 1.781]),
    (0.30, [60.000, 43.200, 32.616, 25.207, 19.762, 15.645, 10.003, 6.511]),
    (0.40, [80.000, 70.400, 63.488, 57.958, 53.314, 49.300, 42.621, 37.218]),
    (0.45, [90.000, 85.050, 81.375, 78.342, 75.716, 73.375, 69.299, 65.793]),
];
const ROSENFELD_N: [u32; 8] = [1, 2, 3, 4, 5, 6, 8, 10];
/// No block beforehand, first branch seen kept; per cent, computed apart from this code and checked by
/// drawing races: by q, for z of [`BARE_Z`].
const BARE: [(f64, [f64; 7]); 4] = [
    (0.10, [3.111, 0.951, 0.303, 0.099, 0.033, 0.011, 0.000]),
    (0.20, [13.000, 7.240, 4.168, 2.448, 1.457, 0.875, 0.121]),
    (0.30, [30.857, 23.297, 18.005, 14.116, 11.175, 8.911, 3.770]),
    (0.40, [58.667, 52.907, 48.299, 44.428, 41.084, 38.141, 29.063]),
];
const BARE_Z: [u32; 7] = [1, 2, 3, 4, 5, 6, 10];
const STARTS: [Start; 2] = [Bare, OneBlock];

/// Half of the last digit that a table prints, and what rounding a half may add.
fn assert_rounds_to(printed: f64, digits: i32, value: f64, what: &str) {
    let half = 0.5 * 10f64.powi(-digits) * 1.000_001;
    assert!((value - printed).abs() <= half, "{what}: {value}, printed {printed}");
}

fn assert_close(left: f64, right: f64, tolerance: f64, what: &str) {
    assert!((left - right).abs() <= tolerance, "{what}: {left} and {right}");
}

/// The race with one block beforehand, as Grunspan and Pérez-Marco have it: the regularised incomplete
/// beta function I(4pq; z, 1/2). "Double spend races" (arXiv:1702.02867, 2017).
fn grunspan_and_perez_marco(q: f64, z: u32) -> f64 {
    beta_reg(f64::from(z), 0.5, 4.0 * (1.0 - q) * q)
}

/// The race after acceptance, block by block, until next to nothing of it is undecided.
fn played_out(q: f64, z: u32, start: Start, give_up_at: u32) -> f64 {
    // By blocks behind, from `give_up_at - 1` down to 0; ahead is won, anything else is given up.
    let places = give_up_at as usize;
    let (mut won, mut left_open) = (0.0, vec![0.0; places]);
    let (mut chance, mut undecided) = ((1.0 - q).powi(z as i32), 1.0);
    for found in 0..2_000_u32 {
        let behind = i64::from(z) - i64::from(found) - i64::from(start.blocks());
        match usize::try_from(behind) {
            Ok(behind) if behind < places => left_open[behind] += chance,
            Ok(_) => {}
            Err(_) => won += chance,
        }
        chance *= q * f64::from(found + z) / f64::from(found + 1);
    }
    while undecided > 1e-14 {
        let mut next = vec![0.0; places];
        for (behind, chance) in left_open.iter().enumerate() {
            match behind {
                0 => won += chance * q,
                _ => next[behind - 1] += chance * q,
            }
            if behind + 1 < places {
                next[behind + 1] += chance * (1.0 - q);
            }
        }
        undecided = next.iter().sum();
        left_open = next;
    }
    won
}

#[test]
fn nakamotos_tables_come_out_to_the_last_digit() {
    for (q, table) in [(0.1, NAKAMOTO_TENTH), (0.3, NAKAMOTO_THREE_TENTHS)] {
        for (z, printed) in table {
            assert_rounds_to(printed, 7, nakamoto(q, z), &format!("q={q} z={z}"));
        }
    }
}

#[test]
fn the_waits_for_a_risk_below_a_thousandth_are_the_published_ones() {
    for (q, by_nakamoto, by_the_exact_formula) in LEAST {
        let is_safe = |chance: f64| chance < 0.001;
        assert_eq!((0..1_000).find(|z| is_safe(nakamoto(q, *z))), Some(by_nakamoto), "q={q}");
        let exact = (0..1_000).find(|z| is_safe(success(q, *z, OneBlock)));
        assert_eq!(exact, Some(by_the_exact_formula), "q={q}");
    }
}

#[test]
fn the_table_of_rosenfelds_sum_comes_out_to_the_last_digit() {
    for (q, row) in ROSENFELD {
        for (n, printed) in ROSENFELD_N.into_iter().zip(row) {
            assert_rounds_to(printed, 3, 100.0 * success(q, n, OneBlock), &format!("q={q} n={n}"));
        }
    }
}

#[test]
fn the_table_without_a_block_beforehand_comes_out_to_the_last_digit() {
    for (q, row) in BARE {
        for (z, printed) in BARE_Z.into_iter().zip(row) {
            assert_rounds_to(printed, 3, 100.0 * success(q, z, Bare), &format!("q={q} z={z}"));
        }
    }
}

#[test]
fn the_sum_is_the_beta_function_of_grunspan_and_perez_marco() {
    for q in (2..=45).map(|percent| f64::from(percent) / 100.0) {
        for z in 1..=10 {
            let (beta, sum) = (grunspan_and_perez_marco(q, z), success(q, z, OneBlock));
            assert_close(beta / sum, 1.0, 1e-9, &format!("q={q} z={z}"));
        }
    }
}

#[test]
fn an_attacker_with_half_the_hash_rate_always_wins_and_one_with_none_never() {
    for z in 1..5 {
        assert_eq!([success(0.5, z, OneBlock), success(0.6, z, Bare), nakamoto(0.5, z)], [1.0; 3]);
        assert_eq!([success(0.0, z, OneBlock), success(0.0, z, Bare), nakamoto(0.0, z)], [0.0; 3]);
    }
}

#[test]
fn without_confirmations_the_attacker_must_still_get_ahead() {
    assert_eq!(success(0.1, 0, OneBlock), 1.0);
    assert_close(success(0.1, 0, Bare), 1.0 / 9.0, 1e-15, "one block behind being ahead");
}

#[test]
fn the_bias_is_what_giving_up_loses_when_the_race_is_played_out() {
    for (q, z) in [0.05, 0.1, 0.3, 0.45].into_iter().flat_map(|q| [0, 1, 2, 6].map(|z| (q, z))) {
        for (start, give_up_at) in STARTS.into_iter().flat_map(|start| [1, 2, 5, 20].map(|at| (start, at))) {
            let lost = success(q, z, start) - played_out(q, z, start, give_up_at);
            let what = format!("q={q} z={z} {start:?} {give_up_at}");
            assert_close(bias(q, z, start, give_up_at), lost, 1e-11, &what);
        }
    }
}

#[test]
fn the_least_distance_keeps_the_bias_below_the_bound_and_one_less_does_not() {
    for q in [0.1, 0.2, 0.3, 0.4, 0.45] {
        for start in STARTS {
            let least = least_give_up(q, 6, start, 1e-5);
            assert!(bias(q, 6, start, least) <= 1e-5, "q={q}");
            assert!(least == 1 || bias(q, 6, start, least - 1) > 1e-5, "q={q}");
        }
    }
}

#[test]
#[should_panic(expected = "is no share of the hash rate")]
fn a_share_above_one_is_refused() {
    success(1.5, 6, Bare);
}
