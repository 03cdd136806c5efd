//! What is told to people and programs: every change, in order, none left out.

use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::work::Work;

use crate::message::words::Goodbye;
use crate::peer::{Direction, PeerAddress, PeerId};

/// One change. A reorganisation is told as `Reorganised`, then every block that left, from the tip
/// down, then every block that joined, upwards; so a follower never misses a part of it.
#[derive(Clone, Debug)]
pub enum Event {
    /// The best chain changes branch; the blocks follow as events of their own.
    Reorganised {
        /// The last block that both branches share.
        fork_point: Height,
        fork_hash: BlockHash,
        disconnected: u32,
        connected: u32,
        /// Chainwork of the branch that lost.
        old_work: Work,
        /// Chainwork of the branch that won.
        new_work: Work,
    },
    /// A block left the best chain.
    BlockDisconnected { block: Arc<Block>, height: Height },
    /// A block joined the best chain.
    BlockConnected {
        block: Arc<Block>,
        height: Height,
        /// Chainwork up to and with it.
        work: Work,
        /// Which peer gave it to us; none for our own.
        from: Option<PeerId>,
    },
    /// A valid block is kept on a branch that is not the best.
    BlockOnSideBranch {
        block: Arc<Block>,
        height: Height,
        /// Chainwork up to and with it.
        work: Work,
        /// Which peer gave it to us; none for our own.
        from: Option<PeerId>,
    },
    /// A transaction entered the mempool.
    TransactionAccepted {
        txid: Txid,
        fee: Amount,
        size: usize,
        /// Which peer gave it to us; none for one handed in here or given back by a block that left.
        from: Option<PeerId>,
    },
    /// A transaction left the mempool without being confirmed.
    TransactionRemoved { txid: Txid, reason: RemovalReason },
    /// A peer completed the handshake.
    PeerConnected {
        peer: PeerId,
        direction: Direction,
        address: PeerAddress,
        /// The program it says it runs.
        user_agent: String,
    },
    /// A peer that had completed the handshake is gone.
    PeerDisconnected { peer: PeerId, reason: DisconnectReason },
    /// A connection ended before its handshake was complete: another chain, a ban, no room.
    PeerRefused { peer: PeerId, address: PeerAddress, reason: DisconnectReason },
    /// What the node is busy with changed.
    SyncChanged {
        /// Peer we learn from; none when idle.
        from: Option<PeerId>,
        headers: Height,
        blocks: Height,
    },
}

impl Event {
    /// A connection has ended: of a peer that had completed the handshake, or of one that never did.
    pub fn peer_gone(peer: PeerId, was_ready: bool, address: PeerAddress, reason: DisconnectReason) -> Self {
        if was_ready {
            Self::PeerDisconnected { peer, reason }
        } else {
            Self::PeerRefused { peer, address, reason }
        }
    }
}

/// Why an unconfirmed transaction left the mempool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemovalReason {
    /// A transaction that pays more took its coins.
    Replaced,
    /// A block spent its coins otherwise.
    Conflict,
    /// A reorganisation took away what it stood on.
    Reorganised,
    /// The mempool is full and others pay more.
    Evicted,
    Expired,
}

impl RemovalReason {
    /// In a word, for programs and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::Conflict => "conflict",
            Self::Reorganised => "reorganised",
            Self::Evicted => "evicted",
            Self::Expired => "expired",
        }
    }
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisconnectReason {
    /// The other side hung up or the link broke.
    LinkLost,
    /// The other side said why.
    TheySaid(Goodbye),
    /// The other side said Goodbye with a reason of another version.
    TheyLeft,
    /// We told the other side why.
    WeSaid(Goodbye),
    /// The operator asked for it.
    Operator,
    Banned,
    /// The network was cut here.
    Blocked,
    /// It broke a rule; in words.
    Misconduct(String),
    TimedOut,
    Full,
    /// It is connected already, or it is ourselves.
    Duplicate,
}

impl DisconnectReason {
    /// What the other side is told when we hang up for this reason.
    pub fn goodbye(&self) -> Option<Goodbye> {
        match self {
            Self::LinkLost | Self::TheySaid(_) | Self::TheyLeft | Self::Blocked | Self::TimedOut => None,
            Self::WeSaid(goodbye) => Some(goodbye.clone()),
            Self::Operator => Some(Goodbye::Leaving),
            Self::Misconduct(_) | Self::Banned => Some(Goodbye::Misconduct),
            Self::Full => Some(Goodbye::Full),
            Self::Duplicate => Some(Goodbye::Duplicate),
        }
    }
}
