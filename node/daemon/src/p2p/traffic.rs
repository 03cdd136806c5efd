//! Traffic: received and sent bytes of one peer, and of all peers together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of messages and their frames, without what the transport adds.
#[derive(Debug, Default)]
pub struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
    /// The count that these bytes are added to as well.
    total: Option<Arc<Traffic>>,
}

impl Traffic {
    /// A count that adds to a total.
    pub fn within(total: Arc<Traffic>) -> Self {
        Self { total: Some(total), ..Self::default() }
    }

    /// Counts bytes that were received.
    pub fn add_received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        self.total.iter().for_each(|total| total.add_received(bytes));
    }

    /// Counts bytes that were sent.
    pub fn add_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        self.total.iter().for_each(|total| total.add_sent(bytes));
    }

    /// The number of received bytes.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// The number of sent bytes.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}
