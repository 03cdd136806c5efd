//! The trace of a run as one hash: two runs with the same trace did the same things at the same times.

use core::fmt::{self, Write};

use cairn_core::time::Timestamp;
use cairn_protocol::input::Input;
use sha2::{Digest, Sha256};

use crate::node_index::NodeIndex;
use crate::weight::mark;

/// Everything that one node heard so far, hashed in order.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hasher: Sha256,
}

impl Trace {
    /// Adds what it heard when.
    pub fn note(&mut self, when: Timestamp, whom: NodeIndex, what: &Input) {
        self.hasher.update(when.millis().to_be_bytes());
        self.hasher.update(whom.number().to_be_bytes());
        mark(what, &mut |bytes| self.hasher.update(bytes));
    }
}

/// What all nodes heard, as 64 hex digits. Nodes know of each other only by what they hear, so
/// nothing is left out.
pub fn of_all<'t>(traces: impl Iterator<Item = &'t Trace>) -> String {
    let mut hasher = Sha256::new();
    traces.for_each(|trace| hasher.update(trace.hasher.clone().finalize()));
    hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _: fmt::Result = write!(text, "{byte:02x}");
        text
    })
}
