//! `cairn net`: the arguments.

use clap::{Args, Subcommand};

use crate::cli::which_devnet::WhichDevnet;
use crate::devnet::command::DevnetCommand;

/// What was typed after `cairn net`.
#[derive(Clone, Debug, Args)]
pub struct NetArgs {
    #[command(subcommand)]
    pub command: NetTask,
    #[command(flatten)]
    pub which: WhichDevnet,
    /// One JSON value instead of text
    #[arg(long, global = true)]
    pub json: bool,
}

/// A command to one devnet, or a question about all.
#[derive(Clone, Debug, Subcommand)]
pub enum NetTask {
    /// List the devnets that run, the newest last
    List,
    #[command(flatten)]
    Steer(DevnetCommand),
}
