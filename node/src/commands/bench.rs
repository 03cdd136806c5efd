//! `cairn bench`.

use crate::cli::bench::BenchArgs;

/// Runs the command.
///
/// # Errors
/// Whatever a person must be told.
pub fn run(_arguments: &BenchArgs) -> anyhow::Result<()> {
    anyhow::bail!("cairn bench cannot do anything yet")
}
