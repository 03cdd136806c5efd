//! Lines of the narrator: as data for programs, and in words for people.

use std::collections::BTreeSet;

use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::work::Work;
use cairn_daemon::api::decimal::Coins;
use serde::Serialize;

/// An event as people and programs read it.
#[derive(Clone, Debug)]
pub struct Line {
    /// In plain words; none when a later line has it together with others.
    pub text: Option<String>,
    pub event: Narrated,
}

/// An event as an object for programs. `transactions` leaves out the coinbase; `all` says that every node
/// that can have the block has it; `ms` is the time that agreement took.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Narrated {
    Block(NarratedBlock),
    Reorganization(NarratedReorganization),
    Transaction { txid: Txid, node: u16, fee: Coins },
    Partitioned { groups: String },
    Healed,
    Died { node: u16, how: String },
    Killed { node: u16 },
    Restarted { node: u16 },
    Hashrate { node: u16, percent: u64 },
    Slowed { node: u16, delay_ms: u64 },
    Agreement { height: Height, hash: BlockHash, ms: u64 },
    Gap { node: u16 },
    Stuck { node: u16, why: String },
}

/// A block, and the nodes that have it.
#[derive(Clone, Debug, Serialize)]
pub struct NarratedBlock {
    pub height: Height,
    pub hash: BlockHash,
    pub miner: String,
    pub transactions: usize,
    pub nodes: BTreeSet<u16>,
    pub all: bool,
    pub ms: u64,
}

/// A reorganization: blocks that left and joined the best chain of a node.
#[derive(Clone, Debug, Serialize)]
pub struct NarratedReorganization {
    pub node: u16,
    pub left: u32,
    pub joined: u32,
    pub fork_height: Height,
    pub old_chainwork: Work,
    pub new_chainwork: Work,
}

impl Narrated {
    /// A line for people and programs.
    pub const fn line(self, text: String) -> Line {
        Line { text: Some(text), event: self }
    }

    /// The kind of mark on the axis of time; none where it is not worth one.
    pub const fn mark(&self) -> Option<&'static str> {
        Some(match self {
            Self::Partitioned { .. } => "partition",
            Self::Healed => "heal",
            Self::Killed { .. } => "kill",
            Self::Died { .. } => "died",
            Self::Restarted { .. } => "restart",
            Self::Hashrate { .. } => "hashrate",
            Self::Slowed { .. } => "slow",
            Self::Reorganization { .. } => "reorganized",
            Self::Agreement { .. } => "agreed",
            Self::Block { .. } | Self::Transaction { .. } | Self::Gap { .. } | Self::Stuck { .. } => {
                return None;
            }
        })
    }

    /// The node that was killed, died or was started.
    pub const fn node(&self) -> Option<u16> {
        match self {
            Self::Killed { node } | Self::Died { node, .. } | Self::Restarted { node } => Some(*node),
            _ => None,
        }
    }

    /// Duration until agreement, in milliseconds.
    pub const fn took_ms(&self) -> Option<u64> {
        match self {
            Self::Agreement { ms, .. } => Some(*ms),
            _ => None,
        }
    }
}

/// The end of a hash: its beginning is zeros.
pub fn short(hash: &BlockHash, digits: usize) -> String {
    let hash = hash.to_string();
    format!("…{}", hash.get(hash.len().saturating_sub(digits)..).unwrap_or_default())
}
