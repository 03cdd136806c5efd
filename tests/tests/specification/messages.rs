//! What section 12 of docs/protocol.md shows: messages, their kinds, and the numbers between nodes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use cairn_core::block::Block;
use cairn_core::encoding::encode;
use cairn_core::hash::{BlockHash, GenesisHash, Tag, tagged_hash};
use cairn_core::height::Height;
use cairn_core::transaction::Transaction;
use cairn_daemon::p2p::connection::MAX_HELD_BACK;
use cairn_daemon::p2p::memory_budget;
use cairn_daemon::p2p::peer_handle;
use cairn_daemon::p2p::stream::push_frame;
use cairn_protocol::limits;
use cairn_protocol::message::codec::{self, CodecError};
use cairn_protocol::message::compact_block::ShortIdKey;
use cairn_protocol::message::rates::RATES;
use cairn_protocol::message::{CompactBlock, Goodbye, Hello, Inventory, Message, PROTOCOL_VERSION};
use cairn_protocol::peer::PeerAddress;
use cairn_protocol::peers::handshake::SERVICE_FULL_BLOCKS;

/// The salt of the example's compact block.
const SALT: u64 = 7;

fn addresses() -> Vec<PeerAddress> {
    let hosts: [IpAddr; 2] =
        [Ipv4Addr::new(203, 0, 113, 7).into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()];
    hosts.into_iter().map(|host| PeerAddress::new((host, 18444).into())).collect()
}

fn hello(genesis: GenesisHash, tip: BlockHash) -> Hello {
    let work = cairn_core::work::Work::from_u256("256".parse().expect("a number"));
    Hello {
        protocol_version: PROTOCOL_VERSION,
        genesis,
        services: SERVICE_FULL_BLOCKS,
        tip,
        height: Height::from_u32(1),
        work,
        user_agent: "/cairn:0.1.0/".into(),
        listen: addresses(),
        nonce: 0x0123_4567_89ab_cdef,
    }
}

/// All bytes of the example's Hello.
pub fn hello_frame(genesis: GenesisHash, tip: BlockHash) -> Vec<u8> {
    let mut frame = Vec::new();
    push_frame(&mut frame, &Message::Hello(Box::new(hello(genesis, tip))));
    frame
}

/// The examples: the Hello line by line, and one message of each other kind but Block.
pub fn examples(
    genesis: GenesisHash,
    block: &Arc<Block>,
    payment: &Arc<Transaction>,
) -> Vec<(String, String)> {
    let (hello, frame) = (hello(genesis, block.hash()), hello_frame(genesis, block.hash()));
    let lines = [
        ("length", frame[..4].to_vec()),
        ("kind", frame[4..5].to_vec()),
        ("version", encode(&hello.protocol_version)),
        ("genesis", encode(&hello.genesis)),
        ("services", encode(&hello.services)),
        ("tip", encode(&hello.tip)),
        ("height", encode(&hello.height)),
        ("work", encode(&hello.work)),
        ("user_agent", encode(&hello.user_agent)),
        ("listen", encode(&hello.listen)),
        ("nonce", encode(&hello.nonce)),
    ];
    let (root, hash, txid) = (BlockHash::from_bytes(*genesis.as_bytes()), block.hash(), payment.txid());
    let messages = [
        ("goodbye", Message::Goodbye(Goodbye::OtherChain { ours: genesis })),
        ("ping", Message::Ping { nonce: 1 }),
        ("pong", Message::Pong { nonce: 1 }),
        ("get_peers", Message::GetPeers),
        ("peers", Message::Peers(addresses())),
        ("get_headers", Message::GetHeaders { locator: vec![root] }),
        ("headers", Message::Headers(vec![*block.header()])),
        ("get_blocks", Message::GetBlocks(vec![hash])),
        ("announce_transactions", Message::AnnounceTransactions(vec![txid])),
        ("get_transactions", Message::GetTransactions(vec![txid])),
        ("transactions", Message::Transactions(vec![payment.clone()])),
        ("send_compact", Message::SendCompact(true)),
        ("get_compact_block", Message::GetCompactBlock(hash)),
        ("compact_block", Message::CompactBlock(Arc::new(CompactBlock::new(block, SALT, |_| false)))),
        ("get_block_transactions", Message::GetBlockTransactions { block: hash, indexes: vec![0] }),
        (
            "block_transactions",
            Message::BlockTransactions { block: hash, transactions: vec![payment.clone()] },
        ),
        ("not_found", Message::NotFound(vec![Inventory::Block(hash), Inventory::Transaction(txid)])),
    ];
    let (header, salt) = (block.header().to_bytes(), SALT.to_le_bytes());
    let key = tagged_hash(Tag::ShortIds, &[&header, &salt]);
    let short_id = encode(&ShortIdKey::new(block.header(), SALT).id(payment));
    let short_ids = [("key", key[..16].to_vec()), ("id", short_id)];
    let short_ids = short_ids.into_iter().map(|(name, bytes)| (format!("short.{name}"), hex::encode(bytes)));
    let lines = lines.into_iter().map(|(name, bytes)| (format!("hello.{name}"), hex::encode(bytes)));
    let messages = messages.iter().map(|(name, message)| (format!("message.{name}"), codec::encode(message)));
    let messages = messages.map(|(name, bytes)| (name, hex::encode(bytes)));
    lines.chain(short_ids).chain(messages).collect()
}

