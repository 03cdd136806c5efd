//! Events: every change of a node, in order, for people and programs.

use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::work::Work;

use crate::message::types::Goodbye;
use crate::peer::{Direction, PeerAddress, PeerId};

/// One change. A reorganization is `Reorganized`, then every disconnected block from the tip down, then every
/// connected block upwards, so that a reader of the events misses no part of it.
///
/// `from` is the peer that sent a block or transaction; none for those submitted here, and for transactions
/// that a disconnected block returned.
#[derive(Clone, Debug)]
pub enum Event {
    /// The best chain changes to another branch, after the fork point that both share.
    Reorganized {
        fork_point: Height,
        fork_hash: BlockHash,
        /// Number of disconnected blocks.
        disconnected: u32,
        /// Number of connected blocks.
        connected: u32,
        /// Chainwork of the disconnected branch.
        old_work: Work,
        /// Chainwork of the connected branch.
        new_work: Work,
    },
    BlockDisconnected {
        block: Arc<Block>,
        height: Height,
    },
    BlockConnected {
        block: Arc<Block>,
        height: Height,
        work: Work,
        from: Option<PeerId>,
    },
    /// A valid block is stored on a side branch.
    BlockOnSideBranch {
        block: Arc<Block>,
        height: Height,
        work: Work,
        from: Option<PeerId>,
    },
    /// A transaction entered the mempool.
    TransactionAccepted {
        txid: Txid,
        fee: Amount,
        size: usize,
        from: Option<PeerId>,
    },
    /// A transaction left the mempool unconfirmed.
    TransactionRemoved {
        txid: Txid,
        reason: RemovalReason,
    },
    /// The handshake with a peer is complete.
    PeerConnected {
        peer: PeerId,
        direction: Direction,
        address: PeerAddress,
        user_agent: String,
    },
    /// A connection ended after its handshake.
    PeerDisconnected {
        peer: PeerId,
        reason: DisconnectReason,
    },
    /// A connection ended before its handshake was complete.
    PeerRejected {
        peer: PeerId,
        address: PeerAddress,
        reason: DisconnectReason,
    },
    /// The peer that most bodies are requested from has changed.
    SyncChanged {
        /// None once no body is missing.
        from: Option<PeerId>,
        /// Height of the best header.
        headers: Height,
        /// Height of the tip.
        blocks: Height,
    },
}

impl Event {
    /// The event for the end of a connection, after or before its handshake was complete.
    pub fn peer_gone(peer: PeerId, was_ready: bool, address: PeerAddress, reason: DisconnectReason) -> Self {
        if was_ready {
            Self::PeerDisconnected { peer, reason }
        } else {
            Self::PeerRejected { peer, address, reason }
        }
    }
}

/// Why an unconfirmed transaction left the mempool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemovalReason {
    /// A transaction that pays more spends the same outputs.
    Replaced,
    /// A transaction in a block spends the same outputs.
    Conflict,
    /// A reorganization made it invalid.
    Reorganized,
    /// The mempool was full and others pay more.
    Evicted,
    Expired,
}

impl RemovalReason {
    /// The reason as a word, for programs and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::Conflict => "conflict",
            Self::Reorganized => "reorganized",
            Self::Evicted => "evicted",
            Self::Expired => "expired",
        }
    }
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisconnectReason {
    /// The peer closed the connection, or it broke.
    LinkLost,
    /// The peer sent a `Goodbye`.
    TheySaid(Goodbye),
    /// The peer sent a `Goodbye` with a reason of another version.
    TheyLeft,
    /// This node sent a `Goodbye`, because the handshake failed.
    WeSaid(Goodbye),
    /// The operator disconnected the peer.
    Operator,
    Banned,
    /// The peer is on the other side of a partition.
    Blocked,
    /// The peer broke a rule, which is named.
    Misbehavior(String),
    TimedOut,
    Full,
    /// The peer is connected already, or is this node itself.
    Duplicate,
    /// The connection was made to test the address.
    Tested,
    /// The connection was for blocks alone, and a full one is dialed in its place.
    Redialed,
}

impl DisconnectReason {
    /// The `Goodbye` for this reason; none if the peer gets no reason.
    pub fn goodbye(&self) -> Option<Goodbye> {
        match self {
            Self::LinkLost | Self::TheySaid(_) | Self::TheyLeft | Self::Blocked | Self::TimedOut => None,
            Self::WeSaid(goodbye) => Some(goodbye.clone()),
            Self::Operator | Self::Tested | Self::Redialed => Some(Goodbye::Leaving),
            Self::Misbehavior(_) | Self::Banned => Some(Goodbye::Misbehavior),
            Self::Full => Some(Goodbye::Full),
            Self::Duplicate => Some(Goodbye::Duplicate),
        }
    }
}
