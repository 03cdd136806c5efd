//! Bounded values: their constructors are the only way to make them, also for serde.

use core::fmt;

use cairn_core::target::{CompactTarget, Target};
use serde::de::{self, Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value is not one that a definition may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The number is outside its bounds.
    #[error("{found} is out of bounds, expected a whole number from {minimum} to {maximum}")]
    OutOfBounds { found: i128, minimum: u64, maximum: u64 },
    /// The text is not eight hex digits.
    #[error("{found:?} is not a target, expected eight hex digits, as in \"1f0fffff\"")]
    NotATarget { found: String },
    /// Eight hex digits that stand for no number, or for one that has a usual form.
    #[error(
        "{found} is not the usual form of any target, expected a normalised number above zero and below 2^256"
    )]
    UnusualTarget { found: CompactTarget },
    /// A text that is too short, too long, or has other characters.
    #[error("{found:?} does not fit, expected 1 to {maximum} characters, {allowed}")]
    Text { found: String, maximum: usize, allowed: &'static str },
}

/// A whole number from `MIN` to `MAX`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bounded<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Bounded<MIN, MAX> {
    /// A number, if it is within the bounds.
    pub fn new(number: u64) -> Result<Self, ValueError> {
        Self::checked(i128::from(number))
    }

    /// The number within the bounds.
    pub const fn get(self) -> u64 {
        self.0
    }

    fn checked(found: i128) -> Result<Self, ValueError> {
        let number = u64::try_from(found).ok().filter(|number| (MIN..=MAX).contains(number));
        number.map(Self).ok_or(ValueError::OutOfBounds { found, minimum: MIN, maximum: MAX })
    }
}

impl<const MIN: u64, const MAX: u64> fmt::Display for Bounded<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Bounded<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyInteger::<MIN, MAX>)
    }
}

/// Reads integers of every size and sign, so that each is compared with the bounds.
struct AnyInteger<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Visitor<'_> for AnyInteger<MIN, MAX> {
    type Value = Bounded<MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        self.visit_i128(number.into())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_i128(number.into())
    }

    fn visit_i128<E: de::Error>(self, number: i128) -> Result<Self::Value, E> {
        Bounded::checked(number).map_err(E::custom)
    }
}

/// A target in its usual compact form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits(CompactTarget);

impl Bits {
    /// Checks a compact target. A second form of the same number is rejected: headers are compared
    /// with the limit by their four bytes.
    pub fn new(found: CompactTarget) -> Result<Self, ValueError> {
        match found.to_target().map(Target::to_compact) {
            Ok(usual) if usual == found => Ok(Self(found)),
            _ => Err(ValueError::UnusualTarget { found }),
        }
    }

    /// The four bytes as headers have them.
    pub const fn compact(self) -> CompactTarget {
        self.0
    }

    /// The number that the compact form stands for.
    pub fn target(self) -> Target {
        self.0.to_target().expect("the constructor converted it")
    }
}

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = Some(text.as_str()).filter(|text| text.len() == 8 && !text.starts_with('+'));
        let bits = digits.and_then(|text| u32::from_str_radix(text, 16).ok());
        let bits = bits.ok_or_else(|| ValueError::NotATarget { found: text.chars().take(40).collect() });
        bits.and_then(|bits| Self::new(CompactTarget::from_bits(bits))).map_err(D::Error::custom)
    }
}

/// A chain's name: it names directories and is printed everywhere, so it is kept plain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Name<const MAX: usize = 32>(String);

/// The text of a genesis block's coinbase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message(String);

fn checked_text(
    text: String,
    maximum: usize,
    allowed: &'static str,
    fits: impl Fn(char) -> bool,
) -> Result<String, ValueError> {
    if (1..=maximum).contains(&text.len()) && text.chars().all(fits) {
        return Ok(text);
    }
    Err(ValueError::Text { found: text.chars().take(80).collect(), maximum, allowed })
}

impl<const MAX: usize> Name<MAX> {
    /// A name, if it is of 1 to `MAX` bytes that fit.
    pub fn new(text: String) -> Result<Self, ValueError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        checked_text(text, MAX, "lower-case letters, digits and -", fits).map(Self)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Message {
    /// Bytes of a message: with the digest of the numbers it fills a coinbase's tag.
    pub const MAX: usize = 32;

    /// A message, if it is of 1 to 32 bytes that fit.
    pub fn new(text: String) -> Result<Self, ValueError> {
        let fits = |c: char| (c.is_ascii_graphic() || c == ' ') && c != '"' && c != '\\';
        checked_text(text, Self::MAX, "printable ASCII without quotes and backslashes", fits).map(Self)
    }

    /// The message as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Name<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
