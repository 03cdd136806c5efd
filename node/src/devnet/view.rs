//! View of a devnet, and the changes of it: what the page, `cairn top` and followers of its events read.

use std::collections::BTreeSet;

use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::work::Work;
use cairn_daemon::api::decimal::Coins;
use cairn_daemon::api::status::NodeStatus;
use cairn_simulator::expectation::Verdict;
use serde::{Deserialize, Serialize};

use crate::devnet::groups::Groups;

/// A devnet at one moment. Times are in milliseconds since it started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DevnetView {
    /// `devnet`, to tell it from the view of a single node.
    pub kind: String,
    pub nodes: Vec<NodeView>,
    pub groups: Groups,
    /// Pairs of connected nodes, the lower number first.
    pub links: BTreeSet<(u16, u16)>,
    /// The latest blocks in the order of their arrival.
    pub blocks: Vec<BlockView>,
    pub agreement: Vec<Agreement>,
    pub marks: Vec<Mark>,
    /// Expectations of a scenario that is played.
    pub expectations: Vec<Expectation>,
    /// Whether a scenario that is played has ended.
    pub is_over: bool,
    pub chain: ChainView,
    /// Identity of this run, to which the numbers of events belong.
    pub run: String,
    pub now_ms: u64,
    /// Number of the first event that is not in the view.
    pub next: u64,
    pub version: String,
    /// Addresses of the nodes; empty where nodes are simulated.
    pub addresses: Vec<NodeAddresses>,
}

/// A node as the devnet knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeView {
    pub id: u16,
    pub peer_id: Option<String>,
    pub up: bool,
    pub why_down: Option<String>,
    pub tip: BlockHash,
    pub height: Height,
    pub mining: bool,
    /// Hash rate in per cent of the first one; none where the node never had one.
    pub percent: Option<u64>,
    /// Delay of all its links, each way.
    pub delay_ms: u64,
    /// Whether it replies, as far as it runs.
    pub answers: bool,
    /// Set where another node has had more work for longer than a block takes to arrive.
    pub behind: Option<Behind>,
    /// Its last reply; none since it was started.
    pub status: Option<NodeStatus>,
}

/// Distance of a node from the best tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// Arrival of the first block with more work.
    pub since_ms: u64,
    /// Heights that the node is below the best tip.
    pub blocks: u32,
}

/// A block, and its way through the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockView {
    pub hash: BlockHash,
    pub previous: BlockHash,
    pub height: Height,
    /// Time in its header.
    pub time_ms: u64,
    /// Arrival at the first node.
    pub at_ms: u64,
    pub chainwork: Work,
    /// Number of transactions with the coinbase.
    pub transactions: Option<usize>,
    pub size: Option<usize>,
    /// The node of the devnet that mined it.
    pub miner: Option<u16>,
    /// The miner's text in the coinbase.
    pub tag: String,
    /// Node, time, and sending node of each arrival.
    pub got: Vec<(u16, u64, Option<u16>)>,
}

/// Agreement from a time on; an array of three numbers on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, usize, usize)", into = "(u64, usize, usize)")]
pub struct Agreement {
    pub at: u64,
    /// Nodes on the tip that most have.
    pub most: usize,
    /// Number of different tips.
    pub tips: usize,
}

impl From<(u64, usize, usize)> for Agreement {
    fn from((at, most, tips): (u64, usize, usize)) -> Self {
        Self { at, most, tips }
    }
}

impl From<Agreement> for (u64, usize, usize) {
    fn from(Agreement { at, most, tips }: Agreement) -> Self {
        (at, most, tips)
    }
}

/// A mark on the axis of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub at_ms: u64,
    pub kind: String,
    pub text: String,
    /// Duration until agreement, in a mark of agreement.
    pub took_ms: Option<u64>,
    /// The node that was killed, died or was started, in a mark of that.
    pub node: Option<u16>,
    /// The groups of a network that was partitioned or healed, in a mark of that.
    pub groups: Option<Groups>,
}

/// An expectation of a scenario, and what was found so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    pub number: usize,
    pub expected: String,
    pub found: String,
    pub is_met: bool,
}

impl From<(usize, Verdict)> for Expectation {
    fn from((number, verdict): (usize, Verdict)) -> Self {
        let (expected, found) = verdict.in_words();
        Self { number, expected, found, is_met: verdict.is_met }
    }
}

/// A chain as the page needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainView {
    pub name: String,
    pub genesis_hash: String,
    pub spacing_ms: u64,
    pub address_prefix: String,
}

/// Addresses of a node for peers and for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAddresses {
    pub peer: String,
    pub rpc: String,
}

/// Values of a node that change from second to second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vitals {
    pub id: u16,
    pub phase: Option<String>,
    pub mempool: Option<usize>,
    pub mempool_bytes: Option<usize>,
    pub mining: bool,
    pub percent: Option<u64>,
    pub delay_ms: u64,
    pub chainwork: Option<Work>,
    pub stuck: Option<String>,
    pub answers: bool,
    pub behind: Option<Behind>,
}

impl From<&NodeView> for Vitals {
    fn from(node: &NodeView) -> Self {
        let status = node.status.as_ref();
        Self {
            id: node.id,
            phase: status.map(|status| status.phase.clone()),
            mempool: status.map(|status| status.mempool),
            mempool_bytes: status.map(|status| status.mempool_bytes),
            mining: node.mining,
            percent: node.percent,
            delay_ms: node.delay_ms,
            chainwork: status.map(|status| status.chainwork),
            stuck: status.and_then(|status| status.stuck.clone()),
            answers: node.answers,
            behind: node.behind,
        }
    }
}

/// A change of the view, as followers of its events get it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewChange {
    Block(BlockView),
    Got { node: u16, hash: BlockHash, at_ms: u64, from: Option<u16> },
    Tip { node: u16, hash: BlockHash, height: Height, at_ms: u64 },
    Reorganized { node: u16, at_ms: u64, disconnected: u32, connected: u32, fork_height: Height },
    Transaction { node: u16, txid: Txid, from: Option<u16>, at_ms: u64, fee: Coins, size: usize },
    Link { a: u16, b: u16, up: bool, at_ms: u64 },
    Groups { groups: Groups, at_ms: u64 },
    Node { id: u16, up: bool, why: Option<String>, at_ms: u64 },
    Status { at_ms: u64, nodes: Vec<Vitals> },
    Agreement(Agreement),
    Mark(Mark),
    Expectation(Expectation),
    Over {},
}
