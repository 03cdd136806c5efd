//! A job: a header whose first 64 bytes are hashed once, to be completed with a nonce.

use cairn_core::header::{Header, HeaderFields};
use cairn_core::target::Target;
use sha2::block_api::compress256;

/// The length of a block of SHA-256 in bytes.
const BLOCK: usize = 64;
/// The initial state of SHA-256 (FIPS 180-4, 5.3.3).
pub const INITIAL_STATE: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A header to be completed with a nonce.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    header: Header,
    target: Target,
    /// The state of SHA-256 after the first 64 bytes.
    midstate: [u32; 8],
    /// The second block of SHA-256: the last 24 bytes, padding, length. The nonce is at 16.
    tail: [u8; BLOCK],
}

impl Job {
    /// The job of a header; none if its bits are not a valid target.
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

    /// The first of `count` nonces from `start` on, wrapping around, whose hash meets the target:
    /// the header hashed whole each time.
    pub fn search_whole(&self, start: u64, count: u64) -> Option<u64> {
        nonces(start, count).find(|nonce| self.is_met_with(*nonce))
    }

    /// The same, starting from the midstate.
    pub fn search_midstate(&self, start: u64, count: u64) -> Option<u64> {
        let may = |nonce: &u64| self.last_word(*nonce) <= self.highest_bits() && self.is_met_with(*nonce);
        nonces(start, count).find(may)
    }

    /// The highest 32 bits of the target. A hash whose highest 32 bits are above cannot meet it.
    pub fn highest_bits(&self) -> u32 {
        let [a, b, c, d, ..] = self.target.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Whether the hash with this nonce meets the target, computed as the rule says.
    pub fn is_met_with(&self, nonce: u64) -> bool {
        self.target.is_met_by(Header::from(HeaderFields { nonce, ..*self.header }).hash())
    }

    /// The state of SHA-256 after the first 64 bytes.
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

fn nonces(start: u64, count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |step| start.wrapping_add(step))
}
