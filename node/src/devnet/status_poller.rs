//! Status requests to the nodes, about once a second: what no event reports, and what a missed event would
//! have reported. Nodes that reply again get the settings that they have missed.

use std::sync::Arc;
use std::time::Duration;

use cairn_core::height::Height;
use cairn_daemon::api::replies::NodeView;

use crate::devnet::network::Network;
use crate::devnet::state::NetworkState;

/// Pause between rounds. Fifty nodes reply in a few milliseconds together.
const EVERY: Duration = Duration::from_secs(1);
/// Time limit of the furthest node for reading its latest blocks from its disk.
const REMEMBER: Duration = Duration::from_secs(60);

/// Polls on a thread of its own for as long as the network is there; `each_round` runs beside it.
///
/// # Panics
/// When the system has no thread left.
pub fn start(network: &Arc<Network>, each_round: impl Fn() + Send + 'static) {
    network.poll();
    remember(network);
    let network = Arc::downgrade(network);
    let run = move || {
        loop {
            std::thread::sleep(EVERY);
            let Some(network) = network.upgrade() else { return };
            network.poll();
            network.catch_up();
            each_round();
        }
    };
    std::thread::Builder::new().name("status poller".into()).spawn(run).expect("a devnet has few threads");
}

/// A devnet that is resumed has blocks that no event reports: those that the furthest node shows on its own
/// page are enough to see where it stands.
fn remember(network: &Network) {
    let height = |state: &NetworkState, id| Some((state.node(id)?.status.as_ref()?.height, id));
    let furthest = network.state.read(|state| network.ids().filter_map(|id| height(state, id)).max());
    let Some((_, furthest)) = furthest.filter(|(height, _)| *height > Height::GENESIS) else { return };
    let page = network.client(furthest).ok().and_then(|client| client.page(REMEMBER, "/v1/view").ok());
    if let Some(Ok(view)) = page.map(|(_, body)| serde_json::from_slice::<NodeView>(&body)) {
        network.state.change(|state, _| state.remember(view.blocks));
    }
}
