//! Events of nodes, kept for a page that shows a world while it runs.

use cairn_protocol::event::Event;

use crate::node_index::NodeIndex;

/// The events since they were taken last; none are kept before the first time.
#[derive(Debug, Default)]
pub struct EventTap(Option<Vec<TappedEvent>>);

/// An event of a node.
#[derive(Clone, Debug)]
pub struct TappedEvent {
    /// When, in milliseconds since the world began.
    pub at_ms: u64,
    pub node: NodeIndex,
    pub event: Event,
}

impl EventTap {
    /// A node has an event.
    pub fn note(&mut self, at_ms: u64, node: NodeIndex, event: &Event) {
        if let Some(events) = &mut self.0 {
            events.push(TappedEvent { at_ms, node, event: event.clone() });
        }
    }

    /// The events since the last call; the first call begins to keep them.
    pub fn take(&mut self) -> Vec<TappedEvent> {
        self.0.replace(Vec::new()).unwrap_or_default()
    }
}
