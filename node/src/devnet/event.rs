//! Events of a devnet: what its nodes report, and what was done to them.

use std::time::Instant;

use cairn_daemon::api::event::NodeEvent;
use cairn_genesis::hashrate::Hashrate;
use cairn_simulator::note::Note;

use crate::devnet::groups::Groups;
use crate::devnet::line::Line;

/// An event, the time at which it arrived, and its lines.
#[derive(Clone, Debug)]
pub struct TimedEvent {
    pub at: Instant,
    pub event: DevnetEvent,
    /// Whether a connected block is the node's tip: half of a branch is no tip.
    pub is_tip: bool,
    /// Lines for people and programs; they may be about earlier events too.
    pub lines: Vec<Line>,
}

/// An event of a devnet.
#[derive(Clone, Debug)]
pub enum DevnetEvent {
    /// A node reports an event of its own.
    Node { node: u16, event: NodeEvent },
    /// The network is partitioned into these groups; one group is a healed network.
    Partitioned(Groups),
    /// A node ended by itself; `how` has the end of its log.
    Died { node: u16, how: String },
    /// A node was killed on purpose.
    Killed(u16),
    /// A node runs again.
    Restarted(u16),
    /// A node mines at another hash rate, which is `percent` of its first one.
    Hashrate { node: u16, rate: Hashrate, percent: u64 },
    /// All links of a node are slower by `delay_ms` than at first, each way.
    Slowed { node: u16, delay_ms: u64 },
    /// The conductor of the scenario that is played has done something.
    Conductor(Note),
    /// A step of the scenario could not be carried out.
    StepFailed { what: String, why: String },
    /// The devnet is to end.
    Stop,
}
