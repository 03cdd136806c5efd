//! Fee rates in whole numbers: the fee for a thousand bytes, and the exact order of two packages.

use core::cmp::Ordering;
use core::fmt;

use cairn_core::amount::Amount;

/// A fee for each 1,000 bytes, in units of [`Amount`], as Bitcoin Core's `CFeeRate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeeRate(u64);

impl FeeRate {
    /// No fee at all.
    pub const ZERO: Self = Self(0);

    /// The rate of this amount for each 1,000 bytes.
    pub const fn from_per_kilobyte(amount: Amount) -> Self {
        Self(amount.units())
    }

    /// The fee for each 1,000 bytes.
    pub const fn per_kilobyte(self) -> Amount {
        Amount::from_units(self.0)
    }

    /// The rate of a fee for a number of bytes, rounded down. Size zero counts as one byte.
    pub fn of(fee: Amount, size: usize) -> Self {
        let rate = u128::from(fee.units()) * 1_000 / (size.max(1) as u128);
        Self(u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// The fee for a number of bytes at this rate, rounded up.
    pub fn fee_for(self, size: usize) -> Amount {
        let fee = (u128::from(self.0) * size as u128).div_ceil(1_000);
        Amount::from_units(u64::try_from(fee).unwrap_or(u64::MAX))
    }

    /// The sum of two rates.
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The rate divided by two, a number of times.
    pub fn halved(self, times: u32) -> Self {
        Self(self.0.checked_shr(times).unwrap_or(0))
    }
}

impl fmt::Display for FeeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per kB", self.per_kilobyte())
    }
}

/// A fee and the bytes that pay it, ordered by their exact quotient: no division, no rounding.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    pub fee: Amount,
    pub size: usize,
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        let left = u128::from(self.fee.units()) * other.size as u128;
        left.cmp(&(u128::from(other.fee.units()) * self.size as u128))
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Score {}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(fee: u64, size: usize) -> Score {
        Score { fee: Amount::from_units(fee), size }
    }

    #[test]
    fn a_fee_is_rounded_up_and_a_rate_down() {
        let rate = FeeRate::from_per_kilobyte(Amount::from_units(1_001));
        assert_eq!(rate.fee_for(1), Amount::from_units(2));
        assert_eq!(rate.fee_for(1_000), Amount::from_units(1_001));
        assert_eq!(FeeRate::of(Amount::from_units(2), 3).per_kilobyte(), Amount::from_units(666));
        assert!(FeeRate::of(rate.fee_for(777), 777) >= rate);
    }

    #[test]
    fn the_largest_fees_and_sizes_do_not_wrap() {
        let most = FeeRate::from_per_kilobyte(Amount::from_units(u64::MAX));
        assert_eq!(most.fee_for(usize::MAX).units(), u64::MAX);
        assert_eq!(FeeRate::of(Amount::from_units(u64::MAX), 0), most);
        assert!(score(u64::MAX, 1) > score(u64::MAX - 1, 1));
        assert!(score(u64::MAX, usize::MAX - 1) > score(u64::MAX, usize::MAX));
    }

    #[test]
    fn scores_compare_by_quotient_not_by_fee() {
        assert!(score(10, 100) > score(50, 1_000));
        assert_eq!(score(1, 3), score(2, 6));
        assert!(score(333, 1_000) < score(1, 3));
    }
}
