//! What can happen in a devnet, as the narrator hears it.

use std::time::Instant;

use cairn_simulator::note::Note;
use serde_json::Value;

use crate::devnet::groups::Groups;

/// One thing that happened, and when.
#[derive(Clone, Debug)]
pub struct Happening {
    /// When it was heard of.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// A node told an event.
    Told {
        /// Which node.
        node: u16,
        /// The event's name, as in `block_connected`.
        kind: String,
        /// Its values.
        data: Value,
    },
    /// The network was cut, or joined again.
    Cut(Groups),
    /// A node ended by itself.
    Died {
        /// Which.
        node: u16,
        /// How, and the end of its log.
        how: String,
    },
    /// A node was killed on purpose.
    Killed(u16),
    /// A node is running again.
    Restarted(u16),
    /// A node mines at another rate, in per cent of its first.
    Hashrate {
        /// Which.
        node: u16,
        /// Per cent.
        percent: u64,
    },
    /// All links of a node are slower by so many milliseconds than they were at first.
    Slowed {
        /// Which.
        node: u16,
        /// Milliseconds each way.
        delay_ms: u64,
    },
    /// The conductor of the scenario that is played has done something.
    Conductor(Note),
    /// A step of the scenario could not be carried out.
    StepFailed {
        /// What was tried, in words.
        what: String,
        /// Why it failed.
        why: String,
    },
    /// Somebody wants the devnet to end.
    Stop,
}

impl Happening {
    /// It happened just now.
    pub fn now(what: What) -> Self {
        Self { at: Instant::now(), what }
    }
}
