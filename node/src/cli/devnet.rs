//! `cairn devnet`: the arguments.

use std::path::PathBuf;

use cairn_genesis::hashrate::Hashrate;
use cairn_genesis::programs::running::DevnetName;
use clap::Args;

/// What was typed after `cairn devnet`.
#[derive(Clone, Debug, Args)]
pub struct DevnetArgs {
    /// Number of nodes, 2 to 50
    #[arg(long, short, default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=50))]
    pub nodes: u16,
    /// Keep everything in this directory and go on from there next time [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Call it this, to distinguish it from others that run [default: its directory's name, or devnet-1 and so on]
    #[arg(long, value_name = "NAME")]
    pub name: Option<DevnetName>,
    /// Which nodes mine, as in 0,2 or "none" [default: all]
    #[arg(long, value_name = "NODES")]
    pub mine: Option<String>,
    /// Pay what is mined to this address [default: an address of devnet account k for node k]
    #[arg(long, value_name = "ADDRESS")]
    pub to: Option<String>,
    /// The chain: devnet, regtest, or a definition's file
    #[arg(long, value_name = "NAME|FILE", default_value = "devnet")]
    pub chain: String,
    /// First port for programs; the next free ones are taken
    #[arg(long, value_name = "PORT", default_value_t = 18443, value_parser = clap::value_parser!(u16).range(1..))]
    pub rpc_port: u16,
    /// Hashes per second of all miners together [default: 2048; on a chain of fixed difficulty as many as
    /// its spacing takes, on regtest 1]
    #[arg(long, value_name = "N")]
    pub hashrate: Option<Hashrate>,
    /// Play this scenario, print what happens and its report, and end; fails when an expectation
    /// of it is not met
    #[arg(long, value_name = "FILE", conflicts_with_all = ["nodes", "mine", "to", "chain", "hashrate"])]
    pub scenario: Option<PathBuf>,
    /// Write the report of the scenario into this directory
    #[arg(long, value_name = "DIR", requires = "scenario")]
    pub report: Option<PathBuf>,
    /// Events as JSON lines; the first says where every node is
    #[arg(long)]
    pub json: bool,
}
