//! How heavy a message is on the wire, and what tells an input from its like in the trace.

use cairn_core::header::Header;
use cairn_protocol::input::{Input, Submission};
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

/// A few bytes that differ between inputs that differ.
pub fn mark_of(input: &Input) -> Vec<u8> {
    match input {
        Input::Connected { peer, .. } => [&[0], &peer.as_bytes()[..]].concat(),
        Input::Disconnected { peer } => [&[1], &peer.as_bytes()[..]].concat(),
        Input::DialFailed { address } => [&[2], address.to_string().as_bytes()].concat(),
        Input::Received { peer, message } => [&[3], &peer.as_bytes()[..], &mark_of_message(message)].concat(),
        Input::Garbled { peer, .. } => [&[4], &peer.as_bytes()[..]].concat(),
        Input::AddressFound { address } => [&[5], address.to_string().as_bytes()].concat(),
        Input::Submit { submission: Submission::Block(block), .. } => {
            [&[6], &block.hash().as_bytes()[..]].concat()
        }
        Input::Submit { submission: Submission::Transaction(transaction), .. } => {
            [&[7], &transaction.txid().as_bytes()[..]].concat()
        }
        // What operators say is short.
        Input::Submit { submission, .. } => [&[7], format!("{submission:?}").as_bytes()].concat(),
        Input::Command(command) => [&[8], format!("{command:?}").as_bytes()].concat(),
        Input::Wake => vec![9],
    }
}

fn mark_of_message(message: &Message) -> Vec<u8> {
    let all = |kind: u8, ids: &mut dyn Iterator<Item = [u8; 32]>| {
        ids.fold(vec![kind], |mut mark, id| {
            mark.extend_from_slice(&id);
            mark
        })
    };
    match message {
        Message::Headers(headers) => all(10, &mut headers.iter().map(|header| *header.hash().as_bytes())),
        Message::Block(block) => all(11, &mut [*block.hash().as_bytes()].into_iter()),
        Message::GetBlocks(hashes) => all(12, &mut hashes.iter().map(|hash| *hash.as_bytes())),
        Message::AnnounceTransactions(txids) => all(13, &mut txids.iter().map(|txid| *txid.as_bytes())),
        Message::GetTransactions(txids) => all(14, &mut txids.iter().map(|txid| *txid.as_bytes())),
        Message::Transactions(transactions) => {
            all(15, &mut transactions.iter().map(|transaction| *transaction.txid().as_bytes()))
        }
        // The others are small, and their words tell them apart.
        other => format!("{other:?}").into_bytes(),
    }
}
