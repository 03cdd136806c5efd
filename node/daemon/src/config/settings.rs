//! The settings: each is declared once, as a field of [`Config`] with its flag, help, default and check.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use cairn_genesis::hashrate::Hashrate;
use cairn_genesis::programs::home::{HomeError, home};
use cairn_protocol::limits::{MAX_INBOUND, OUTBOUND_TARGET};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::config::host::HostPort;

/// Address for peers, or none with `none`. Under a name of its own: an `Option` would be a flag that can be left out.
pub type ListenAddress = Option<SocketAddr>;

/// Every setting of a node, checked as far as it can be without looking at the chain.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(
    after_help = "Every setting can also come from the environment (CAIRN_DATA_DIR, CAIRN_RPC, ...) or from a \
                        TOML file given with --config (data-dir = \"...\", connect = [\"...\"]). A flag wins over \
                        the environment, the environment over the file. A variable is taken as it stands; a list \
                        in it has commas between."
)]
pub struct Config {
    /// Read settings from this TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The chain: devnet, testnet, regtest, or a definition's file
    #[arg(long, value_name = "NAME|FILE", default_value = "devnet", value_parser = NonEmptyStringValueParser::new())]
    pub chain: String,
    /// Where chain, key and cookie are kept [default: CHAIN in CAIRN_HOME, or in ~/.cairn]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where other nodes can connect, or "none"
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:18444", value_parser = address_or_none)]
    pub listen: ListenAddress,
    /// Where programs can ask; keep it on loopback
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:18443", value_parser = local_address)]
    pub rpc: SocketAddr,
    /// A further host name by which programs may call this node; can be given more than once
    #[arg(long, value_name = "HOST")]
    pub rpc_allow_host: Vec<String>,
    /// Keep a connection to this node; can be given more than once
    #[arg(long, value_name = "HOST:PORT")]
    pub connect: Vec<HostPort>,
    /// Outbound connections to nodes whose addresses peers sent
    #[arg(long, value_name = "N", default_value_t = OUTBOUND_TARGET, value_parser = count)]
    pub max_outbound: usize,
    /// Inbound connections accepted
    #[arg(long, value_name = "N", default_value_t = MAX_INBOUND, value_parser = count)]
    pub max_inbound: usize,
    /// Mine, and have the reward paid to this address
    #[arg(long, value_name = "ADDRESS", value_parser = NonEmptyStringValueParser::new())]
    pub mine: Option<String>,
    /// Mining threads [default: one per core]
    #[arg(long, value_name = "N", default_value_t = cores(), hide_default_value = true, value_parser = positive)]
    pub threads: usize,
    /// Mine no faster than this many hashes per second [default: as fast as it can; on a chain of fixed
    /// difficulty as many as its spacing takes]
    #[arg(long, value_name = "N", value_parser = hash_rate)]
    pub hashrate: Option<Hashrate>,
    /// Free text in the blocks that this node makes
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, value_parser = tag)]
    pub tag: String,
    /// Limit of the mempool's memory, in MB
    #[arg(long, value_name = "MB", default_value = "64", value_parser = megabytes)]
    max_mempool: usize,
    /// Keep an index of the transactions of every address; without it, one of an earlier start is removed
    #[arg(long)]
    pub address_index: bool,
    /// What to log, as in "info" or "warn,cairn_daemon::p2p=debug"
    #[arg(long, value_name = "FILTER", default_value = "info", value_parser = NonEmptyStringValueParser::new())]
    pub log: String,
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

impl Config {
    /// Where chain, key and cookie are kept: by default in Cairn's home, in `devnet` or the chain's other name.
    ///
    /// # Errors
    /// When the default is wanted and there is no home.
    pub fn data_dir(&self) -> Result<PathBuf, HomeError> {
        match &self.data_dir {
            Some(directory) => Ok(directory.clone()),
            None => Ok(home()?.join(Path::new(&self.chain).file_stem().unwrap_or_default())),
        }
    }

    /// Limit of the mempool's memory, in bytes.
    pub fn max_mempool_bytes(&self) -> usize {
        self.max_mempool.saturating_mul(1_000_000)
    }
}

fn count(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|_| "expected a number, 0 or more")
}

fn positive(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("expected a number, 1 or more")
}

fn megabytes(text: &str) -> Result<usize, &'static str> {
    positive(text).map_err(|_| "expected a number of MB, 1 or more")
}

fn hash_rate(text: &str) -> Result<Hashrate, &'static str> {
    text.parse().map_err(|_| "expected a number of hashes per second, as in 2048 or 0.5")
}

fn address_or_none(text: &str) -> Result<ListenAddress, &'static str> {
    if text == "none" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "expected an address such as 127.0.0.1:18444, or \"none\"")
}

/// `localhost` is what people write for it, and the wallet takes it in the variable that both read.
fn local_address(text: &str) -> Result<SocketAddr, &'static str> {
    let port = text.strip_prefix("localhost:").and_then(|port| u16::from_str(port).ok());
    let local = port.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    local
        .or_else(|| text.parse().ok())
        .ok_or("expected an address such as 127.0.0.1:18443 or localhost:18443")
}

/// A coinbase has room for 64 bytes of text.
fn tag(text: &str) -> Result<String, &'static str> {
    if text.len() <= 64 { Ok(text.to_owned()) } else { Err("expected text of at most 64 bytes") }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
