//! TOML files read by serde: every error names the line, the key, the value found and what was expected.
//!
//! The types that a file is read into say by their `Deserialize` what a value may be (see [`crate::bounded`]);
//! the text of their error ends in `, expected ...`. This module finds the line and key of the value, and shows
//! it. A rule between several values is checked afterwards, with [`Document::error`] and the span of a
//! [`Spanned`] value. Where the type of a value depends on another one, the value is left [`Unread`] at first.

use core::ops::Range;

use serde::de::{DeserializeOwned, IgnoredAny};
pub use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// The most characters of a value that an error repeats.
const MAX_SHOWN: usize = 40;
/// The most characters of the TOML parser's message that an error repeats.
const MAX_MESSAGE: usize = 120;

/// A value of any type, read later with [`Document::read_at`].
pub type Unread = Spanned<IgnoredAny>;

/// A rule that a file breaks, with line and key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, `{key}`: {fault}")]
pub struct FileError<F> {
    /// The line, counted from 1.
    pub line: usize,
    /// The key after the tables that it stands in, as in `links.latency.from`; `file` for the whole file.
    pub key: String,
    pub fault: F,
}

impl FileError<TomlFault> {
    /// The same as an error of a kind of file that has more rules.
    pub fn into_fault<F: From<TomlFault>>(self) -> FileError<F> {
        FileError { line: self.line, key: self.key, fault: self.fault.into() }
    }
}

/// A rule that holds for every TOML file, broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TomlFault {
    /// The text is not TOML.
    #[error(
        "found what is not TOML: {0}; expected a number, true or false, a text in quotes, a list in [] or a table in {{}}"
    )]
    NotToml(String),
    /// The table has no such key.
    #[error("found an unknown key, expected {expected}")]
    UnknownKey { expected: String },
    /// The table lacks a key that it must have.
    #[error("found nothing, expected a value: this key is required")]
    Missing,
    /// The value is of another type, or outside its bounds.
    #[error("found {found}, expected {expected}")]
    Value { found: String, expected: String },
    /// The value does not parse; the reason is that of its type.
    #[error("found {found}: {why}")]
    Unparsed { found: String, why: String },
}

/// The beginning of a text from a file, as errors repeat it.
pub fn shown(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(MAX_SHOWN).collect()
}

/// A parsed file.
#[derive(Clone, Debug)]
pub struct Document<'t> {
    text: &'t str,
    root: Spanned<DeValue<'t>>,
}

impl<'t> Document<'t> {
    /// Parses a file's text.
    pub fn parse<F: From<TomlFault>>(text: &'t str) -> Result<Self, FileError<F>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let span = table.span();
        let document = Self { text, root: Spanned::new(span, DeValue::Table(table.into_inner())) };
        let Some(error) = errors.into_iter().next() else { return Ok(document) };
        // The parser names its own kinds of text; what is expected is said for all of TOML.
        let message = error.message().lines().next().unwrap_or_default();
        let message = message.split(", expected").next().unwrap_or_default();
        let fault = TomlFault::NotToml(message.chars().take(MAX_MESSAGE).collect());
        Err(document.error(error.span().unwrap_or_default(), fault.into()))
    }

    /// The whole file as a `T`.
    ///
    /// # Errors
    /// Every [`TomlFault`] but the first.
    pub fn read<T: DeserializeOwned, F: From<TomlFault>>(&self) -> Result<T, FileError<F>> {
        self.value(&self.root).map_err(FileError::into_fault)
    }

    /// A value that was left unread, as a `T`.
    ///
    /// # Errors
    /// Every [`TomlFault`] but the first.
    pub fn read_at<T: DeserializeOwned, F: From<TomlFault>>(&self, at: &Unread) -> Result<T, FileError<F>> {
        self.value(self.find(at)).map_err(FileError::into_fault)
    }

