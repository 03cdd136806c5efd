//! Opening a devnet to others: its control API and page, the note by which programs find it, and the signals
//! that end it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use cairn_genesis::Chain;
use cairn_genesis::programs::running::{Devnet, DevnetName, DevnetNode};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::devnet::control;
use crate::devnet::error::DevnetError;
use crate::devnet::happening::{Happening, What};
use crate::devnet::network::Network;
use crate::devnet::place::Place;
use crate::devnet::plan::NodePlan;
use crate::devnet::pulse;
use crate::devnet::view::View;
use cairn_daemon::clock;
use cairn_daemon::signals;

/// The page answers this far below the first port for programs, if that is free.
const PAGE_BELOW: u16 = 1;

/// A devnet that runs and is open to others.
pub struct Opened {
    /// Its nodes.
    pub network: Arc<Network>,
    /// What happens, in order.
    pub happenings: Receiver<Happening>,
    /// What its note says.
    pub note: Devnet,
    /// Serves the API and waits for signals until dropped.
    _runtime: Runtime,
}

impl Opened {
    /// What programs are told as the first event.
    pub fn ready(&self) -> Value {
        let Devnet { name, nodes, control, .. } = &self.note;
        let page = self.note.page();
        json!({ "event": "ready", "name": name, "nodes": nodes, "control": control, "page": page })
    }
}

/// Starts the nodes, serves the control API and the page, and leaves the note.
///
/// # Errors
/// When a node does not start; when there is no port, no randomness for the token, or no place for
/// the note.
pub fn open(
    chain: Chain,
    chain_argument: String,
    plans: &[NodePlan],
    place: &mut Place,
) -> Result<Opened, DevnetError> {
    let (sender, happenings) = channel();
    let view = View::new(&chain, plans.len() as u16);
    let happenings = overheard(view.clone(), happenings);
    let io = |source| DevnetError::Io { attempt: "start", place: "the devnet's threads".into(), source };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(io)?;
    // Before the first child: a Ctrl-C from now on stops what was started.
    {
        let (_inside, sender) = (runtime.enter(), sender.clone());
        let stop = move |_| drop(sender.send(Happening::now(What::Stop)));
        let io = |source| DevnetError::Io { attempt: "listen for", place: "signals".into(), source };
        signals::on_stop(stop).map_err(io)?;
    }
    let network = Arc::new(Network::start(chain, chain_argument, plans.to_vec(), sender)?);
    let first = plans.first().map_or(0, |plan| plan.rpc.port());
    let (listener, address) = control::listen(first.saturating_sub(PAGE_BELOW))?;
    let token = control::new_token()?;
    pulse::begin(view.clone(), &network);
    runtime.spawn(control::serve(listener, network.clone(), view, token.clone()));
    let nodes = node_notes(&network, plans)?;
    let note = Devnet {
        name: DevnetName::of_directory(place.path()),
        pid: std::process::id(),
        started_ms: clock::now().millis(),
        dir: place.path().to_owned(),
        temporary: place.is_temporary(),
        chain: network.chain.params.name.clone(),
        control: address,
        token,
        nodes,
    };
    let note = place.announce(note)?.clone();
    Ok(Opened { network, happenings, note, _runtime: runtime })
}

/// Lets the picture hear everything first; returns what is heard then.
fn overheard(view: View, happenings: Receiver<Happening>) -> Receiver<Happening> {
    let (sender, heard) = channel();
    let run = move || {
        for happening in happenings {
            view.hear(&happening);
            if sender.send(happening).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("view".into()).spawn(run).expect("a devnet has few threads");
    heard
}

fn node_notes(network: &Network, plans: &[NodePlan]) -> Result<Vec<DevnetNode>, DevnetError> {
    let note = |plan: &NodePlan| {
        let (id, rpc, peer) = (plan.id, plan.rpc, plan.peer);
        let peer_id = network.peer_id(id)?;
        Ok(DevnetNode { id, rpc, cookie: plan.cookie(), data_dir: plan.data(), peer, peer_id })
    };
    plans.iter().map(note).collect()
}