/// Byte and name of each kind of message, and its longest body, as the codec itself says when it
/// refuses one that is longer.
pub fn kinds() -> Vec<(String, String)> {
    let mut bytes = vec![0; limits::MAX_FRAME + 1];
    let mut refusal = |byte: u8| {
        bytes[0] = byte;
        codec::decode(&bytes)
    };
    let known = (0..=u8::MAX).map(|byte| (byte, refusal(byte)));
    let named = known.filter_map(|(byte, refusal)| match refusal {
        Err(CodecError::TooLong { kind, allowed, .. }) => {
            Some((format!("{byte} {kind}"), allowed.to_string()))
        }
        Err(CodecError::UnknownKind { .. }) => None,
        other => panic!("a body longer than any is refused for its length: {other:?}"),
    });
    named.collect()
}

/// The numbers between nodes, as the document writes them.
pub fn numbers() -> BTreeMap<&'static str, String> {
    let bytes = |count: usize| format!("{count} bytes");
    let seconds = |time: Duration| format!("{} s", time.as_secs_f64());
    let rated = ["other messages", "GetHeaders", "headers", "block hashes", "ids", "entries of NotFound"];
    let rated = rated.into_iter().chain(["Blocks", "transactions", "compact blocks"]).zip(RATES);
    let rates =
        rated.map(|(name, rate)| (name, format!("{} a second {} at once", rate.per_second, rate.burst)));
    let others = [
        ("longest first frame", bytes(limits::MAX_FRAME_BEFORE_HELLO)),
        ("longest frame", bytes(limits::MAX_FRAME)),
        ("user agent", limits::MAX_USER_AGENT.to_string()),
        ("listening addresses", limits::MAX_LISTEN_ADDRESSES.to_string()),
        ("peers in a message", limits::MAX_PEERS_PER_MESSAGE.to_string()),
        ("locator", limits::MAX_LOCATOR.to_string()),
        ("headers in a message", limits::MAX_HEADERS_PER_MESSAGE.to_string()),
        ("blocks in a request", limits::MAX_GET_BLOCKS.to_string()),
        ("ids in a message", limits::MAX_INVENTORY.to_string()),
        ("transactions in a message", limits::MAX_TRANSACTIONS_PER_MESSAGE.to_string()),
        ("transactions of a compact block", limits::MAX_COMPACT_TRANSACTIONS.to_string()),
        ("handshake time", seconds(limits::HANDSHAKE_TIMEOUT)),
        ("ping interval", seconds(limits::PING_INTERVAL)),
        ("ping timeout", seconds(limits::PING_TIMEOUT)),
        ("peers ask interval", seconds(limits::PEERS_REQUEST_INTERVAL)),
        ("peers answer interval", seconds(limits::PEERS_REPLY_INTERVAL)),
        ("headers timeout", seconds(limits::HEADERS_TIMEOUT)),
        ("share of all", format!("1 of {}", limits::PEERS_SHARE)),
        ("few addresses", limits::FEW_ADDRESSES.to_string()),
        ("addresses at once", limits::ADDRESS_BURST.to_string()),
        ("address interval", seconds(limits::ADDRESS_INTERVAL)),
        ("groups of sources", limits::MAX_ADDRESS_SOURCES.to_string()),
        ("blocks-only timeout", seconds(limits::BLOCKS_ONLY_TIMEOUT)),
        ("failures of an address", limits::MAX_NEW_FAILURES.to_string()),
        ("failure interval", seconds(limits::FAILURE_INTERVAL)),
        ("dispute timeout", seconds(limits::COLLISION_TIMEOUT)),
        ("tried lately", seconds(limits::TRIED_RECENTLY)),
        ("low-work blocks", limits::LOW_WORK_BLOCKS.to_string()),
        ("low-work interval", seconds(limits::LOW_WORK_INTERVAL)),
        ("headers for each bit", limits::COMMITMENT_PERIOD.to_string()),
        ("bits of a chain", limits::MAX_COMMITMENTS.to_string()),
        ("headers held back", limits::REDOWNLOAD_BUFFER.to_string()),
        ("presyncs", limits::MAX_PRESYNCS.to_string()),
        ("block timeout", seconds(limits::BLOCK_TIMEOUT)),
        ("inbound peers asked for blocks", limits::MAX_BODY_PEERS.to_string()),
        ("time before others are asked", seconds(limits::HEDGE_AFTER)),
        ("rest after a failure", seconds(limits::STALL_PENALTY)),
        ("failures in a row", limits::MAX_STALLS.to_string()),
        ("transaction timeout", seconds(limits::TRANSACTION_TIMEOUT)),
        ("timeout after a failure", seconds(limits::STALLED_TRANSACTION_TIMEOUT)),
        ("announcements in a row", limits::ANNOUNCE_BURST.to_string()),
        ("announcement interval", format!("{} on average", seconds(limits::ANNOUNCE_INTERVAL))),
        ("transactions wanted", limits::MAX_REQUESTS_PER_PEER.to_string()),
        ("pushed block", bytes(limits::MAX_PUSHED_BLOCK)),
        ("prefilled bytes", bytes(limits::MAX_PREFILLED_BYTES)),
        ("high-bandwidth peers", limits::HIGH_BANDWIDTH_PEERS.to_string()),
        ("blocks being rebuilt", limits::MAX_REBUILDS.to_string()),
        ("blocks kept in compact form", limits::MAX_RECENT_BLOCKS.to_string()),
        ("bytes of removed transactions", bytes(2 * limits::MAX_REMOVED_BYTES)),
        ("bytes of blocks served", bytes(limits::MAX_SERVED_BYTES)),
        ("bytes of transactions served", bytes(limits::MAX_SERVED_TRANSACTION_BYTES)),
        ("bytes before requests wait", bytes(peer_handle::PAUSE_ABOVE)),
        ("requests that wait", MAX_HELD_BACK.to_string()),
        ("bytes that wait", bytes(peer_handle::MAX_QUEUED_BYTES)),
        ("messages that wait", peer_handle::MAX_QUEUED.to_string()),
        ("bytes that wait for all peers", bytes(memory_budget::MAX_QUEUED_BYTES_IN_ALL)),
        ("longest unrequested frame", bytes(memory_budget::LONGEST_UNREQUESTED)),
        ("bytes of longer frames", bytes(memory_budget::MAX_UNREQUESTED_BYTES_IN_ALL)),
        ("rivals of a tip", limits::MAX_RIVALS.to_string()),
        ("rivals from one peer", limits::MAX_RIVALS_PER_PEER.to_string()),
        ("orphans of a peer", limits::MAX_ORPHANS_PER_PEER.to_string()),
        ("orphan's bytes", bytes(limits::MAX_ORPHAN_BYTES)),
        ("orphan's inputs", limits::MAX_ORPHAN_INPUTS.to_string()),
        ("bytes of all orphans", bytes(limits::MAX_ALL_ORPHAN_BYTES)),
        ("inputs checked at once", limits::CHECKED_INPUTS_PER_STEP.to_string()),
        ("unchecked bytes of a peer", bytes(limits::MAX_UNCHECKED_BYTES_PER_PEER)),
        ("unchecked bytes", bytes(limits::MAX_UNCHECKED_BYTES)),
        ("blocks behind", limits::INITIAL_DOWNLOAD_GAP.to_string()),
        ("initial download timeout", seconds(limits::INITIAL_DOWNLOAD_TIMEOUT)),
        ("ban time", seconds(limits::BAN_DURATION)),
    ];
    others.into_iter().chain(rates).collect()
}
