//! Inputs and messages from outside: how heavy on the wire, what tells one from its like, and words.

use cairn_core::header::Header;
use cairn_protocol::input::{Input, PeerCommand, Submission};
use cairn_protocol::message::Message;

use crate::node_index::NodeIndex;

/// A frame's length and the message's kind.
const ENVELOPE: u64 = 5;

/// About how many bytes a message is: near enough to load a link.
pub fn bytes_of(message: &Message) -> u64 {
    let list = |length: usize, each: usize| 8 + (length * each) as u64;
    let body = match message {
        Message::Hello(hello) => 150 + hello.user_agent.len() as u64 + list(hello.listen.len(), 10),
        Message::Goodbye(_) => 36,
        Message::Ping { .. } | Message::Pong { .. } => 8,
        Message::GetPeers => 0,
        Message::Peers(addresses) => list(addresses.len(), 10),
        Message::GetHeaders { locator } => list(locator.len(), 32),
        Message::Headers(headers) => list(headers.len(), Header::SIZE),
        Message::GetBlocks(hashes) => list(hashes.len(), 32),
        Message::Block(block) => block.size() as u64,
        Message::NotFound(items) => list(items.len(), 36),
        Message::AnnounceTransactions(txids) | Message::GetTransactions(txids) => list(txids.len(), 32),
        Message::Transactions(transactions) => {
            8 + transactions.iter().map(|transaction| transaction.size() as u64).sum::<u64>()
        }
    };
    ENVELOPE + body
}

/// Bytes that differ between inputs that differ, handed to `take` piece by piece.
pub fn mark(input: &Input, take: &mut dyn FnMut(&[u8])) {
    match input {
        Input::Connected { peer, .. } => {
            take(&[0]);
            take(peer.as_bytes());
        }
        Input::Disconnected { peer } => {
            take(&[1]);
            take(peer.as_bytes());
        }
        Input::DialFailed { address } => {
            take(&[2]);
            take(address.to_string().as_bytes());
        }
        Input::Received { peer, message } => {
            take(&[3]);
            // A node's number is in the first two bytes; the rest is zero.
            take(&peer.as_bytes()[..2]);
            mark_message(message, take);
        }
        Input::Malformed { peer, .. } => {
            take(&[4]);
            take(peer.as_bytes());
        }
        Input::AddressFound { address } => {
            take(&[5]);
            take(address.to_string().as_bytes());
        }
        Input::Submit { submission: Submission::Block(block), .. } => {
            take(&[6]);
            take(block.hash().as_bytes());
        }
        Input::Submit { submission: Submission::Transaction { transaction, .. }, .. } => {
            take(&[7]);
            take(transaction.txid().as_bytes());
        }
        // What operators say is short.
        Input::Submit { submission, .. } => {
            take(&[7]);
            take(format!("{submission:?}").as_bytes());
        }
        Input::Command(command) => {
            take(&[8]);
            take(format!("{command:?}").as_bytes());
        }
        Input::Wake => take(&[9]),
    }
}

fn mark_message(message: &Message, take: &mut dyn FnMut(&[u8])) {
    match message {
        Message::Headers(headers) => {
            take(&[10]);
            headers.iter().for_each(|header| take(header.hash().as_bytes()));
        }
        Message::Block(block) => {
            take(&[11]);
            take(block.hash().as_bytes());
        }
        Message::GetBlocks(hashes) => {
            take(&[12]);
            hashes.iter().for_each(|hash| take(hash.as_bytes()));
        }
        Message::AnnounceTransactions(txids) => {
            take(&[13]);
            txids.iter().for_each(|txid| take(txid.as_bytes()));
        }
        Message::GetTransactions(txids) => {
            take(&[14]);
            txids.iter().for_each(|txid| take(txid.as_bytes()));
        }
        Message::Transactions(transactions) => {
            take(&[15]);
            transactions.iter().for_each(|transaction| take(transaction.txid().as_bytes()));
        }
        // The others are small, and their words tell them apart.
        other => take(format!("{other:?}").as_bytes()),
    }
}

/// An input in a line, for people who look for what went wrong.
pub fn in_words(input: &Input) -> String {
    match input {
        Input::Connected { peer, direction, .. } => {
            format!("connected with {} ({direction})", NodeIndex::of_peer(peer))
        }
        Input::Disconnected { peer } => format!("link to {} gone", NodeIndex::of_peer(peer)),
        Input::DialFailed { address } => format!("cannot reach {address}"),
        Input::Received { peer, message } => {
            format!("hears from {}: {}", NodeIndex::of_peer(peer), message_in_words(message))
        }
        Input::Submit { submission: Submission::Block(block), .. } => format!("found block {}", block.hash()),
        Input::Submit { submission: Submission::Transaction { transaction, .. }, .. } => {
            format!("is handed payment {}", transaction.txid())
        }
        Input::Submit { submission: Submission::Header(header), .. } => {
            format!("is handed header {}", header.hash())
        }
        Input::Submit { submission: Submission::Override(hash, _), .. } => {
            format!("is told about block {hash}")
        }
        Input::Malformed { peer, error } => {
            format!("hears from {} what does not decode: {error}", NodeIndex::of_peer(peer))
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
        let hears = |message| in_words(&Input::Received { peer, message });
        for (told, words) in [
            (
                in_words(&Input::Connected { peer, direction: Direction::Inbound, address }),
                "connected with node 1 (inbound)",
            ),
            (
                hears(Message::Goodbye(Goodbye::OtherVersion { ours: 2 })),
                "hears from node 1: Goodbye, other protocol version: the sender's is 2",
            ),
            (hears(Message::Ping { nonce: 7 }), "hears from node 1: Ping"),
            (
                hears(Message::GetHeaders { locator: vec![BlockHash::ZERO] }),
                &format!("hears from node 1: GetHeaders after {}", BlockHash::ZERO),
            ),
            (in_words(&Input::Command(PeerCommand::SetBlocked([peer].into()))), "may no longer reach node 1"),
        ] {
            assert_eq!(told, words);
        }
    }
}
