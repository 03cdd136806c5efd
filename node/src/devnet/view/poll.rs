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

fn ask(view: &View, network: &Network) {
    let answers: Vec<Option<Value>> =
        network.ids().map(|id| network.call(id, "getnodestatus", json!([])).ok()).collect();
    view.asked(&answers);
}
