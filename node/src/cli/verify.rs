//! `cairn verify`: the arguments.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `cairn verify`.
#[derive(Clone, Debug, Args)]
pub struct VerifyArgs {
    /// The data directory of a node that is not running
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// The chain it must hold: devnet, testnet, regtest, or a definition's file [default: the one it names]
    #[arg(long, value_name = "NAME|FILE")]
    pub chain: Option<String>,
}
