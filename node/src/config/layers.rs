//! The layers of settings: where a value can stand, and which of several wins.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::cli::node::NodeArgs;
use crate::config::file::{self, Entry};
use crate::config::words::{ConfigError, Place};

/// What was typed, what the environment and the file say.
#[derive(Debug, Default)]
pub struct Layers {
    flags: BTreeMap<&'static str, Vec<String>>,
    variables: BTreeMap<String, String>,
    path: PathBuf,
    file: BTreeMap<&'static str, Entry>,
}

impl Layers {
    /// Gathers what is said; judges only the file's form and keys.
    ///
    /// # Errors
    /// When the file is unreadable or wrong, or a variable is no text.
    pub fn gather(
        arguments: &NodeArgs,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut variables = BTreeMap::new();
        let ours = environment.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        for (name, value) in ours.filter(|(name, _)| name.starts_with("CAIRN_")) {
            let value = value.into_string().map_err(|_| ConfigError::NotText { name: name.clone() })?;
            variables.insert(name, value);
        }
        let path = arguments.config.clone().or_else(|| variables.get("CAIRN_CONFIG").map(PathBuf::from));
        let file = path.as_deref().map(file::read).transpose()?.unwrap_or_default();
        Ok(Self { flags: flags(arguments), variables, path: path.unwrap_or_default(), file })
    }

    /// The values of the highest layer that has the setting. A variable's list is separated by commas.
    fn find(&self, key: &'static str) -> Option<(Place, Vec<String>)> {
        if let Some(values) = self.flags.get(key) {
            return Some((Place::Flag(key), values.clone()));
        }
        let name = format!("CAIRN_{}", key.replace('-', "_").to_uppercase());
        if let Some(value) = self.variables.get(&name) {
            let values = value.split(',').map(|part| part.trim().to_owned()).collect();
            return Some((Place::Variable(name), values));
        }
        let entry = self.file.get(key)?;
        let place = Place::File { path: self.path.clone(), line: entry.line, key };
        Some((place, entry.values.clone()))
    }

    /// A setting that can be given more than once.
    ///
    /// # Errors
    /// When a value is not what is expected.
    pub fn many<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, ConfigError> {
        let Some((place, values)) = self.find(key) else { return Ok(Vec::new()) };
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
        let Some((place, values)) = self.find(key) else { return Ok(None) };
        let value = values.join(",");
        match read(&value) {
            Some(read) => Ok(Some(read)),
            None => Err(ConfigError::Value { place, found: value, expected }),
        }
    }

    /// A setting that is any text but the empty one.
    ///
    /// # Errors
    /// When it is empty.
    pub fn text(&self, key: &'static str, expected: &'static str) -> Result<Option<String>, ConfigError> {
        self.one(key, expected, |text| (!text.is_empty()).then(|| text.to_owned()))
    }

    /// A setting that is on or off.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&self, key: &'static str) -> Result<bool, ConfigError> {
        Ok(self.one(key, "true or false", |text| text.parse().ok())?.unwrap_or(false))
    }
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
