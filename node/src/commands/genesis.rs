//! `cairn genesis`.

use crate::cli::genesis::GenesisArgs;

/// Runs the command.
///
/// # Errors
/// Whatever a person must be told.
pub fn run(_arguments: &GenesisArgs) -> anyhow::Result<()> {
    anyhow::bail!("cairn genesis cannot do anything yet")
}
