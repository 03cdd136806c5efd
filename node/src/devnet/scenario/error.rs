//! Errors of a scenario on real nodes, with what to do.

use std::path::PathBuf;

use cairn_genesis::definition::DefinitionError;

use crate::devnet::error::DevnetError;
use crate::devnet::scenario::rates::TooSmallPart;

/// A scenario could not be played, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Real nodes cannot carry it out.
    #[error("the scenario {name:?} cannot be played on real nodes: {why}; play it in the simulator")]
    Unplayable { name: String, why: String },
    /// Some miner would be too slow for its share to hold.
    #[error(transparent)]
    Rates(#[from] TooSmallPart),
    /// Its chain does not take the coins that payments need.
    #[error("the scenario's chain takes no coins for {wallets} wallets: {error}; ask for fewer wallets")]
    Chain { wallets: u16, error: DefinitionError },
    /// A chain is there already.
    #[error("{} holds a chain already, and a scenario begins with none; name an empty --dir", .0.display())]
    UsedDirectory(PathBuf),
    /// A step could not be done.
    #[error("the scenario stopped: {what:?} could not be done: {why}")]
    Step { what: String, why: String },
    /// A node ended by itself.
    #[error("the scenario stopped: node {node} ended by itself: {how}")]
    Died { node: u16, how: String },
    /// The nodes did not agree on a tip.
    #[error(
        "the nodes did not agree within {seconds} s after mining ended: {tips} tips are left; \
         end later, or allow more time to agree"
    )]
    NoAgreement { seconds: u64, tips: usize },
    /// A signal ended it.
    #[error("the scenario was stopped before it began, so there is no report")]
    Interrupted,
    #[error(transparent)]
    Devnet(#[from] DevnetError),
}
