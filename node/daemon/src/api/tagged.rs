//! Variants on the wire: the variant's name and its values travel apart, as server-sent events have it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// Takes a variant apart: its name, and its values as JSON.
///
/// # Panics
/// When the value is not an enum whose variants hold values, or cannot be written as JSON.
pub fn split(variant: &impl Serialize) -> (String, String) {
    let text = serde_json::to_string(variant).expect("events have text keys");
    let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text).expect("one field per variant");
    let (kind, data) = fields.into_iter().next().expect("one field per variant");
    (kind, data.get().to_owned())
}

/// Puts a variant together again.
///
/// # Errors
/// When there is no variant of this name, or its values are others.
pub fn join<T: DeserializeOwned>(kind: &str, data: &str) -> serde_json::Result<T> {
    serde_json::from_str(&format!("{{{}:{data}}}", serde_json::to_string(kind)?))
}
