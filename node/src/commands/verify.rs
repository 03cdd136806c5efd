//! `cairn verify`.

use crate::cli::verify::VerifyArgs;

/// Runs the command.
///
/// # Errors
/// Whatever a person must be told.
pub fn run(_arguments: &VerifyArgs) -> anyhow::Result<()> {
    anyhow::bail!("cairn verify cannot do anything yet")
}
