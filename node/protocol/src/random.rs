//! Randomness: a generator made from a seed, so that a run can be repeated.

use core::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Seeded randomness. ChaCha, because its stream is the same on every machine and in every version.
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// A generator of its own for each seed and index, so that one more node changes no other's randomness.
    pub fn derive(seed: u64, index: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(index);
        Self(generator)
    }

    /// A number of 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; zero when the bound is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        // Multiply-shift: its bias is below 2^-32 for every bound used here.
        let wide = u128::from(self.next_u64()).wrapping_mul(u128::from(bound));
        (wide >> 64) as u64
    }

    /// An index into a list of this length; zero when it is empty.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("it is below a length")
    }

    /// A duration between half of `around` and one and a half of it.
    pub fn jitter(&mut self, around: Duration) -> Duration {
        let whole = u64::try_from(around.as_micros()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4);
        Duration::from_micros((whole / 2).saturating_add(self.below(whole.saturating_add(1))))
    }

    /// Puts the items into random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}
