//! Values of scenario files whose bounds are part of their type.

use core::time::Duration;

use cairn_genesis::bounded::Bounded;
use humantime::format_duration;
use serde::de::{Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer};

/// The most bytes of a text that stands for a time: of longer ones `humantime` could make more seconds
/// than a duration holds.
const MAX_TIME_TEXT: usize = 20;
/// Ten years in milliseconds: a world that lasts longer has nothing left to show.
pub const TEN_YEARS: u64 = 10 * 365 * 24 * 3_600_000;

/// A time as a text, as in `"250 ms"`: whole milliseconds from `MIN` to `MAX`, both in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time<const MIN: u64, const MAX: u64>(Bounded<MIN, MAX>);

impl<const MIN: u64, const MAX: u64> Time<MIN, MAX> {
    /// The time as a duration.
    pub const fn get(self) -> Duration {
        Duration::from_millis(self.0.get())
    }

    /// The number of milliseconds.
    pub const fn ms(self) -> Bounded<MIN, MAX> {
        self.0
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Time<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let not_a_time = "not a time, expected a time such as \"250 ms\", \"30 s\" or \"10 min\"";
        let text = String::deserialize(deserializer).map_err(|error| of_type(error, not_a_time))?;
        let parsed = Some(&text).filter(|text| text.len() <= MAX_TIME_TEXT);
        let found = parsed.and_then(|text| humantime::parse_duration(text).ok());
        let found = found.ok_or_else(|| D::Error::custom(not_a_time))?;
        let ms = Some(found.as_millis()).filter(|_| found.subsec_nanos() % 1_000_000 == 0);
        let ms = ms.and_then(|ms| Bounded::new(u64::try_from(ms).ok()?).ok());
        ms.map(Self).ok_or_else(|| {
            let [least, most] = [MIN, MAX].map(|ms| format_duration(Duration::from_millis(ms)));
            D::Error::custom(format!("out of bounds, expected whole milliseconds from {least} to {most}"))
        })
    }
}

/// The offset of a clock as a text, as in `"+3 s"` or `"-3 s"`: at most a day ahead or behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset(i64);

impl Offset {
    /// Milliseconds ahead; behind when negative.
    pub const fn ms(self) -> i64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Offset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let not_an_offset = "not an offset, expected a sign and a time such as \"+3 s\" or \"-250 ms\"";
        let text = String::deserialize(deserializer).map_err(|error| of_type(error, not_an_offset))?;
        let (sign, time) = match text.split_at_checked(1) {
            Some(("+", time)) => (1, time),
            Some(("-", time)) => (-1, time),
            _ => return Err(D::Error::custom(not_an_offset)),
        };
        let time = Time::<0, 86_400_000>::deserialize(IntoDeserializer::<D::Error>::into_deserializer(
            time.trim_start(),
        ))?;
        Ok(Self(sign * time.0.get() as i64))
    }
}

/// A decimal from `MIN / PARTS` to `MAX / PARTS`, rounded to whole parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal<const MIN: u64, const MAX: u64, const PARTS: u64>(u64);

impl<const MIN: u64, const MAX: u64, const PARTS: u64> Decimal<MIN, MAX, PARTS> {
    /// The number of parts.
    pub const fn parts(self) -> u64 {
        self.0
    }
}

impl<'de, const MIN: u64, const MAX: u64, const PARTS: u64> Deserialize<'de> for Decimal<MIN, MAX, PARTS> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [least, most] = [MIN, MAX].map(|parts| parts as f64 / PARTS as f64);
        let out_of_bounds = format!("out of bounds, expected a number from {least} to {most}");
        let found = f64::deserialize(deserializer).map_err(|error| of_type(error, &out_of_bounds))?;
        let parts = Some(found).filter(|found| found.is_finite() && *found >= 0.0);
        // A cast of what is too large gives the largest number, which is out of every bound here.
        let parts = parts.map(|found| libm::round(found * PARTS as f64) as u64);
        let parts = parts.filter(|parts| (MIN..=MAX).contains(parts));
        parts.map(Self).ok_or_else(|| D::Error::custom(out_of_bounds))
    }
}

/// An error about a value of another type; about a missing key it stays as it is.
fn of_type<E: serde::de::Error>(error: E, expected: &str) -> E {
    if error.to_string().contains("missing field") { error } else { E::custom(expected) }
}

/// A number of 16 or 32 bits from bounds that fit into it.
pub fn small<N: TryFrom<u64>, const MIN: u64, const MAX: u64>(number: Bounded<MIN, MAX>) -> N {
    N::try_from(number.get()).ok().expect("the bounds of the type fit into it")
}
