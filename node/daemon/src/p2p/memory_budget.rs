//! The memory budget: bytes that peers make this node hold, limited for all of them together. When the limit is
//! crossed, the connection that released nothing for longest is closed: a peer that reads, however slowly, goes on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use cairn_genesis::programs::held::held;
use cairn_protocol::limits::{MAX_RELAYED_TRANSACTION, MAX_SERVED_TRANSACTION_BYTES};
use cairn_protocol::peer::PeerId;
use tokio_util::sync::CancellationToken;

/// The most bytes that are queued until peers read them: enough for some peers that download the whole chain at
/// once, however many are connected.
pub const MAX_QUEUED_BYTES_IN_ALL: usize = 256 * 1024 * 1024;
/// Bytes that may wait for each peer besides: one piece of what is written at a time, and small messages.
const UNREAD_ALLOWANCE: usize = 256 * 1024;
/// Bytes of the longest frame that a peer sends which keeps to the protocol and was asked for no block: a full reply
/// to `GetTransactions`, with its ids and lengths.
pub const LONGEST_UNREQUESTED: usize = MAX_SERVED_TRANSACTION_BYTES + MAX_RELAYED_TRANSACTION + 16 * 1024;
/// The most bytes of longer frames that peers send without having been asked for a block.
pub const MAX_UNREQUESTED_BYTES_IN_ALL: usize = 32 * 1024 * 1024;

/// Held bytes by connection.
#[derive(Debug)]
pub struct MemoryBudget {
    max_bytes: usize,
    /// Bytes of each connection that do not count towards the limit.
    allowance: usize,
    parts: Mutex<Parts>,
}

#[derive(Debug, Default)]
struct Parts {
    /// Held bytes of all connections, each without its allowance.
    counted: usize,
    next_id: u64,
    by_id: BTreeMap<u64, Part>,
}

#[derive(Debug)]
struct Part {
    peer: PeerId,
    bytes: usize,
    /// When it last released bytes, or began to hold some.
    progress: Instant,
    closed: CancellationToken,
}

/// The part of one connection. Dropping it releases its bytes.
#[derive(Debug)]
pub struct PeerBudget {
    id: u64,
    all: Arc<MemoryBudget>,
}

impl MemoryBudget {
    /// A budget of this many bytes, beside an allowance for each connection.
    pub fn new(max_bytes: usize, allowance: usize) -> Arc<Self> {
        Arc::new(Self { max_bytes, allowance, parts: Mutex::default() })
    }

    /// The budget for messages that wait until peers read them.
    pub fn for_sending() -> Arc<Self> {
        Self::new(MAX_QUEUED_BYTES_IN_ALL, UNREAD_ALLOWANCE)
    }

    /// The budget for frames of which a part has arrived, but for those of requested blocks. A peer that keeps to
    /// the protocol stays within the allowance.
    pub fn for_reading() -> Arc<Self> {
        Self::new(MAX_UNREQUESTED_BYTES_IN_ALL, LONGEST_UNREQUESTED)
    }

    /// The part of a new connection with a peer, which `closed` ends.
    pub fn peer_budget(self: &Arc<Self>, peer: PeerId, closed: CancellationToken) -> PeerBudget {
        let mut parts = self.parts();
        let id = parts.next_id;
        parts.next_id += 1;
        parts.by_id.insert(id, Part { peer, bytes: 0, progress: Instant::now(), closed });
        PeerBudget { id, all: self.clone() }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        // Nothing panics while it is held, and counts would be right if something did.
        held(&self.parts)
    }
}

impl Parts {
    fn remove(&mut self, id: u64, allowance: usize) -> Option<Part> {
        let part = self.by_id.remove(&id)?;
        self.counted -= part.counted(allowance);
        Some(part)
    }
}

impl Part {
    fn counted(&self, allowance: usize) -> usize {
        self.bytes.saturating_sub(allowance)
    }
}

impl PeerBudget {
    /// Adds bytes, and returns the held bytes of this connection. While all connections together exceed the budget,
    /// those that released nothing for longest are closed; that may be this one.
    pub fn add(&self, bytes: usize) -> usize {
        let (mut parts, allowance) = (self.all.parts(), self.all.allowance);
        let parts = &mut *parts;
        let Some(part) = parts.by_id.get_mut(&self.id) else { return 0 };
        if part.bytes == 0 {
            part.progress = Instant::now();
        }
        let before = part.counted(allowance);
        part.bytes += bytes;
        let held = part.bytes;
        parts.counted += part.counted(allowance) - before;
        while parts.counted > self.all.max_bytes {
            let counting = parts.by_id.iter().filter(|(_, part)| part.counted(allowance) > 0);
            let Some(stuck) = counting.min_by_key(|(_, part)| part.progress).map(|(id, _)| *id) else {
                break;
            };
            if let Some(part) = parts.remove(stuck, allowance) {
                // Peers can cause this as often as they connect, so it is not a warning.
                tracing::debug!(peer = ?part.peer, bytes = part.bytes, "memory: a connection is closed");
                metrics::counter!("cairn_closed_for_memory_total").increment(1);
                part.closed.cancel();
            }
        }
        held
    }

