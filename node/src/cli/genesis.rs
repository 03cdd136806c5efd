//! `cairn genesis`: the arguments.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Arguments of `cairn genesis`.
#[derive(Clone, Debug, Args)]
pub struct GenesisArgs {
    #[command(subcommand)]
    pub command: GenesisCommand,
}

/// An operation on chain definitions.
#[derive(Clone, Debug, Subcommand)]
pub enum GenesisCommand {
    /// Make a definition: a shipped one with another name and genesis time, and what else is given
    New(NewArgs),
    /// Print a chain's numbers, its genesis hash and what genesis pays
    Show {
        /// devnet, testnet, regtest, or a definition's file
        #[arg(default_value = "devnet")]
        chain: String,
        /// One JSON value instead of text
        #[arg(long)]
        json: bool,
    },
}

/// The numbers of a new chain.
#[derive(Clone, Debug, Args)]
pub struct NewArgs {
    /// The new chain's name; also its address prefix unless one is given
    pub name: String,
    /// The definition to begin with
    #[arg(long, default_value = "devnet", value_name = "NAME|FILE")]
    pub like: String,
    /// Prefix of the chain's addresses
    #[arg(long, value_name = "TEXT")]
    pub prefix: Option<String>,
    /// Wanted time between blocks, in milliseconds
    #[arg(long, value_name = "MS")]
    pub spacing_ms: Option<u64>,
    /// Pay this in genesis, spendable at once; can be given more than once, and replaces the accounts
    #[arg(long, value_name = "ADDRESS=COINS")]
    pub premine: Vec<String>,
    /// Write here instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
