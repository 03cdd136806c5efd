//! `cairn node`: the arguments. Each can be set by an environment variable and in a file as well.

use std::path::PathBuf;

use clap::Args;

/// Every value stays text here: `config` reads flags, environment and file by the same rules, so that
/// one mistake gets one sentence wherever it was made.
#[derive(Clone, Debug, Default, Args)]
#[command(
    after_help = "Every setting can also come from the environment (CAIRN_DATA_DIR, CAIRN_RPC, ...) or from a \
                        TOML file given with --config (data-dir = \"...\", connect = [\"...\"]). A flag wins over \
                        the environment, the environment over the file. A variable is taken as it stands; a list \
                        in it has commas between."
)]
pub struct NodeArgs {
    /// Read settings from this TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The chain: devnet, testnet, regtest, or a definition's file [default: devnet]
    #[arg(long, value_name = "NAME|FILE")]
    pub chain: Option<String>,
    /// Where chain, key and cookie are kept [default: CHAIN in CAIRN_HOME, or in ~/.cairn]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Where other nodes can connect, or "none" [default: 127.0.0.1:18444]
    #[arg(long, value_name = "IP:PORT")]
    pub listen: Option<String>,
    /// Where programs can ask; keep it on loopback [default: 127.0.0.1:18443]
    #[arg(long, value_name = "IP:PORT")]
    pub rpc: Option<String>,
    /// A further host name by which programs may call this node; can be given more than once
    #[arg(long, value_name = "HOST")]
    pub rpc_allow_host: Vec<String>,
    /// Keep a connection to this node; can be given more than once
    #[arg(long, value_name = "HOST:PORT")]
    pub connect: Vec<String>,
    /// Outbound connections kept up to nodes that were heard of [default: 8]
    #[arg(long, value_name = "N")]
    pub max_outbound: Option<String>,
    /// Inbound connections borne [default: 117]
    #[arg(long, value_name = "N")]
    pub max_inbound: Option<String>,
    /// Mine, and have the reward paid to this address
    #[arg(long, value_name = "ADDRESS")]
    pub mine: Option<String>,
    /// Mining threads [default: one per core]
    #[arg(long, value_name = "N")]
    pub threads: Option<String>,
    /// Mine no faster than this many hashes per second [default: as fast as it can; on a chain of fixed
    /// difficulty as many as its spacing takes]
    #[arg(long, value_name = "N")]
    pub hashrate: Option<String>,
    /// Free text in the blocks that this node makes
    #[arg(long, value_name = "TEXT")]
    pub tag: Option<String>,
    /// Bytes of unconfirmed transactions kept, in MB [default: 64]
    #[arg(long, value_name = "MB")]
    pub max_mempool: Option<String>,
    /// Keep an index of the transactions of every address; without it, one of an earlier start is removed
    #[arg(long)]
    pub address_index: bool,
    /// What to log, as in "info" or "warn,cairn_daemon::p2p=debug" [default: info]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// Log lines as JSON
    #[arg(long)]
    pub log_json: bool,
    /// Rebuild the indexes from the blocks that are intact; the rest is fetched again
    #[arg(long)]
    pub reindex: bool,
    /// Stop when standard input closes, so that a node never outlives who started it
    #[arg(long)]
    pub stop_on_stdin_close: bool,
}
