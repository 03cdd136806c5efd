//! Tables and values of a scenario file, read key by key: whatever is wrong is told with its line.

use core::time::Duration;

use toml::de::{DeTable, DeValue};

use crate::plan::MILLION;
use crate::scenario::fault::{Fault, ScenarioError};

/// Bytes of the longest text that stands for a time: of longer ones `humantime` could make more
/// seconds than a duration holds.
const LONGEST_TIME: usize = 20;
/// Characters of what was found that an error repeats.
const SHOWN: usize = 40;

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub struct Entry<'t> {
    text: &'t str,
    at: usize,
    key: String,
    value: &'t DeValue<'t>,
}

/// A table whose keys are all known.
#[derive(Clone, Debug)]
pub struct Section<'t> {
    text: &'t str,
    at: usize,
    key: String,
    table: &'t DeTable<'t>,
}

/// The beginning of a text, as errors repeat it.
pub fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

fn error(text: &str, at: usize, key: &str, fault: Fault) -> ScenarioError {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    ScenarioError { line, key: key.to_owned(), fault }
}

impl<'t> Section<'t> {
    /// The whole file, parsed.
    ///
    /// # Errors
    /// [`Fault::UnknownKey`].
    pub fn whole(
        text: &'t str,
        table: &'t DeTable<'t>,
        known: &'static [&'static str],
    ) -> Result<Self, ScenarioError> {
        Self { text, at: 0, key: String::new(), table }.of(known)
    }

    fn of(self, known: &'static [&'static str]) -> Result<Self, ScenarioError> {
        match self.table.keys().find(|key| !known.contains(&key.get_ref().as_ref())) {
            Some(key) => {
                let name = self.name(&shown(key.get_ref()));
                let fault = Fault::UnknownKey { expected: known };
                Err(error(self.text, key.span().start, &name, fault))
            }
            None => Ok(self),
        }
    }

    fn name(&self, key: &str) -> String {
        if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) }
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: &str) -> Option<Entry<'t>> {
        let (name, value) = self.table.get_key_value(key)?;
        // A table's own span is its header's; of all else the key's line is the one to look at.
        let at = if value.get_ref().is_table() { value.span().start } else { name.span().start };
        Some(Entry { text: self.text, at, key: self.name(key), value: value.get_ref() })
    }

    /// The value of a key that must be there.
    ///
    /// # Errors
    /// [`Fault::Missing`].
    pub fn require(&self, key: &str, expected: &'static str) -> Result<Entry<'t>, ScenarioError> {
        self.get(key).ok_or_else(|| error(self.text, self.at, &self.name(key), Fault::Missing { expected }))
    }

    /// How many of these keys are there.
    pub fn count(&self, keys: &[&str]) -> usize {
        keys.iter().filter(|key| self.table.contains_key(**key)).count()
    }

    /// An error about the table as a whole.
    pub fn fault(&self, fault: Fault) -> ScenarioError {
        let key = if self.key.is_empty() { "scenario" } else { &self.key };
        error(self.text, self.at, key, fault)
    }
}

impl<'t> Entry<'t> {
    /// An error about this value.
    pub fn fault(&self, fault: Fault) -> ScenarioError {
        error(self.text, self.at, &self.key, fault)
    }

    fn wrong_type(&self, expected: &'static str) -> ScenarioError {
        let found = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a decimal",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.fault(Fault::WrongType { found, expected })
    }

    /// Whether it is a table.
    pub fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// Whether it is a list.
    pub fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// Whether it is this very word.
    pub fn is_word(&self, word: &str) -> bool {
        self.value.as_str() == Some(word)
    }

    /// A text.
    ///
    /// # Errors
    /// [`Fault::WrongType`].
    pub fn text(&self, expected: &'static str) -> Result<&'t str, ScenarioError> {
        self.value.as_str().ok_or_else(|| self.wrong_type(expected))
    }

    /// A name: lower-case letters, digits and hyphens.
    ///
    /// # Errors
    /// [`Fault::WrongType`] and [`Fault::NotAName`].
    pub fn name(&self, most: usize) -> Result<&'t str, ScenarioError> {
        let text = self.text("a name in quotes")?;
        let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if (1..=most).contains(&text.len()) && text.bytes().all(fits) && text != "all" {
            return Ok(text);
        }
        Err(self.fault(Fault::NotAName { found: shown(text), most }))
    }

