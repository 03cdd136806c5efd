//! Connections: finds the node to call, the one that was named or one of a running devnet.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use cairn_core::hash::GenesisHash;
use cairn_genesis::Chain;
use cairn_genesis::programs::exit::say;
use cairn_genesis::programs::home::{HomeError, home};
use cairn_genesis::programs::running::{self, DevnetName, DevnetNode, FindError};
use serde::Deserialize;
use serde_json::json;

use crate::cli::Common;
use crate::client::{Client, ClientError, FIRST_TIMEOUT, RpcAddress};
use crate::show::harmless;

/// Address of a node whose cookie file alone is named.
const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 18_443);

/// No node can be called.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No devnet is the one that is meant.
    #[error("{0}, or name a node with --rpc and --cookie")]
    Devnet(#[from] FindError),
    /// An address without a cookie file is looked up among the devnets.
    #[error("no running devnet has a node at {rpc}: name its cookie file with --cookie")]
    NotADevnets { rpc: RpcAddress },
    /// Cairn has no home to look for devnets in.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// All nodes of the devnet are down.
    #[error("no node of devnet {devnet} answers; `cairn net restart 0` starts one again")]
    AllDown { devnet: DevnetName },
    /// A call to the node failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The node is on another chain than the wallet.
    #[error(
        "{node} is on another chain: its genesis is {found}, this wallet's is {expected}; --devnet-dir NAME|DIR \
         chooses another devnet, --rpc and --cookie any node"
    )]
    OtherChain { node: String, found: String, expected: GenesisHash },
}

impl ConnectError {
    /// Whether it may be otherwise once a node was started.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Client(error) => error.is_temporary(),
            Self::AllDown { .. } | Self::Devnet(_) | Self::NotADevnets { .. } => true,
            Self::Home(_) | Self::OtherChain { .. } => false,
        }
    }
}

/// A node that answered.
pub struct Connection {
    /// The client that calls it.
    pub client: Client,
    /// Hash of its tip.
    pub tip: String,
    /// The devnet it belongs to, if it was found through one.
    pub devnet: Option<DevnetName>,
    /// Which of several devnets that is, in words.
    pub choice: Option<String>,
    /// Which node was passed over for this one, in words.
    pub detour: Option<String>,
}

/// What is read of `getblockchaininfo`.
#[derive(Deserialize)]
struct ChainInfo {
    genesishash: String,
    bestblockhash: String,
}

/// Finds a node that answers, on this chain if one is given, and says which, unless it is the only choice.
pub fn connect(common: &Common, chain: Option<&Chain>) -> Result<Connection, ConnectError> {
    let connection = find_node(common, chain)?;
    connection.choice.iter().chain(&connection.detour).for_each(say);
    Ok(connection)
}

/// As [`connect`], without output, for a command that looks often.
pub fn find_node(common: &Common, chain: Option<&Chain>) -> Result<Connection, ConnectError> {
    let Candidates { devnet, notice: choice, nodes } = candidates(common, chain)?;
    let is_only = nodes.len() == 1;
    let mut passed_over: Option<String> = None;
    for (name, client) in nodes {
        let mut reply = client.call_within(FIRST_TIMEOUT, "getblockchaininfo", json!([]));
        if is_only && matches!(reply, Err(ClientError::Unreachable { may_have_arrived: true, .. })) {
            say(format_args!("the node at {} is slow to answer; waiting", client.url()));
            reply = client.call("getblockchaininfo", json!([]));
        }
        let info: ChainInfo = match reply {
            Err(error) if error.is_temporary() && !is_only => {
                passed_over.get_or_insert(name);
                continue;
            }
            reply => reply?,
        };
        let genesis = chain.map(|chain| chain.params.genesis_hash);
        if let Some(expected) = genesis.filter(|genesis| info.genesishash != genesis.to_string()) {
            let found = harmless(&info.genesishash);
            return Err(ConnectError::OtherChain { node: name, found, expected });
        }
        let detour = passed_over.map(|silent| format!("{silent} does not answer; {name} is asked instead"));
        return Ok(Connection { client, tip: info.bestblockhash, devnet, choice, detour });
    }
    Err(devnet.map_or(FindError::NoneRuns.into(), |devnet| ConnectError::AllDown { devnet }))
}

/// The nodes to try.
struct Candidates {
    /// The devnet they were found through.
    devnet: Option<DevnetName>,
    /// Which of several devnets that is, in words.
    notice: Option<String>,
    /// Each with a name for messages.
    nodes: Vec<(String, Client)>,
}

fn candidates(common: &Common, chain: Option<&Chain>) -> Result<Candidates, ConnectError> {
    let named = |rpc: RpcAddress, cookie: &Path| {
        let nodes = vec![(format!("the node at {rpc}"), Client::new(&rpc, cookie))];
        Ok(Candidates { devnet: None, notice: None, nodes })
    };
    if let Some(cookie) = &common.cookie {
        return named(common.rpc.clone().unwrap_or(DEFAULT_ADDRESS.into()), cookie);
    }
    if let (Some(rpc), None) = (&common.rpc, &common.devnet_dir) {
        let mut nodes = running::living(&home()?).into_iter().flat_map(|devnet| devnet.nodes);
        let node = nodes.find(|node| has_address(node, rpc));
        let node = node.ok_or_else(|| ConnectError::NotADevnets { rpc: rpc.clone() })?;
        return named(rpc.clone(), &node.cookie);
    }
    let mut found = running::find(common.devnet_dir.as_deref())?;
    let mut notice = found.notice("--devnet-dir");
    let wanted = chain.map(|chain| &chain.params.name).filter(|name| **name != found.devnet.chain);
    if let Some(chain) = wanted.filter(|_| found.is_default)
        && let Some(fitting) = running::living(&home()?).into_iter().rfind(|devnet| devnet.chain == *chain)
    {
        let (name, newest) = (&fitting.name, &found.devnet.name);
        notice = Some(format!(
            "devnet {name}: the newest on this wallet's chain, {chain}; {newest} is on another; --devnet-dir NAME chooses"
        ));
        found.devnet = fitting;
    }
    let name = found.devnet.name;
    let wanted = |node: &DevnetNode| common.rpc.as_ref().is_none_or(|rpc| has_address(node, rpc));
    let client = |node: DevnetNode| {
        (format!("node {} of devnet {name}", node.id), Client::new(&node.rpc.into(), &node.cookie))
    };
    let nodes: Vec<_> = found.devnet.nodes.into_iter().filter(wanted).map(client).collect();
    match (&common.rpc, nodes.is_empty()) {
        (Some(rpc), true) => Err(ConnectError::NotADevnets { rpc: rpc.clone() }),
        _ => Ok(Candidates { devnet: Some(name), notice, nodes }),
    }
}

fn has_address(node: &DevnetNode, rpc: &RpcAddress) -> bool {
    let localhost = rpc.to_string().strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    node.rpc.to_string() == localhost.unwrap_or_else(|| rpc.to_string())
}

impl Common {
    /// The same settings for looking again: another devnet that was started meanwhile is not meant.
    pub fn pinned_to(&self, devnet: Option<&DevnetName>) -> Self {
        let pinned = devnet.map(|name| OsString::from(name.to_string()));
        Self { devnet_dir: pinned.or_else(|| self.devnet_dir.clone()), ..self.clone() }
    }
}
