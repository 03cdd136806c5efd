//! Hash rates, and how many hashes a target takes.

use core::time::Duration;

use cairn_core::target::CompactTarget;

/// How fast a miner hashes, in hashes per 10^9 seconds: simulated targets are so easy and miners so
/// many that whole hashes per second would be too coarse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hashrate(pub u64);

impl Hashrate {
    /// Does not mine.
    pub const NONE: Self = Self(0);

    /// The rate that meets a target every so often.
    pub fn for_spacing(bits: CompactTarget, spacing: Duration) -> Self {
        let hashes = u128::from(hashes_of(bits).unwrap_or(0));
        let rate = hashes.saturating_mul(1_000_000_000_000).checked_div(spacing.as_millis());
        Self(rate.and_then(|rate| u64::try_from(rate).ok()).unwrap_or(u64::MAX))
    }

    /// So many parts of a whole of it.
    pub fn part(self, parts: u64, whole: u64) -> Self {
        let rate = u128::from(self.0) * u128::from(parts) / u128::from(whole.max(1));
        Self(u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

/// How many hashes meet a target, on average.
pub fn hashes_of(bits: CompactTarget) -> Option<u64> {
    Some(bits.to_target().ok()?.work().to_u256().saturating_to::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_meets_its_target_once_a_spacing() {
        // 0x2007ffff stands for 32 hashes: 16 a second for a block every two.
        let rate = Hashrate::for_spacing(CompactTarget::from_bits(0x2007_ffff), Duration::from_secs(2));
        assert_eq!(rate, Hashrate(16_000_000_000));
        assert_eq!(rate.part(1, 4), Hashrate(4_000_000_000));
    }
}
