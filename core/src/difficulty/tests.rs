//! Difficulty: the published vectors, and what a chain's rule adds to them.

use super::*;
use crate::hash::{BlockHash, MerkleRoot};
use crate::testing::TestChain;

mod gaps;

const VECTORS: &str = include_str!("../../vectors/aserti3-2d.txt");
const SPACING: Duration = Duration::from_secs(600);
const HALF_LIFE: Duration = Duration::from_secs(172_800);

fn target(bits: &str) -> Target {
    CompactTarget::from_bits(u32::from_str_radix(bits, 16).unwrap()).to_target().unwrap()
}

#[test]
fn asert_gives_the_published_targets() {
    let (mut anchor, mut checked) = (None, 0);
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["anchor", height, time, bits] = words[..] {
            anchor = Some((height.parse::<u32>().unwrap(), time.parse::<i128>().unwrap(), target(bits)));
            continue;
        }
        let (anchor_height, anchor_time, reference) = anchor.expect("a run begins with its anchor");
        let [height, time, expected] = words[..] else { panic!("{line:?} is no vector") };
        let passed_ms = (time.parse::<i128>().unwrap() - anchor_time) * 1_000;
        let blocks = height.parse::<u32>().unwrap() - anchor_height;
        let next = asert(reference, passed_ms, blocks, SPACING, HALF_LIFE, target("1d00ffff"));
        assert_eq!(next.to_compact().to_string(), expected, "{line}");
        checked += 1;
    }
    assert_eq!(checked, 72);
}

#[test]
fn a_half_life_behind_schedule_doubles_the_target_and_one_ahead_halves_it() {
    let reference = target("1a00ffff");
    let limit = target("207fffff");
    let at = |late: i128| asert(reference, 600_000 + late, 0, SPACING, HALF_LIFE, limit).to_u256();
    let half_life = 172_800_000;
    assert_eq!(at(half_life), reference.to_u256() << 1);
    assert_eq!(at(-half_life), reference.to_u256() >> 1);
    assert_eq!(at(0), reference.to_u256());
}

#[test]
fn targets_stay_between_one_and_the_limit_however_far_off_the_schedule() {
    let (reference, limit) = (target("1a00ffff"), target("207fffff"));
    for passed in [i128::from(u64::MAX), i128::from(u64::MAX) * 1_000, i128::MAX] {
        assert_eq!(asert(reference, passed, 0, SPACING, HALF_LIFE, limit), limit);
    }
    let hardest = asert(reference, -i128::from(u64::MAX), u32::MAX, SPACING, HALF_LIFE, limit);
    assert_eq!(hardest.to_u256(), ruint::aliases::U256::from(1));
}

/// Milliseconds count: a second's worth of lateness in single milliseconds moves the target.
#[test]
fn a_shorter_half_life_reacts_to_milliseconds() {
    let (reference, limit) = (target("1f00ffff"), target("207fffff"));
    let (spacing, half_life) = (Duration::from_millis(200), Duration::from_secs(10));
    let on_time = asert(reference, 200, 0, spacing, half_life, limit);
    let late = asert(reference, 201, 0, spacing, half_life, limit);
    assert_eq!(on_time, reference);
    assert!(late > on_time);
}

fn adjusting() -> TestChain {
    let mut test = TestChain::new();
    test.params.half_life = Some(Duration::from_secs(300));
    test.params.genesis_bits = CompactTarget::from_bits(0x1f7f_ffff);
    test
}

fn header(time: u64, bits: CompactTarget) -> HeaderFields {
    let (previous_block_hash, merkle_root) = (BlockHash::ZERO, MerkleRoot::ZERO);
    HeaderFields {
        version: 1,
        previous_block_hash,
        merkle_root,
        time: Timestamp::from_millis(time),
        bits,
        nonce: 0,
    }
}

#[test]
fn the_first_block_has_the_target_of_the_definition_however_long_after_genesis_it_comes() {
    let TestChain { params, .. } = adjusting();
    assert_eq!(next_bits(&params, None, Height::GENESIS, params.genesis_time), params.genesis_bits);
}

#[test]
fn the_second_block_has_the_target_of_the_first_if_the_first_was_on_time_by_its_own_clock() {
    let TestChain { params, .. } = adjusting();
    let (time, height) = (params.genesis_time.millis() + 1_000_000_000, Height::from_u32(1));
    let first = header(time, params.genesis_bits);
    let anchor = Anchor::after(None, &params, &first, height, params.genesis_time);
    assert_eq!(next_bits(&params, anchor.as_ref(), height, first.time), params.genesis_bits);
}

/// Its schedule begins before 1970, where no time of a header is.
#[test]
fn the_second_block_has_the_target_of_the_first_also_within_a_spacing_of_1970() {
    let TestChain { mut params, .. } = adjusting();
    params.genesis_time = Timestamp::default();
    (params.spacing, params.half_life) = (SPACING, Some(Duration::from_secs(60)));
    let (first, height) = (header(1, params.genesis_bits), Height::from_u32(1));
    let anchor = Anchor::after(None, &params, &first, height, params.genesis_time);
    assert_eq!(next_bits(&params, anchor.as_ref(), height, first.time), params.genesis_bits);
}

