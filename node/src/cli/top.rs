//! `cairn top`: the arguments.

use clap::Args;

use crate::cli::which_devnet::WhichDevnet;

/// What was typed after `cairn top`.
#[derive(Clone, Debug, Args)]
pub struct TopArgs {
    #[command(flatten)]
    pub which: WhichDevnet,
}
