//! Inputs: everything that can happen to a node.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::transaction::Transaction;

use crate::chain::block_overrides::BlockOverride;
use crate::mempool::fee_rate::FeeRate;
use crate::message::Message;
use crate::message::codec::CodecError;
use crate::peer::{Direction, PeerAddress, PeerId};

/// Names a submission in its reply. The caller chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection is established, and the peer's identity is proven. `address` is the remote end as the
    /// transport saw it; the addresses at which the peer listens come in its `Hello`.
    Connected {
        peer: PeerId,
        direction: Direction,
        address: PeerAddress,
    },
    /// A connection has ended.
    Disconnected {
        peer: PeerId,
    },
    /// A dial of [`crate::action::Action::Connect`] failed.
    DialFailed {
        address: PeerAddress,
    },
    Received {
        peer: PeerId,
        message: Message,
    },
    /// Bytes arrived that are not a message of this version; the driver reads no further.
    Malformed {
        peer: PeerId,
        error: CodecError,
    },
    /// Discovery found an address at which a node may listen.
    AddressFound {
        address: PeerAddress,
    },
    /// A caller submits something, and expects the reply with the same id.
    Submit {
        request: RequestId,
        submission: Submission,
    },
    /// The operator changes the connections.
    Command(PeerCommand),
    /// The time that `next_wake` named has come.
    Wake,
}

/// Something that a caller submits.
#[derive(Clone, Debug)]
pub enum Submission {
    /// A signed transaction. It is rejected if it pays more than the fee rate.
    Transaction { transaction: Arc<Transaction>, max_fee_rate: Option<FeeRate> },
    /// A block that this node or another program mined.
    Block(Arc<Block>),
    /// A header whose block will be submitted later.
    Header(Box<Header>),
    /// The operator's decision about a block.
    Override(BlockHash, BlockOverride),
}

/// A change of the connections by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerCommand {
    /// Dial an address for ever.
    AddNode(PeerAddress),
    /// Dial an address a few times.
    TryNode(PeerAddress),
    /// No longer dial an address.
    RemoveNode(PeerAddress),
    DisconnectPeer(PeerId),
    /// Disconnect a peer, and allow no connection with it for a time.
    Ban {
        peer: PeerId,
        duration: Duration,
    },
    Unban(PeerId),
    ClearBans,
    /// Partition the network: allow no connection with these peers, which replace the set before. Peers that are
    /// no longer blocked are dialed at once.
    SetBlocked(BTreeSet<PeerId>),
    /// Allow connections at all, or none.
    SetNetworkActive(bool),
}
