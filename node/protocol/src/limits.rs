//! Limits: every bound on what peers and callers can make a node store or do, by name and with its reason.

use core::time::Duration;

/// Bytes of a frame before the peer's `Hello`: a `Hello` is below 1 KiB, so an unknown peer costs no more.
pub const MAX_FRAME_BEFORE_HELLO: usize = 1024;
/// Bytes of a frame after that: the largest block of any chain (4 MiB) and its envelope.
pub const MAX_FRAME: usize = 4 * 1024 * 1024 + 64;
/// Characters of a user agent.
pub const MAX_USER_AGENT: usize = 64;
/// Listening addresses in a `Hello`.
pub const MAX_LISTEN_ADDRESSES: usize = 8;
/// Addresses in one `Peers`.
pub const MAX_PEERS_PER_MESSAGE: usize = 256;
/// The share of the known addresses, as a divisor, that one `Peers` shows: Bitcoin Core sends 23 %.
pub const PEERS_SHARE: usize = 4;
/// Addresses that one `Peers` may show whatever their share: a devnet knows no more.
pub const FEW_ADDRESSES: usize = 64;
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
/// Transactions of a compact block, or requested of one: more than fit into the largest block of any chain (4 MiB).
pub const MAX_COMPACT_TRANSACTIONS: usize = 32 * 1024;
/// Bytes of a compact block: the short ids of all these transactions, a coinbase and prefilled transactions. A block
/// whose compact form is longer is announced by its header.
pub const MAX_COMPACT_BLOCK: usize = 256 * 1024;

/// Timeout for the `Hello` of a peer.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause between pings of a peer.
pub const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Timeout for the `Pong` of a peer.
pub const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Outbound connections of a node that knows enough addresses, as in Bitcoin Core.
pub const OUTBOUND_TARGET: usize = 8;
/// Inbound connections that a node accepts, as in Bitcoin Core.
pub const MAX_INBOUND: usize = 117;

/// Time after which a dial without a result counts as failed.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(30);
/// Dials without a result at one time.
pub const MAX_DIALS: usize = 16;
/// The first interval before another dial: links are back within a second after a partition.
pub const REDIAL_FIRST: Duration = Duration::from_millis(100);
/// The longest interval before another dial; those between double.
pub const REDIAL_MAX: Duration = Duration::from_secs(30);
/// Failures after which an address that the operator did not name is no longer dialed.
pub const MAX_REDIALS: u32 = 4;
/// Duration of a good connection: the back-off of its address starts again.
pub const GOOD_CONNECTION: Duration = Duration::from_secs(10);

/// Buckets of the table of new addresses, as in Bitcoin Core.
pub const NEW_BUCKETS: u64 = 1024;
/// Buckets of that table which the addresses from one group of sources can reach.
pub const NEW_BUCKETS_PER_SOURCE: u64 = 64;
/// Buckets of the table of tried addresses.
pub const TRIED_BUCKETS: u64 = 256;
/// Buckets of that table which the addresses of one group can reach.
pub const TRIED_BUCKETS_PER_GROUP: u64 = 8;
/// Addresses in a bucket.
pub const BUCKET_SIZE: u64 = 64;
/// Time after a connection in which a tried address keeps its place without another test.
pub const TRIED_RECENTLY: Duration = Duration::from_secs(4 * 60 * 60);
/// Tried addresses that wait for a test because another would take their place.
pub const MAX_COLLISIONS: usize = 10;
/// Time after which such an address that was not tested keeps its place, as long as in Bitcoin Core.
pub const COLLISION_TIMEOUT: Duration = Duration::from_secs(40 * 60);
/// Failures after which a new address is forgotten.
pub const MAX_NEW_FAILURES: u32 = 3;
/// The shortest interval between failures that count for that: a node that restarts fails several dials in a second.
pub const FAILURE_INTERVAL: Duration = Duration::from_secs(60);
/// New addresses that are accepted at once from the peers of one network group: one full reply.
pub const ADDRESS_BURST: u32 = 256;
/// The interval in which they may name another one, as in Bitcoin Core (CVE-2024-52919).
pub const ADDRESS_INTERVAL: Duration = Duration::from_secs(10);
/// Network groups whose addresses are counted at a time.
pub const MAX_ADDRESS_SOURCES: usize = 4096;
/// Outbound connections for blocks alone, beside the others: they show no peer the topology, and their addresses are
/// dialed first after a restart.
pub const BLOCKS_ONLY_TARGET: usize = 2;
/// Time without a full outbound connection after which one for blocks alone becomes a full one: by then the dials of the
/// start have had a result.
pub const BLOCKS_ONLY_TIMEOUT: Duration = Duration::from_secs(30);
/// Interval between short connections that test an address (Heilman et al., countermeasure 4).
pub const FEELER_INTERVAL: Duration = Duration::from_secs(120);
/// The shortest interval between replies to `GetPeers` of one peer.
pub const PEERS_REPLY_INTERVAL: Duration = Duration::from_secs(30);
/// The interval between requests for addresses of a node with free slots.
pub const PEERS_REQUEST_INTERVAL: Duration = Duration::from_secs(60);

