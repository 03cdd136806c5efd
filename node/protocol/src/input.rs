//! All that can happen to a node. Whatever is not here, the machine never learns.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::transaction::Transaction;

use crate::chain::marks::Mark;
use crate::message::Message;
use crate::peer::{Direction, PeerAddress, PeerId};

/// Joins a submission to its reply. The edge chooses it; the machine only hands it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection with a proven identity stands and its stream is open.
    Connected {
        peer: PeerId,
        direction: Direction,
        /// The remote end as the transport saw it; the listening address comes in `Hello`.
        address: PeerAddress,
    },
    Disconnected {
        peer: PeerId,
    },
    /// A dial that the machine asked for came to nothing.
    DialFailed {
        address: PeerAddress,
    },
    Received {
        peer: PeerId,
        message: Message,
    },
    /// A peer sent bytes that are no message of this protocol; the edge read no further.
    Garbled {
        peer: PeerId,
        /// What was wrong with the bytes.
        fault: crate::message::codec::CodecError,
    },
    /// Discovery found where a node may listen.
    AddressFound {
        address: PeerAddress,
    },
    /// A caller hands something in and waits for the `Reply` of the same id.
    Submit {
        request: RequestId,
        submission: Submission,
    },
    /// The operator wants something of the connections.
    Command(Command),
    /// The time that `next_wake` named has come.
    Wake,
}

/// What a caller can hand in.
#[derive(Clone, Debug)]
pub enum Submission {
    /// A signed transaction for the mempool.
    Transaction(Arc<Transaction>),
    /// A mined block, from our own miner or a caller.
    Block(Arc<Block>),
    /// A header whose block is still to come.
    Header(Box<Header>),
    /// What the operator says of a block.
    Mark(BlockHash, Mark),
}

/// What an operator can ask of the connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Keep dialling this address, for ever.
    AddNode(PeerAddress),
    TryNode(PeerAddress),
    RemoveNode(PeerAddress),
    DisconnectPeer(PeerId),
    /// Hang up and refuse this peer for as long as given.
    Ban {
        peer: PeerId,
        lasting: Duration,
    },
    Unban(PeerId),
    ClearBans,
    /// Cut the network: no connection to any of these, whoever dials. Replaces the set before;
    /// the empty set heals, and the healed peers are dialled at once.
    SetBlocked(BTreeSet<PeerId>),
    /// With `false`: no connection to anyone.
    SetNetworkActive(bool),
}
