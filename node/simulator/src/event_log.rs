//! The last inputs of a world's nodes in words, to find what went wrong.

use core::time::Duration;
use std::collections::VecDeque;

use cairn_protocol::input::{Input, PeerCommand, Submission};
use cairn_protocol::message::Message;

use crate::node_index::NodeIndex;

/// A log of the last inputs.
#[derive(Clone, Debug)]
pub struct EventLog {
    kept: usize,
    last: u64,
    /// The number of the event that was noted last.
    number: u64,
    lines: VecDeque<String>,
}

impl EventLog {
    /// A log of at most `kept` events after the first `before`, in which nodes start. Events after the one with the
    /// number `last` are left out.
    pub fn new(kept: usize, last: u64, before: u64) -> Self {
        let line = match before.min(last) {
            0 => None,
            1 => Some("event 1: a node starts".to_owned()),
            many => Some(format!("events 1 to {many}: nodes start")),
        };
        Self { kept, last, number: before, lines: line.into_iter().collect() }
    }

    /// Adds an event, unless it comes after the last one wanted.
    pub fn note(&mut self, when: Duration, node: NodeIndex, words: &str) {
        self.number += 1;
        if self.number > self.last {
            return;
        }
        if self.lines.len() == self.kept {
            self.lines.pop_front();
        }
        let (number, seconds) = (self.number, when.as_secs_f64());
        self.lines.push_back(format!("event {number} at {seconds:.3} s: {node} {words}"));
    }

    /// All that are kept, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }
}

/// An input in a line.
pub fn in_words(input: &Input) -> String {
    match input {
        Input::Connected { peer, direction, .. } => {
            format!("connected with {} ({direction})", NodeIndex::of_peer(peer))
        }
        Input::Disconnected { peer } => format!("link to {} gone", NodeIndex::of_peer(peer)),
        Input::DialFailed { address } => format!("cannot reach {address}"),
        Input::Received { peer, message } => {
            format!("receives from {}: {}", NodeIndex::of_peer(peer), message_in_words(message))
        }
        Input::Submit { submission: Submission::Block(block), .. } => format!("found block {}", block.hash()),
        Input::Submit { submission: Submission::Transaction { transaction, .. }, .. } => {
            format!("is handed payment {}", transaction.txid())
        }
        Input::Submit { submission: Submission::Header(header), .. } => {
            format!("is handed header {}", header.hash())
        }
        Input::Submit { submission: Submission::Override(hash, _), .. } => {
            format!("is given a setting of block {hash}")
        }
        Input::Malformed { peer, error } => {
            format!("receives from {} a malformed message: {error}", NodeIndex::of_peer(peer))
        }
        Input::AddressFound { address } => format!("finds {address}"),
        Input::Command(command) => command_in_words(command),
        Input::Wake => "wakes".into(),
    }
}

fn command_in_words(command: &PeerCommand) -> String {
    match command {
        PeerCommand::AddNode(address) => format!("is to keep up a connection to {address}"),
        PeerCommand::TryNode(address) => format!("is to dial {address} once"),
        PeerCommand::RemoveNode(address) => format!("is to dial {address} no longer"),
        PeerCommand::DisconnectPeer(peer) => format!("is to disconnect {}", NodeIndex::of_peer(peer)),
        PeerCommand::Ban { peer, .. } => format!("is to ban {}", NodeIndex::of_peer(peer)),
        PeerCommand::Unban(peer) => format!("is to ban {} no longer", NodeIndex::of_peer(peer)),
        PeerCommand::ClearBans => "is to forget all bans".into(),
        PeerCommand::SetBlocked(peers) if peers.is_empty() => "may reach all nodes again".into(),
        PeerCommand::SetBlocked(peers) => {
            let peers: Vec<String> = peers.iter().map(|peer| NodeIndex::of_peer(peer).to_string()).collect();
            format!("may no longer reach {}", peers.join(", "))
        }
        PeerCommand::SetNetworkActive(true) => "is to have connections again".into(),
        PeerCommand::SetNetworkActive(false) => "is to have no connections".into(),
    }
}

fn message_in_words(message: &Message) -> String {
    match message {
        Message::Hello(hello) => format!("Hello, tip {} at {}", hello.tip, hello.height),
        Message::Headers(headers) => match headers.as_slice() {
            [] => "no Headers".into(),
            [.., last] => format!("{} Headers up to {}", headers.len(), last.hash()),
        },
        Message::Block(block) => format!("Block {}", block.hash()),
        Message::GetBlocks(hashes) => format!("GetBlocks, {} of them", hashes.len()),
        Message::AnnounceTransactions(txids) => format!("announcement of {} transactions", txids.len()),
        Message::GetTransactions(txids) => format!("GetTransactions, {} of them", txids.len()),
        Message::Transactions(transactions) => format!("{} Transactions", transactions.len()),
        Message::Goodbye(goodbye) => format!("Goodbye, {goodbye}"),
        Message::Ping { .. } => "Ping".into(),
        Message::Pong { .. } => "Pong".into(),
        Message::GetPeers => "GetPeers".into(),
        Message::Peers(addresses) => format!("{} Peers", addresses.len()),
        Message::GetHeaders { locator } => match locator.first() {
            Some(first) => format!("GetHeaders after {first}"),
            None => "GetHeaders after genesis".into(),
        },
        Message::NotFound(items) => format!("NotFound, {} of them", items.len()),
        Message::SendCompact(true) => "SendCompact, new blocks at once".into(),
        Message::SendCompact(false) => "SendCompact, no longer".into(),
        Message::GetCompactBlock(hash) => format!("GetCompactBlock {hash}"),
        Message::CompactBlock(compact) => format!("CompactBlock {}", compact.header.hash()),
        Message::GetBlockTransactions { block, indexes } => {
            format!("GetBlockTransactions, {} of {block}", indexes.len())
        }
        Message::BlockTransactions { block, transactions } => {
            format!("{} BlockTransactions of {block}", transactions.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::hash::BlockHash;
    use cairn_protocol::message::Goodbye;
    use cairn_protocol::peer::Direction;

    use super::*;

    #[test]
    fn what_a_node_meets_is_told_in_words() {
        let one = NodeIndex::new(1);
        let (peer, address) = (one.peer_id(), one.listens_at());
        let received = |message| in_words(&Input::Received { peer, message });
        for (found, words) in [
            (
                in_words(&Input::Connected { peer, direction: Direction::Inbound, address }),
                "connected with node 1 (inbound)",
            ),
            (
                received(Message::Goodbye(Goodbye::OtherVersion { ours: 2 })),
                "receives from node 1: Goodbye, other protocol version: the sender's is 2",
            ),
            (received(Message::Ping { nonce: 7 }), "receives from node 1: Ping"),
            (
                received(Message::GetHeaders { locator: vec![BlockHash::ZERO] }),
                &format!("receives from node 1: GetHeaders after {}", BlockHash::ZERO),
            ),
            (in_words(&Input::Command(PeerCommand::SetBlocked([peer].into()))), "may no longer reach node 1"),
        ] {
            assert_eq!(found, words);
        }
    }
}
