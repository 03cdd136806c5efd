//! `cairn top`: the arguments.

use std::path::PathBuf;

use clap::Args;

/// What was typed after `cairn top`.
#[derive(Clone, Debug, Args)]
pub struct TopArgs {
    /// The devnet in this directory [default: the one started last]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
