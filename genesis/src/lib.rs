//! Chain definitions, and the genesis block that each one makes.
//!
//! A definition is one commented file ([`definition`]); its numbers become `ChainParams`, its premine
//! and their digest become the genesis block ([`block`]), and that block's hash is the chain's identity.
//! The leaves that the programs of node and wallet share lie in [`programs`].

#![forbid(unsafe_code)]

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::hash::GenesisHash;
use cairn_core::params::ChainParams;

pub mod accounts;
pub mod block;
pub mod bounded;
pub mod definition;
pub mod format;
pub mod hashrate;
pub mod programs;
pub mod toml_file;

use definition::{Definition, DefinitionError};

/// The chains that this program knows by name, with their definitions.
pub const BUILTIN: [(&str, &str); 3] = [
    ("devnet", include_str!("../devnet.toml")),
    ("testnet", include_str!("../testnet.toml")),
    ("regtest", include_str!("../regtest.toml")),
];

/// A chain: its numbers, its genesis block, and the definition that both come from.
#[derive(Clone, Debug)]
pub struct Chain {
    pub params: ChainParams,
    pub genesis: Arc<Block>,
    pub definition: Definition,
}

/// A definition is invalid; with the line, if its text was at hand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The error is about one line, counted from 1.
    #[error("line {line}: {error}")]
    AtLine { line: usize, error: DefinitionError },
    /// The error is about the definition as a whole.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
}

/// A text names neither a built-in chain nor the file of a valid definition.
#[derive(Debug, thiserror::Error)]
pub enum FindChainError {
    /// It is not a built-in chain, and not a file that can be read.
    #[error(
        "{name:?} is neither a built-in chain ({}) nor a file that can be read: {source}",
        builtin_names()
    )]
    Unknown { name: String, source: std::io::Error },
    /// The file breaks a rule of definitions.
    #[error("the chain definition {name} is invalid: {source}")]
    Invalid { name: String, source: ChainError },
}

fn builtin_names() -> String {
    BUILTIN.map(|(name, _)| name).join(", ")
}

impl Chain {
    /// The built-in chain of this name, or the chain of the definition in this file.
    /// ```
    /// use cairn_genesis::Chain;
    ///
    /// let devnet = Chain::find("devnet").unwrap();
    /// let regtest = Chain::find("regtest").unwrap();
    /// assert_eq!(devnet.params.genesis_hash, devnet.genesis.hash().into());
    /// assert_ne!(devnet.params.genesis_hash, regtest.params.genesis_hash);
    /// assert!(Chain::find("no such file").is_err());
    /// ```
    ///
    /// # Errors
    /// Both variants of [`FindChainError`].
    pub fn find(name: &str) -> Result<Self, FindChainError> {
        if let Some(chain) = Self::builtin(name) {
            return Ok(chain);
        }
        let text = std::fs::read_to_string(name);
        let text = text.map_err(|source| FindChainError::Unknown { name: name.to_owned(), source })?;
        Self::from_toml(&text).map_err(|source| FindChainError::Invalid { name: name.to_owned(), source })
    }

    /// The built-in chain of this name, if there is one.
    pub fn builtin(name: &str) -> Option<Self> {
        let (_, text) = BUILTIN.iter().find(|(builtin, _)| *builtin == name)?;
        Some(Self::from_toml(text).expect("a test makes every built-in chain"))
    }

    /// The chain of a definition's text.
    pub fn from_toml(text: &str) -> Result<Self, ChainError> {
        Self::from_definition(Definition::parse(text)?).map_err(|error| match line_of(text, &error) {
            Some(line) => ChainError::AtLine { line, error },
            None => error.into(),
        })
    }

    /// The chain of a definition.
    pub fn from_definition(definition: Definition) -> Result<Self, DefinitionError> {
        let (mut params, payments) = definition.to_params()?;
        let genesis = block::genesis_block(&params, definition.message.as_str(), &payments);
        let (found, allowed) = (genesis.size(), params.max_block_bytes);
        if found > allowed {
            return Err(DefinitionError::GenesisTooLarge { found, allowed });
        }
        params.genesis_hash = GenesisHash::from(genesis.hash());
        Ok(Self { params, genesis: Arc::new(genesis), definition })
    }
}

/// The line, counted from 1, of the key that an error is about.
fn line_of(text: &str, error: &DefinitionError) -> Option<usize> {
    let (key, skip) = match error {
        DefinitionError::PremineAddress { entry, .. } => ("address", entry.saturating_sub(1)),
        DefinitionError::PremineOfNothing { entry } => ("amount", entry.saturating_sub(1)),
        other => (other.key()?, 0),
    };
    let is_key =
        |line: &&str| line.split_once('=').is_some_and(|(left, _)| left.trim().trim_matches('"') == key);
    let mut lines = text.lines().enumerate().filter(|(_, line)| is_key(line));
    lines.nth(skip).map(|(index, _)| index.saturating_add(1))
}

#[cfg(test)]
mod tests;
