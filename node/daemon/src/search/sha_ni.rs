//! The search with the processor's SHA instructions: several nonces at once, so that while one waits
//! for its round another computes. The only unsafe code; held equal to the portable search by a test.
#![allow(unsafe_code)]

use crate::search::job::Job;

#[cfg(target_arch = "x86_64")]
use x86_64 as engine;

#[cfg(not(target_arch = "x86_64"))]
use elsewhere as engine;

/// Whether this processor has the instructions.
pub fn is_available() -> bool {
    engine::is_available()
}

/// The first of `count` nonces from `start` on, wrapping around, whose hash meets the target.
///
/// # Panics
/// When the processor lacks the instructions.
pub fn search(job: &Job, start: u64, count: u64) -> Option<u64> {
    engine::search(job, start, count)
}

#[cfg(not(target_arch = "x86_64"))]
mod elsewhere {
    use crate::search::job::Job;

    pub fn is_available() -> bool {
        false
    }

    pub fn search(job: &Job, start: u64, count: u64) -> Option<u64> {
        job.search_midstate(start, count)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use core::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_cvtsi128_si32, _mm_set_epi32, _mm_sha256msg1_epu32,
        _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi32, _mm_unpackhi_epi64,
        _mm_unpacklo_epi64,
    };

    use crate::search::job::{INITIAL_STATE, Job};

    /// Nonces at once: two keep their words and states in the sixteen registers there are.
    const LANES: usize = 2;

    /// The round constants of SHA-256 (FIPS 180-4, 4.2.2), four rounds a row.
    const K: [[u32; 4]; 16] = [
        [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
        [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
        [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
        [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
        [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
        [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
        [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
        [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
        [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
        [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
        [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
        [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
        [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
        [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
        [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
        [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
    ];

    /// A state as the instructions want it: a, b, e, f in one register, c, d, g, h in the other.
    #[derive(Clone, Copy)]
    struct State {
        abef: __m128i,
        cdgh: __m128i,
    }

    pub fn is_available() -> bool {
        std::is_x86_feature_detected!("sha")
            && std::is_x86_feature_detected!("sse4.1")
            && std::is_x86_feature_detected!("ssse3")
    }

    pub fn search(job: &Job, start: u64, count: u64) -> Option<u64> {
        assert!(is_available(), "the caller asked whether the instructions are there");
        // SAFETY: the processor has every feature that the function is compiled for, as just asserted.
        unsafe { search_lanes(job, start, count) }
    }

    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn search_lanes(job: &Job, start: u64, count: u64) -> Option<u64> {
        let (midstate, initial) = (load(job.midstate()), load(&INITIAL_STATE));
        let before_nonce = words(job.words_before_nonce());
        let last = words([0, 0, 0, 88 * 8]);
        let padding = words([0x8000_0000, 0, 0, 0]);
        let last_of_second = words([0, 0, 0, 32 * 8]);
        let zero = words([0; 4]);
        let highest = job.highest_bits();
        let mut done = 0;
        while done < count {
            let first = start.wrapping_add(done);
            let mut blocks = [[zero; 4]; LANES];
            for (lane, block) in (0_u64..).zip(&mut blocks) {
                let nonce = first.wrapping_add(lane);
                // The nonce is little-endian in the header and SHA-256 reads big-endian words.
                let (low, high) = ((nonce as u32).swap_bytes(), ((nonce >> 32) as u32).swap_bytes());
                *block = [before_nonce, words([low, high, 0x8000_0000, 0]), zero, last];
            }
            let once = compress([midstate; LANES], blocks);
            for (block, state) in blocks.iter_mut().zip(once) {
                let (abcd, efgh) = in_order(state);
                *block = [abcd, efgh, padding, last_of_second];
            }
            let twice = compress([initial; LANES], blocks);
            for (lane, state) in (0_u64..).zip(twice) {
                // The last word of the hash, h, is the lowest of its register.
                let hash_highest = (_mm_cvtsi128_si32(state.cdgh) as u32).swap_bytes();
                let nonce = first.wrapping_add(lane);
                if hash_highest <= highest && done + lane < count && job.is_met_with(nonce) {
                    return Some(nonce);
                }
            }
            done += LANES as u64;
        }
        None
    }

    /// Four words, the first in the lowest place.
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn words([a, b, c, d]: [u32; 4]) -> __m128i {
        _mm_set_epi32(d as i32, c as i32, b as i32, a as i32)
    }

    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn load(&[a, b, c, d, e, f, g, h]: &[u32; 8]) -> State {
        State { abef: words([f, e, b, a]), cdgh: words([h, g, d, c]) }
    }

    /// The state's words in their own order: a to d, e to h.
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn in_order(state: State) -> (__m128i, __m128i) {
        let (abef, cdgh) = (_mm_shuffle_epi32::<0x1b>(state.abef), _mm_shuffle_epi32::<0x1b>(state.cdgh));
        (_mm_unpacklo_epi64(abef, cdgh), _mm_unpackhi_epi64(abef, cdgh))
    }

    /// SHA-256's compression of one block for each lane. Each step is done for every lane before the
    /// next: that is what keeps the unit busy.
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    #[inline]
    fn compress(before: [State; LANES], mut blocks: [[__m128i; 4]; LANES]) -> [State; LANES] {
        let mut states = before;
        // A macro, not a loop: unrolled, every index is a constant and every word a register.
        macro_rules! four_rounds {
            ($($group:literal)*) => {$(
                let constants = words(K[$group]);
                for (state, block) in states.iter_mut().zip(&mut blocks) {
                    if $group >= 4 {
                        let (oldest, old) = (block[$group % 4], block[($group + 1) % 4]);
                        let (young, youngest) = (block[($group + 2) % 4], block[($group + 3) % 4]);
                        let sum = _mm_add_epi32(
                            _mm_sha256msg1_epu32(oldest, old),
                            _mm_alignr_epi8::<4>(youngest, young),
                        );
                        block[$group % 4] = _mm_sha256msg2_epu32(sum, youngest);
                    }
                    let sum = _mm_add_epi32(block[$group % 4], constants);
                    state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, sum);
                    let rest = _mm_shuffle_epi32::<0x0e>(sum);
                    state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, rest);
                }
            )*};
        }
        four_rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        for (state, before) in states.iter_mut().zip(before) {
            state.abef = _mm_add_epi32(state.abef, before.abef);
            state.cdgh = _mm_add_epi32(state.cdgh, before.cdgh);
        }
        states
    }
}
