//! `cairn devnet`.

use crate::cli::devnet::DevnetArgs;

/// Runs the command.
///
/// # Errors
/// Whatever a person must be told.
pub fn run(_arguments: &DevnetArgs) -> anyhow::Result<()> {
    anyhow::bail!("cairn devnet cannot do anything yet")
}
