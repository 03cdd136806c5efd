//! The layers of settings: flags, environment variables, the file. Each lower layer is turned into flags, so that
//! one declaration reads all of them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use cairn_genesis::programs::environment::{RPC, of_cairn};
use cairn_genesis::toml_file::{Document, FileError, Spanned, TomlFault};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use toml::Value;

use crate::config::settings::Config;

/// The flags of `cairn node` as they were typed.
#[derive(Clone, Debug, Default)]
pub struct NodeArgs {
    /// The values of each flag, by its key.
    flags: BTreeMap<String, Vec<OsString>>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value is not what the setting takes.
    #[error("{place}: {expected}, found {found:?}")]
    Value { place: String, expected: String, found: String },
    /// The file names a setting that does not exist.
    #[error("{}, line {line}: there is no setting {found:?}; expected one of: {}", path.display(), keys().join(", "))]
    UnknownKey { path: PathBuf, line: usize, found: String },
    #[error("{}, {error}", path.display())]
    Malformed { path: PathBuf, error: FileError<TomlFault> },
    #[error("cannot read the settings in {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
}

/// The values of a setting in one layer, and their place in the words of an error.
struct Layer {
    place: String,
    values: Vec<OsString>,
}

impl Args for NodeArgs {
    fn augment_args(command: Command) -> Command {
        Config::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Config::augment_args(command)
    }
}

impl FromArgMatches for NodeArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let typed = |id: &&clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        let values = |id: &clap::Id| {
            let raw = matches.get_raw(id.as_str()).into_iter().flatten();
            (id.as_str().replace('_', "-"), raw.map(OsStr::to_owned).collect())
        };
        Ok(Self { flags: matches.ids().filter(typed).filter(|id| *id != "Config").map(values).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl NodeArgs {
    /// Reads all layers: these flags, this process's environment, and the file that they name.
    ///
    /// # Errors
    /// The first setting that is wrong: where it stands, what was found, what is expected.
    pub fn load(&self) -> Result<Config, ConfigError> {
        self.with_layers(std::env::vars_os())
    }

    /// These flags, with the settings of lower layers where a flag is missing.
    pub(super) fn with_layers(
        &self,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Config, ConfigError> {
        // An empty variable counts as one that is not set, as CAIRN_HOME's does.
        let variables: BTreeMap<OsString, OsString> =
            of_cairn(environment).filter(|(_, value)| !value.is_empty()).collect();
        let path = self
            .flags
            .get("config")
            .and_then(|values| values.first())
            .or(variables.get(OsStr::new("CAIRN_CONFIG")));
        let mut file = path.map(|path| read_file(Path::new(path))).transpose()?.unwrap_or_default();
        let mut all: Vec<OsString> = Vec::new();
        for arg in settings() {
            let key = arg.get_long().unwrap_or_default();
            let name = variable(key);
            let layer = if let Some(values) = self.flags.get(key) {
                Layer { place: format!("--{key}"), values: values.clone() }
            } else if let Some(value) = variables.get(OsStr::new(&name)) {
                of_variable(&arg, name, value)
            } else if let Some(layer) = file.remove(key) {
                layer
            } else {
                continue;
            };
            all.extend(layer.as_flags(&arg)?);
        }
        Ok(parse(&all).expect("every flag was tried on its own"))
    }
}

impl Layer {
    /// The flags that say the same, tried on their own so that an error names their place.
    fn as_flags(&self, arg: &Arg) -> Result<Vec<OsString>, ConfigError> {
        let key = arg.get_long().unwrap_or_default();
        let error = |expected: String| {
            let found: Vec<_> = self.values.iter().map(|value| value.to_string_lossy()).collect();
            ConfigError::Value { place: self.place.clone(), expected, found: found.join(", ") }
        };
        if !arg.get_action().takes_values() {
            return match self.values.as_slice() {
                [value] if value == "true" => Ok(vec![format!("--{key}").into()]),
                [value] if value == "false" => Ok(Vec::new()),
                _ => Err(error("expected true or false".into())),
            };
        }
        let flag = |value: &OsString| {
            let mut flag = OsString::from(format!("--{key}="));
            flag.push(value);
            flag
        };
        let flags: Vec<OsString> = self.values.iter().map(flag).collect();
        match parse(&flags) {
            Ok(_) => Ok(flags),
            Err(wrong) if wrong.kind() == ErrorKind::InvalidUtf8 => Err(error("expected text".into())),
            Err(wrong) => {
                let reason = std::error::Error::source(&wrong).map(ToString::to_string);
                Err(error(reason.unwrap_or_else(|| "expected one value".into())))
            }
        }
    }
}

fn parse(flags: &[OsString]) -> Result<Config, clap::Error> {
    let command = Config::augment_args(Command::new("node")).no_binary_name(true);
    Config::from_arg_matches(&command.try_get_matches_from(flags)?)
}

/// Every setting but the file's own name, in the order of the help.
fn settings() -> Vec<Arg> {
    let command = Config::augment_args(Command::new("node"));
    command.get_arguments().filter(|arg| arg.get_id() != "config").cloned().collect()
}

/// The keys of all settings, sorted.
pub fn keys() -> Vec<String> {
    let mut keys: Vec<String> =
        settings().iter().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
    keys.sort();
    keys
}

/// The environment variable of a setting.
pub fn variable(key: &str) -> String {
    format!("CAIRN_{}", key.replace('-', "_").to_uppercase())
}

/// The values of a variable: one, as it stands there, or a list with commas between.
fn of_variable(arg: &Arg, name: String, value: &OsString) -> Layer {
    let values = match (arg.get_action(), value.to_str()) {
        (ArgAction::Append, Some(list)) => list.split(',').map(|one| one.trim().into()).collect(),
        _ => vec![value.clone()],
    };
    let shared = if name == RPC { ", which cairn-wallet reads as well" } else { "" };
    Layer { place: format!("the environment variable {name}{shared}"), values }
}

/// The settings of a file by key.
fn read_file(path: &Path) -> Result<BTreeMap<String, Layer>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let malformed = |error| ConfigError::Malformed { path: path.to_owned(), error };
    let document = Document::parse(&text).map_err(malformed)?;
    let table: BTreeMap<String, Spanned<Value>> = document.read().map_err(malformed)?;
    let known = keys();
    let layer = |(key, value): (String, Spanned<Value>)| {
        let line = document.error(value.span(), ()).line;
        if !known.contains(&key) {
            return Err(ConfigError::UnknownKey { path: path.to_owned(), line, found: key });
        }
        let place = format!("{}, line {line}, key {key}", path.display());
        let items = match value.get_ref() {
            Value::Array(items) => items.as_slice(),
            item => std::slice::from_ref(item),
        };
        match items.iter().map(scalar).collect::<Option<Vec<OsString>>>() {
            Some(values) => Ok((key, Layer { place, values })),
            None => Err(ConfigError::Value {
                place,
                expected: "expected text, a number, true or false, or a list of these".into(),
                found: value.get_ref().to_string(),
            }),
        }
    };
    table.into_iter().map(layer).collect()
}

fn scalar(value: &Value) -> Option<OsString> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Integer(number) => Some(number.to_string().into()),
        Value::Boolean(is_set) => Some(is_set.to_string().into()),
        _ => None,
    }
}
