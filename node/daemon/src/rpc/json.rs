//! JSON replies: fields in the order written, amounts as decimal numbers that never were floats.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

pub use crate::api::decimal::{Change, Coins, Sum};

/// A value as JSON text.
pub type Json = Box<RawValue>;

/// Writes a value as JSON text.
pub fn json<T: Serialize + ?Sized>(value: &T) -> Json {
    serde_json::value::to_raw_value(value).expect("replies have text keys and cannot fail to serialise")
}

/// A JSON object that keeps its fields in the order they were put, as Bitcoin Core's replies do.
#[derive(Clone, Debug, Default)]
pub struct Object(Vec<(&'static str, Json)>);

impl Object {
    /// An object without fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a field at the end.
    pub fn put<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.0.push((name, json(value)));
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// Adds another object's fields at the end.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// An object written down in one expression: `object! { "height": 7, "fee": Coins(fee) }`.
macro_rules! object {
    ($($name:literal : $value:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut object = $crate::rpc::json::Object::new();
        $(object.put($name, &$value);)*
        object
    }};
}
pub(crate) use object;

/// A value that is written as a JSON string, by its `Display`.
#[derive(Clone, Copy, Debug)]
pub struct Text<T>(pub T);

impl<T: std::fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::amount::Amount;

    use super::*;

    #[test]
    fn an_amount_is_a_number_with_eight_decimals() {
        let largest = json(&Coins(Amount::from_units(u64::MAX)));
        assert_eq!(largest.get(), "184467440737.09551615");
        assert_eq!(json(&Coins(Amount::from_units(1))).get(), "0.00000001");
        assert_eq!(json(&Coins(Amount::COIN)).get(), "1.00000000");
        assert_eq!(json(&Change(-1)).get(), "-0.00000001");
        assert_eq!(json(&Change(250_000_000)).get(), "2.50000000");
        assert_eq!(json(&Sum(u128::from(u64::MAX) * 10)).get(), "1844674407370.95516150");
    }

    #[test]
    fn fields_keep_their_order_at_every_depth() {
        let inner = object! { "z": 1, "a": Text("x") };
        assert_eq!(json(&object! { "y": inner, "b": [1, 2] }).get(), r#"{"y":{"z":1,"a":"x"},"b":[1,2]}"#);
    }
}
