//! The search for a nonce: the first 64 bytes of a header are hashed once, the rest for each nonce.

use cairn_core::header::Header;
use cairn_core::target::Target;
use sha2::block_api::compress256;

use crate::miner::sha_ni;

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;
/// SHA-256 before the first byte (FIPS 180-4, 5.3.3).
pub const INITIAL_STATE: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A header to be completed with a nonce.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    header: Header,
    target: Target,
    /// SHA-256 after the first 64 bytes.
    midstate: [u32; 8],
    /// The second block of SHA-256: the last 24 bytes, padding, length. The nonce is at 16.
    tail: [u8; BLOCK],
}

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The header hashed whole each time: the measure for the others.
    Whole,
    /// From the midstate, with the sha2 crate.
    Midstate,
    /// From the midstate, with the processor's SHA instructions on several nonces at once.
    ShaNi,
}

impl Engine {
    /// The fastest that this processor has.
    pub fn best() -> Self {
        if sha_ni::is_available() { Self::ShaNi } else { Self::Midstate }
    }
}

impl Job {
    /// A header and its target; none if its bits are no target.
    pub fn new(header: Header) -> Option<Self> {
        let target = header.bits.to_target().ok()?;
        let bytes = header.to_bytes();
        let (first, rest) = bytes.split_first_chunk::<BLOCK>().expect("a header is longer than a block");
        let mut midstate = INITIAL_STATE;
        compress256(&mut midstate, &[*first]);
        let mut tail = [0; BLOCK];
        tail[..rest.len()].copy_from_slice(rest);
        tail[rest.len()] = 0x80;
        tail[BLOCK - 8..].copy_from_slice(&(Header::SIZE as u64 * 8).to_be_bytes());
        Some(Self { header, target, midstate, tail })
    }

    /// The first of `count` nonces from `start` on, wrapping around, whose hash meets the target.
    pub fn search(&self, engine: Engine, start: u64, count: u64) -> Option<u64> {
        match engine {
            Engine::Whole => self.search_by(start, count, |nonce| self.is_met_with(nonce)),
            Engine::Midstate => self.search_by(start, count, |nonce| {
                self.last_word(nonce) <= self.highest_bits() && self.is_met_with(nonce)
            }),
            Engine::ShaNi => sha_ni::search(self, start, count),
        }
    }

    fn search_by(&self, start: u64, count: u64, is_met: impl Fn(u64) -> bool) -> Option<u64> {
        (0..count).map(|step| start.wrapping_add(step)).find(|nonce| is_met(*nonce))
    }

    /// The highest 32 bits of the target: a hash whose own are above cannot meet it.
    pub fn highest_bits(&self) -> u32 {
        let [a, b, c, d, ..] = self.target.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Whether the hash with this nonce meets the target, by the rule itself.
    pub fn is_met_with(&self, nonce: u64) -> bool {
        self.target.is_met_by(Header { nonce, ..self.header }.hash())
    }

    /// SHA-256 after the first 64 bytes.
    pub const fn midstate(&self) -> &[u32; 8] {
        &self.midstate
    }

    /// The words of the second block before the nonce.
    pub fn words_before_nonce(&self) -> [u32; 4] {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(self.tail.chunks_exact(4)) {
            *word = u32::from_be_bytes(bytes.try_into().expect("chunks of four"));
        }
        words
    }

    /// The highest 32 bits of the hash with this nonce, read as a number. A block hash is
    /// little-endian, so they come from the last word of SHA-256.
    fn last_word(&self, nonce: u64) -> u32 {
        let mut tail = self.tail;
        tail[16..24].copy_from_slice(&nonce.to_le_bytes());
        let mut state = self.midstate;
        compress256(&mut state, &[tail]);
        let mut second = [0; BLOCK];
        for (bytes, word) in second.chunks_exact_mut(4).zip(state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        second[32] = 0x80;
        second[BLOCK - 8..].copy_from_slice(&256_u64.to_be_bytes());
        let mut state = INITIAL_STATE;
        compress256(&mut state, &[second]);
        state[7].swap_bytes()
    }
}

/// A nonce with which a header meets its target, tried from the header's own on; none after
/// `max_tries`. For blocks made on demand.
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
        Header { version: Header::VERSION, previous_block_hash, merkle_root, time, bits, nonce: 0 }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Counts that are no multiple of the lanes, starts that wrap, targets from two hashes to
        /// thousands.
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
            let mined = Header { nonce, ..header };
            prop_assert!(target.is_met_by(mined.hash()));
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
