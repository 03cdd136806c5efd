//! `cairn bench`: the arguments.

use clap::Args;

/// What was typed after `cairn bench`.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {}
