//! What can happen in a devnet, as the narrator hears it.

use std::time::Instant;

use cairn_core::hash::Txid;
use cairn_simulator::node_index::NodeIndex;
use cairn_simulator::settling::Settlement;
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
    /// A step of the scenario that is played begins.
    StepBegun(usize),
    /// It is done.
    StepDone(usize),
    /// It could not be done.
    StepFailed {
        /// What was tried, in words.
        what: String,
        /// Why it failed.
        why: String,
    },
    /// All miners stopped but these, which mine until all agree; a cut has these sides.
    Settling(Settlement),
    /// A coin of the scenario's is about to be paid twice.
    PaidTwice {
        /// The payment.
        payment: Txid,
        /// What takes its place on the other side.
        rival: Txid,
    },
    /// A node took a payment of the scenario's.
    Accepted(Txid),
    /// A node took the second payment of a coin.
    RivalAccepted(Txid),
    /// A node did not take the second payment of a coin.
    RivalRefused {
        /// Which.
        at: NodeIndex,
        /// Why.
        why: String,
    },
    /// Of the step that is under way, so many payments were handed in.
    HandedIn {
        /// How many.
        payments: u32,
        /// Why not all of them.
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
