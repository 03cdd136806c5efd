//! What nodes tell people, kept for whoever watches a world while it runs.

use cairn_protocol::event::Event;

use crate::node_index::NodeIndex;

/// What was told since it was taken last; nothing is kept until somebody wants it.
#[derive(Debug, Default)]
pub struct EventTap(Option<Vec<Told>>);

/// One thing that a node told.
#[derive(Clone, Debug)]
pub struct Told {
    /// When, in milliseconds since the world began.
    pub at_ms: u64,
    /// Who.
    pub node: NodeIndex,
    /// What.
    pub event: Event,
}

impl EventTap {
    /// A node tells something.
    pub fn note(&mut self, at_ms: u64, node: NodeIndex, event: &Event) {
        if let Some(told) = &mut self.0 {
            told.push(Told { at_ms, node, event: event.clone() });
        }
    }

    /// What was told since this was asked last; the first time it begins to be kept.
    pub fn take(&mut self) -> Vec<Told> {
        self.0.replace(Vec::new()).unwrap_or_default()
    }
}
