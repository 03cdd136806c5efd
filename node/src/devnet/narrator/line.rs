//! What a devnet tells: as data for programs, and in words for people.

use std::collections::BTreeSet;

use cairn_core::amount::Amount;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::work::Work;
use cairn_daemon::api::decimal::coins;
use cairn_daemon::api::status::chainwork;
use serde::Serialize;

/// One thing told.
#[derive(Clone, Debug)]
pub struct Line {
    /// In plain words; none when a later line tells of it together with others.
    pub text: Option<String>,
    pub told: Told,
}

/// One thing told, as an object for programs.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Told {
    Block {
        height: Height,
        hash: BlockHash,
        miner: String,
        /// Number of transactions without the coinbase.
        transactions: usize,
        /// Nodes that connected it.
        nodes: BTreeSet<u16>,
        /// Whether every node that can have it has it.
        all: bool,
        ms: u64,
    },
    #[serde(rename = "reorganisation")]
    Reorganization {
        node: u16,
        left: u32,
        joined: u32,
        fork_height: Height,
        #[serde(with = "chainwork")]
        old_chainwork: Work,
        #[serde(with = "chainwork")]
        new_chainwork: Work,
    },
    Transaction {
        txid: Txid,
        node: u16,
        #[serde(with = "coins")]
        fee: Amount,
    },
    Partitioned {
        groups: String,
    },
    Healed,
    Died {
        node: u16,
        how: String,
    },
    Killed {
        node: u16,
    },
    Restarted {
        node: u16,
    },
    Hashrate {
        node: u16,
        percent: u64,
    },
    Slowed {
        node: u16,
        delay_ms: u64,
    },
    /// All running nodes have one tip again.
    Agreement {
        height: Height,
        hash: BlockHash,
        ms: u64,
    },
    Gap {
        node: u16,
    },
    /// A node cannot advance at the start.
    Stuck {
        node: u16,
        why: String,
    },
}

impl Told {
    /// A line for people and programs.
    pub const fn line(self, text: String) -> Line {
        Line { text: Some(text), told: self }
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
            Self::Reorganization { .. } => "reorganised",
            Self::Agreement { .. } => "agreed",
            Self::Block { .. } | Self::Transaction { .. } | Self::Gap { .. } | Self::Stuck { .. } => {
                return None;
            }
        })
    }

    /// Duration until agreement.
    pub const fn took_ms(&self) -> Option<u64> {
        match self {
            Self::Agreement { ms, .. } => Some(*ms),
            _ => None,
        }
    }
}

/// `1 block`, `3 blocks`.
pub fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
