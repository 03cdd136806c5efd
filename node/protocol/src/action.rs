//! All that a node can ask of the world. The edge carries actions out in the order given.

use std::collections::BTreeSet;

use cairn_core::hash::Txid;

use crate::chain::marks::MarkError;
use crate::chain::verdict::{BlockRejection, BlockVerdict};
use crate::event::Event;
use crate::input::RequestId;
use crate::message::Message;
use crate::peer::{PeerAddress, PeerId};

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Say this to that peer.
    Send {
        peer: PeerId,
        message: Message,
    },
    /// Dial; the outcome comes back as `Connected` or `DialFailed`.
    Connect {
        address: PeerAddress,
    },
    /// Hang up once what was sent before has left.
    Disconnect {
        peer: PeerId,
    },
    /// From now on the transport lets nobody of this set in or out; it replaces the set before.
    Block {
        peers: BTreeSet<PeerId>,
    },
    /// The answer to a submission.
    Reply {
        request: RequestId,
        answer: Answer,
    },
    /// What a miner works on has changed: with `urgent` its blocks would be stale.
    TemplateStale {
        /// The tip moved; otherwise there are merely better fees to be had.
        urgent: bool,
    },
    Emit(Event),
}

/// How a submission ended.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A transaction was taken in, or why not.
    Transaction(Result<Txid, crate::mempool::MempoolError>),
    /// A block was taken in, or why not.
    Block(Result<BlockVerdict, BlockRejection>),
    /// A header was taken in, and whether it was new; or why not.
    Header(Result<bool, BlockRejection>),
    /// A block was marked, or why not.
    Mark(Result<(), MarkError>),
}
