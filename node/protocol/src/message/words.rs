//! The words of the protocol: every message, how a node presents itself, why it hangs up.

use core::fmt;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::encoding::{Decode, Encode};
use cairn_core::hash::{BlockHash, GenesisHash, Txid};
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::transaction::Transaction;
use cairn_core::work::Work;

use crate::peer::PeerAddress;

/// The version of this protocol that this code speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// One message on the long-lived stream between two peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The first message of both sides; nothing else is heard before it.
    Hello(Box<Hello>),
    /// The last message: why the sender is about to hang up.
    Goodbye(Goodbye),
    /// Asks whether the peer is alive.
    Ping {
        /// Sent back in the answer.
        nonce: u64,
    },
    Pong {
        nonce: u64,
    },
    /// Asks for addresses of other nodes.
    GetPeers,
    Peers(Vec<PeerAddress>),
    /// Asks for the headers that follow the newest of these hashes that the peer's chain has.
    GetHeaders {
        /// Hashes of our chain from the tip back, ever sparser, ending in genesis.
        locator: Vec<BlockHash>,
    },
    /// Headers, each on the one before: an answer, or the announcement of new blocks (as in BIP 130).
    Headers(Vec<Header>),
    GetBlocks(Vec<BlockHash>),
    /// A whole block: an answer, or pushed because it is new and small.
    Block(Arc<Block>),
    /// Of what was asked for, what the sender does not have.
    NotFound(Vec<Inventory>),
    /// Transactions the sender can deliver.
    AnnounceTransactions(Vec<Txid>),
    GetTransactions(Vec<Txid>),
    /// Transactions that were asked for.
    Transactions(Vec<Arc<Transaction>>),
}

/// What every version of this protocol says first in its `Hello`, so that each can tell the other
/// why they part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HelloStart {
    /// The version the sender speaks.
    pub protocol_version: u32,
    /// Which chain the sender is on.
    pub genesis: GenesisHash,
}

impl HelloStart {
    /// Its bytes.
    pub const SIZE: usize = 4 + 32;
}

/// How a node presents itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// The version the sender speaks.
    pub protocol_version: u32,
    /// Which chain the sender is on: peers of different chains part at once.
    pub genesis: GenesisHash,
    /// What the sender offers: a bit each, none defined yet but the first (full blocks).
    pub services: u64,
    pub tip: BlockHash,
    pub height: Height,
    /// The tip's chainwork, as the sender claims it.
    pub work: Work,
    /// The program and its version, for people; printable ASCII.
    pub user_agent: String,
    /// Where the sender accepts connections.
    pub listen: Vec<PeerAddress>,
    /// Random for each run: a node that reads its own nonce has dialled itself.
    pub nonce: u64,
}

impl Hello {
    /// The part that every version has at the same place.
    pub const fn start(&self) -> HelloStart {
        HelloStart { protocol_version: self.protocol_version, genesis: self.genesis }
    }
}

/// Why the sender hangs up, so that the other side can tell its operator.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Goodbye {
    /// The peer is on another chain.
    OtherChain { ours: GenesisHash },
    /// The peer's protocol version is not understood.
    OtherVersion {
        /// The version the sender speaks.
        ours: u32,
    },
    /// The sender has no room.
    Full,
    /// The two are connected already, or are one and the same node.
    Duplicate,
    /// The peer broke a rule.
    Misconduct,
    /// The sender's operator asked for it, or the node stops.
    Leaving,
}

impl fmt::Display for Goodbye {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherChain { ours } => write!(f, "other chain: the sender's genesis hash is {ours}"),
            Self::OtherVersion { ours } => write!(f, "other protocol version: the sender's is {ours}"),
            Self::Full => f.write_str("full"),
            Self::Duplicate => f.write_str("connected already"),
            Self::Misconduct => f.write_str("broke a rule"),
            Self::Leaving => f.write_str("leaving"),
        }
    }
}

/// A thing that can be asked for by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Inventory {
    Block(BlockHash),
    Transaction(Txid),
}