    /// An unread value as a list: a value that is not a list stands for a list of it alone.
    ///
    /// # Errors
    /// Every [`TomlFault`] but the first.
    pub fn list<T: DeserializeOwned, F: From<TomlFault>>(
        &self,
        at: &Unread,
    ) -> Result<Vec<Spanned<T>>, FileError<F>> {
        match self.find(at).get_ref().is_array() {
            true => self.read_at(at),
            false => Ok(vec![Spanned::new(at.span(), self.read_at(at)?)]),
        }
    }

    /// An unread table as an enum: the value of its key `tag` names the variant, the other keys are the variant's
    /// fields. A text in the place of a table names a variant without fields.
    ///
    /// # Errors
    /// Every [`TomlFault`] but the first.
    pub fn tagged<T: DeserializeOwned, F: From<TomlFault>>(
        &self,
        at: &Unread,
        tag: &str,
    ) -> Result<T, FileError<F>> {
        let span = at.span();
        if !self.is_table(at) && self.text_at(at).is_none() {
            let found = shown(self.text.get(span.clone()).unwrap_or_default());
            let expected = format!("a word, or a table with the key `{tag}`");
            return Err(self.error(span, TomlFault::Value { found, expected }.into()));
        }
        let mut fields = self.table(at);
        let name = match fields.remove(tag) {
            Some(name) => name,
            None if self.text_at(at).is_some() => self.find(at).clone(),
            None => return Err(self.missing(span, tag).into_fault()),
        };
        let Some(text) = name.get_ref().as_str().map(str::to_owned) else {
            return self.value::<String>(&name).map_err(FileError::into_fault).and_then(|_| self.read_at(at));
        };
        let mut table = DeTable::default();
        table.insert(
            Spanned::new(name.span(), text.into()),
            Spanned::new(span.clone(), DeValue::Table(fields)),
        );
        self.value(&Spanned::new(span, DeValue::Table(table))).map_err(FileError::into_fault)
    }

    /// An unread table without some of its keys: a struct, or an enum of which the one key that is
    /// left names the variant.
    ///
    /// # Errors
    /// Every [`TomlFault`] but the first.
    pub fn part<T: DeserializeOwned, F: From<TomlFault>>(
        &self,
        at: &Unread,
        without: &[&str],
    ) -> Result<T, FileError<F>> {
        let mut table = self.table(at);
        without.iter().for_each(|key| drop(table.remove(*key)));
        self.value(&Spanned::new(at.span(), DeValue::Table(table))).map_err(|mut error| {
            if let TomlFault::UnknownKey { expected } = &mut error.fault {
                without.iter().for_each(|key| expected.push_str(&format!(", `{key}`")));
            }
            error.into_fault()
        })
    }

    /// The keys of an unread value; none if it is not a table.
    pub fn keys(&self, at: &Unread) -> impl Iterator<Item = &str> {
        let table = self.find(at).get_ref().as_table();
        table.into_iter().flat_map(|table| table.keys().map(|key| key.get_ref().as_ref()))
    }

    /// The text of an unread value, if it is one.
    pub fn text_at(&self, at: &Unread) -> Option<&str> {
        self.find(at).get_ref().as_str()
    }

    /// Whether an unread value is a table.
    pub fn is_table(&self, at: &Unread) -> bool {
        self.find(at).get_ref().is_table()
    }

    /// The text of the first value that has a key, as [`FileError::key`] writes it: an example of what may stand there.
    /// None if it takes more than a line.
    pub fn example(&self, key: &str) -> Option<&str> {
        let span = key.split('.').try_fold(vec![&self.root], |values, name| {
            let tables = values.into_iter().flat_map(|value| match value.get_ref() {
                DeValue::Array(list) => list.iter().collect(),
                _ => vec![value],
            });
            let found: Vec<_> = tables.filter_map(|value| value.get_ref().as_table()?.get(name)).collect();
            Some(found).filter(|found| !found.is_empty())
        });
        let text = self.text.get(span?.first()?.span())?;
        Some(text).filter(|text| !text.contains('\n'))
    }

