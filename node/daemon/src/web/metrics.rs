//! `GET /metrics`: the node's figures in Prometheus' text format.

use std::sync::OnceLock;

use cairn_protocol::event::Event;
use cairn_protocol::peer::Direction;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::Machine;
use crate::rpc::access::Rpc;

/// The page. Gauges are read from the node for each request; counters are kept up to date by events.
pub async fn page(rpc: &Rpc) -> String {
    let recorder = recorder();
    gauge!("cairn_uptime_seconds").set(rpc.uptime().as_secs_f64());
    let (mined, order) = (rpc.mined(), rpc.mining().borrow().clone());
    let threads = order.map_or(0, |order| order.threads) as f64;
    gauge!("cairn_miner_threads").set(threads);
    gauge!("cairn_miner_hashes_per_second").set(mined.rate);
    gauge!("cairn_miner_hashes_per_second_per_thread").set(mined.rate / threads.max(1.0));
    counter!("cairn_miner_hashes_total").absolute(mined.hashes);
    counter!("cairn_miner_blocks_found_total").absolute(mined.blocks);
    let is_up = rpc.query(read).await.is_ok();
    gauge!("cairn_up").set(if is_up { 1.0 } else { 0.0 });
    if let Ok(node) = rpc.node() {
        counter!("cairn_received_bytes_total").absolute(node.traffic().received());
        counter!("cairn_sent_bytes_total").absolute(node.traffic().sent());
    }
    recorder.run_upkeep();
    recorder.render()
}

fn read(node: &Machine) {
    let chain = node.chain();
    gauge!("cairn_blocks").set(f64::from(chain.tip().height.get()));
    gauge!("cairn_headers").set(f64::from(chain.best_header().height.get()));
    gauge!("cairn_tip_time_seconds").set(chain.tip().header.time.millis() as f64 / 1000.0);
    gauge!("cairn_store_bytes").set(chain.store().size_on_disk() as f64);
    gauge!("cairn_mempool_transactions").set(node.mempool().len() as f64);
    gauge!("cairn_initial_download").set(if node.is_initial_download() { 1.0 } else { 0.0 });
    for (direction, name) in [(Direction::Inbound, "in"), (Direction::Outbound, "out")] {
        let count = node.peers().ready().filter(|peer| peer.direction == direction).count();
        gauge!("cairn_peers", "direction" => name).set(count as f64);
    }
}

/// Counts an event of the node.
pub fn count(event: &Event) {
    match event {
        Event::Reorganized { .. } => counter!("cairn_reorganisations_total").increment(1),
        Event::BlockConnected { .. } => counter!("cairn_blocks_connected_total").increment(1),
        Event::BlockDisconnected { .. } => counter!("cairn_blocks_disconnected_total").increment(1),
        Event::TransactionAccepted { .. } => counter!("cairn_transactions_accepted_total").increment(1),
        Event::TransactionRemoved { .. } => counter!("cairn_transactions_removed_total").increment(1),
        Event::PeerConnected { .. } => counter!("cairn_peers_connected_total").increment(1),
        Event::PeerDisconnected { .. } => counter!("cairn_peers_disconnected_total").increment(1),
        Event::BlockOnSideBranch { .. } | Event::PeerRejected { .. } | Event::SyncChanged { .. } => {}
    }
}

/// Installs the recorder that every `counter!` and `gauge!` of the process reports to.
pub fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Fails only if a program that embeds this one has a recorder of its own: then that counts.
        let _ = metrics::set_global_recorder(recorder);
        describe();
        handle
    })
}

fn describe() {
    describe_gauge!("cairn_up", "1 once the node answers");
    describe_gauge!("cairn_uptime_seconds", "Time since the node started");
    describe_gauge!("cairn_blocks", "Height of the tip");
    describe_gauge!("cairn_headers", "Height of the best header");
    describe_gauge!("cairn_tip_time_seconds", "The tip's time");
    describe_gauge!("cairn_store_bytes", "Size of the store on disk");
    describe_gauge!("cairn_mempool_transactions", "Pending transactions");
    describe_gauge!("cairn_initial_download", "1 while the node catches up");
    describe_gauge!("cairn_peers", "Connected peers, by who dialled");
    describe_gauge!("cairn_miner_threads", "Threads that mine");
    describe_gauge!("cairn_miner_hashes_per_second", "Hash rate of the node's own miner lately");
    describe_gauge!("cairn_miner_hashes_per_second_per_thread", "The same, per thread");
    describe_counter!("cairn_miner_hashes_total", "Hashes by the node's own miner");
    describe_counter!("cairn_miner_blocks_found_total", "Blocks of the node's own miner that it took in");
    describe_counter!("cairn_received_bytes_total", "Bytes received from peers");
    describe_counter!("cairn_sent_bytes_total", "Bytes sent to peers");
    describe_counter!("cairn_reorganisations_total", "Changes of branch");
    describe_counter!("cairn_rpc_calls_total", "RPC calls, by method");
    describe_counter!("cairn_rpc_errors_total", "RPC calls that failed, by method");
}
