//! Connection slots of a server. When all are in use, a new connection takes the slot of
//! a caller that has not shown the server's secret, so strangers cannot shut its owner out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cairn_genesis::programs::held::held;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Age in which a connection is preferred to older ones of strangers: its first request may carry the secret, and on a
/// busy machine it takes a moment until that is sent and read.
const NEW: Duration = Duration::from_secs(1);

/// Bytes of answers to strangers that are not written yet, over all connections. An answer has 64 MB at most, so that
/// 256 strangers who read nothing would otherwise hold 16 GB.
const MAX_UNWRITTEN: usize = 256 * 1024 * 1024;

/// Whether a request carried the server's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// It has shown the secret.
    Known,
    /// It has not: a page, or any other program of this machine.
    Stranger,
}

/// The slots of one server. Clones are the same.
#[derive(Clone, Debug)]
pub struct ConnectionSlots {
    limit: usize,
    table: Arc<Mutex<Table>>,
    freed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    taken: BTreeMap<u64, Holder>,
}

/// A connection that has a slot.
#[derive(Debug)]
struct Holder {
    caller: Caller,
    /// Requests whose response is not written yet.
    requests: usize,
    /// Bytes of their answers.
    unwritten: usize,
    connected: Instant,
    /// Time at which it connected, or last began or ended a request.
    since: Instant,
    evicted: CancellationToken,
}

/// One slot, until this is dropped or evicted.
#[derive(Debug)]
pub struct ConnectionSlot {
    slots: ConnectionSlots,
    number: u64,
    evicted: CancellationToken,
}

/// A request in progress, as long as this lives.
#[derive(Debug)]
pub struct Busy {
    slots: ConnectionSlots,
    number: u64,
    /// Bytes of its answer.
    unwritten: usize,
}

impl ConnectionSlots {
    /// ConnectionSlots for this number of connections.
    pub fn new(limit: usize) -> Self {
        Self { limit, table: Arc::default(), freed: Arc::default() }
    }

    /// Takes a slot; with none free, that of a stranger. Waits only when known callers have them all.
    pub async fn take(&self) -> ConnectionSlot {
        loop {
            let freed = self.freed.notified();
            if let Some(slot) = self.try_take(Instant::now()) {
                return slot;
            }
            freed.await;
        }
    }

    fn try_take(&self, now: Instant) -> Option<ConnectionSlot> {
        let mut table = held(&self.table);
        if table.taken.len() >= self.limit && !table.evict(now) {
            return None;
        }
        let (number, evicted) = (table.next, CancellationToken::new());
        table.next += 1;
        let (caller, evicting) = (Caller::Stranger, evicted.clone());
        let holder =
            Holder { caller, requests: 0, unwritten: 0, connected: now, since: now, evicted: evicting };
        table.taken.insert(number, holder);
        Some(ConnectionSlot { slots: self.clone(), number, evicted })
    }

    /// Closes a stranger's connection, if there is one.
    pub fn evict(&self) {
        held(&self.table).evict(Instant::now());
    }
}

impl Table {
    /// Closes the stranger's connection that has been idle longest; with none idle, the one whose response
    /// has been in progress longest; with none that is not new, the oldest. A new one is idle until its first
    /// request is read, so it must not give way to those that keep the server busy.
    fn evict(&mut self, now: Instant) -> bool {
        let strangers = self.taken.iter().filter(|(_, holder)| holder.caller == Caller::Stranger);
        let chosen = strangers.min_by_key(|(_, holder)| {
            let is_new = now.saturating_duration_since(holder.connected) < NEW;
            if is_new { (true, false, holder.connected) } else { (false, holder.requests > 0, holder.since) }
        });
        let Some(number) = chosen.map(|(number, _)| *number) else { return false };
        self.close(number);
        true
    }

    /// Closes the strangers' connections whose answers have been in progress longest, until the unwritten bytes of
    /// the others are within the limit.
    fn evict_slow_readers(&mut self) {
        loop {
            let strangers = self.taken.iter().filter(|(_, holder)| holder.caller == Caller::Stranger);
            let (mut unwritten, mut slowest) = (0, None);
            for (number, holder) in strangers.filter(|(_, holder)| holder.unwritten > 0) {
                unwritten += holder.unwritten;
                slowest = slowest.into_iter().chain([(holder.since, *number)]).min();
            }
            match slowest {
                Some((_, number)) if unwritten > MAX_UNWRITTEN => self.close(number),
                _ => return,
            }
        }
    }

    fn close(&mut self, number: u64) {
        if let Some(holder) = self.taken.remove(&number) {
            holder.evicted.cancel();
        }
    }
}

