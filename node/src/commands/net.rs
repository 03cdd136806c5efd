//! `cairn net`.

use crate::cli::net::NetArgs;

/// Runs the command.
///
/// # Errors
/// Whatever a person must be told.
pub fn run(_arguments: &NetArgs) -> anyhow::Result<()> {
    anyhow::bail!("cairn net cannot do anything yet")
}
