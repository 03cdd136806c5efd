//! `cairn bench`: the arguments.

use clap::{Args, Subcommand};

/// What was typed after `cairn bench`.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// What to measure
    #[command(subcommand)]
    pub command: BenchCommand,
}

/// What can be measured.
#[derive(Clone, Debug, Subcommand)]
pub enum BenchCommand {
    /// Header hashes per second on one core: whole headers, from the midstate, with SHA instructions
    Hash {
        /// How long each way is measured, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
        seconds: u64,
    },
}
