//! Long gaps: what a pause does to the difficulty, and what only looks like one.

use proptest::prelude::*;

use super::*;
use crate::params::ChainParams;

const GAP: Duration = Duration::from_secs(60);

fn sleeping() -> ChainParams {
    let mut params = adjusting().params;
    params.longest_gap = Some(GAP);
    params
}

/// The anchor after blocks of these times, and the target of the block that follows them.
fn after(params: &ChainParams, times: &[u64]) -> (Anchor, Target) {
    let (mut anchor, mut height, mut parent) = (None, Height::GENESIS, params.genesis_time);
    let mut bits = params.genesis_bits;
    for time in times {
        let made = header(*time, bits);
        anchor = Anchor::after(anchor.as_ref(), params, &made, height.next(), parent);
        (height, parent) = (height.next(), made.time);
        bits = next_bits(params, anchor.as_ref(), height, parent);
    }
    (anchor.expect("there is a block"), bits.to_target().unwrap())
}

const START: u64 = 1_800_000_000_000;
const DAY: u64 = 86_400_000;

#[test]
fn a_pause_of_any_length_counts_as_the_longest_gap() {
    let params = sleeping();
    let longest = after(&params, &[START, START + 60_000]).1;
    for pause in [60_001, 20 * 60_000, DAY, 3 * DAY, 3_650 * DAY] {
        assert_eq!(after(&params, &[START, START + pause]).1, longest, "{pause} ms");
    }
    // 58 s late of 300 s: 14 % easier, and with the usual rule hours at the limit.
    let ratio = longest.to_u256() * ruint::aliases::U256::from(100) / after(&params, &[START]).1.to_u256();
    assert_eq!(ratio.to::<u64>(), 114);
    let forgetting_nothing = ChainParams { longest_gap: None, ..params };
    let limit = forgetting_nothing.pow_limit.to_target().unwrap();
    assert_eq!(after(&forgetting_nothing, &[START, START + DAY]).1, limit);
}

#[test]
fn a_pause_at_the_limit_is_forgotten_too() {
    let mut params = sleeping();
    params.genesis_bits = params.pow_limit;
    let (anchor, _) = after(&params, &[START, START + DAY]);
    assert_eq!(anchor.reference_time.millis(), START + DAY - 60_000);
}

#[test]
fn a_block_dated_early_makes_no_pause_of_the_next_one() {
    let params = sleeping();
    let times = [START, START + 50_000, START + 1, START + 70_000];
    let (anchor, _) = after(&params, &times);
    assert_eq!(anchor.reference_time.millis(), START - 2_000, "nothing was forgotten");
    assert_eq!(anchor.latest_time.millis(), START + 70_000);
}

#[test]
fn without_blocks_later_than_the_longest_gap_it_has_no_effect() {
    let params = sleeping();
    let times: Vec<u64> = (0..500).map(|n| START + n * 2_000 + n % 29 * 1_000).collect();
    let forgetting_nothing = ChainParams { longest_gap: None, ..params.clone() };
    assert_eq!(after(&params, &times), after(&forgetting_nothing, &times));
}

proptest! {
    /// Whatever the times of blocks are, what is forgotten makes targets lower or leaves them: lateness
    /// that counts makes mining easier, and less of it counts.
    #[test]
    fn forgetting_makes_no_target_easier(
        gaps in proptest::collection::vec(
            prop_oneof![6 => 0..8_000u64, 2 => 8_000..100_000u64, 1 => 100_000..4 * DAY],
            1..200,
        ),
        offsets in proptest::collection::vec(-12_000..60_000i64, 200),
    ) {
        let params = sleeping();
        let forgetting_nothing = ChainParams { longest_gap: None, ..params.clone() };
        let mut now = START;
        let times: Vec<u64> = gaps.iter().zip(&offsets).map(|(gap, offset)| {
            now += gap;
            now.saturating_add_signed(*offset)
        }).collect();
        for count in 1..=times.len() {
            let (forgetful, usual) = (after(&params, &times[..count]), after(&forgetting_nothing, &times[..count]));
            // The compact form holds 16 bits or more: two ways to one target may differ by the last.
            let slack = usual.1.to_u256() >> 10;
            prop_assert!(forgetful.1.to_u256() <= usual.1.to_u256() + slack, "block {count} of {times:?}");
        }
    }
}
