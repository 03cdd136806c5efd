//! Opening a devnet to others: its control API, the note by which programs find it, and the signals
//! that end it.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use serde_json::{Value, json};

use crate::devnet::control;
use crate::devnet::error::DevnetError;
use crate::devnet::happening::{Happening, What};
use crate::devnet::network::Network;
use crate::devnet::place::Place;
use crate::devnet::plan::NodePlan;

/// Serves the control API on this runtime and leaves the note; returns what programs are told as
/// the first event.
///
/// # Errors
/// When there is no port, no randomness for the token, or no place for the note.
pub fn open(
    runtime: &tokio::runtime::Runtime,
    network: &Arc<Network>,
    plans: &[NodePlan],
    place: &mut Place,
) -> Result<Value, DevnetError> {
    let (listener, address) = control::listen()?;
    let token = control::new_token()?;
    runtime.spawn(control::serve(listener, network.clone(), token.clone()));
    let nodes = node_notes(network, plans)?;
    place.announce(&json!({
        "pid": std::process::id(), "control": address.to_string(), "token": token,
        "dir": place.path(), "chain": network.chain.params.name, "nodes": nodes,
    }))?;
    Ok(json!({ "event": "ready", "nodes": nodes, "control": address.to_string() }))
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
