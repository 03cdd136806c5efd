//! What waits until peers read it: bounded for all links together. When the bound is crossed, the peer
//! that makes the node hold most loses its connection, so that those who read are not the ones to suffer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Bytes that may wait on all links together: some peers that fetch the whole chain at once, however
/// many are connected.
pub const MAX_BACKLOG_BYTES: usize = 256 * 1024 * 1024;

/// Bytes that wait, by link.
#[derive(Debug)]
pub struct Backlog {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    next_link: u64,
    links: BTreeMap<u64, Holding>,
}

#[derive(Debug)]
struct Holding {
    bytes: usize,
    over: CancellationToken,
}

/// One link's part of the backlog. Dropping it gives back what it holds.
#[derive(Debug)]
pub struct Share {
    link: u64,
    backlog: Arc<Backlog>,
}

impl Backlog {
    /// A backlog that holds at most so many bytes.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// The part of a new link, which ends when `over` is cancelled.
    pub fn share(self: &Arc<Self>, over: CancellationToken) -> Share {
        let mut held = self.held();
        let link = held.next_link;
        held.next_link += 1;
        held.links.insert(link, Holding { bytes: 0, over });
        Share { link, backlog: self.clone() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing panics while it is held, and counts would be right if something did.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn end(&mut self, link: u64) {
        if let Some(holding) = self.links.remove(&link) {
            self.total -= holding.bytes;
            holding.over.cancel();
        }
    }
}

impl Share {
    /// Counts bytes that begin to wait, and returns how many wait on this link now. If all links
    /// together hold too much, the one that holds most ends; that may be this one.
    pub fn add(&self, bytes: usize) -> usize {
        let mut held = self.backlog.held();
        let Some(holding) = held.links.get_mut(&self.link) else { return 0 };
        holding.bytes += bytes;
        let waiting = holding.bytes;
        held.total += bytes;
        while held.total > self.backlog.most
            && let Some(link) =
                held.links.iter().max_by_key(|(_, holding)| holding.bytes).map(|(link, _)| *link)
        {
            held.end(link);
        }
        waiting
    }

    /// Counts bytes that wait no longer.
    pub fn remove(&self, bytes: usize) {
        let mut held = self.backlog.held();
        if let Some(holding) = held.links.get_mut(&self.link) {
            holding.bytes -= bytes;
            held.total -= bytes;
        }
    }

    /// Bytes that wait on this link.
    pub fn waiting(&self) -> usize {
        self.backlog.held().links.get(&self.link).map_or(0, |holding| holding.bytes)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.backlog.held();
        if let Some(holding) = held.links.remove(&self.link) {
            held.total -= holding.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(backlog: &Arc<Backlog>) -> (Share, CancellationToken) {
        let over = CancellationToken::new();
        (backlog.share(over.clone()), over)
    }

    #[test]
    fn when_all_together_hold_too_much_the_one_that_holds_most_ends() {
        let backlog = Backlog::new(100);
        let ((small, small_over), (large, large_over)) = (share(&backlog), share(&backlog));
        assert_eq!(small.add(30), 30);
        assert_eq!(large.add(70), 70);
        assert!(!small_over.is_cancelled() && !large_over.is_cancelled());
        assert_eq!(small.add(1), 31);
        assert!(!small_over.is_cancelled() && large_over.is_cancelled());
        assert_eq!((small.waiting(), large.waiting()), (31, 0));
        large.remove(70);
        assert_eq!(small.add(69), 100);
        assert!(!small_over.is_cancelled());
    }

    #[test]
    fn a_link_that_alone_holds_too_much_ends_itself() {
        let backlog = Backlog::new(100);
        let (only, over) = share(&backlog);
        only.add(101);
        assert!(over.is_cancelled());
    }

    #[test]
    fn what_is_read_or_dropped_no_longer_counts() {
        let backlog = Backlog::new(100);
        let (read, read_over) = share(&backlog);
        for _ in 0..10 {
            read.add(100);
            read.remove(100);
        }
        for _ in 0..10 {
            share(&backlog).0.add(100);
        }
        assert!(!read_over.is_cancelled());
        assert_eq!(backlog.held().total, 0);
        assert_eq!(backlog.held().links.len(), 1);
    }
}
