//! Sizes of messages on the wire.

use cairn_core::header::Header;
use cairn_protocol::message::Message;

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
