//! The devnet's pace after a pause and after a loss of hash rate, block by block in virtual time.

use core::time::Duration;

use cairn_core::outlook::Outlook;
use cairn_core::params::ChainParams;
use cairn_core::time::Timestamp;

use super::*;

/// Hashes per second of all miners of a devnet.
const RATE: u64 = 2_048;
const MINUTE: u64 = 60_000;

/// The devnet after ten minutes at its usual hash rate.
fn after_ten_minutes(chain: &Chain) -> Course<'_> {
    let (params, time) = (&chain.params, chain.genesis.header().time);
    let mut course = Course(Outlook { params, anchor: None, height: Height::GENESIS, time });
    course.run(RATE, 10 * MINUTE);
    course
}

/// A chain whose every block takes the time that its work takes on average.
struct Course<'p>(Outlook<'p>);

impl Course<'_> {
    /// Blocks that are found in so many milliseconds, beginning now.
    fn run_from(&mut self, mut now: u64, rate: u64, duration: u64) -> u64 {
        let (end, mut blocks) = (now + duration, 0);
        loop {
            now += self.0.hashes() * 1_000 / rate;
            if now > end {
                return blocks;
            }
            self.0.push(Timestamp::from_millis(now));
            blocks += 1;
        }
    }

    fn run(&mut self, rate: u64, duration: u64) -> u64 {
        self.run_from(self.0.time.millis(), rate, duration)
    }
}

/// One block in two seconds is 30 a minute. Without a longest gap it is 259 in the first minute after any
/// pause of 20 minutes or more, 130 in the second, and still 40 in the tenth.
#[test]
fn a_devnet_that_slept_goes_on_at_its_spacing_within_a_minute() {
    let chain = Chain::builtin("devnet").expect("built in");
    for pause in [MINUTE, 20 * MINUTE, 10 * 60 * MINUTE, 3 * 24 * 60 * MINUTE, 365 * 24 * 60 * MINUTE] {
        let mut course = after_ten_minutes(&chain);
        let woken = course.0.time.millis() + pause;
        let first = course.run_from(woken, RATE, MINUTE);
        assert!((29..=35).contains(&first), "{first} blocks in the first minute after {pause} ms");
        let next: Vec<u64> = (0..10).map(|_| course.run(RATE, MINUTE)).collect();
        assert!(next.iter().all(|blocks| (28..=35).contains(blocks)), "{next:?} after {pause} ms");
    }
}

#[test]
fn a_devnet_that_sleeps_again_and_again_keeps_its_spacing() {
    let chain = Chain::builtin("devnet").expect("built in");
    let mut course = after_ten_minutes(&chain);
    let mut blocks = 0;
    for _ in 0..10 {
        let woken = course.0.time.millis() + 24 * 60 * MINUTE;
        blocks += course.run_from(woken, RATE, 20 * MINUTE);
    }
    assert!((5_900..=6_500).contains(&blocks), "{blocks} blocks in 200 minutes, where 6,000 are due");
}

#[test]
fn a_devnet_that_lost_most_of_its_hash_rate_recovers_about_as_fast_as_without_a_longest_gap() {
    let chain = Chain::builtin("devnet").expect("built in");
    let forgetting_nothing = ChainParams { longest_gap: None, ..chain.params.clone() };
    // Seconds until blocks come within twice the spacing again, with per cent of the hash rate left.
    let recover = |params, percent: u64| {
        let mut course = after_ten_minutes(&chain);
        course.0.params = params;
        let time_for = |hashes: u64| Some(Duration::from_millis(hashes * 100_000 / (RATE * percent)));
        course.0.time_until(Duration::from_secs(4), time_for).expect("it recovers").as_secs()
    };
    for percent in [50, 20, 10] {
        let (with, without) = (recover(&chain.params, percent), recover(&forgetting_nothing, percent));
        assert!(with <= without + 60, "{percent} % left: {with} s, and {without} s without");
    }
}
