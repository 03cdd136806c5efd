//! Asking the nodes how they are, about once a second: what no event tells, and what an event that
//! was missed would have told.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::devnet::network::Network;
use crate::devnet::view::View;

/// How often. Fifty nodes answer in a few milliseconds together.
const EVERY: Duration = Duration::from_secs(1);

/// Asks on a thread of its own for as long as the network is there.
///
/// # Panics
/// When the system has no thread left.
pub fn begin(view: View, network: &Arc<Network>) {
    remember(&view, network);
    ask(&view, network);
    let network = Arc::downgrade(network);
    let run = move || {
        loop {
            std::thread::sleep(EVERY);
            let Some(network) = network.upgrade() else { return };
            ask(&view, &network);
        }
    };
    std::thread::Builder::new().name("ask the nodes".into()).spawn(run).expect("a devnet has few threads");
}

/// A devnet that goes on where it stopped has blocks that no event tells of: those that a node
/// shows on its own page are enough to see where it stands.
fn remember(view: &View, network: &Network) {
    let furthest = network.ids().max_by_key(|id| network.height(*id).unwrap_or_default());
    let page = furthest.and_then(|id| network.rpc(id).ok()).and_then(|rpc| rpc.page("/v1/view").ok());
    let shown: Option<Value> = page.and_then(|(_, body)| serde_json::from_slice(&body).ok());
    if let Some(blocks) = shown.as_ref().and_then(|shown| shown["blocks"].as_array()) {
        view.remember(blocks);
    }
}

fn ask(view: &View, network: &Network) {
    let answers: Vec<Option<Value>> =
        network.ids().map(|id| network.call(id, "getnodestatus", json!([])).ok()).collect();
    view.asked(&answers);
}
