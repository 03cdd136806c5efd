//! Starting a devnet and opening it to others: its control API and page, the note by which programs find it,
//! and the signals that end it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use cairn_daemon::{clock, signals};
use cairn_genesis::Chain;
use cairn_genesis::programs::running::{Devnet, DevnetName, DevnetNode};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::devnet::directory::DevnetDirectory;
use crate::devnet::error::DevnetError;
use crate::devnet::event::{DevnetEvent, TimedEvent};
use crate::devnet::network::Network;
use crate::devnet::plan::NodePlan;
use crate::devnet::{control, status_poller};

/// Distance of the page's port below the first port for programs, if that is free.
const PAGE_BELOW: u16 = 1;

/// A devnet that runs and is open to others.
pub struct RunningDevnet {
    pub network: Arc<Network>,
    /// Its events, in order.
    pub events: Receiver<TimedEvent>,
    pub note: Devnet,
    /// Serves the API and waits for signals until dropped.
    _runtime: Runtime,
}

impl RunningDevnet {
    /// The first event for programs.
    pub fn ready(&self) -> Value {
        let Devnet { name, nodes, control, .. } = &self.note;
        let page = self.note.page();
        json!({ "event": "ready", "name": name, "nodes": nodes, "control": control, "page": page })
    }
}

/// Starts the nodes, serves the control API and the page, and leaves the note.
///
/// # Errors
/// When a node does not start; when there is no port, no randomness for the token, or the note cannot be written.
pub fn start(
    chain: Chain,
    chain_argument: String,
    plans: &[NodePlan],
    directory: &mut DevnetDirectory,
) -> Result<RunningDevnet, DevnetError> {
    let (sender, events) = channel();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(DevnetError::io("start", "the devnet's threads"))?;
    // Before the first child: a Ctrl-C from now on stops what was started.
    {
        let (_inside, sender) = (runtime.enter(), sender.clone());
        let stop = move |_| {
            let (at, event) = (std::time::Instant::now(), DevnetEvent::Stop);
            drop(sender.send(TimedEvent { at, event, is_tip: false, lines: Vec::new() }));
        };
        signals::on_stop(stop).map_err(DevnetError::io("listen for", "signals"))?;
    }
    let network = Arc::new(Network::start(chain, chain_argument, plans.to_vec(), sender)?);
    let first = plans.first().map_or(0, |plan| plan.rpc.port());
    let (listener, address) = control::listen(first.saturating_sub(PAGE_BELOW))?;
    let token = control::new_token()?;
    let nodes = node_notes(&network, plans)?;
    let note = Devnet {
        name: DevnetName::of_directory(directory.path()),
        pid: std::process::id(),
        started_ms: clock::now().millis(),
        dir: directory.path().to_owned(),
        temporary: directory.is_temporary(),
        chain: network.chain.params.name.clone(),
        control: address,
        token: token.clone(),
        nodes,
    };
    status_poller::start(&network, directory.keep_newest());
    runtime.spawn(control::serve(listener, network.clone(), token));
    let note = directory.announce(note)?.clone();
    Ok(RunningDevnet { network, events, note, _runtime: runtime })
}

fn node_notes(network: &Network, plans: &[NodePlan]) -> Result<Vec<DevnetNode>, DevnetError> {
    let note = |plan: &NodePlan| {
        let (id, rpc, peer) = (plan.id, plan.rpc, plan.peer);
        let peer_id = network.peer_id(id)?;
        Ok(DevnetNode { id, rpc, cookie: plan.cookie(), data_dir: plan.data(), peer, peer_id })
    };
    plans.iter().map(note).collect()
}
