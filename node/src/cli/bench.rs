//! `cairn bench`: the arguments.

use clap::{Args, Subcommand};

/// Arguments of `cairn bench`.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub command: BenchCommand,
}

/// A benchmark of this machine.
#[derive(Clone, Debug, Subcommand)]
pub enum BenchCommand {
    /// Header hashes per second on one core: whole headers, from the midstate, with SHA instructions
    Hash {
        /// Seconds for each engine
        #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
        seconds: u64,
    },
}