/// Duration of a ban for misbehavior.
pub const BAN_DURATION: Duration = Duration::from_secs(24 * 60 * 60);
/// Bans for misbehavior that are remembered; beyond the limit the oldest is dropped (CVE-2020-14198).
pub const MAX_BANS: usize = 4096;
/// Bans by the operator; beyond the limit the oldest is dropped.
pub const MAX_OPERATOR_BANS: usize = 4096;

/// Bytes of a block that is sent whole as its announcement: that costs little more than a header and a request.
pub const MAX_PUSHED_BLOCK: usize = 32 * 1024;
/// Bytes of the transactions that are prefilled in a compact block: these cost less than a round trip.
pub const MAX_PREFILLED_BYTES: usize = 32 * 1024;
/// Peers that send new blocks in compact form before they have validated them, as in Bitcoin Core.
pub const HIGH_BANDWIDTH_PEERS: usize = 3;
/// Blocks in compact form that lack transactions at a time, of all peers; of one peer it is one.
pub const MAX_REBUILDS: usize = 16;
/// The latest blocks whose compact form is kept, to be sent on request.
pub const MAX_RECENT_BLOCKS: usize = 3;
/// Bytes of transactions that left the mempool unconfirmed lately, in each of two generations: blocks of nodes with
/// another mempool have them.
pub const MAX_REMOVED_BYTES: usize = 1024 * 1024;
/// Known blocks that are remembered for each peer.
pub const MAX_KNOWN_BLOCKS: usize = 64;
/// Bytes of blocks in the reply to one `GetBlocks`; the others are `NotFound`. Reading more of them would hold the node
/// longer than a step may take.
pub const MAX_SERVED_BYTES: usize = 8 * 1024 * 1024;
/// Known transactions that are remembered: those that are announced now.
pub const MAX_KNOWN_TRANSACTIONS: usize = 4096;
/// Transactions in the announcement queue of a peer.
pub const MAX_ANNOUNCE_QUEUE: usize = 8192;
/// Average delay of an announcement, to collect more ids.
pub const ANNOUNCE_BATCH: Duration = Duration::from_millis(5);
/// Average interval of announcements to a peer while there are always more. Meanwhile other peers announce most
/// of them to it, so that each transaction crosses a link once and not twice.
pub const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
/// Interval after a full announcement. A shorter one could exceed [`MAX_REQUESTS_PER_PEER`] of the peer, which
/// would ignore the rest for ever.
pub const FULL_ANNOUNCE_INTERVAL: Duration = Duration::from_secs(1);
/// Announcements in a row without a delay: a transaction now and then is announced at once.
pub const ANNOUNCE_BURST: u32 = 4;
/// Announced transactions of a peer that have not arrived.
pub const MAX_REQUESTS_PER_PEER: usize = 2048;
/// Time after which a transaction is requested from another peer (CVE-2024-52913).
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(2);
/// The same for a peer that did not deliver the last one in time.
pub const STALLED_TRANSACTION_TIMEOUT: Duration = Duration::from_millis(500);
/// Time in which a delivered transaction is checked, before others are asked for it.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of delivered transactions of one peer that are not checked yet: one full message.
pub const MAX_UNCHECKED_BYTES_PER_PEER: usize = MAX_FRAME;
/// Bytes of delivered transactions of all peers that are not checked yet.
pub const MAX_UNCHECKED_BYTES: usize = 8 * MAX_FRAME;
/// Inputs of transactions after which a step checks no further one: their signatures take a few
/// milliseconds (CVE-2024-52914).
pub const CHECKED_INPUTS_PER_STEP: usize = 256;
/// Bytes of transactions in the reply to one `GetTransactions`; the last may exceed it.
pub const MAX_SERVED_TRANSACTION_BYTES: usize = 1024 * 1024;
/// Orphan transactions of one peer.
pub const MAX_ORPHANS_PER_PEER: usize = 32;
/// Bytes of an orphan transaction.
pub const MAX_ORPHAN_BYTES: usize = 32 * 1024;
/// Inputs of an orphan transaction, each of which takes an entry in an index.
pub const MAX_ORPHAN_INPUTS: usize = 100;
/// Bytes of the orphan transactions of all peers.
pub const MAX_ALL_ORPHAN_BYTES: usize = 4 * 1024 * 1024;
/// Time after which an orphan is forgotten.
pub const ORPHAN_TIMEOUT: Duration = Duration::from_secs(60);
/// Interval between announcements of a transaction that was submitted here and is unconfirmed.
pub const REBROADCAST_INTERVAL: Duration = Duration::from_secs(60);
/// Transactions submitted here that are announced again.
pub const MAX_REBROADCAST_TRANSACTIONS: usize = 1024;