    fn find(&self, at: &Unread) -> &Spanned<DeValue<'t>> {
        find(&self.root, &at.span()).unwrap_or(&self.root)
    }

    fn table(&self, at: &Unread) -> DeTable<'t> {
        self.find(at).get_ref().as_table().cloned().unwrap_or_default()
    }

    /// An error about what stands at a span.
    pub fn error<F>(&self, at: Range<usize>, fault: F) -> FileError<F> {
        let before = self.text.as_bytes().get(..at.start).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let (mut best, mut key) = (0, String::new());
        last_key(&self.root, "", at.start, &mut best, &mut key);
        FileError { line, key: if key.is_empty() { "file".into() } else { key }, fault }
    }

    fn missing(&self, table: Range<usize>, name: &str) -> FileError<TomlFault> {
        let error = self.error(table, TomlFault::Missing);
        let key = if error.key == "file" { name.into() } else { format!("{}.{name}", error.key) };
        FileError { key, ..error }
    }

    fn value<T: DeserializeOwned>(&self, value: &Spanned<DeValue<'t>>) -> Result<T, FileError<TomlFault>> {
        T::deserialize(ValueDeserializer::from(value.clone())).map_err(|error| {
            let (span, message) = (error.span().unwrap_or_else(|| value.span()), error.message());
            if let Some(name) =
                message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next())
            {
                return self.missing(span, name);
            }
            let found = shown(self.text.get(span.clone()).unwrap_or_default());
            let error = self.error(span, TomlFault::Missing);
            let parts = message.rsplit_once(", expected ").or(message.rsplit_once(", available keys: "));
            let fault = match parts.map(|(_, expected)| in_plain_words(expected)) {
                Some(expected) if error.key.rsplit('.').next() == Some(&found) => {
                    TomlFault::UnknownKey { expected }
                }
                Some(expected) => TomlFault::Value { found, expected },
                None => TomlFault::Unparsed { found, why: message.into() },
            };
            FileError { fault, ..error }
        })
    }
}

/// What serde expects, without the names of Rust types.
fn in_plain_words(expected: &str) -> String {
    match expected {
        "a sequence" => "a list in []; of tables with a header each, in [[]]".into(),
        "a string" | "string" => "a text in quotes".into(),
        "a boolean" => "true or false".into(),
        "f64" => "a number".into(),
        "a map" => "a table".into(),
        _ if expected.starts_with("struct ") => "a table".into(),
        _ => expected.into(),
    }
}

/// The innermost value that has exactly this span: a list of tables has the span of its first table.
fn find<'v, 't>(value: &'v Spanned<DeValue<'t>>, at: &Range<usize>) -> Option<&'v Spanned<DeValue<'t>>> {
    let inside = match value.get_ref() {
        DeValue::Table(table) => table.values().find_map(|value| find(value, at)),
        DeValue::Array(list) => {
            // Values of a list stand in the file one after the other.
            let after = list.partition_point(|value| value.span().start <= at.start);
            after.checked_sub(1).and_then(|last| find(&list[last], at))
        }
        _ => None,
    };
    inside.or_else(|| Some(value).filter(|value| value.span() == *at))
}

/// Finds the key or table header that begins last, at `end` or before it.
fn last_key(value: &Spanned<DeValue>, path: &str, end: usize, best: &mut usize, key: &mut String) {
    match value.get_ref() {
        DeValue::Array(list) => list.iter().for_each(|value| {
            if value.get_ref().is_table() {
                keep_last(value.span().start, path, end, best, key);
            }
            last_key(value, path, end, best, key);
        }),
        DeValue::Table(table) => table.iter().for_each(|(name, value)| {
            let name_at = name.span().start;
            let name = shown(name.get_ref());
            let path = if path.is_empty() { name } else { format!("{path}.{name}") };
            keep_last(name_at, &path, end, best, key);
            if value.get_ref().is_table() {
                keep_last(value.span().start, &path, end, best, key);
            }
            last_key(value, &path, end, best, key);
        }),
        _ => {}
    }
}

fn keep_last(start: usize, path: &str, end: usize, best: &mut usize, key: &mut String) {
    if start <= end && start >= *best {
        *best = start;
        path.clone_into(key);
    }
}
