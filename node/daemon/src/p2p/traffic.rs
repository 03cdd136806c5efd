//! How many bytes came and went: of one peer, and of all together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of messages and their frames, without what the transport adds.
#[derive(Debug, Default)]
pub struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
    /// What these bytes count towards as well.
    total: Option<Arc<Traffic>>,
}

impl Traffic {
    /// A count that adds to a total.
    pub fn within(total: Arc<Traffic>) -> Self {
        Self { total: Some(total), ..Self::default() }
    }

    /// Notes bytes that came.
    pub fn add_received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        self.total.iter().for_each(|total| total.add_received(bytes));
    }

    /// Notes bytes that went.
    pub fn add_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        self.total.iter().for_each(|total| total.add_sent(bytes));
    }

    /// Bytes that came.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Bytes that went.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}
