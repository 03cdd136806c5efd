//! Asking the nodes how they are, about once a second: what no event tells, and what an event that
//! was missed would have told.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::devnet::network::Network;
use crate::devnet::view::View;

/// How often. Fifty nodes answer in a few milliseconds together.
const EVERY: Duration = Duration::from_secs(1);
/// How long the furthest node may take to read its latest blocks from its disk.
const REMEMBER: Duration = Duration::from_secs(60);
/// Who takes longer does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks on a thread of its own for as long as the network is there.
///
/// # Panics
/// When the system has no thread left.
pub fn begin(view: View, network: &Arc<Network>) {
    let answers = ask(network);
    remember(&view, network, &answers);
    view.asked(&answers);
    let network = Arc::downgrade(network);
    let run = move || {
        loop {
            std::thread::sleep(EVERY);
            let Some(network) = network.upgrade() else { return };
            view.asked(&ask(&network));
        }
    };
    std::thread::Builder::new().name("ask the nodes".into()).spawn(run).expect("a devnet has few threads");
}

/// A devnet that goes on where it stopped has blocks that no event tells of: those that the furthest
/// node shows on its own page are enough to see where it stands.
fn remember(view: &View, network: &Network, answers: &[Option<Value>]) {
    let height = |answer: &Option<Value>| answer.as_ref().and_then(|answer| answer["height"].as_u64());
    let heights = (0..).zip(answers).filter_map(|(id, answer)| Some((height(answer)?, id)));
    let Some((1.., furthest)) = heights.max() else { return };
    let page = network.rpc(furthest).ok().and_then(|rpc| rpc.page(REMEMBER, "/v1/view").ok());
    let shown: Option<Value> = page.and_then(|(_, body)| serde_json::from_slice(&body).ok());
    if let Some(blocks) = shown.as_ref().and_then(|shown| shown["blocks"].as_array()) {
        view.remember(blocks);
    }
}

/// What every node says of itself, in their order. All are asked at one time: one that hangs keeps nobody
/// waiting for the others.
fn ask(network: &Network) -> Vec<Option<Value>> {
    let status = |id: u16| network.rpc(id).ok()?.call_within(PATIENCE, "getnodestatus", json!([])).ok();
    std::thread::scope(|scope| {
        let asked: Vec<_> = network.ids().map(|id| scope.spawn(move || status(id))).collect();
        asked.into_iter().map(|one| one.join().ok().flatten()).collect()
    })
}
