//! `cairn node`: one node, from settings to a clean stop.

use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use cairn_core::address::Address;
use cairn_genesis::Chain;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use cairn_daemon::config::layers::NodeArgs;
use cairn_daemon::config::settings::Config;
use cairn_daemon::miner::{Miner, MiningSettings, spacing_hashrate};
use cairn_daemon::p2p::hint;
use cairn_daemon::rpc::access::Rpc;
use cairn_daemon::rpc::auth::Cookie;
use cairn_daemon::store::Opening;
use cairn_daemon::store::directory::{COOKIE_FILE, Directory};
use cairn_daemon::web::{self, Settings};
use cairn_daemon::{log, node_builder, signals};

/// Threads of the runtime, which carries bytes; work that takes long has threads of its own.
const WORKERS: usize = 2;
/// Timeout of tasks once the node has stopped.
const STOP_TIMEOUT: Duration = Duration::from_millis(500);

/// Runs a node until a signal or a call stops it.
///
/// # Errors
/// For a person to read: a wrong setting, a port in use, a damaged store.
pub fn run(arguments: &NodeArgs) -> anyhow::Result<()> {
    let config = arguments.load()?;
    log::start(&config.log, config.log_json)?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(WORKERS).enable_all().build().context("cannot start")?;
    let outcome = runtime.block_on(serve(&config));
    runtime.shutdown_timeout(STOP_TIMEOUT);
    outcome
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone()).context("cannot listen for signals")?;
    if config.stop_on_stdin_close {
        stop_on_stdin_close(stop.clone()).context("cannot watch standard input")?;
    }
    let chain = Chain::find(&config.chain)?;
    let data_dir = config.data_dir().context("name the data directory of this node with --data-dir DIR")?;
    node_builder::make_data_dir(&data_dir)?;
    // The lock first: a second process must not even replace the cookie of the running one.
    let opening = if config.reindex { Opening::Reindex } else { Opening::Resume };
    let directory = Directory::open(&data_dir, chain.params.genesis_hash, opening)?;
    let pay_to = config.mine.as_deref().map(|text| {
        Address::parse(text, &chain.params.address_prefix).with_context(|| format!("--mine {text:?}"))
    });
    let pay_to = pay_to.transpose()?;
    let server = serve_rpc(config, &data_dir, stop.clone()).await?;
    let running =
        tokio::task::block_in_place(|| node_builder::start(config, &chain, directory, stop.clone()))?;
    web::open(&server.rpc, running.handle.clone());
    server.rpc.mining().send_replace(pay_to.map(|address| MiningSettings {
        pay_to: address.lock(),
        threads: config.threads,
        hashrate: config.hashrate.or_else(|| spacing_hashrate(&chain.params)),
    }));
    let tag = config.tag.clone().into_bytes();
    server.rpc.set_miner(Miner::start(running.handle.clone(), tag, server.rpc.mining().subscribe()));
    tracing::info!(
        chain = %chain.params.name,
        genesis = %chain.params.genesis_hash,
        peer_id = %running.handle.peer_id(),
        listen = running.listen.map(tracing::field::display),
        rpc = %server.address,
        data_dir = %data_dir.display(),
        "running"
    );
    let outcome = running.wait().await;
    stop.cancel();
    server.ended.await.context("the RPC server failed")?.context("the RPC server failed")?;
    outcome
}

/// The RPC server, which replies while the node is still loading.
struct Server {
    rpc: Rpc,
    address: SocketAddr,
    ended: JoinHandle<std::io::Result<()>>,
}

async fn serve_rpc(config: &Config, data_dir: &Path, stop: CancellationToken) -> anyhow::Result<Server> {
    let listener = TcpListener::bind(config.rpc).await.map_err(|error| {
        anyhow::anyhow!("cannot listen for RPC on {}: {error}{}", config.rpc, hint(&error))
    })?;
    let address = listener.local_addr().context("cannot listen for RPC")?;
    let path = data_dir.join(COOKIE_FILE);
    let cookie =
        Cookie::create(&path).with_context(|| format!("cannot write the cookie {}", path.display()))?;
    let rpc = Rpc::loading(config.tag.clone().into_bytes());
    let settings = Settings { cookie, allowed_hosts: config.rpc_allow_host.clone(), stop };
    // The server's task starts at some time after this; the driver reports from its first step.
    web::metrics::recorder();
    let ended = tokio::spawn(web::serve(listener, rpc.clone(), settings));
    Ok(Server { rpc, address, ended })
}

/// Stops at the first signal; a second one ends the process at once, for people in a hurry.
fn stop_on_signals(stop: CancellationToken) -> std::io::Result<()> {
    signals::on_stop(move |kind| {
        if stop.is_cancelled() {
            std::process::exit(128 + kind.as_raw_value());
        }
        stop.cancel();
    })
}

/// The program that started this node holds the other end of its standard input: this stops the node when that program
/// ends, in whatever way.
fn stop_on_stdin_close(stop: CancellationToken) -> std::io::Result<()> {
    let watch = move || {
        let mut ignored = [0; 256];
        while matches!(std::io::stdin().read(&mut ignored), Ok(1..)) {}
        stop.cancel();
    };
    std::thread::Builder::new().name("stdin".into()).spawn(watch).map(drop)
}
