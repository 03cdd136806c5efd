//! The trace of a run as one hash: two runs with the same trace did the same things at the same times.

use core::fmt::{self, Write};
use std::borrow::Cow;

use cairn_core::time::Timestamp;
use cairn_protocol::input::{Input, Submission};
use cairn_protocol::message::Message;
use sha2::{Digest, Sha256};

use crate::node_index::NodeIndex;

/// A hash of the inputs of a node, in order.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hasher: Sha256,
}

impl Trace {
    /// Adds an input.
    pub fn note(&mut self, when: Timestamp, at: NodeIndex, input: &Input) {
        self.hasher.update(when.millis().to_be_bytes());
        self.hasher.update(at.number().to_be_bytes());
        mark(input, &mut |bytes| self.hasher.update(bytes));
    }
}

/// The inputs of all nodes as 64 hex digits. Nodes know of each other only by their inputs, so that nothing is
/// left out.
pub fn of_all<'t>(traces: impl Iterator<Item = &'t Trace>) -> String {
    let mut hasher = Sha256::new();
    traces.for_each(|trace| hasher.update(trace.hasher.clone().finalize()));
    hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _: fmt::Result = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes that differ between inputs that differ, handed to `take` piece by piece.
fn mark(input: &Input, take: &mut dyn FnMut(&[u8])) {
    let (kind, bytes): (u8, Cow<[u8]>) = match input {
        Input::Connected { peer, .. } => (0, peer.as_bytes()[..].into()),
        Input::Disconnected { peer } => (1, peer.as_bytes()[..].into()),
        Input::DialFailed { address } => (2, address.to_string().into_bytes().into()),
        // A node's index is in the first two bytes; the rest is zero.
        Input::Received { peer, .. } => (3, peer.as_bytes()[..2].into()),
        Input::Malformed { peer, .. } => (4, peer.as_bytes()[..].into()),
        Input::AddressFound { address } => (5, address.to_string().into_bytes().into()),
        Input::Submit { submission: Submission::Block(block), .. } => {
            (6, block.hash().as_bytes().to_vec().into())
        }
        Input::Submit { submission: Submission::Transaction { transaction, .. }, .. } => {
            (7, transaction.txid().as_bytes().to_vec().into())
        }
        Input::Submit { submission, .. } => (7, format!("{submission:?}").into_bytes().into()),
        Input::Command(command) => (8, format!("{command:?}").into_bytes().into()),
        Input::Wake => (9, Cow::Borrowed(&[])),
    };
    take(&[kind]);
    take(&bytes);
    if let Input::Received { message, .. } = input {
        mark_message(message, take);
    }
}

fn mark_message(message: &Message, take: &mut dyn FnMut(&[u8])) {
    let mut all = |kind: u8, ids: &mut dyn Iterator<Item = [u8; 32]>| {
        take(&[kind]);
        ids.for_each(|id| take(&id));
    };
    match message {
        Message::Headers(headers) => all(10, &mut headers.iter().map(|header| *header.hash().as_bytes())),
        Message::Block(block) => all(11, &mut core::iter::once(*block.hash().as_bytes())),
        Message::GetBlocks(hashes) => all(12, &mut hashes.iter().map(|hash| *hash.as_bytes())),
        Message::AnnounceTransactions(txids) => all(13, &mut txids.iter().map(|txid| *txid.as_bytes())),
        Message::GetTransactions(txids) => all(14, &mut txids.iter().map(|txid| *txid.as_bytes())),
        Message::Transactions(list) => all(15, &mut list.iter().map(|one| *one.txid().as_bytes())),
        Message::CompactBlock(compact) => all(16, &mut core::iter::once(*compact.header.hash().as_bytes())),
        Message::BlockTransactions { transactions, .. } => {
            all(17, &mut transactions.iter().map(|one| *one.txid().as_bytes()));
        }
        // The others are small, and their text tells them apart.
        other => take(format!("{other:?}").as_bytes()),
    }
}
