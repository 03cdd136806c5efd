//! The send budget: bytes that are queued until peers read them, limited for all peers together. When the
//! limit is crossed, the peer with the most queued bytes loses its connection, so that peers that read do not
//! suffer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use cairn_genesis::programs::held::held;
use tokio_util::sync::CancellationToken;

/// The most bytes that are queued for all peers together: enough for some peers that download the whole
/// chain at once, however many are connected.
pub const MAX_QUEUED_BYTES_IN_ALL: usize = 256 * 1024 * 1024;

/// Queued bytes by connection.
#[derive(Debug)]
pub struct SendBudget {
    max_bytes: usize,
    queues: Mutex<Queues>,
}

#[derive(Debug, Default)]
struct Queues {
    /// Queued bytes of all connections.
    total: usize,
    next_id: u64,
    by_id: BTreeMap<u64, Queue>,
}

#[derive(Debug)]
struct Queue {
    bytes: usize,
    closed: CancellationToken,
}

/// The part of one connection. Dropping it releases its bytes.
#[derive(Debug)]
pub struct PeerBudget {
    id: u64,
    all: Arc<SendBudget>,
}

impl SendBudget {
    /// A budget of this many bytes.
    pub fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self { max_bytes, queues: Mutex::default() })
    }

    /// The part of a new connection, which `closed` ends.
    pub fn peer_budget(self: &Arc<Self>, closed: CancellationToken) -> PeerBudget {
        let mut queues = self.queues();
        let id = queues.next_id;
        queues.next_id += 1;
        queues.by_id.insert(id, Queue { bytes: 0, closed });
        PeerBudget { id, all: self.clone() }
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        // Nothing panics while it is held, and counts would be right if something did.
        held(&self.queues)
    }
}

impl Queues {
    fn remove(&mut self, id: u64) -> Option<Queue> {
        let queue = self.by_id.remove(&id)?;
        self.total -= queue.bytes;
        Some(queue)
    }
}

impl PeerBudget {
    /// Adds bytes, and returns the queued bytes of this connection. If all connections together exceed the
    /// budget, the one with the most bytes is closed; that may be this one.
    pub fn add(&self, bytes: usize) -> usize {
        let mut queues = self.all.queues();
        let Some(queue) = queues.by_id.get_mut(&self.id) else { return 0 };
        queue.bytes += bytes;
        let queued = queue.bytes;
        queues.total += bytes;
        while queues.total > self.all.max_bytes
            && let Some((&id, _)) = queues.by_id.iter().max_by_key(|(_, queue)| queue.bytes)
            && let Some(largest) = queues.remove(id)
        {
            largest.closed.cancel();
        }
        queued
    }

    /// Removes bytes that are no longer queued.
    pub fn remove(&self, bytes: usize) {
        let mut queues = self.all.queues();
        if let Some(queue) = queues.by_id.get_mut(&self.id) {
            queue.bytes -= bytes;
            queues.total -= bytes;
        }
    }

    /// The queued bytes of this connection.
    pub fn queued(&self) -> usize {
        self.all.queues().by_id.get(&self.id).map_or(0, |queue| queue.bytes)
    }
}

impl Drop for PeerBudget {
    fn drop(&mut self) {
        self.all.queues().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(budget: &Arc<SendBudget>) -> (PeerBudget, CancellationToken) {
        let closed = CancellationToken::new();
        (budget.peer_budget(closed.clone()), closed)
    }

    #[test]
    fn when_all_together_hold_too_much_the_one_that_holds_most_is_closed() {
        let budget = SendBudget::new(100);
        let ((small, small_closed), (large, large_closed)) = (part(&budget), part(&budget));
        assert_eq!(small.add(30), 30);
        assert_eq!(large.add(70), 70);
        assert!(!small_closed.is_cancelled() && !large_closed.is_cancelled());
        assert_eq!(small.add(1), 31);
        assert!(!small_closed.is_cancelled() && large_closed.is_cancelled());
        assert_eq!((small.queued(), large.queued()), (31, 0));
        large.remove(70);
        assert_eq!(small.add(69), 100);
        assert!(!small_closed.is_cancelled());
    }

    #[test]
    fn a_connection_that_alone_holds_too_much_closes_itself() {
        let budget = SendBudget::new(100);
        let (only, closed) = part(&budget);
        only.add(101);
        assert!(closed.is_cancelled());
    }

    #[test]
    fn what_is_read_or_dropped_no_longer_counts() {
        let budget = SendBudget::new(100);
        let (read, read_closed) = part(&budget);
        for _ in 0..10 {
            read.add(100);
            read.remove(100);
        }
        for _ in 0..10 {
            part(&budget).0.add(100);
        }
        assert!(!read_closed.is_cancelled());
        assert_eq!(budget.queues().total, 0);
        assert_eq!(budget.queues().by_id.len(), 1);
    }
}
