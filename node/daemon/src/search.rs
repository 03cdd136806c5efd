//! The search for a nonce, with the fastest instructions of the processor.

use cairn_core::header::Header;

pub mod job;
pub mod sha_ni;

pub use job::Job;

/// Implementations of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Hashes the whole header each time: the reference for the others.
    Whole,
    /// Starts from the midstate, with the sha2 crate.
    Midstate,
    /// Starts from the midstate, with the processor's SHA instructions on several nonces at once.
    ShaNi,
}

impl Engine {
    /// The fastest that this processor supports.
    pub fn best() -> Self {
        if sha_ni::is_available() { Self::ShaNi } else { Self::Midstate }
    }
}

impl Job {
    /// The first of `count` nonces from `start` on, wrapping around, whose hash meets the target.
    pub fn search(&self, engine: Engine, start: u64, count: u64) -> Option<u64> {
        match engine {
            Engine::Whole => self.search_whole(start, count),
            Engine::Midstate => self.search_midstate(start, count),
            Engine::ShaNi => sha_ni::search(self, start, count),
        }
    }
}

/// A nonce with which a header meets its target, searched from the header's own nonce on; none after
/// `max_tries`. For blocks that are generated on request.
pub fn mine_once(header: Header, max_tries: u64) -> Option<u64> {
    Job::new(header)?.search(Engine::best(), header.nonce, max_tries)
}

#[cfg(test)]
mod tests {
    use cairn_core::hash::{BlockHash, MerkleRoot};
    use cairn_core::target::CompactTarget;
    use cairn_core::time::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn header(seed: [u8; 32], time: u64, bits: u32) -> Header {
        let (previous_block_hash, merkle_root) = (BlockHash::from_bytes(seed), MerkleRoot::from_bytes(seed));
        let (time, bits) = (Timestamp::from_millis(time), CompactTarget::from_bits(bits));
        Header::from(cairn_core::header::HeaderFields {
            version: Header::VERSION,
            previous_block_hash,
            merkle_root,
            time,
            bits,
            nonce: 0,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Counts that are no multiple of the lanes, starts that wrap, targets from two hashes to thousands.
        #[test]
        fn every_engine_finds_the_same_first_nonce(
            seed: [u8; 32],
            time: u64,
            start: u64,
            near_the_end: bool,
            count in 0_u64..600,
            bits in prop::sample::select(vec![0x207f_ffff_u32, 0x2000_ffff, 0x2007_ffff, 0x1f0f_ffff]),
        ) {
            let start = if near_the_end { u64::MAX - start % 64 } else { start };
            let job = Job::new(header(seed, time, bits)).expect("a target");
            let expected = job.search(Engine::Whole, start, count);
            prop_assert_eq!(job.search(Engine::Midstate, start, count), expected);
            if sha_ni::is_available() {
                prop_assert_eq!(job.search(Engine::ShaNi, start, count), expected);
            }
        }

        #[test]
        fn what_is_mined_meets_its_target(seed: [u8; 32], time: u64) {
            let header = header(seed, time, 0x2000_ffff);
            let nonce = mine_once(header, 1_000_000).expect("one in 256 does");
            let target = header.bits.to_target().expect("a target");
            prop_assert!(target.is_met_by(header.with_nonce(nonce).hash()));
        }
    }

    #[test]
    fn a_search_ends_after_as_many_tries_as_allowed() {
        assert_eq!(mine_once(header([7; 32], 1, 0x0300_0001), 1_000), None);
        assert_eq!(mine_once(header([7; 32], 1, 0x207f_ffff), 0), None);
    }

    #[test]
    fn a_header_without_a_target_is_not_searched() {
        assert_eq!(mine_once(header([7; 32], 1, 0), 1_000), None);
    }
}
