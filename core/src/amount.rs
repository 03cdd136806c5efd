//! Amounts: whole units in memory, decimal coins in text, checked sums, never a float.
//!
//! ```
//! use cairn_core::amount::Amount;
//!
//! let amount: Amount = "12.5".parse()?;
//! assert_eq!(amount.units(), 1_250_000_000);
//! assert_eq!(amount.checked_sub(Amount::COIN).unwrap().to_string(), "11.5");
//! assert_eq!(Amount::from_units(u64::MAX).checked_add(Amount::from_units(1)), None);
//! assert!("0.000000001".parse::<Amount>().is_err());
//! # Ok::<(), cairn_core::amount::ParseAmountError>(())
//! ```

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::encoding::{Decode, Encode};

/// Decimal places of a coin.
const PLACES: usize = 8;

/// An amount in units of 10^-8 coins, as in Bitcoin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Amount(u64);

/// A text that is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseAmountError {
    /// Not a plain decimal number.
    #[error("{0:?} is not an amount: write digits, a point and at most {PLACES} decimals, as in 12.5")]
    NotANumber(String),
    /// More decimals than a coin has.
    #[error("{0:?} has more than {PLACES} decimals: the smallest amount is 0.00000001")]
    TooFine(String),
    #[error("{0:?} is more than any chain can hold")]
    TooLarge(String),
}

impl Amount {
    /// No coins at all.
    pub const ZERO: Self = Self(0);
    /// One coin: 100,000,000 units.
    pub const COIN: Self = Self(100_000_000);

    /// The amount of this number of units.
    pub const fn from_units(units: u64) -> Self {
        Self(units)
    }

    /// The number of units.
    pub const fn units(self) -> u64 {
        self.0
    }

    /// The sum, unless it exceeds 2^64 units (CVE-2010-5139).
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, unless it is below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The sum of all, unless it exceeds 2^64 units.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

impl fmt::Display for Amount {
    /// Coins with as many decimals as needed: `12.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:08}", self.0 / Self::COIN.0, self.0 % Self::COIN.0);
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl FromStr for Amount {
    type Err = ParseAmountError;

    fn from_str(text: &str) -> Result<Self, ParseAmountError> {
        let shown = || text.chars().take(40).collect::<String>();
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) {
            return Err(ParseAmountError::NotANumber(shown()));
        }
        if part.len() > PLACES {
            return Err(ParseAmountError::TooFine(shown()));
        }
        let units = format!("{whole}{part:0<PLACES$}").parse();
        units.map(Self).map_err(|_| ParseAmountError::TooLarge(shown()))
    }
}

impl Serialize for Amount {
    /// As decimal text: a JSON number would pass through a float in most readers.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
