//! `cairn genesis`: the arguments.

use clap::Args;

/// What was typed after `cairn genesis`.
#[derive(Clone, Debug, Args)]
pub struct GenesisArgs {}
