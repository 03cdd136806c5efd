//! Records the node's events in the log that followers read.

use cairn_protocol::event::Event;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::api::event::NodeEvent;
use crate::event_log::EventLog;
use crate::web::metrics::count;

/// Writes every event of the node to the log, until the node stops.
pub async fn record(log: EventLog, mut events: broadcast::Receiver<Event>) {
    loop {
        match events.recv().await {
            Ok(event) => {
                count(&event);
                log.push(&NodeEvent::from(&event));
            }
            // It cannot keep up: followers get a gap rather than a chain with a hole.
            Err(RecvError::Lagged(lost)) => {
                tracing::warn!(lost, "events were lost: followers must read the chain again");
                log.forget();
            }
            Err(RecvError::Closed) => return,
        }
    }
}
