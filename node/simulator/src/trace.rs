//! The trace of a run as one hash: two runs with the same trace did the same things at the same times.

use core::fmt;

use cairn_core::time::Timestamp;
use cairn_protocol::input::Input;
use sha2::{Digest, Sha256};

use crate::place::Place;
use crate::weight::mark;

/// Everything that happened so far, hashed in order.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hasher: Sha256,
    events: u64,
}

impl Trace {
    /// Adds what happened when, to whom.
    pub fn note(&mut self, when: Timestamp, whom: Place, what: &Input) {
        self.hasher.update(when.millis().to_be_bytes());
        self.hasher.update(whom.number().to_be_bytes());
        mark(what, &mut |bytes| self.hasher.update(bytes));
        self.events += 1;
    }

    /// How much happened.
    pub const fn events(&self) -> u64 {
        self.events
    }
}

impl fmt::Display for Trace {
    /// The hash, 64 hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hasher.clone().finalize().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
