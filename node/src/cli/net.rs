//! `cairn net`: the arguments.

use clap::Args;

/// What was typed after `cairn net`.
#[derive(Clone, Debug, Args)]
pub struct NetArgs {}
