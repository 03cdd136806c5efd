//! Hash rates, and how many hashes a target takes.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use cairn_core::target::CompactTarget;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Rates in one hash per second.
const UNIT: u64 = 1_000_000_000;

/// How fast a miner hashes, in hashes per 10^9 seconds: simulated targets are so easy and miners so
/// many that whole hashes per second would be too coarse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hashrate(pub u64);

impl Hashrate {
    /// Does not mine.
    pub const NONE: Self = Self(0);

    /// So many hashes per second.
    pub const fn per_second(hashes: u64) -> Self {
        Self(hashes.saturating_mul(UNIT))
    }

    /// Hashes in a time, rounded down.
    pub fn hashes_in(self, time: Duration) -> u64 {
        let hashes = u128::from(self.0).saturating_mul(time.as_nanos()) / u128::from(UNIT).pow(2);
        u64::try_from(hashes).unwrap_or(u64::MAX)
    }

    /// How long so many hashes take; none when it never ends.
    pub fn time_for(self, hashes: u64) -> Option<Duration> {
        let unit = u128::from(UNIT);
        let nanos = u128::from(hashes).saturating_mul(unit.pow(2)).checked_div(self.0.into())?;
        let rest = u32::try_from(nanos % unit).ok()?;
        Some(Duration::new(u64::try_from(nanos / unit).ok()?, rest))
    }

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

    /// The rate in per cent of another, rounded.
    pub fn percent_of(self, whole: Self) -> u64 {
        let whole = u128::from(whole.0.max(1));
        u64::try_from((u128::from(self.0) * 100 + whole / 2) / whole).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Hashrate {
    /// Hashes per second, with as many decimals as there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / UNIT, self.0 % UNIT);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{rest:09}").trim_end_matches('0'))
    }
}

/// A text is no hash rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected hashes per second, above 0 and at most 18,000,000,000, with at most nine decimals")]
pub struct HashrateError;

impl FromStr for Hashrate {
    type Err = HashrateError;

    /// Hashes per second, as in `2048` or `0.5`; never none.
    fn from_str(text: &str) -> Result<Self, HashrateError> {
        let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(whole) || !are_digits(rest) || rest.len() > 9 {
            return Err(HashrateError);
        }
        let whole: u64 = whole.parse().map_err(|_| HashrateError)?;
        let rest: u64 = format!("{rest:0<9}").parse().map_err(|_| HashrateError)?;
        let rate = whole.checked_mul(UNIT).and_then(|whole| whole.checked_add(rest));
        rate.filter(|rate| *rate > 0).map(Self).ok_or(HashrateError)
    }
}

impl Serialize for Hashrate {
    /// A number of hashes per second: whole where it is whole.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % UNIT {
            0 => serializer.serialize_u64(self.0 / UNIT),
            _ => serializer.serialize_f64(self.0 as f64 / UNIT as f64),
        }
    }
}

impl<'de> Deserialize<'de> for Hashrate {
    /// Reads a number of hashes per second.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self((f64::deserialize(deserializer)? * UNIT as f64).round() as u64))
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

    #[test]
    fn a_rate_reads_as_it_is_written_and_below_one_too() {
        for (text, rate) in [("2048", 2_048 * UNIT), ("0.5", UNIT / 2), ("1.000000001", UNIT + 1)] {
            assert_eq!(text.parse(), Ok(Hashrate(rate)));
            assert_eq!(Hashrate(rate).to_string(), text);
        }
        for text in ["", "0", "0.0", "-1", "1.", ".5", "1e3", "+1", "0.0000000001", "18446744074"] {
            assert_eq!(text.parse::<Hashrate>(), Err(HashrateError), "{text:?}");
        }
    }

    #[test]
    fn hashes_and_times_follow_from_a_rate() {
        let half = Hashrate(UNIT / 2);
        assert_eq!(half.hashes_in(Duration::from_millis(3_999)), 1);
        assert_eq!(half.time_for(3), Some(Duration::from_secs(6)));
        assert_eq!(Hashrate::NONE.time_for(1), None);
        assert_eq!(Hashrate(1).time_for(u64::MAX), None, "more seconds than there are numbers");
    }
}
