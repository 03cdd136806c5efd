//! Opening a devnet to others: its control API and page, the note by which programs find it, and the signals
//! that end it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use cairn_genesis::Chain;
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

/// The page answers this far below the first port for programs, if that is free.
const PAGE_BELOW: u16 = 1;

/// A devnet that runs and is open to others.
pub struct Opened {
    /// Its nodes.
    pub network: Arc<Network>,
    /// What happens, in order.
    pub happenings: Receiver<Happening>,
    /// What programs are told as the first event.
    pub ready: Value,
    /// Serves the API and waits for signals until dropped.
    _runtime: Runtime,
}

impl Opened {
    /// Where the page is.
    pub fn page(&self) -> &str {
        self.ready["page"].as_str().unwrap_or_default()
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
    runtime.spawn(stop_on_signal(sender.clone()));
    let network = Arc::new(Network::start(chain, chain_argument, plans.to_vec(), sender)?);
    let first = plans.first().map_or(0, |plan| plan.rpc.port());
    let (listener, address) = control::listen(first.saturating_sub(PAGE_BELOW))?;
    let token = control::new_token()?;
    pulse::begin(view.clone(), &network);
    runtime.spawn(control::serve(listener, network.clone(), view, token.clone()));
    let nodes = node_notes(&network, plans)?;
    place.announce(&json!({
        "pid": std::process::id(), "control": address.to_string(), "token": token,
        "dir": place.path(), "chain": network.chain.params.name, "nodes": nodes,
    }))?;
    // A fragment stays in the browser: the token is in no request's address and in no log.
    let page = format!("http://{address}/#token={token}");
    let ready = json!({ "event": "ready", "nodes": nodes, "control": address.to_string(), "page": page });
    Ok(Opened { network, happenings, ready, _runtime: runtime })
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

/// Waits for Ctrl-C or SIGTERM, and says so.
async fn stop_on_signal(sender: Sender<Happening>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    let _ = sender.send(Happening::now(What::Stop));
}

fn node_notes(network: &Network, plans: &[NodePlan]) -> Result<Vec<Value>, DevnetError> {
    let note = |plan: &NodePlan| {
        Ok(json!({
            "id": plan.id, "rpc": plan.rpc.to_string(), "cookie": plan.cookie(), "data_dir": plan.data(),
            "peer": plan.peer.to_string(), "peer_id": network.peer_id(plan.id)?,
        }))
    };
    plans.iter().map(note).collect()
}
