//! `GET /metrics`: the node's figures in Prometheus' text format.

use std::sync::OnceLock;

use cairn_protocol::event::Event;
use cairn_protocol::peer::Direction;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::Machine;
use crate::p2p::peer_handle::HeldBytes;
use crate::rpc::access::Rpc;

/// The page. Gauges are read from the node for each request; counters are kept up to date by events.
pub async fn page(rpc: &Rpc) -> String {
    let recorder = recorder();
    show("cairn_uptime_seconds", "Time since the node started", rpc.uptime().as_secs_f64());
    let (mined, order) = (rpc.mined(), rpc.mining().borrow().clone());
    let threads = order.map_or(0, |order| order.threads) as f64;
    show("cairn_miner_threads", "Threads that mine", threads);
    show("cairn_miner_hashes_per_second", "Hash rate of the node's own miner lately", mined.rate);
    let rate_of_one = mined.rate / threads.max(1.0);
    show("cairn_miner_hashes_per_second_per_thread", "The same, per thread", rate_of_one);
    total("cairn_miner_hashes_total", "Hashes by the node's own miner", mined.hashes);
    total("cairn_miner_blocks_found_total", "Blocks of the node's own miner in its best chain", mined.blocks);
    let is_up = rpc.query(read).await.is_ok();
    show("cairn_up", "1 once the node replies", f64::from(u8::from(is_up)));
    if let Ok(node) = rpc.node() {
        total("cairn_received_bytes_total", "Bytes received from peers", node.traffic().received());
        total("cairn_sent_bytes_total", "Bytes sent to peers", node.traffic().sent());
        let peers = node.held_bytes();
        held("sending", peers.iter().map(|peer| peer.sending).sum());
        held("reading", peers.iter().map(|peer| peer.reading).sum());
        let largest = peers.into_iter().map(HeldBytes::total).max().unwrap_or(0);
        show("cairn_largest_peer_memory_bytes", "Bytes held for the peer with the most", largest as f64);
    }
    recorder.run_upkeep();
    recorder.render()
}

fn read(node: &Machine) {
    let chain = node.chain();
    show("cairn_blocks", "Height of the tip", chain.tip().height.get().into());
    show("cairn_headers", "Height of the best header", chain.best_header().height.get().into());
    let tip_time = chain.tip().header.time.millis() as f64 / 1000.0;
    show("cairn_tip_time_seconds", "The tip's time", tip_time);
    show("cairn_store_bytes", "Size of the store on disk", chain.store().size_on_disk() as f64);
    show("cairn_mempool_transactions", "Unconfirmed transactions", node.mempool().len() as f64);
    let is_initial = f64::from(u8::from(node.is_initial_download()));
    show("cairn_initial_download", "1 during the initial download", is_initial);
    held("unchecked", node.relay().unchecked.bytes());
    held("orphans", node.relay().orphans.bytes());
    describe_gauge!("cairn_peers", "Connected peers, by the side that dialed");
    for (direction, name) in [(Direction::Inbound, "in"), (Direction::Outbound, "out")] {
        let count = node.peers().ready().filter(|peer| peer.direction == direction).count();
        gauge!("cairn_peers", "direction" => name).set(count as f64);
    }
}

/// Bytes of one kind that are held in memory for peers.
fn held(kind: &'static str, bytes: usize) {
    describe_gauge!("cairn_peer_memory_bytes", "Bytes held in memory for peers, by kind");
    gauge!("cairn_peer_memory_bytes", "kind" => kind).set(bytes as f64);
}

fn show(name: &'static str, help: &'static str, value: f64) {
    describe_gauge!(name, help);
    gauge!(name).set(value);
}

fn total(name: &'static str, help: &'static str, value: u64) {
    describe_counter!(name, help);
    counter!(name).absolute(value);
}

/// Counts an event of the node.
pub fn count(event: &Event) {
    let name = match event {
        Event::Reorganized { .. } => "cairn_reorganizations_total",
        Event::BlockConnected { .. } => "cairn_blocks_connected_total",
        Event::BlockDisconnected { .. } => "cairn_blocks_disconnected_total",
        Event::TransactionAccepted { .. } => "cairn_transactions_accepted_total",
        Event::TransactionRemoved { .. } => "cairn_transactions_removed_total",
        Event::PeerConnected { .. } => "cairn_peers_connected_total",
        Event::PeerDisconnected { .. } => "cairn_peers_disconnected_total",
        Event::BlockOnSideBranch { .. } | Event::PeerRejected { .. } | Event::SyncChanged { .. } => return,
    };
    counter!(name).increment(1);
}

/// Installs the recorder that every `counter!` and `gauge!` of the process reports to.
pub fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Fails only if a program that embeds this one has a recorder of its own: then that counts.
        let _ = metrics::set_global_recorder(recorder);
        describe_counter!("cairn_reorganizations_total", "Changes of branch");
        describe_counter!("cairn_rpc_calls_total", "RPC calls, by method");
        describe_counter!("cairn_rpc_errors_total", "RPC calls that failed, by method");
        handle
    })
}
