//! The log of events: the last few thousand, numbered from 1, for followers who resume.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use cairn_genesis::programs::held::held;
use serde::Serialize;
use tokio::sync::watch;

use crate::api::tagged::split;

/// Events kept: a follower that was away during a reorganization of 4,000 blocks still finds all
/// of it. At about 500 bytes each that is 4 MiB.
pub const KEPT: usize = 8192;
/// Events handed to a follower at a time.
const AT_ONCE: usize = 256;

/// One event, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the order of all events since the node started.
    pub number: u64,
    /// What kind it is.
    pub kind: Arc<str>,
    /// Its values, as JSON.
    pub data: Arc<str>,
}

/// What a follower gets for a number.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// These come next; none means that there is nothing newer yet.
    Entries(Vec<Entry>),
    /// Events from that number on are gone, or never were: the follower must look at the chain
    /// again, and goes on with `next`.
    Gap {
        /// The number that the next event will have.
        next: u64,
    },
}

/// The log. Clones are the same log. Followers hold a number and no queue, so a slow one costs
/// nothing and delays no other; it gets a gap when it has fallen too far behind.
#[derive(Clone, Debug)]
pub struct EventLog {
    /// Which run of the node the numbers belong to.
    run: Arc<str>,
    kept: Arc<Mutex<Kept>>,
    latest: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Entry>,
    /// The number of the newest event; 0 before the first.
    latest: u64,
}

impl EventLog {
    /// A log without events, of a run with a random name.
    pub fn begin() -> Self {
        Self::new(&format!("{:016x}", getrandom::u64().unwrap_or_default()))
    }

    /// A log without events; `run` distinguishes its numbers from those of other runs.
    pub fn new(run: &str) -> Self {
        Self { run: run.into(), kept: Arc::default(), latest: Arc::new(watch::Sender::new(0)) }
    }

    /// Which run of the node the numbers belong to.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Adds an event, a variant of an enum, and wakes the followers.
    pub fn push(&self, event: &impl Serialize) {
        let (kind, data) = split(event);
        let mut kept = held(&self.kept);
        kept.latest += 1;
        let number = kept.latest;
        kept.entries.push_back(Entry { number, kind: kind.into(), data: data.into() });
        if kept.entries.len() > KEPT {
            kept.entries.pop_front();
        }
        self.latest.send_replace(kept.latest);
    }

    /// Drops all events, because some were lost before they came here: followers must read the chain again.
    pub fn forget(&self) {
        let mut kept = held(&self.kept);
        kept.entries.clear();
        // One number stands for the lost events, so that no follower can be exactly up to date.
        kept.latest += 1;
        self.latest.send_replace(kept.latest);
    }

    /// The number that the next event will have.
    pub fn next(&self) -> u64 {
        held(&self.kept).latest + 1
    }

    /// The events from a number on.
    pub fn since(&self, number: u64) -> Found {
        let kept = held(&self.kept);
        let oldest = kept.latest + 1 - kept.entries.len() as u64;
        if number < oldest || number > kept.latest + 1 {
            return Found::Gap { next: kept.latest + 1 };
        }
        let skipped = (number - oldest) as usize;
        Found::Entries(kept.entries.iter().skip(skipped).take(AT_ONCE).cloned().collect())
    }

    /// Wakes whenever there is something newer.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(events: usize) -> EventLog {
        let log = EventLog::new("run");
        (0..events).for_each(|_| log.push(&json!({ "test": 1 })));
        log
    }

    fn numbers(found: Found) -> Vec<u64> {
        match found {
            Found::Entries(entries) => entries.iter().map(|entry| entry.number).collect(),
            Found::Gap { .. } => panic!("a gap"),
        }
    }

    #[test]
    fn a_follower_resumes_at_the_number_it_wants() {
        let log = filled(5);
        assert_eq!(numbers(log.since(1)), [1, 2, 3, 4, 5]);
        assert_eq!(numbers(log.since(4)), [4, 5]);
        assert!(numbers(log.since(6)).is_empty());
    }

    #[test]
    fn a_number_that_is_gone_or_never_was_is_a_gap() {
        let log = filled(KEPT + 1);
        let next = KEPT as u64 + 2;
        assert_eq!(log.since(1), Found::Gap { next });
        assert_eq!(numbers(log.since(2)).first(), Some(&2));
        assert_eq!(log.since(next + 1), Found::Gap { next });
        assert_eq!(filled(3).since(0), Found::Gap { next: 4 });
    }

    #[test]
    fn lost_events_are_a_gap_for_every_follower() {
        let log = filled(3);
        log.forget();
        assert_eq!(log.since(4), Found::Gap { next: 5 });
        log.push(&json!({ "test": 1 }));
        assert_eq!(numbers(log.since(5)), [5]);
    }
}
