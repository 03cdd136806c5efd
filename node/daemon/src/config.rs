//! Settings: flags over environment over file over defaults, each value read by the same rule and
//! checked once, here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use cairn_genesis::hashrate::Hashrate;
use cairn_genesis::programs::home::{HomeError, home};
use cairn_protocol::limits::{MAX_INBOUND, OUTBOUND_TARGET};

use crate::config::args::NodeArgs;

pub mod args;
pub mod file;
pub mod host;
pub mod layers;
pub mod words;

use host::HostPort;
use layers::Layers;
use words::ConfigError;

/// The port for programs when none is named, as regtest has it in Bitcoin Core.
pub const DEFAULT_RPC_PORT: u16 = 18443;
/// The port for nodes when none is named.
pub const DEFAULT_PEER_PORT: u16 = 18444;

/// Every setting of a node, checked as far as it can be without looking at the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Name of a built-in chain, or a definition's file.
    pub chain: String,
    /// Where chain, key and cookie are kept.
    pub data_dir: PathBuf,
    /// Where other nodes can connect; none: nobody can.
    pub listen: Option<SocketAddr>,
    /// Where programs can ask.
    pub rpc: SocketAddr,
    /// Names besides addresses and `localhost` by which programs may call this node.
    pub rpc_allow_host: Vec<String>,
    /// Nodes to keep a connection to.
    pub connect: Vec<HostPort>,
    /// Outbound connections kept up to nodes that were heard of.
    pub max_outbound: usize,
    /// Inbound connections borne.
    pub max_inbound: usize,
    /// Mine, and pay the reward to this address; it is read once the chain's prefix is known.
    pub mine: Option<String>,
    /// Free text in the coinbase of blocks that this node makes.
    pub tag: String,
    /// Mining threads.
    pub threads: usize,
    /// How fast to hash at most; none: as fast as the machine can.
    pub hashrate: Option<Hashrate>,
    /// Bytes of unconfirmed transactions kept.
    pub max_mempool: usize,
    /// Keep an index of the transactions of every address.
    pub address_index: bool,
    /// What to log.
    pub log: String,
    /// Log lines as JSON.
    pub log_json: bool,
    /// Rebuild the indexes first.
    pub reindex: bool,
    /// Stop when standard input closes.
    pub stop_on_stdin_close: bool,
}

impl Config {
    /// Reads all layers: what was typed, this process's environment, and the file that they name.
    ///
    /// # Errors
    /// The first setting that is wrong: where it stands, what was found, what is expected.
    pub fn load(arguments: &NodeArgs) -> Result<Self, ConfigError> {
        Self::from_layers(&Layers::gather(arguments, std::env::vars_os())?)
    }

    fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let chain = layers.text("chain", "the name of a chain or a file")?.unwrap_or_else(|| "devnet".into());
        let data_dir = match layers.path("data-dir", "a directory")? {
            Some(directory) => directory,
            None => default_data_dir(&chain)?,
        };
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let listen =
            layers.one("listen", "an address such as 127.0.0.1:18444, or \"none\"", address_or_none)?;
        let megabytes = layers.one("max-mempool", "a number of MB, 1 or more", positive::<usize>)?;
        Ok(Self {
            chain,
            data_dir,
            listen: listen.unwrap_or(Some(local(DEFAULT_PEER_PORT))),
            rpc: layers
                .one("rpc", "an address such as 127.0.0.1:18443 or localhost:18443", local_address)?
                .unwrap_or(local(DEFAULT_RPC_PORT)),
            rpc_allow_host: layers.many("rpc-allow-host", "a host name", parsed)?,
            connect: layers.many("connect", "HOST:PORT", parsed)?,
            max_outbound: layers.one("max-outbound", COUNT, parsed)?.unwrap_or(OUTBOUND_TARGET),
            max_inbound: layers.one("max-inbound", COUNT, parsed)?.unwrap_or(MAX_INBOUND),
            mine: layers.text("mine", "an address of the chain")?,
            tag: layers.one("tag", "text of at most 64 bytes", short)?.unwrap_or_default(),
            threads: layers.one("threads", POSITIVE, positive)?.unwrap_or_else(cores),
            hashrate: layers.one("hashrate", "a number of hashes per second, as in 2048 or 0.5", parsed)?,
            max_mempool: megabytes.unwrap_or(64).saturating_mul(1_000_000),
            address_index: layers.flag("address-index")?,
            log: layers.text("log", "a filter such as info")?.unwrap_or_else(|| "info".into()),
            log_json: layers.flag("log-json")?,
            reindex: layers.flag("reindex")?,
            stop_on_stdin_close: layers.flag("stop-on-stdin-close")?,
        })
    }
}

const COUNT: &str = "a number, 0 or more";
const POSITIVE: &str = "a number, 1 or more";

fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn positive<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number| *number >= T::from(1))
}

fn address_or_none(text: &str) -> Option<Option<SocketAddr>> {
    if text == "none" { Some(None) } else { text.parse().ok().map(Some) }
}

/// `localhost` is what people write for it, and the wallet takes it in the variable that both read.
fn local_address(text: &str) -> Option<SocketAddr> {
    let port = text.strip_prefix("localhost:").and_then(|port| port.parse::<u16>().ok());
    port.map(|port| SocketAddr::from(([127, 0, 0, 1], port))).or_else(|| text.parse().ok())
}

/// What a coinbase has room for.
fn short(text: &str) -> Option<String> {
    (text.len() <= 64).then(|| text.to_owned())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// In Cairn's home `devnet`; for a definition's file its name without the ending.
fn default_data_dir(chain: &str) -> Result<PathBuf, HomeError> {
    Ok(home()?.join(Path::new(chain).file_stem().unwrap_or_default()))
}

#[cfg(test)]
mod tests;
