//! Every bound on what others can make us hold or do, by name and with its reason.

use core::time::Duration;

/// A frame before the peer's `Hello` was read: a Hello is below 1 KiB, so a stranger costs no more.
pub const MAX_FRAME_BEFORE_HELLO: usize = 1024;
/// A frame afterwards: the largest block of any definition (4 MiB) and its envelope.
pub const MAX_FRAME: usize = 4 * 1024 * 1024 + 64;
/// Characters of a user agent.
pub const MAX_USER_AGENT: usize = 64;
/// Listening addresses in a `Hello`.
pub const MAX_LISTEN_ADDRESSES: usize = 8;
/// Addresses in one `Peers`.
pub const MAX_PEERS_PER_MESSAGE: usize = 256;
/// Hashes in a locator: 10 + log2 of 2^32 heights, with room.
pub const MAX_LOCATOR: usize = 64;
/// Headers in one message, as in Bitcoin: 2,000 of 88 bytes are 176 kB.
pub const MAX_HEADERS_PER_MESSAGE: usize = 2000;
/// Block hashes in one `GetBlocks`: one window of sync.
pub const MAX_GET_BLOCKS: usize = 128;
/// Ids in one announcement, request or `NotFound`: bounds the work of one message.
pub const MAX_INVENTORY: usize = 1000;
/// Transactions in one `Transactions`; the frame bound holds besides.
pub const MAX_TRANSACTIONS_PER_MESSAGE: usize = 1000;

/// How long a stranger may take for its `Hello`.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a silent peer is asked whether it lives.
pub const PING_INTERVAL: Duration = Duration::from_secs(20);
/// How long it may take to answer.
pub const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Outbound connections a node keeps up when it knows enough addresses.
pub const OUTBOUND_TARGET: usize = 8;
/// Inbound connections a node accepts.
pub const MAX_INBOUND: usize = 117;
