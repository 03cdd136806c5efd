//! Amounts as Bitcoin Core writes them: JSON numbers with eight decimals that never were floats.

use cairn_core::amount::Amount;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// An amount as Bitcoin Core prints it: coins with eight decimals, written and read digit by digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coins(pub Amount);

impl Serialize for Coins {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Sum(self.0.units().into()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Coins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer)?.get().parse().map(Self).map_err(D::Error::custom)
    }
}

/// A sum of amounts that may exceed every amount, in units; printed like one.
#[derive(Clone, Copy, Debug)]
pub struct Sum(pub u128);

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        decimal("", self.0, serializer)
    }
}

/// What was gained or, below zero, lost, in units; printed like an amount.
#[derive(Clone, Copy, Debug)]
pub struct Change(pub i128);

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        decimal(if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs(), serializer)
    }
}

fn decimal<S: Serializer>(sign: &str, units: u128, serializer: S) -> Result<S::Ok, S::Error> {
    let coin = u128::from(Amount::COIN.units());
    let text = format!("{sign}{}.{:08}", units / coin, units % coin);
    RawValue::from_string(text).expect("digits with one point are JSON").serialize(serializer)
}
