//! The devnet's pace after a pause and after a loss of hash rate, block by block in virtual time.

use cairn_core::difficulty::{Anchor, next_bits};
use cairn_core::hash::{BlockHash, MerkleRoot};
use cairn_core::header::Header;
use cairn_core::params::ChainParams;
use cairn_core::time::Timestamp;

use super::*;

/// Hashes per second of all miners of a devnet.
const RATE: u64 = 2_048;
const MINUTE: u64 = 60_000;

/// A chain whose every block takes the time that its work takes on average.
struct Course {
    params: ChainParams,
    anchor: Option<Anchor>,
    height: Height,
    time: Timestamp,
}

impl Course {
    /// The devnet after ten minutes at its usual hash rate.
    fn of_a_devnet() -> Self {
        let chain = Chain::builtin("devnet").expect("built in");
        let time = chain.genesis.header().time;
        let mut course = Self { params: chain.params, anchor: None, height: Height::GENESIS, time };
        course.run(RATE, 10 * MINUTE);
        course
    }

    fn hashes(&self) -> u64 {
        let bits = next_bits(&self.params, self.anchor.as_ref(), self.height, self.time);
        bits.to_target().expect("a target").work().to_u256().saturating_to()
    }

    fn find(&mut self, time: Timestamp) {
        let header = Header {
            version: Header::VERSION,
            previous_block_hash: BlockHash::ZERO,
            merkle_root: MerkleRoot::ZERO,
            time,
            bits: next_bits(&self.params, self.anchor.as_ref(), self.height, self.time),
            nonce: 0,
        };
        let height = self.height.next();
        self.anchor = Anchor::after(self.anchor.as_ref(), &self.params, &header, height, self.time);
        (self.height, self.time) = (height, time);
    }

    /// Blocks that are found in so many milliseconds, beginning now.
    fn run_from(&mut self, mut now: u64, rate: u64, duration: u64) -> u64 {
        let (end, mut blocks) = (now + duration, 0);
        loop {
            now += self.hashes() * 1_000 / rate;
            if now > end {
                return blocks;
            }
            self.find(Timestamp::from_millis(now));
            blocks += 1;
        }
    }

    fn run(&mut self, rate: u64, duration: u64) -> u64 {
        self.run_from(self.time.millis(), rate, duration)
    }
}

/// One block in two seconds is 30 a minute. Without a longest gap it is 259 in the first minute after any
/// pause of 20 minutes or more, 130 in the second, and still 40 in the tenth.
#[test]
fn a_devnet_that_slept_goes_on_at_its_spacing_within_a_minute() {
    for pause in [MINUTE, 20 * MINUTE, 10 * 60 * MINUTE, 3 * 24 * 60 * MINUTE, 365 * 24 * 60 * MINUTE] {
        let mut course = Course::of_a_devnet();
        let woken = course.time.millis() + pause;
        let first = course.run_from(woken, RATE, MINUTE);
        assert!((29..=35).contains(&first), "{first} blocks in the first minute after {pause} ms");
        let next: Vec<u64> = (0..10).map(|_| course.run(RATE, MINUTE)).collect();
        assert!(next.iter().all(|blocks| (28..=35).contains(blocks)), "{next:?} after {pause} ms");
    }
}

#[test]
fn a_devnet_that_sleeps_again_and_again_keeps_its_spacing() {
    let mut course = Course::of_a_devnet();
    let mut blocks = 0;
    for _ in 0..10 {
        let woken = course.time.millis() + 24 * 60 * MINUTE;
        blocks += course.run_from(woken, RATE, 20 * MINUTE);
    }
    assert!((5_900..=6_500).contains(&blocks), "{blocks} blocks in 200 minutes, where 6,000 are due");
}

/// After a loss of hash rate, minutes until blocks come within twice the spacing again.
fn minutes_to_recover(course: &mut Course, rate: u64) -> u64 {
    let lost_at = course.time;
    while course.hashes() * 1_000 / rate > 4_000 {
        let time = course.time.millis() + course.hashes() * 1_000 / rate;
        course.find(Timestamp::from_millis(time));
    }
    course.time.since(lost_at).as_secs() / 60
}

#[test]
fn a_devnet_that_lost_most_of_its_hash_rate_recovers_about_as_fast_as_without_a_longest_gap() {
    // Hash rate left, in hashes of each 100; minutes with the longest gap and without.
    let mut table = Vec::new();
    for percent in [50, 20, 10] {
        let recover = |longest_gap| {
            let mut course = Course::of_a_devnet();
            course.params.longest_gap = longest_gap;
            minutes_to_recover(&mut course, RATE * percent / 100)
        };
        let longest_gap = Chain::builtin("devnet").expect("built in").params.longest_gap;
        table.push((percent, recover(longest_gap), recover(None)));
    }
    assert!(table.iter().all(|(_, with, without)| *with <= without + 1), "{table:?}");
}
