//! The layers of settings: where a value can stand, and which of several wins.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use cairn_genesis::programs::environment::of_cairn;

use crate::config::args::NodeArgs;
use crate::config::file::{self, Entry};
use crate::config::words::{ConfigError, Place};

/// What was typed, what the environment and the file say.
#[derive(Debug, Default)]
pub struct Layers {
    flags: BTreeMap<&'static str, Vec<String>>,
    variables: BTreeMap<String, OsString>,
    path: PathBuf,
    file: BTreeMap<&'static str, Entry>,
}

impl Layers {
    /// Gathers what is said; judges only the file's form and keys.
    ///
    /// # Errors
    /// When the file is unreadable or wrong.
    pub fn gather(
        arguments: &NodeArgs,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        // An empty variable counts as one that is not set, as CAIRN_HOME's does.
        let named = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value)).filter(|(_, value)| !value.is_empty())
        };
        let variables: BTreeMap<String, OsString> = of_cairn(environment).filter_map(named).collect();
        let path = arguments.config.clone().or_else(|| variables.get("CAIRN_CONFIG").map(PathBuf::from));
        let file = path.as_deref().map(file::read).transpose()?.unwrap_or_default();
        Ok(Self { flags: flags(arguments), variables, path: path.unwrap_or_default(), file })
    }

    /// The values of the highest layer that has the setting; a variable's is one, as it stands there.
    fn find(&self, key: &'static str) -> Result<Option<(Place, Vec<String>)>, ConfigError> {
        if let Some(values) = self.flags.get(key) {
            return Ok(Some((Place::Flag(key), values.clone())));
        }
        let name = variable(key);
        if let Some(value) = self.variables.get(&name) {
            let Some(value) = value.to_str() else { return Err(ConfigError::NotText { name }) };
            return Ok(Some((Place::Variable(name), vec![value.to_owned()])));
        }
        let Some(entry) = self.file.get(key) else { return Ok(None) };
        let place = Place::File { path: self.path.clone(), line: entry.line, key };
        Ok(Some((place, entry.values.clone())))
    }

    /// A setting that can be given more than once; in a variable with commas between.
    ///
    /// # Errors
    /// When a value is not what is expected.
    pub fn many<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, ConfigError> {
        let Some((place, mut values)) = self.find(key)? else { return Ok(Vec::new()) };
        if matches!(place, Place::Variable(_)) {
            values =
                values.iter().flat_map(|list| list.split(',')).map(|one| one.trim().to_owned()).collect();
        }
        let refusal =
            |found: &String| ConfigError::Value { place: place.clone(), found: found.clone(), expected };
        values.iter().map(|value| read(value).ok_or_else(|| refusal(value))).collect()
    }

    /// A setting with one value.
    ///
    /// # Errors
    /// When the value is not what is expected, or there are several.
    pub fn one<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((place, values)) = self.find(key)? else { return Ok(None) };
        let read = match values.as_slice() {
            [value] => read(value),
            _ => None,
        };
        match read {
            Some(read) => Ok(Some(read)),
            None => Err(ConfigError::Value { place, found: values.join(", "), expected }),
        }
    }

    /// A setting that is any text but the empty one.
    ///
    /// # Errors
    /// When it is empty.
    pub fn text(&self, key: &'static str, expected: &'static str) -> Result<Option<String>, ConfigError> {
        self.one(key, expected, |text| (!text.is_empty()).then(|| text.to_owned()))
    }

    /// A setting that is a path. In a variable it may be any bytes, as the system's paths are.
    ///
    /// # Errors
    /// When it is empty.
    pub fn path(&self, key: &'static str, expected: &'static str) -> Result<Option<PathBuf>, ConfigError> {
        match self.variables.get(&variable(key)) {
            Some(value) if !self.flags.contains_key(key) && value.to_str().is_none() => {
                Ok(Some(value.into()))
            }
            _ => Ok(self.text(key, expected)?.map(PathBuf::from)),
        }
    }

    /// A setting that is on or off.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&self, key: &'static str) -> Result<bool, ConfigError> {
        Ok(self.one(key, "true or false", |text| text.parse().ok())?.unwrap_or(false))
    }
}

/// The variable of a setting.
pub fn variable(key: &str) -> String {
    format!("CAIRN_{}", key.replace('-', "_").to_uppercase())
}

/// What was typed, by key.
fn flags(arguments: &NodeArgs) -> BTreeMap<&'static str, Vec<String>> {
    let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
    let flag = |is_set: bool| is_set.then(|| "true".to_owned()).into_iter().collect::<Vec<_>>();
    let all = [
        ("address-index", flag(arguments.address_index)),
        ("chain", one(&arguments.chain)),
        ("connect", arguments.connect.clone()),
        ("data-dir", one(&arguments.data_dir)),
        ("hashrate", one(&arguments.hashrate)),
        ("listen", one(&arguments.listen)),
        ("log", one(&arguments.log)),
        ("log-json", flag(arguments.log_json)),
        ("max-inbound", one(&arguments.max_inbound)),
        ("max-mempool", one(&arguments.max_mempool)),
        ("max-outbound", one(&arguments.max_outbound)),
        ("mine", one(&arguments.mine)),
        ("reindex", flag(arguments.reindex)),
        ("rpc", one(&arguments.rpc)),
        ("rpc-allow-host", arguments.rpc_allow_host.clone()),
        ("stop-on-stdin-close", flag(arguments.stop_on_stdin_close)),
        ("tag", one(&arguments.tag)),
        ("threads", one(&arguments.threads)),
    ];
    all.into_iter().filter(|(_, values)| !values.is_empty()).collect()
}