#[test]
fn a_block_at_the_limit_is_the_new_anchor_and_any_other_keeps_the_old() {
    let TestChain { params, .. } = adjusting();
    let (height, latest_time) = (Height::from_u32(1), params.genesis_time);
    let old = Anchor { height, due: latest_time, bits: params.genesis_bits, latest_time };
    let (height, parent_time) = (Height::from_u32(9), Timestamp::from_millis(77));
    let kept = Anchor::after(Some(&old), &params, &header(99, params.genesis_bits), height, parent_time);
    assert_eq!(kept, Some(old));
    let anew = Anchor::after(Some(&old), &params, &header(99, params.pow_limit), height, parent_time);
    let due = parent_time.saturating_add(params.spacing);
    assert_eq!(anew, Some(Anchor { height, due, bits: params.pow_limit, latest_time }));
}

#[test]
fn a_chain_without_half_life_stays_at_the_limit() {
    let TestChain { params, .. } = TestChain::new();
    assert_eq!(next_bits(&params, None, Height::from_u32(5), Timestamp::from_millis(1)), params.pow_limit);
}

/// ATTACKS 6: blocks dated as low as the rule allows, then one far ahead, do not lower the target
/// for long: what counts is the time of the last block, not of two ends of a window.
#[test]
fn a_miner_that_holds_time_back_and_then_jumps_gains_nothing_lasting() {
    let TestChain { params, .. } = adjusting();
    let (spacing, start) = (2_000, params.genesis_time.millis());
    let (height, latest_time) = (Height::from_u32(1), params.genesis_time);
    let anchor = Anchor { height, due: latest_time, bits: params.genesis_bits, latest_time };
    let due = |height: u32, time: u64| {
        let bits = next_bits(&params, Some(&anchor), Height::from_u32(height), Timestamp::from_millis(time));
        bits.to_target().unwrap()
    };
    let honest = due(1_000, start + 1_000 * spacing);
    let held_back = due(1_000, start + 1_000);
    assert!(held_back < honest, "held-back time makes blocks harder, not easier");
    let jumped = due(1_001, start + 1_001 * spacing + 7_200_000);
    assert!(jumped > honest);
    assert_eq!(
        due(1_002, start + 1_002 * spacing),
        honest,
        "and the jump is forgotten with the next honest time"
    );
}

/// ATTACKS 6: 51 of 100 blocks are dated by an attacker, as early or as late as the rules allow, on the
/// devnet's numbers. Neither way makes blocks come faster than the schedule, or cheap for one block; and
/// neither passes for pauses, which would make mining harder for good.
#[test]
fn an_attacker_who_dates_most_blocks_gets_no_more_blocks_and_no_cheap_ones_and_slows_nobody_down() {
    for longest_gap in [None, Some(Duration::from_secs(60))] {
        dated_by_an_attacker(longest_gap);
    }
}

fn dated_by_an_attacker(longest_gap: Option<Duration>) {
    let TestChain { mut params, .. } = adjusting();
    (params.max_future_drift, params.longest_gap) = (Duration::from_secs(60), longest_gap);
    let (spacing, drift, blocks) = (2_000_u64, 60_000_u64, 2_000_u64);
    let work = |bits: CompactTarget| bits.to_target().unwrap().work().to_u256().saturating_to::<u64>();
    let fair = work(params.genesis_bits);
    // How an attacker dates block n: ahead always, by turns, or after twenty or forty held back.
    let ahead: [fn(u64) -> bool; 4] = [|_| true, |n| n % 2 == 0, |n| n % 21 == 20, |n| n % 41 == 40];
    for is_ahead in ahead {
        let (mut now, mut anchor, mut cheapest) = (params.genesis_time.millis(), None, fair);
        let mut times = vec![params.genesis_time];
        for n in 0..blocks {
            let (height, parent_time) = (Height::from_u32(n as u32), *times.last().unwrap());
            let bits = next_bits(&params, anchor.as_ref(), height, parent_time);
            cheapest = cheapest.min(work(bits));
            // Steady hash power finds a block after the time that its work stands for.
            now += work(bits) * spacing / fair;
            let recent = &times[times.len().saturating_sub(params.median_time_span)..];
            let earliest = crate::time::median_time_past(recent).millis() + 1;
            let time = match (n * 51 % 100 < 51, is_ahead(n)) {
                (true, true) => now + drift,
                (true, false) => earliest,
                (false, _) => now.max(earliest),
            };
            let made = header(time, bits);
            anchor = Anchor::after(anchor.as_ref(), &params, &made, height.next(), parent_time);
            times.push(made.time);
        }
        let elapsed = now - params.genesis_time.millis();
        assert!(elapsed > blocks * spacing * 9 / 10, "{blocks} blocks took {elapsed} ms");
        assert!(elapsed < blocks * spacing * 11 / 10, "{blocks} blocks took {elapsed} ms");
        assert!(cheapest > fair / 2, "the cheapest block took {cheapest} of {fair} hashes");
    }
}
