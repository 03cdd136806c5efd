//! Message types: every message between peers, and their parts.

use core::fmt;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::encoding::{Decode, Encode};
use cairn_core::hash::{BlockHash, GenesisHash, Txid};
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::transaction::Transaction;
use cairn_core::work::Work;

use crate::message::compact_block::CompactBlock;
use crate::peer::PeerAddress;

/// The version of this protocol that this code speaks.
pub const PROTOCOL_VERSION: u32 = 2;

/// One message on the long-lived stream between two peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The first message of both sides. No other is accepted before it.
    Hello(Box<Hello>),
    /// The last message: why the sender disconnects.
    Goodbye(Goodbye),
    /// Requests a `Pong` with the same nonce.
    Ping {
        nonce: u64,
    },
    Pong {
        nonce: u64,
    },
    /// Requests addresses of other nodes.
    GetPeers,
    Peers(Vec<PeerAddress>),
    /// Requests the headers after the first hash of a locator that the receiver's best chain has.
    GetHeaders {
        locator: Vec<BlockHash>,
    },
    /// Headers, each the child of the one before: a reply, or the announcement of new blocks (as in BIP 130).
    Headers(Vec<Header>),
    GetBlocks(Vec<BlockHash>),
    /// A whole block: a reply, or the announcement of a small new one.
    Block(Arc<Block>),
    /// The requested items that the sender does not have.
    NotFound(Vec<Inventory>),
    /// Announces unconfirmed transactions by their ids.
    AnnounceTransactions(Vec<Txid>),
    GetTransactions(Vec<Txid>),
    /// Transactions, as a reply.
    Transactions(Vec<Arc<Transaction>>),
    /// Requests large new blocks in compact form before they are validated (high-bandwidth mode), or no longer.
    SendCompact(bool),
    /// Requests one block in compact form.
    GetCompactBlock(BlockHash),
    /// A block in compact form: a reply, or the announcement of a large new one.
    CompactBlock(Arc<CompactBlock>),
    /// Requests transactions of a block that was sent in compact form.
    GetBlockTransactions {
        block: BlockHash,
        /// Increasing. The coinbase has no index.
        indexes: Vec<u32>,
    },
    /// Transactions of a block, as a reply.
    BlockTransactions {
        block: BlockHash,
        transactions: Vec<Arc<Transaction>>,
    },
}

impl Message {
    /// Estimate of the message's size on the wire in bytes.
    pub fn weight(&self) -> usize {
        /// Length of the frame, and the message's kind.
        const ENVELOPE: usize = 5;
        let list = |length: usize, each: usize| 8 + length * each;
        let full = |transactions: &[Arc<Transaction>]| {
            8 + transactions.iter().map(|transaction| transaction.size()).sum::<usize>()
        };
        let body = match self {
            Self::Hello(hello) => 150 + hello.user_agent.len() + list(hello.listen.len(), 10),
            Self::Goodbye(_) => 36,
            Self::Ping { .. } | Self::Pong { .. } => 8,
            Self::GetPeers => 0,
            Self::Peers(addresses) => list(addresses.len(), 10),
            Self::GetHeaders { locator } => list(locator.len(), 32),
            Self::Headers(headers) => list(headers.len(), Header::SIZE),
            Self::GetBlocks(hashes) => list(hashes.len(), 32),
            Self::Block(block) => block.size(),
            Self::NotFound(items) => list(items.len(), 36),
            Self::AnnounceTransactions(txids) | Self::GetTransactions(txids) => list(txids.len(), 32),
            Self::Transactions(transactions) => full(transactions),
            Self::SendCompact(_) => 1,
            Self::GetCompactBlock(_) => 32,
            Self::CompactBlock(compact) => compact.size(),
            Self::GetBlockTransactions { indexes, .. } => 32 + list(indexes.len(), 4),
            Self::BlockTransactions { transactions, .. } => 32 + full(transactions),
        };
        ENVELOPE + body
    }
}

/// The first part of a `Hello`, which is the same in every version of the protocol, so that nodes of different
/// versions can tell each other why they disconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HelloStart {
    /// Version of the sender's protocol.
    pub protocol_version: u32,
    /// Which chain the sender is on.
    pub genesis: GenesisHash,
}

impl HelloStart {
    /// Length of its encoding in bytes.
    pub const SIZE: usize = 4 + 32;
}

/// The first message of a node: its version, its chain and itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    pub protocol_version: u32,
    /// The sender's chain. Peers of different chains disconnect at once.
    pub genesis: GenesisHash,
    /// Services of the sender, a bit for each; the first is full blocks, no other is defined yet.
    pub services: u64,
    pub tip: BlockHash,
    pub height: Height,
    /// Chainwork of the sender's tip. It is not proven.
    pub work: Work,
    /// Program and version, in printable ASCII, for people.
    pub user_agent: String,
    /// Addresses at which the sender accepts connections.
    pub listen: Vec<PeerAddress>,
    /// Random for each run: a node that receives its own nonce has dialed itself.
    pub nonce: u64,
}

impl Hello {
    /// The part that is the same in every version.
    pub const fn start(&self) -> HelloStart {
        HelloStart { protocol_version: self.protocol_version, genesis: self.genesis }
    }
}

/// Why the sender disconnects, for the operator of the peer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Goodbye {
    /// The peer is on another chain.
    OtherChain { ours: GenesisHash },
    /// The peer's protocol version is not understood.
    OtherVersion { ours: u32 },
    /// The sender has no free slot.
    Full,
    /// The two nodes are connected already, or are one node.
    Duplicate,
    /// The peer broke a rule.
    Misbehavior,
    /// The sender's operator wants it, or the node stops.
    Leaving,
}

impl fmt::Display for Goodbye {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherChain { ours } => write!(f, "other chain: the sender's genesis hash is {ours}"),
            Self::OtherVersion { ours } => write!(f, "other protocol version: the sender's is {ours}"),
            Self::Full => f.write_str("full"),
            Self::Duplicate => f.write_str("connected already"),
            Self::Misbehavior => f.write_str("broke a rule"),
            Self::Leaving => f.write_str("leaving"),
        }
    }
}

/// The id of an item that can be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Inventory {
    Block(BlockHash),
    Transaction(Txid),
}
