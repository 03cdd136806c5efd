//! One thing told, for people and for programs.

use serde_json::Value;

/// One thing told.
#[derive(Clone, Debug)]
pub struct Line {
    /// In plain words; nothing when a later line tells of it together with others.
    pub text: Option<String>,
    /// As one JSON object.
    pub json: Value,
}

/// A line for both.
pub fn line(text: String, json: Value) -> Line {
    Line { text: Some(text), json }
}
