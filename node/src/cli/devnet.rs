//! `cairn devnet`: the arguments.

use clap::Args;

/// What was typed after `cairn devnet`.
#[derive(Clone, Debug, Args)]
pub struct DevnetArgs {}
