//! Limits: every bound on what peers and callers can make a node store or do, by name and with its reason.

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

/// How long a dial may go without an answer from the edge before it counts as failed.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(30);
/// Dials under way at once.
pub const MAX_DIALS: usize = 16;
/// The first wait before dialing again: links are back within a second of a healed cut.
pub const REDIAL_FIRST: Duration = Duration::from_millis(100);
/// The longest wait before dialing again; the waits between double.
pub const REDIAL_MAX: Duration = Duration::from_secs(30);
/// Failures after which an address that nobody asked to keep is no longer dialled.
pub const MAX_REDIALS: u32 = 4;
/// A connection that lasted this long was a good one: the next wait starts from the first again.
pub const GOOD_CONNECTION: Duration = Duration::from_secs(10);

/// Addresses remembered that were only heard of.
pub const MAX_NEW_ADDRESSES: usize = 2048;
/// Of these, how many one source may fill.
pub const MAX_ADDRESSES_PER_SOURCE: usize = 128;
/// Addresses remembered where a node was met.
pub const MAX_TRIED_ADDRESSES: usize = 512;
/// Failures after which an address heard of is forgotten.
pub const MAX_NEW_FAILURES: u32 = 3;
/// Failures after which an address where a node was met is forgotten.
pub const MAX_TRIED_FAILURES: u32 = 10;
/// How often one peer gets an answer to `GetPeers`.
pub const PEERS_REPLY_INTERVAL: Duration = Duration::from_secs(30);
/// How often a node that lacks connections asks a peer for addresses.
pub const PEERS_REQUEST_INTERVAL: Duration = Duration::from_secs(60);

/// How long misconduct bans.
pub const BAN_DURATION: Duration = Duration::from_secs(24 * 60 * 60);
/// Bans remembered; beyond it the one that ends soonest makes room (CVE-2020-14198).
pub const MAX_BANS: usize = 4096;

/// A block of at most this size is pushed whole: it costs little more than asking whether to.
pub const MAX_PUSHED_BLOCK: usize = 32 * 1024;
/// Blocks per peer of which we remember that it has them.
pub const MAX_KNOWN_BLOCKS: usize = 64;
/// Bytes of blocks that one `GetBlocks` is answered with; what goes beyond is `NotFound`.
pub const MAX_SERVED_BYTES: usize = 40 * 1024 * 1024;
/// Transactions of which we remember which peers have them: those that are spreading now.
pub const MAX_KNOWN_TRANSACTIONS: usize = 4096;
/// Transactions per peer that wait to be announced.
pub const MAX_ANNOUNCE_QUEUE: usize = 8192;
/// Announcements wait about this long for company.
pub const ANNOUNCE_BATCH: Duration = Duration::from_millis(5);
/// How often a peer is told of transactions while there are ever more of them. Meanwhile it mostly
/// hears of them from others, so that each crosses a link once and not twice.
pub const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
/// How soon the rest follows where more wait than one message may hold: no faster, or what the peer
/// may want of us at a time would not hold it, and it would never hear of what it passed over.
pub const FULL_ANNOUNCE_INTERVAL: Duration = Duration::from_secs(1);
/// Announcements that leave without waiting for their turn: who pays now and then waits for nothing.
pub const ANNOUNCE_BURST: u32 = 4;
/// Announced transactions per peer that we have not received yet.
pub const MAX_REQUESTS_PER_PEER: usize = 2048;
/// Peers remembered per wanted transaction, to ask if the first stays silent.
pub const MAX_ANNOUNCERS: usize = 8;
/// How long a peer may take to deliver a transaction before another is asked (CVE-2024-52913).
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of transactions that one `GetTransactions` is answered with.
pub const MAX_SERVED_TRANSACTION_BYTES: usize = 2 * 1024 * 1024;
/// Transactions per peer that wait for a parent.
pub const MAX_ORPHANS_PER_PEER: usize = 32;
/// Bytes of one that waits for a parent.
pub const MAX_ORPHAN_BYTES: usize = 32 * 1024;
/// How long it waits.
pub const ORPHAN_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a transaction of our own that is not confirmed is announced again.
pub const REBROADCAST_INTERVAL: Duration = Duration::from_secs(60);
/// Transactions of our own that are announced again.
pub const MAX_REBROADCAST_TRANSACTIONS: usize = 1024;

/// Blocks kept that are ahead of the clock: each cost its sender the work of a block.
pub const MAX_FUTURE_BLOCKS: usize = 16;

/// How long a peer may take for the headers it was asked for.
pub const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a peer may go without delivering any block it was asked for; others take over then.
pub const BLOCK_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a peer that did not deliver is left alone.
pub const STALL_PENALTY: Duration = Duration::from_secs(10);
/// Failures to deliver in a row after which a peer makes room for another.
pub const MAX_STALLS: u32 = 3;
/// Bytes that are asked of one peer at once, as far as the size of blocks can be foreseen.
pub const BODY_WINDOW_BYTES: usize = 8 * 1024 * 1024;
/// Blocks asked of one peer at once, however large they are.
pub const MIN_BODY_WINDOW: usize = 8;
/// How far bodies are fetched ahead of the first that is missing.
pub const BODIES_AHEAD: u32 = 1024;
/// Blocks behind the best header beyond which a node is busy with itself and announces nothing.
pub const INITIAL_DOWNLOAD_GAP: u32 = 24;

/// Memory that waiting transactions may take, about, unless the operator says otherwise.
pub const DEFAULT_MEMPOOL_BYTES: usize = 64 * 1000 * 1000;
/// The least that a transaction pays for 1,000 bytes to be relayed: a unit a byte, so that no flood
/// is free.
pub const MIN_RELAY_FEE_PER_KILOBYTE: u64 = 1_000;
/// What a replacement pays for its own relay beside the fees that it displaces (BIP 125, rule 4).
pub const INCREMENTAL_FEE_PER_KILOBYTE: u64 = 1_000;
/// Bytes of a transaction that is relayed; a block may hold larger ones.
pub const MAX_RELAYED_TRANSACTION: usize = 100_000;
/// Bytes that spending an output takes: its input (36) and a signature (64). An output that holds
/// less than their fee is dust: it would stay among the coins for ever.
pub const SPEND_BYTES: usize = 36 + 64;
/// A waiting transaction and all it depends on, as in Bitcoin Core: bounds the work of each change.
pub const MAX_ANCESTORS: usize = 25;
/// Bytes of these.
pub const MAX_ANCESTOR_BYTES: usize = 101_000;
/// A waiting transaction and all that depend on it.
pub const MAX_DESCENDANTS: usize = 25;
/// Bytes of these.
pub const MAX_DESCENDANT_BYTES: usize = 101_000;
/// Waiting transactions that one replacement may displace (BIP 125, rule 5).
pub const MAX_REPLACED: usize = 100;
/// How long a transaction may wait: two weeks, as in Bitcoin Core.
pub const MEMPOOL_EXPIRY: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// After so many block spacings the fee rate that a full mempool asks for has halved.
pub const FULL_FEE_HALF_LIFE_BLOCKS: u32 = 72;
/// Blocks that fee estimates look back on.
pub const FEE_HISTORY_BLOCKS: usize = 144;
