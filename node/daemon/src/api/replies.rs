//! Replies of RPC methods that programs of ours read.

use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::work::Work;
use serde::{Deserialize, Serialize};

use crate::api::decimal::Coins;

/// Effect on the difficulty of blocks that are mined at once (`estimatemining`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MiningEstimate {
    /// Number of blocks that are to be mined.
    pub blocks: u32,
    /// Hashes that all of them take together.
    pub hashes: u64,
    /// Number of them that is mined at most.
    pub possible: u32,
    /// Time by which they are ahead of the chain's schedule.
    pub ahead_ms: u64,
    /// Time that the chain aims at between blocks.
    pub spacing_ms: u64,
    /// Hashes that a block takes now.
    pub usual_hashes: u64,
    /// Hashes that the block after them takes.
    pub next_hashes: u64,
    /// Time that is at the miners' hash rate; none when no node mines.
    pub next_ms: Option<u64>,
    /// Time until blocks come as usual again; none when they never do.
    pub usual_after_ms: Option<u64>,
}

/// Data of the error of `generatetoaddress`: what was mined before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotGenerated {
    pub hashes: Vec<BlockHash>,
    pub why: Option<String>,
}

/// A block of the view of a node (`/v1/view`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewBlock {
    pub hash: BlockHash,
    pub previous: BlockHash,
    pub height: Height,
    pub time_ms: u64,
    pub chainwork: Work,
    /// Number of transactions with the coinbase; none while the body is not read.
    pub tx: Option<usize>,
    /// Bytes of the whole block; none without a body.
    pub size: Option<u32>,
    /// The miner's text; none while the body is not read.
    pub tag: Option<String>,
    /// `best`, `side`, `header` or `invalid`.
    pub status: String,
}

/// The part of the view of a node that a devnet reads.
#[derive(Clone, Debug, Deserialize)]
pub struct NodeView {
    pub blocks: Vec<ViewBlock>,
}

/// The part of the reply of `gettxout` that a devnet reads.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct TxOut {
    pub value: Coins,
}

/// The part of the reply of `scantxoutset` that a devnet reads.
#[derive(Clone, Debug, Deserialize)]
pub struct TxOutScan {
    pub unspents: Vec<ScannedOutput>,
}

/// An unspent output that a scan found.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct ScannedOutput {
    pub txid: Txid,
    pub vout: u32,
}

/// The part of the verbose reply of `getrawtransaction` that a devnet reads.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct RawTransaction {
    /// Number of blocks from the transaction's up to the tip; none while it is unconfirmed.
    pub confirmations: Option<u64>,
}
