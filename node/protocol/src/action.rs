//! Actions: everything that a node asks of its driver, in the order in which it is to be carried out.

use std::collections::BTreeSet;

use cairn_core::hash::Txid;

use crate::chain::block_overrides::OverrideError;
use crate::chain::verdict::{BlockRejection, BlockVerdict};
use crate::event::Event;
use crate::input::RequestId;
use crate::mempool::MempoolError;
use crate::message::Message;
use crate::peer::{PeerAddress, PeerId};

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Action {
    Send {
        peer: PeerId,
        message: Message,
    },
    /// Dial an address. The result comes back as `Connected` or `DialFailed`.
    Connect {
        address: PeerAddress,
    },
    /// Close the connection after sending everything that is queued.
    Disconnect {
        peer: PeerId,
    },
    /// Allow no connection with these peers, which replace the set before.
    Block {
        peers: BTreeSet<PeerId>,
    },
    /// Return the result of a submission to its caller.
    Reply {
        request: RequestId,
        answer: Answer,
    },
    /// Make a new block template. If `urgent`, the tip has changed and blocks on the old one would be stale;
    /// otherwise higher fees can be had.
    TemplateStale {
        urgent: bool,
    },
    Emit(Event),
}

/// The result of a submission.
#[derive(Clone, Debug)]
pub enum Answer {
    Transaction(Result<Txid, MempoolError>),
    Block(Result<BlockVerdict, BlockRejection>),
    /// Whether the header was new.
    Header(Result<bool, BlockRejection>),
    Override(Result<(), OverrideError>),
}
