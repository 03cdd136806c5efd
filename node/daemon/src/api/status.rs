//! Status of a node, as `getnodestatus` replies.

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::work::Work;
use cairn_genesis::hashrate::Hashrate;
use serde::{Deserialize, Serialize};

/// State of a node in one reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    pub peer_id: String,
    pub version: String,
    /// Either `idle` or `syncing`.
    pub phase: String,
    /// The peer from which blocks are fetched.
    pub sync_from: Option<String>,
    pub height: Height,
    pub tip: BlockHash,
    pub chainwork: Work,
    pub tip_time_ms: u64,
    /// Time between the tip and the block before it; none for genesis and the block after it.
    pub tip_interval_ms: Option<u64>,
    /// Height of the best header.
    pub headers: Height,
    pub header_chainwork: Work,
    /// Identities of the connected peers.
    pub peers: Vec<String>,
    pub peer_states: Vec<PeerStatus>,
    /// Identities of peers that the node does not connect to.
    pub blockedpeers: Vec<String>,
    /// Number of unconfirmed transactions.
    pub mempool: usize,
    pub mempool_bytes: usize,
    /// Hashes per second that the miner made lately; none while it rests.
    pub hashrate: Option<f64>,
    /// Settings of the miner; none when it is off.
    pub mining: Option<MiningStatus>,
    /// The reason for which the chain does not advance, in a sentence.
    pub stuck: Option<String>,
    pub uptime_ms: u64,
}

/// Settings of a miner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MiningStatus {
    pub address: String,
    pub threads: usize,
    /// Limit in hashes per second; none for as fast as possible.
    pub hashrate: Option<Hashrate>,
}

/// A peer as the node knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeerStatus {
    pub peer_id: String,
    /// Number of blocks that were requested from it and have not come.
    pub owes_blocks: usize,
    /// Height of its best block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Height>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<BlockHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_ms: Option<f64>,
    pub on_our_tip: bool,
}
