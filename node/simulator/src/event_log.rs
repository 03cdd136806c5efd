//! The last events of a world in words, for people who look for what went wrong.

use core::time::Duration;
use std::collections::VecDeque;

use crate::node_index::NodeIndex;

/// The last so many.
#[derive(Clone, Debug)]
pub struct EventLog {
    kept: usize,
    last: u64,
    lines: VecDeque<String>,
}

impl EventLog {
    /// None yet, and never more than so many. What comes after the event of the number `last` is left out.
    pub const fn new(kept: usize, last: u64) -> Self {
        Self { kept, last, lines: VecDeque::new() }
    }

    /// So many events came before any was noted: every node starts.
    pub fn begin_after(&mut self, events: u64) {
        match events.min(self.last) {
            0 => {}
            1 => self.lines.push_back("event 1: a node starts".into()),
            many => self.lines.push_back(format!("events 1 to {many}: nodes start")),
        }
    }

    /// One more.
    pub fn note(&mut self, number: u64, when: Duration, whom: NodeIndex, words: &str) {
        if number > self.last {
            return;
        }
        if self.lines.len() == self.kept {
            self.lines.pop_front();
        }
        let seconds = when.as_secs_f64();
        self.lines.push_back(format!("event {number} at {seconds:.3} s: {whom} {words}"));
    }

    /// All that are kept, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }
}