    /// Notes that a part of the bytes was taken.
    pub fn progressed(&self) {
        if let Some(part) = self.all.parts().by_id.get_mut(&self.id) {
            part.progress = Instant::now();
        }
    }

    /// Releases bytes.
    pub fn remove(&self, bytes: usize) {
        let (mut parts, allowance) = (self.all.parts(), self.all.allowance);
        let parts = &mut *parts;
        if let Some(part) = parts.by_id.get_mut(&self.id) {
            let before = part.counted(allowance);
            part.bytes -= bytes;
            part.progress = Instant::now();
            parts.counted -= before - part.counted(allowance);
        }
    }

    /// The held bytes of this connection.
    pub fn held(&self) -> usize {
        self.all.parts().by_id.get(&self.id).map_or(0, |part| part.bytes)
    }
}

impl Drop for PeerBudget {
    fn drop(&mut self) {
        self.all.parts().remove(self.id, self.all.allowance);
    }
}

#[cfg(test)]
mod tests {
    use cairn_protocol::limits::MAX_FRAME;

    use super::*;

    fn part(budget: &Arc<MemoryBudget>) -> (PeerBudget, CancellationToken) {
        let closed = CancellationToken::new();
        (budget.peer_budget(PeerId::from_bytes([1; 32]), closed.clone()), closed)
    }

    /// ATTACKS 24: a slow honest peer that holds much is not closed for those that never read.
    #[test]
    fn when_all_hold_too_much_the_one_that_released_nothing_for_longest_is_closed() {
        let budget = MemoryBudget::new(100, 0);
        let ((slow, slow_closed), (silent, silent_closed)) = (part(&budget), part(&budget));
        assert_eq!((slow.add(60), silent.add(40)), (60, 40));
        slow.progressed();
        assert!(!slow_closed.is_cancelled() && !silent_closed.is_cancelled());
        let (newest, newest_closed) = part(&budget);
        newest.add(1);
        assert!(silent_closed.is_cancelled() && !slow_closed.is_cancelled() && !newest_closed.is_cancelled());
        assert_eq!((slow.held(), silent.held(), newest.held()), (60, 0, 1));
        silent.remove(40);
        newest.add(39);
        assert!(!slow_closed.is_cancelled() && !newest_closed.is_cancelled());
    }

    #[test]
    fn a_connection_that_alone_holds_too_much_closes_itself() {
        let budget = MemoryBudget::new(100, 10);
        let (only, closed) = part(&budget);
        only.add(110);
        assert!(!closed.is_cancelled());
        only.add(1);
        assert!(closed.is_cancelled());
    }

    #[test]
    fn whoever_stays_within_the_allowance_is_never_closed() {
        let budget = MemoryBudget::for_reading();
        let honest: Vec<_> = (0..1_000).map(|_| part(&budget)).collect();
        honest.iter().for_each(|(part, _)| assert_eq!(part.add(LONGEST_UNREQUESTED), LONGEST_UNREQUESTED));
        let hostile: Vec<_> = (0..100).map(|_| part(&budget)).collect();
        hostile.iter().for_each(|(part, _)| assert!(part.add(MAX_FRAME) <= MAX_FRAME));
        assert!(honest.iter().all(|(_, closed)| !closed.is_cancelled()));
        let held: usize = hostile.iter().map(|(part, _)| part.held()).sum();
        assert!(held <= MAX_UNREQUESTED_BYTES_IN_ALL * 3 / 2, "{held}");
    }

    #[test]
    fn what_is_read_or_dropped_no_longer_counts() {
        let budget = MemoryBudget::new(100, 10);
        let (read, read_closed) = part(&budget);
        for _ in 0..10 {
            read.add(100);
            read.remove(100);
        }
        for _ in 0..10 {
            part(&budget).0.add(100);
        }
        assert!(!read_closed.is_cancelled());
        assert_eq!(budget.parts().counted, 0);
        assert_eq!(budget.parts().by_id.len(), 1);
    }
}
