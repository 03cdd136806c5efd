//! Message codec: one byte for the kind, then the body in the encoding of the chain.
//!
//! The length is checked against the limit of the kind before any allocation, and every byte must be consumed,
//! so that a message has one encoding. Frames belong to the transport.

use cairn_core::encoding::{self, Decode, DecodeError, Encode};

use crate::limits::{
    MAX_COMPACT_BLOCK, MAX_COMPACT_TRANSACTIONS, MAX_FRAME, MAX_FRAME_BEFORE_HELLO, MAX_GET_BLOCKS,
    MAX_HEADERS_PER_MESSAGE, MAX_INVENTORY, MAX_LISTEN_ADDRESSES, MAX_LOCATOR, MAX_PEERS_PER_MESSAGE,
    MAX_TRANSACTIONS_PER_MESSAGE, MAX_USER_AGENT,
};
use crate::message::types::{Goodbye, Hello, HelloStart, Message};
use crate::peer::PeerAddress;

/// Why bytes are not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// There is not even a kind.
    #[error("the message is empty")]
    Empty,
    /// The frame is longer than any message at this point may be.
    #[error("a frame of {found} bytes, at most {allowed} are allowed")]
    FrameTooLong { found: usize, allowed: usize },
    /// No message of this protocol has this kind.
    #[error("message kind {found} does not exist")]
    UnknownKind { found: u8 },
    /// The message is longer than its kind allows.
    #[error("a {kind} of {found} bytes, at most {allowed} are allowed")]
    TooLong { kind: &'static str, found: usize, allowed: usize },
    /// The body does not decode, or has bytes left over.
    #[error("the {kind} does not decode: {source}")]
    Malformed { kind: &'static str, source: DecodeError },
    /// Only the start of a `Hello` decodes. The rest may be valid in another version.
    #[error("{fault}")]
    Hello { start: HelloStart, fault: Box<Self> },
    /// The reason of a `Goodbye` may be valid in another version.
    #[error("a Goodbye with a reason that this version does not know")]
    Goodbye,
    /// A list has more entries than its kind allows.
    #[error("a {kind} with {found} entries, at most {allowed} are allowed")]
    TooMany { kind: &'static str, found: usize, allowed: usize },
    /// Indexes of transactions that are not in order, or point beyond the last transaction.
    #[error("the indexes of the {kind} do not increase, or exceed the number of its transactions")]
    Indexes { kind: &'static str },
    /// The user agent would harm a terminal or a page.
    #[error("the user agent has bytes other than printable ASCII, or more than {allowed} of them")]
    UserAgent { allowed: usize },
    /// An IPv4 address in the form of IPv6, which would count one host twice.
    #[error("the address {found} has a shorter form")]
    Address { found: PeerAddress },
}

/// A kind of message: its byte, name and longest body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    byte: u8,
    name: &'static str,
    longest: usize,
}

const fn kind(byte: u8, name: &'static str, longest: usize) -> Kind {
    Kind { byte, name, longest }
}

/// Length in bytes of a list's count.
const COUNT: usize = 8;
/// Length in bytes of the longest address: a tag, an IPv6 address, a port.
const ADDRESS: usize = 4 + 16 + 2;

const HELLO: Kind = kind(0, "Hello", MAX_FRAME_BEFORE_HELLO - 1);
const GOODBYE: Kind = kind(1, "Goodbye", MAX_FRAME_BEFORE_HELLO - 1);
const PING: Kind = kind(2, "Ping", 8);
const PONG: Kind = kind(3, "Pong", 8);
const GET_PEERS: Kind = kind(4, "GetPeers", 0);
const PEERS: Kind = kind(5, "Peers", COUNT + MAX_PEERS_PER_MESSAGE * ADDRESS);
const GET_HEADERS: Kind = kind(6, "GetHeaders", COUNT + MAX_LOCATOR * 32);
const HEADERS: Kind = kind(7, "Headers", COUNT + MAX_HEADERS_PER_MESSAGE * 88);
const GET_BLOCKS: Kind = kind(8, "GetBlocks", COUNT + MAX_GET_BLOCKS * 32);
const BLOCK: Kind = kind(9, "Block", MAX_FRAME - 1);
const NOT_FOUND: Kind = kind(10, "NotFound", COUNT + MAX_INVENTORY * 36);
const ANNOUNCE_TRANSACTIONS: Kind = kind(11, "AnnounceTransactions", COUNT + MAX_INVENTORY * 32);
const GET_TRANSACTIONS: Kind = kind(12, "GetTransactions", COUNT + MAX_INVENTORY * 32);
const TRANSACTIONS: Kind = kind(13, "Transactions", MAX_FRAME - 1);
const SEND_COMPACT: Kind = kind(14, "SendCompact", 1);
const GET_COMPACT_BLOCK: Kind = kind(15, "GetCompactBlock", 32);
const COMPACT_BLOCK: Kind = kind(16, "CompactBlock", MAX_COMPACT_BLOCK);
const GET_BLOCK_TRANSACTIONS: Kind =
    kind(17, "GetBlockTransactions", 32 + COUNT + MAX_COMPACT_TRANSACTIONS * 4);
const BLOCK_TRANSACTIONS: Kind = kind(18, "BlockTransactions", MAX_FRAME - 1);

/// The encoding of a message: the content of one frame.
pub fn encode(message: &Message) -> Vec<u8> {
    match message {
        Message::Hello(hello) => framed(HELLO, hello.as_ref()),
        Message::Goodbye(goodbye) => framed(GOODBYE, goodbye),
        Message::Ping { nonce } => framed(PING, nonce),
        Message::Pong { nonce } => framed(PONG, nonce),
        Message::GetPeers => framed(GET_PEERS, &()),
        Message::Peers(addresses) => framed(PEERS, addresses),
        Message::GetHeaders { locator } => framed(GET_HEADERS, locator),
        Message::Headers(headers) => framed(HEADERS, headers),
        Message::GetBlocks(hashes) => framed(GET_BLOCKS, hashes),
        Message::Block(block) => framed(BLOCK, block.as_ref()),
        Message::NotFound(items) => framed(NOT_FOUND, items),
        Message::AnnounceTransactions(txids) => framed(ANNOUNCE_TRANSACTIONS, txids),
        Message::GetTransactions(txids) => framed(GET_TRANSACTIONS, txids),
        Message::Transactions(transactions) => framed(TRANSACTIONS, transactions),
        Message::SendCompact(wanted) => framed(SEND_COMPACT, wanted),
        Message::GetCompactBlock(hash) => framed(GET_COMPACT_BLOCK, hash),
        Message::CompactBlock(compact) => framed(COMPACT_BLOCK, compact.as_ref()),
        Message::GetBlockTransactions { block, indexes } => framed(GET_BLOCK_TRANSACTIONS, &(block, indexes)),
        Message::BlockTransactions { block, transactions } => {
            framed(BLOCK_TRANSACTIONS, &(block, transactions))
        }
    }
}

/// Decodes the content of one frame.
///
/// # Errors
/// Every variant of [`CodecError`]. No honest node of this version sends such bytes.
pub fn decode(bytes: &[u8]) -> Result<Message, CodecError> {
    let (&byte, body) = bytes.split_first().ok_or(CodecError::Empty)?;
    let message = match byte {
        0 => Message::Hello(Box::new(read_hello(body)?)),
        1 => Message::Goodbye(read::<Goodbye>(GOODBYE, body).map_err(|fault| match fault {
            CodecError::Malformed { .. } => CodecError::Goodbye,
            fault => fault,
        })?),
        2 => Message::Ping { nonce: read(PING, body)? },
        3 => Message::Pong { nonce: read(PONG, body)? },
        4 => read::<()>(GET_PEERS, body).map(|()| Message::GetPeers)?,
        5 => Message::Peers(checked_addresses(read(PEERS, body)?)?),
        6 => Message::GetHeaders { locator: read(GET_HEADERS, body)? },
        7 => Message::Headers(read(HEADERS, body)?),
        8 => Message::GetBlocks(read(GET_BLOCKS, body)?),
        9 => Message::Block(read(BLOCK, body)?),
        10 => Message::NotFound(read(NOT_FOUND, body)?),
        11 => Message::AnnounceTransactions(read(ANNOUNCE_TRANSACTIONS, body)?),
        12 => Message::GetTransactions(read(GET_TRANSACTIONS, body)?),
        13 => Message::Transactions(read(TRANSACTIONS, body)?),
        14 => Message::SendCompact(read(SEND_COMPACT, body)?),
        15 => Message::GetCompactBlock(read(GET_COMPACT_BLOCK, body)?),
        16 => Message::CompactBlock(read(COMPACT_BLOCK, body)?),
        17 => {
            let (block, indexes) = read(GET_BLOCK_TRANSACTIONS, body)?;
            Message::GetBlockTransactions { block, indexes }
        }
        18 => {
            let (block, transactions) = read(BLOCK_TRANSACTIONS, body)?;
            Message::BlockTransactions { block, transactions }
        }
        found => return Err(CodecError::UnknownKind { found }),
    };
    match &message {
        Message::Peers(list) => at_most(PEERS, list.len(), MAX_PEERS_PER_MESSAGE)?,
        Message::Transactions(list) => at_most(TRANSACTIONS, list.len(), MAX_TRANSACTIONS_PER_MESSAGE)?,
        Message::CompactBlock(compact) => {
            at_most(COMPACT_BLOCK, compact.count(), MAX_COMPACT_TRANSACTIONS)?;
            increasing(COMPACT_BLOCK, compact.prefilled.iter().map(|one| one.index), compact.count())?;
        }
        Message::GetBlockTransactions { indexes, .. } => {
            increasing(GET_BLOCK_TRANSACTIONS, indexes.iter().copied(), MAX_COMPACT_TRANSACTIONS)?;
        }
        Message::BlockTransactions { transactions, .. } => {
            at_most(BLOCK_TRANSACTIONS, transactions.len(), MAX_COMPACT_TRANSACTIONS)?;
        }
        _ => {} // Entries of fixed size: the bound on the length is the bound on their number.
    }
    Ok(message)
}

fn framed<T: Encode>(kind: Kind, body: &T) -> Vec<u8> {
    let body = encoding::encode(body);
    let mut bytes = Vec::with_capacity(1 + body.len());
    bytes.push(kind.byte);
    bytes.extend_from_slice(&body);
    bytes
}

fn read<T: Decode<()>>(kind: Kind, body: &[u8]) -> Result<T, CodecError> {
    let Kind { name, longest, .. } = kind;
    if body.len() > longest {
        return Err(CodecError::TooLong { kind: name, found: body.len(), allowed: longest });
    }
    encoding::decode(body, longest).map_err(|source| CodecError::Malformed { kind: name, source })
}

fn at_most(kind: Kind, found: usize, allowed: usize) -> Result<(), CodecError> {
    if found > allowed {
        return Err(CodecError::TooMany { kind: kind.name, found, allowed });
    }
    Ok(())
}

/// Checks that indexes increase and are below the number of transactions.
fn increasing(kind: Kind, indexes: impl Iterator<Item = u32>, count: usize) -> Result<(), CodecError> {
    let mut least = 0;
    for index in indexes {
        if index < least || index as usize >= count {
            return Err(CodecError::Indexes { kind: kind.name });
        }
        least = index.saturating_add(1);
    }
    Ok(())
}

/// Decodes a `Hello`, or its start where the rest does not decode.
fn read_hello(body: &[u8]) -> Result<Hello, CodecError> {
    read(HELLO, body).and_then(checked_hello).map_err(|fault| {
        let start = body.get(..HelloStart::SIZE).filter(|_| body.len() <= HELLO.longest);
        match start.and_then(|start| encoding::decode(start, HelloStart::SIZE).ok()) {
            Some(start) => CodecError::Hello { start, fault: Box::new(fault) },
            None => fault,
        }
    })
}

fn checked_hello(hello: Hello) -> Result<Hello, CodecError> {
    at_most(HELLO, hello.listen.len(), MAX_LISTEN_ADDRESSES)?;
    let printable = hello.user_agent.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !printable || hello.user_agent.len() > MAX_USER_AGENT {
        return Err(CodecError::UserAgent { allowed: MAX_USER_AGENT });
    }
    let listen = checked_addresses(hello.listen)?;
    Ok(Hello { listen, ..hello })
}

fn checked_addresses(addresses: Vec<PeerAddress>) -> Result<Vec<PeerAddress>, CodecError> {
    match addresses.iter().find(|address| PeerAddress::new(address.socket()) != **address) {
        Some(found) => Err(CodecError::Address { found: *found }),
        None => Ok(addresses),
    }
}

#[cfg(test)]
mod tests;
