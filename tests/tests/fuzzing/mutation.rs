//! Changes that bytes suffer: the kinds that found bugs in decoders before.

use proptest::prelude::{Rng, RngExt};
use proptest::test_runner::{RngAlgorithm, TestRng};

/// Bytes of the longest input.
const LONGEST: usize = 32 * 1024;
/// What lengths, amounts and times look like when somebody means harm.
const NUMBERS: [u64; 8] = [0, 1, 0x7fff_ffff, 0xffff_ffff, 1 << 32, 1 << 40, i64::MAX as u64, u64::MAX];
/// Pieces that text parsers stumble over.
const WORDS: [&str; 12] = [
    "-1",
    "+1",
    "1e999",
    "\"",
    "\\u0000",
    "[[[[[[[[",
    "{",
    "\u{0}",
    "\u{202e}",
    "ß",
    "null",
    "99999999999999999999",
];

/// Draws that are the same for the same number.
pub fn draws(number: u64) -> TestRng {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &seed)
}

/// Some bytes like one of the seeds.
pub fn mutated(seeds: &[Vec<u8>], draws: &mut TestRng) -> Vec<u8> {
    let mut bytes = pick(seeds, draws).clone();
    for _ in 0..draws.random_range(1..4) {
        mutate(&mut bytes, seeds, draws);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], draws: &mut TestRng) {
    let at = draws.random_range(0..=bytes.len());
    match draws.random_range(0..9) {
        0 => flip(bytes, draws),
        1 => bytes.truncate(at),
        2 => overwrite(bytes, at, &pick(&NUMBERS, draws).to_le_bytes()),
        3 => overwrite(bytes, at, &draws.next_u32().to_le_bytes()[..draws.random_range(1..=4)]),
        4 => insert(bytes, at, pick(&WORDS, draws).as_bytes()),
        5 => splice(bytes, at, pick::<Vec<u8>>(seeds, draws), draws),
        6 => {
            let end = draws.random_range(at..=bytes.len()).min(at + 64);
            bytes.drain(at..end);
        }
        7 => {
            let end = draws.random_range(at..=bytes.len()).min(at + 256);
            let again = bytes[at..end].to_vec();
            insert(bytes, at, &again);
        }
        _ => {
            let mut noise = vec![0; draws.random_range(0..40)];
            draws.fill_bytes(&mut noise);
            insert(bytes, at, &noise);
        }
    }
}

fn flip(bytes: &mut [u8], draws: &mut TestRng) {
    for _ in 0..draws.random_range(1..4) {
        let length = bytes.len();
        if let Some(byte) = bytes.get_mut(draws.random_range(0..length.max(1))) {
            *byte ^= 1 << draws.random_range(0..8);
        }
    }
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    bytes.iter_mut().skip(at).zip(with).for_each(|(byte, new)| *byte = *new);
}

fn insert(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    bytes.splice(at..at, new.iter().copied());
}

/// The rest is that of another seed.
fn splice(bytes: &mut Vec<u8>, at: usize, other: &[u8], draws: &mut TestRng) {
    bytes.truncate(at);
    bytes.extend_from_slice(&other[draws.random_range(0..=other.len())..]);
}

fn pick<'a, T>(list: &'a [T], draws: &mut TestRng) -> &'a T {
    &list[draws.random_range(0..list.len())]
}