/// Unsolicited rivals of one tip whose bodies are stored (ATTACKS 34); of others only the header is kept.
pub const MAX_RIVALS: usize = 8;
/// Unsolicited rivals of one tip from one peer.
pub const MAX_RIVALS_PER_PEER: usize = 3;

/// Blocks ahead of the clock that are kept: each cost its sender the work of a block.
pub const MAX_FUTURE_BLOCKS: usize = 16;

/// Blocks below the tip whose work a branch of headers may lack, as in Bitcoin Core: one with less is not kept.
pub const LOW_WORK_BLOCKS: u32 = 144;
/// Headers of a branch with unknown work between two bits that are kept of it.
pub const COMMITMENT_PERIOD: u32 = 64;
/// Headers that are held back while the bits of a branch are compared: 32 bits, so that a false branch passes once
/// in 2^32 attempts.
pub const REDOWNLOAD_BUFFER: usize = 2048;
/// Bits that are kept of one branch: 64 KiB for four million headers.
pub const MAX_COMMITMENTS: usize = 65_536;
/// Interval after which the headers of a peer with a low-work chain are requested again.
pub const LOW_WORK_INTERVAL: Duration = Duration::from_secs(60);
/// Inbound peers whose low-work headers are examined at a time.
pub const MAX_PRESYNCS: usize = 8;
/// Timeout for the headers of a peer.
pub const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// Time without a delivery after which the requested blocks of a peer are requested from others.
pub const BLOCK_TIMEOUT: Duration = Duration::from_secs(4);
/// Time without a delivery after which the next block to connect is requested of more peers.
pub const HEDGE_AFTER: Duration = Duration::from_secs(1);
/// Peers that one block is requested of at a time, as in Bitcoin Core; of these one is outbound.
pub const PARALLEL_REQUESTS: usize = 3;
/// Blocks that are remembered because a peer sent the header and withheld the body.
pub const MAX_WITHHELD: usize = 1024;
/// Pause after which a peer that did not deliver is asked again.
pub const STALL_PENALTY: Duration = Duration::from_secs(10);
/// Failures to deliver in a row after which a peer is disconnected.
pub const MAX_STALLS: u32 = 3;
/// Bytes of blocks that are requested from one peer at a time, by the average size of a block.
pub const BODY_WINDOW_BYTES: usize = 8 * 1024 * 1024;
/// Inbound peers of which blocks are requested at a time: bounds the memory for what they send.
pub const MAX_BODY_PEERS: usize = 16;
/// Blocks that are requested from one peer at a time, whatever their size.
pub const MIN_BODY_WINDOW: usize = 8;
/// Blocks above the first missing body that are requested.
pub const BODIES_AHEAD: u32 = 1024;
/// Blocks behind the chain of a peer beyond which a new node is in initial download, and announces nothing.
pub const INITIAL_DOWNLOAD_GAP: u32 = 24;
/// Time without a block of such a chain after which initial download is over: headers alone mute no node.
pub const INITIAL_DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Estimated bytes of memory of the mempool, unless the operator sets another limit.
pub const DEFAULT_MEMPOOL_BYTES: usize = 64 * 1000 * 1000;
/// The least that a transaction pays for 1,000 bytes to be relayed: a unit a byte, so that no flood is free.
pub const MIN_RELAY_FEE_PER_KILOBYTE: u64 = 1_000;
/// Units for 1,000 bytes that a replacement pays for its own relay, beside the fees that it replaces
/// (BIP 125, rule 4).
pub const INCREMENTAL_FEE_PER_KILOBYTE: u64 = 1_000;
/// Bytes of a transaction that is relayed; a block may hold larger ones.
pub const MAX_RELAYED_TRANSACTION: usize = 100_000;
/// Bytes that spending an output takes: its input (36) and a signature (64). An output that holds less than their
/// fee is dust: it would stay in the UTXO set for ever.
pub const SPEND_BYTES: usize = 36 + 64;
/// An unconfirmed transaction and its ancestors, as in Bitcoin Core: limits the work of each change.
pub const MAX_ANCESTORS: usize = 25;
/// Bytes of a transaction and its ancestors.
pub const MAX_ANCESTOR_BYTES: usize = 101_000;
/// An unconfirmed transaction and its descendants.
pub const MAX_DESCENDANTS: usize = 25;
/// Bytes of a transaction and its descendants.
pub const MAX_DESCENDANT_BYTES: usize = 101_000;
/// Unconfirmed transactions that one replacement may replace (BIP 125, rule 5).
pub const MAX_REPLACED: usize = 100;
/// Time after which an unconfirmed transaction expires: two weeks, as in Bitcoin Core.
pub const MEMPOOL_EXPIRY: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// Block spacings after which the fee rate of a full mempool has halved.
pub const FULL_FEE_HALF_LIFE_BLOCKS: u32 = 72;
/// Blocks from which fees are estimated.
pub const FEE_HISTORY_BLOCKS: usize = 144;
