//! Which chain this is: definitions, and the genesis block each one makes.
//!
//! A definition is one commented file ([`definition`]); its numbers become `ChainParams`, its premine
//! and their digest become the genesis block ([`block`]), and that block's hash is the chain's identity.
//! Node and wallet also share where Cairn keeps its files ([`home`]) and how it replaces them ([`files`]), which
//! variables they read ([`environment`]), which devnets run ([`running`]) and how a program ends ([`exit`]).

#![forbid(unsafe_code)]

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::hash::GenesisHash;
use cairn_core::params::ChainParams;

pub mod accounts;
pub mod block;
pub mod bounded;
pub mod definition;
pub mod environment;
pub mod exit;
pub mod files;
pub mod hashrate;
pub mod home;
pub mod running;

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
    /// What the rules need to know.
    pub params: ChainParams,
    /// The block at height 0.
    pub genesis: Arc<Block>,
    /// What the file says.
    pub definition: Definition,
}

/// A definition is refused; says where in the file, when the text was at hand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// At a line.
    #[error("line {line}: {error}")]
    AtLine { line: usize, error: DefinitionError },
    /// Nowhere in particular.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
}

/// Why a setting names no chain.
#[derive(Debug, thiserror::Error)]
pub enum FindChainError {
    /// It is no built-in name, and no file of this path can be read.
    #[error("{name:?} is neither a chain this program knows ({}) nor a file it can read: {source}", BUILTIN.map(|(name, _)| name).join(", "))]
    Unknown { name: String, source: std::io::Error },
    /// The file is there, and its definition breaks a rule.
    #[error("the chain definition in {path} is not valid: {error}")]
    Invalid { path: String, error: ChainError },
}

impl Chain {
    /// The chain that a setting names: a built-in one, or a definition's file.
    ///
    /// # Errors
    /// When it is neither, or the definition breaks a rule.
    pub fn find(name: &str) -> Result<Self, FindChainError> {
        if let Some(chain) = Self::builtin(name) {
            return Ok(chain);
        }
        let text = std::fs::read_to_string(name)
            .map_err(|source| FindChainError::Unknown { name: name.to_owned(), source })?;
        Self::from_toml(&text).map_err(|error| FindChainError::Invalid { path: name.to_owned(), error })
    }

    /// The built-in chain of this name.
    pub fn builtin(name: &str) -> Option<Self> {
        let (_, text) = BUILTIN.iter().find(|(builtin, _)| *builtin == name)?;
        Some(Self::from_toml(text).expect("a test makes every built-in chain"))
    }

    /// The chain of a definition's text.
    ///
    /// # Errors
    /// When the text is no definition or its values do not fit together.
    pub fn from_toml(text: &str) -> Result<Self, ChainError> {
        Self::from_definition(Definition::parse(text)?).map_err(|error| match line_of(text, &error) {
            Some(line) => ChainError::AtLine { line, error },
            None => error.into(),
        })
    }

    /// The chain of a definition.
    ///
    /// # Errors
    /// When its values do not fit together.
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