impl ConnectionSlot {
    /// Notes that a request begins, until the returned value is dropped.
    pub fn begin(&self, caller: Caller) -> Busy {
        if let Some(holder) = held(&self.slots.table).taken.get_mut(&self.number) {
            holder.requests += 1;
            holder.since = Instant::now();
            // A caller that has shown the secret once is known from then on.
            if caller == Caller::Known {
                holder.caller = Caller::Known;
            }
        }
        Busy { slots: self.slots.clone(), number: self.number, unwritten: 0 }
    }

    /// Cancelled when the slot is given to another connection.
    pub const fn evicted(&self) -> &CancellationToken {
        &self.evicted
    }
}

impl Busy {
    /// Notes the size of the answer, which is in memory until it is written.
    pub fn answers(&mut self, bytes: usize) {
        let mut table = held(&self.slots.table);
        if let Some(holder) = table.taken.get_mut(&self.number) {
            self.unwritten = bytes;
            holder.unwritten += bytes;
            table.evict_slow_readers();
        }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        held(&self.slots.table).taken.remove(&self.number);
        self.slots.freed.notify_one();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(holder) = held(&self.slots.table).taken.get_mut(&self.number) {
            holder.requests -= 1;
            holder.unwritten -= self.unwritten;
            holder.since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn taken_at(slots: &ConnectionSlots, now: Instant) -> ConnectionSlot {
        slots.try_take(now).expect("a slot")
    }

    #[test]
    fn the_longest_idle_stranger_gives_way_then_the_longest_busy_one_and_a_known_caller_never() {
        let (slots, begun) = (ConnectionSlots::new(4), Instant::now());
        let taken = |slots: &ConnectionSlots| taken_at(slots, begun + NEW);
        let later = || taken_at(&slots, begun + NEW * 2);
        let [busy, known, idle, newest] = [(); 4].map(|()| taken_at(&slots, begun));
        let answering = busy.begin(Caller::Stranger);
        drop(known.begin(Caller::Known));
        let evicted = || [&busy, &known, &idle, &newest].map(|slot| slot.evicted().is_cancelled());
        let _fifth = taken(&slots);
        assert_eq!(evicted(), [false, false, true, false]);
        let _sixth = taken(&slots);
        assert_eq!(evicted(), [false, false, true, true]);
        let held = [later(), later()].map(|slot| {
            drop(slot.begin(Caller::Known));
            slot
        });
        assert_eq!(evicted(), [false, false, true, true], "the fifth and the sixth were idle");
        drop((answering, held));
    }

    #[test]
    fn strangers_that_read_no_answers_hold_a_bounded_part_of_the_memory() {
        let (slots, begun) = (ConnectionSlots::new(256), Instant::now());
        let taken: Vec<ConnectionSlot> = (0..100).map(|_| taken_at(&slots, begun)).collect();
        let owner = taken_at(&slots, begun);
        let mut busy = vec![owner.begin(Caller::Known)];
        busy[0].answers(2 * MAX_UNWRITTEN);
        let mut open = 0;
        for slot in &taken {
            let mut answer = slot.begin(Caller::Stranger);
            answer.answers(MAX_UNWRITTEN / 4);
            busy.push(answer);
            open = taken.iter().filter(|slot| !slot.evicted().is_cancelled()).count();
            assert!(!slot.evicted().is_cancelled(), "the newest answer is written");
        }
        assert_eq!(open, 4);
        assert!(!owner.evicted().is_cancelled());
        busy.clear();
        taken[99].begin(Caller::Stranger).answers(MAX_UNWRITTEN);
        assert!(!taken[99].evicted().is_cancelled(), "what was written no longer counts");
    }

    #[test]
    fn a_new_connection_that_has_said_nothing_outlasts_older_ones_that_are_busy() {
        let (slots, begun) = (ConnectionSlots::new(3), Instant::now());
        let busy = [(); 2].map(|()| taken_at(&slots, begun));
        let answering = busy.each_ref().map(|slot| slot.begin(Caller::Stranger));
        let owner = taken_at(&slots, begun + NEW);
        let crowd = || taken_at(&slots, begun + NEW + NEW / 2);
        let (first, second) = (crowd(), crowd());
        assert!(busy.iter().all(|slot| slot.evicted().is_cancelled()));
        assert!(!owner.evicted().is_cancelled());
        let third = crowd();
        assert!(owner.evicted().is_cancelled(), "of new ones the oldest gives way");
        assert!([first, second, third].iter().all(|slot| !slot.evicted().is_cancelled()));
        drop(answering);
    }

    #[test]
    fn a_newcomer_waits_while_known_callers_have_every_slot() {
        let slots = ConnectionSlots::new(1);
        let known = taken_at(&slots, Instant::now());
        drop(known.begin(Caller::Known));
        let waiting = slots.take();
        let mut waiting = std::pin::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(!known.evicted().is_cancelled());
        drop(known);
        assert!(waiting.now_or_never().is_some());
    }
}
