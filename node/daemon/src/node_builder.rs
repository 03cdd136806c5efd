//! Builds a whole node: store, machine, driver, network, and the tasks beside them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, anyhow, bail};
use cairn_core::hash::GenesisHash;
use cairn_core::signature::ParallelVerifier;
use cairn_core::signature::cache::CachingVerifier;
use cairn_core::transaction::Transaction;
use cairn_protocol::chain::Chain;
use cairn_protocol::chain::store::StoreError;
use cairn_protocol::input::PeerCommand;
use cairn_protocol::limits::{MAX_USER_AGENT, PING_INTERVAL};
use cairn_protocol::mempool::Mempool;
use cairn_protocol::node::{Node, NodeConfig};
use cairn_protocol::peer::PeerAddress;
use cairn_protocol::peers::ConnectionLimits;
use cairn_protocol::peers::address_key::AddressKey;
use tokio_util::sync::CancellationToken;

use crate::Machine;
use crate::clock;
use crate::config::host::HostPort;
use crate::config::settings::Config;
use crate::driver::Driver;
use crate::handle::NodeHandle;
use crate::mempool_file;
use crate::p2p::names::{self, Change};
use crate::p2p::{self, identity};
use crate::peers_file;
use crate::store::directory::Directory;
use crate::store::{Indexing, Opening, SledStore};

/// A running node, from its start to its clean stop.
pub struct Running {
    pub handle: NodeHandle,
    /// The address at which it listens for peers; none if it does not.
    pub listen: Option<SocketAddr>,
    genesis: GenesisHash,
    data_dir: PathBuf,
    driver: JoinHandle<Result<Machine, StoreError>>,
    network: tokio::task::JoinHandle<()>,
    /// Submits the saved mempool again; returns the transactions that it had no time for.
    saved_mempool: tokio::task::JoinHandle<Vec<Arc<Transaction>>>,
}

/// Creates the data directory, which only its owner can read.
pub fn make_data_dir(directory: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.with_context(|| format!("cannot create the data directory {}", directory.display()))
}

/// Starts a node. Must be called within a runtime; blocks while it opens the store.
///
/// # Errors
/// For a person to read: a port in use, a damaged store, an unusable key.
pub fn start(
    config: &Config,
    chain: &cairn_genesis::Chain,
    directory: Directory,
    stop: CancellationToken,
) -> anyhow::Result<Running> {
    let data_dir = config.data_dir()?;
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).context("the system gives no random number")?;
    let verifier = Box::new(CachingVerifier::new(ParallelVerifier, salt));
    let genesis = chain.params.genesis_hash;
    let opening = if config.reindex { Opening::Reindex } else { Opening::Resume };
    let indexing = if config.address_index { Indexing::On } else { Indexing::Off };
    let store = SledStore::open_in(directory, &chain.genesis, opening, indexing)?;
    let machine_chain = Chain::open(chain.params.clone(), &chain.genesis, store, verifier)?;
    let keypair = identity::load_or_make(&data_dir)?;
    let (network, network_task) = p2p::start(&keypair, config.listen, config.max_inbound, stop.clone())?;
    let listen = network.listen;

    let (numbers, names): (Vec<_>, Vec<_>) = config.connect.iter().partition(|host| host.address().is_some());
    let user_agent = format!("/cairn:{}/", env!("CARGO_PKG_VERSION"));
    debug_assert!(user_agent.len() <= MAX_USER_AGENT);
    let node_config = NodeConfig {
        id: network.own,
        user_agent,
        listen: listen.map(PeerAddress::new).into_iter().collect(),
        connect: numbers.iter().filter_map(|host| host.address()).map(PeerAddress::new).collect(),
        limits: ConnectionLimits { outbound: config.max_outbound, inbound: config.max_inbound },
        ping_interval: Some(PING_INTERVAL),
        address_key: AddressKey::new([random_number()?, random_number()?]),
    };
    let mempool = Mempool::new(config.max_mempool_bytes());
    let mut machine = Node::new(node_config, machine_chain, mempool, random_number()?);
    if let Some(saved) = peers_file::FILE.load(&data_dir, genesis) {
        machine.restore_peers(saved);
    }

    let (handle, mut ends) =
        NodeHandle::new(network.own, network.traffic.clone(), network.delays.clone(), stop);
    let runtime = tokio::runtime::Handle::current();
    if let Some(requests) = ends.save_requests.take() {
        tokio::spawn(peers_file::keep(handle.clone(), data_dir.clone(), genesis, requests));
    }
    let driver =
        Driver::spawn(machine, ends, network, runtime).context("cannot start the driver's thread")?;
    for name in names {
        follow_name(handle.clone(), name.clone());
    }
    let saved = mempool_file::load(&data_dir, genesis);
    let saved_mempool = tokio::spawn(mempool_file::submit(handle.clone(), saved));
    Ok(Running { handle, listen, genesis, data_dir, driver, network: network_task, saved_mempool })
}

fn random_number() -> anyhow::Result<u64> {
    getrandom::u64().context("the system gives no random number")
}

fn follow_name(handle: NodeHandle, name: HostPort) {
    tokio::spawn(names::follow(name, move |change| {
        let handle = handle.clone();
        async move {
            let command = match change {
                Change::New(address) => PeerCommand::AddNode(address),
                Change::Gone(address) => PeerCommand::RemoveNode(address),
            };
            handle.command(command).await.is_ok()
        }
    }));
}

impl Running {
    /// Waits until the node has stopped for any reason and has sent Goodbye to its peers; then saves the mempool.
    ///
    /// # Errors
    /// The reason for which it stopped, unless that was a request.
    pub async fn wait(self) -> anyhow::Result<()> {
        let driver = tokio::task::spawn_blocking(|| self.driver.join()).await;
        let _ = self.network.await;
        let machine = match driver.context("the driver cannot be waited for")? {
            Ok(Ok(machine)) => machine,
            Ok(Err(error)) => {
                let stopped = match error {
                    StoreError::Damaged { .. } => "the node stopped",
                    _ => "the node stopped, nothing that it confirmed is lost",
                };
                return Err(anyhow!(error).context(stopped));
            }
            Err(_) => bail!("the driver panicked: this is a fault of the program; the log says where"),
        };
        let left = self.saved_mempool.await.unwrap_or_default();
        let saved = mempool_file::save(&self.data_dir, self.genesis, machine.mempool().iter().chain(&left));
        let count =
            saved.with_context(|| format!("cannot save the mempool in {}", self.data_dir.display()))?;
        let peers = machine.peers().saved(clock::now());
        let saved = peers_file::FILE.save(&self.data_dir, self.genesis, &peers);
        saved
            .with_context(|| format!("cannot save the addresses of peers in {}", self.data_dir.display()))?;
        tracing::info!(transactions = count, "stopped");
        Ok(())
    }
}
