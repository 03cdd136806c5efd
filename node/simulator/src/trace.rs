//! The trace of a run as one hash: two runs with the same trace did the same things at the same times.

use core::fmt;

use cairn_core::hash::sha256d;
use cairn_core::time::Timestamp;

use crate::place::Place;

/// Everything that happened so far, hashed in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    state: [u8; 32],
    steps: u64,
}

impl Trace {
    /// Adds what happened when, to whom: a word for its kind, and bytes that tell it from its like.
    pub fn note(&mut self, when: Timestamp, whom: Place, kind: u8, what: &[u8]) {
        let mut bytes = Vec::with_capacity(48 + what.len());
        bytes.extend_from_slice(&self.state);
        bytes.extend_from_slice(&when.millis().to_be_bytes());
        bytes.extend_from_slice(&(whom.index() as u64).to_be_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(what);
        self.state = sha256d(&bytes);
        self.steps += 1;
    }

    /// How much happened.
    pub const fn steps(&self) -> u64 {
        self.steps
    }
}

impl fmt::Display for Trace {
    /// The hash, 64 hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