    /// One of these words, by its place among them.
    ///
    /// # Errors
    /// [`Fault::WrongType`] and [`Fault::UnknownWord`].
    pub fn word(&self, expected: &'static [&'static str]) -> Result<&'static str, ScenarioError> {
        let text = self.text("a word in quotes")?;
        let known = expected.iter().find(|word| **word == text).copied();
        known.ok_or_else(|| self.fault(Fault::UnknownWord { found: shown(text), expected }))
    }

    /// `true`, and nothing else.
    ///
    /// # Errors
    /// [`Fault::WrongType`] and [`Fault::UnknownWord`].
    pub fn is_true(&self) -> Result<(), ScenarioError> {
        match self.value.as_bool() {
            Some(true) => Ok(()),
            Some(false) => Err(self.fault(Fault::NotTrue)),
            None => Err(self.wrong_type("true")),
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// [`Fault::WrongType`].
    pub fn truth(&self) -> Result<bool, ScenarioError> {
        self.value.as_bool().ok_or_else(|| self.wrong_type("true or false"))
    }

    /// A whole number.
    ///
    /// # Errors
    /// [`Fault::WrongType`] and [`Fault::NumberOutOfBounds`].
    pub fn whole(&self, least: u64, most: u64) -> Result<u64, ScenarioError> {
        let number = self.value.as_integer().ok_or_else(|| self.wrong_type("a whole number"))?;
        // The parser has taken underscores out; signs are left.
        let value = i128::from_str_radix(number.as_str(), number.radix()).ok();
        let value = value.and_then(|value| u64::try_from(value).ok());
        value.filter(|value| (least..=most).contains(value)).ok_or_else(|| {
            let (least, most) = (least.to_string(), most.to_string());
            self.fault(Fault::NumberOutOfBounds { found: shown(number.as_str()), least, most })
        })
    }

    /// A decimal in millionths, between two whole numbers.
    ///
    /// # Errors
    /// [`Fault::WrongType`] and [`Fault::NumberOutOfBounds`].
    pub fn millionths(&self, least: u32, most: u32) -> Result<u64, ScenarioError> {
        self.decimal((u64::from(least) * MILLION, u64::from(most) * MILLION), MILLION)
    }

    /// A decimal in so many parts of one, between two numbers of such parts.
    ///
    /// # Errors
    /// [`Fault::WrongType`] and [`Fault::NumberOutOfBounds`].
    pub fn decimal(&self, (least, most): (u64, u64), parts: u64) -> Result<u64, ScenarioError> {
        let written = match self.value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => return Err(self.wrong_type("a number")),
        };
        let found = written.parse::<f64>().ok().filter(|found| found.is_finite() && *found >= 0.0);
        // A cast of what is too large gives the largest, which is out of every bound here.
        let found = found.map(|found| libm::round(found * parts as f64) as u64);
        found.filter(|found| (least..=most).contains(found)).ok_or_else(|| {
            let show = |number: u64| (number as f64 / parts as f64).to_string();
            let (least, most) = (show(least), show(most));
            self.fault(Fault::NumberOutOfBounds { found: shown(written), least, most })
        })
    }

    /// A time in whole milliseconds.
    ///
    /// # Errors
    /// [`Fault::WrongType`], [`Fault::NotATime`] and [`Fault::TimeOutOfBounds`].
    pub fn time(&self, least: Duration, most: Duration) -> Result<Duration, ScenarioError> {
        let text = self.text("a time in quotes, such as \"30 s\"")?;
        let parsed = Some(text).filter(|text| text.len() <= LONGEST_TIME);
        let parsed = parsed.and_then(|text| humantime::parse_duration(text).ok());
        let found = parsed.ok_or_else(|| self.fault(Fault::NotATime { found: shown(text) }))?;
        let is_whole = found.subsec_nanos() % 1_000_000 == 0;
        if is_whole && (least..=most).contains(&found) {
            return Ok(found);
        }
        Err(self.fault(Fault::TimeOutOfBounds { found, least, most }))
    }

    /// A table of these keys.
    ///
    /// # Errors
    /// [`Fault::WrongType`] and [`Fault::UnknownKey`].
    pub fn section(&self, known: &'static [&'static str]) -> Result<Section<'t>, ScenarioError> {
        let table = self.value.as_table().ok_or_else(|| self.wrong_type("a table"))?;
        Section { text: self.text, at: self.at, key: self.key.clone(), table }.of(known)
    }

    /// A list of so many values; they are told by the list's key and their own line.
    ///
    /// # Errors
    /// [`Fault::WrongType`] and [`Fault::Entries`].
    pub fn list(&self, least: usize, most: usize) -> Result<Vec<Self>, ScenarioError> {
        let list = self.value.as_array().ok_or_else(|| self.wrong_type("a list"))?;
        if !(least..=most).contains(&list.len()) {
            return Err(self.fault(Fault::Entries { found: list.len(), least, most }));
        }
        let entry = |value: &'t toml::Spanned<DeValue<'t>>| Self {
            text: self.text,
            at: value.span().start,
            key: self.key.clone(),
            value: value.get_ref(),
        };
        Ok(list.iter().map(entry).collect())
    }
}
