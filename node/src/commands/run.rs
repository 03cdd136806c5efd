//! `cairn node`: one node, from settings to a clean stop.

use crate::cli::node::NodeArgs;

/// Runs a node until it is told to stop.
///
/// # Errors
/// Whatever a person must be told.
pub fn run(_arguments: &NodeArgs) -> anyhow::Result<()> {
    anyhow::bail!("cairn node cannot do anything yet")
}
