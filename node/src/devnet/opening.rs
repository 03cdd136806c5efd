//! Opening a devnet to others: its control API and page, the note by which programs find it, and the signals
//! that end it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::{Value, json};

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

/// Lets the picture hear everything first; returns what is heard then.
///
/// # Panics
/// When the system has no thread left.
pub fn overheard(view: View, happenings: Receiver<Happening>) -> Receiver<Happening> {
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

/// Serves the control API and the page on this runtime and leaves the note; returns what programs
/// are told as the first event.
///
/// # Errors
/// When there is no port, no randomness for the token, or no place for the note.
pub fn open(
    runtime: &tokio::runtime::Runtime,
    network: &Arc<Network>,
    view: &View,
    plans: &[NodePlan],
    place: &mut Place,
) -> Result<Value, DevnetError> {
    let first = plans.first().map_or(0, |plan| plan.rpc.port());
    let (listener, address) = control::listen(first.saturating_sub(PAGE_BELOW))?;
    let token = control::new_token()?;
    pulse::begin(view.clone(), network);
    runtime.spawn(control::serve(listener, network.clone(), view.clone(), token.clone()));
    let nodes = node_notes(network, plans)?;
    place.announce(&json!({
        "pid": std::process::id(), "control": address.to_string(), "token": token,
        "dir": place.path(), "chain": network.chain.params.name, "nodes": nodes,
    }))?;
    // A fragment stays in the browser: the token is in no request's address and in no log.
    let page = format!("http://{address}/#token={token}");
    Ok(json!({ "event": "ready", "nodes": nodes, "control": address.to_string(), "page": page }))
}

/// Waits for Ctrl-C or SIGTERM, and says so.
pub async fn stop_on_signal(sender: Sender<Happening>) {
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
