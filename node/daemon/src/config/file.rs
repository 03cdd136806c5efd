//! The file of settings: TOML, one flat table. Every value is kept as text, with its line, so that
//! the rules for flags and variables hold for it too.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::config::words::{ConfigError, KEYS, Place};

/// A value of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its line, from 1.
    pub line: usize,
    /// The value; several if it is a list.
    pub values: Vec<String>,
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read, is not TOML, or names a setting that does not exist.
pub fn read(path: &Path) -> Result<BTreeMap<&'static str, Entry>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    parse(path, &text)
}

/// Reads a file's text.
///
/// # Errors
/// As for [`read`].
pub fn parse(path: &Path, text: &str) -> Result<BTreeMap<&'static str, Entry>, ConfigError> {
    let line_of = |offset: usize| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: line_of(error.span().map_or(0, |span| span.start)),
        what: error.message().to_owned(),
    })?;
    let mut entries = BTreeMap::new();
    for (name, value) in table.get_ref() {
        let line = line_of(name.span().start);
        let found: &str = name.get_ref().as_ref();
        let Some(key) = KEYS.into_iter().find(|key| *key == found) else {
            return Err(ConfigError::UnknownKey { path: path.to_owned(), line, found: found.to_owned() });
        };
        let place = || Place::File { path: path.to_owned(), line, key };
        let values = match value.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| scalar(item.get_ref(), place)).collect(),
            value => scalar(value, place).map(|value| vec![value]),
        };
        entries.insert(key, Entry { line, values: values? });
    }
    Ok(entries)
}

fn scalar(value: &DeValue<'_>, place: impl Fn() -> Place) -> Result<String, ConfigError> {
    let expected = "text, a number, true or false, or a list of these";
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().replace('_', "")),
        DeValue::Boolean(is_set) => Ok(is_set.to_string()),
        other => Err(ConfigError::Value {
            place: place(),
            found: format!("a value of type {}", other.type_str()),
            expected,
        }),
    }
}
