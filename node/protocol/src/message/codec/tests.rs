//! The codec: what is written is read again, nothing else is, and nothing panics.

use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::hash::{BlockHash, GenesisHash, MerkleRoot, Txid};
use cairn_core::header::{Header, HeaderFields};
use cairn_core::height::Height;
use cairn_core::lock::{Lock, PublicKey};
use cairn_core::target::CompactTarget;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{
    Coinbase, LockTime, OutPoint, Output, Signature, Transaction, TransactionBody,
};
use cairn_core::work::Work;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;
use crate::message::compact_block::{CompactBlock, PrefilledTransaction};
use crate::message::types::Inventory;

fn block_hash() -> impl Strategy<Value = BlockHash> {
    any::<[u8; 32]>().prop_map(BlockHash::from_bytes)
}

fn txid() -> impl Strategy<Value = Txid> {
    any::<[u8; 32]>().prop_map(Txid::from_bytes)
}

fn address() -> impl Strategy<Value = PeerAddress> {
    any::<(std::net::IpAddr, u16)>().prop_map(|(host, port)| PeerAddress::new((host, port).into()))
}

fn header() -> impl Strategy<Value = Header> {
    any::<(u32, [u8; 32], [u8; 32], u64, u32, u64)>().prop_map(
        |(version, previous, root, time, bits, nonce)| {
            Header::from(HeaderFields {
                version,
                previous_block_hash: BlockHash::from_bytes(previous),
                merkle_root: MerkleRoot::from_bytes(root),
                time: Timestamp::from_millis(time),
                bits: CompactTarget::from_bits(bits),
                nonce,
            })
        },
    )
}

fn output() -> impl Strategy<Value = Output> {
    any::<(u64, [u8; 32])>().prop_map(|(units, key)| Output {
        amount: Amount::from_units(units),
        lock: Lock::PublicKey(PublicKey::from_bytes(key)),
    })
}

fn transaction() -> impl Strategy<Value = Arc<Transaction>> {
    let input = (txid(), any::<u32>()).prop_map(|(txid, index)| OutPoint { txid, index });
    let signatures = vec(any::<([u8; 32], [u8; 32])>(), 0..3);
    (vec(input, 0..4), vec(output(), 0..4), signatures).prop_map(|(inputs, outputs, signatures)| {
        let halves = signatures.into_iter().map(|halves| {
            let mut bytes = [0; 64];
            bytes[..32].copy_from_slice(&halves.0);
            bytes[32..].copy_from_slice(&halves.1);
            Signature::from_bytes(bytes)
        });
        let body = TransactionBody { inputs, outputs, lock_time: LockTime::Height(Height::from_u32(7)) };
        Arc::new(Transaction::new(body, halves.collect()))
    })
}

fn block() -> impl Strategy<Value = Arc<Block>> {
    let coinbase = (any::<u32>(), vec(output(), 0..3), vec(any::<u8>(), 0..64));
    let coinbase = coinbase.prop_map(|(height, outputs, tag)| Coinbase {
        height: Height::from_u32(height),
        outputs,
        tag,
    });
    (header(), coinbase, vec(transaction(), 0..4))
        .prop_map(|(header, coinbase, transactions)| Arc::new(Block::new(header, coinbase, transactions)))
}

fn hello() -> impl Strategy<Value = Hello> {
    let numbers = any::<(u32, [u8; 32], u64, u32, u64)>();
    (numbers, block_hash(), "[ -~]{0,64}", vec(address(), 0..=MAX_LISTEN_ADDRESSES)).prop_map(
        |((protocol_version, genesis, services, height, nonce), tip, user_agent, listen)| Hello {
            protocol_version,
            genesis: GenesisHash::from_bytes(genesis),
            services,
            tip,
            height: Height::from_u32(height),
            work: Work::ZERO,
            user_agent,
            listen,
            nonce,
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    let inventory =
        prop_oneof![block_hash().prop_map(Inventory::Block), txid().prop_map(Inventory::Transaction)];
    prop_oneof![
        hello().prop_map(|hello| Message::Hello(Box::new(hello))),
        any::<[u8; 32]>()
            .prop_map(|ours| Message::Goodbye(Goodbye::OtherChain { ours: GenesisHash::from_bytes(ours) })),
        Just(Message::Goodbye(Goodbye::Full)),
        any::<u64>().prop_map(|nonce| Message::Ping { nonce }),
        any::<u64>().prop_map(|nonce| Message::Pong { nonce }),
        Just(Message::GetPeers),
        vec(address(), 0..20).prop_map(Message::Peers),
        vec(block_hash(), 0..=MAX_LOCATOR).prop_map(|locator| Message::GetHeaders { locator }),
        vec(header(), 0..20).prop_map(Message::Headers),
        vec(block_hash(), 0..=MAX_GET_BLOCKS).prop_map(Message::GetBlocks),
        block().prop_map(Message::Block),
        vec(inventory, 0..20).prop_map(Message::NotFound),
        vec(txid(), 0..20).prop_map(Message::AnnounceTransactions),
        vec(txid(), 0..20).prop_map(Message::GetTransactions),
        vec(transaction(), 0..4).prop_map(Message::Transactions),
        any::<bool>().prop_map(Message::SendCompact),
        block_hash().prop_map(Message::GetCompactBlock),
        (block(), any::<u64>()).prop_map(|(block, salt)| {
            let is_lacking = |one: &Transaction| one.txid().prefix().is_multiple_of(2);
            Message::CompactBlock(Arc::new(CompactBlock::new(&block, salt, is_lacking)))
        }),
        (block_hash(), btree_set(0..32_768_u32, 0..20)).prop_map(|(block, indexes)| {
            Message::GetBlockTransactions { block, indexes: indexes.into_iter().collect() }
        }),
        (block_hash(), vec(transaction(), 0..4))
            .prop_map(|(block, transactions)| Message::BlockTransactions { block, transactions }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_written_is_read_again(message in message()) {
        prop_assert_eq!(decode(&encode(&message)), Ok(message));
    }

    #[test]
    fn a_message_has_one_byte_string(message in message(), extra in vec(any::<u8>(), 1..20)) {
        let longer = [encode(&message), extra].concat();
        prop_assert!(decode(&longer).is_err(), "also of a Goodbye, whose reason is then unknown");
    }

    #[test]
    fn a_message_cut_short_is_refused(message in message(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(&message);
        prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn random_bytes_never_panic_and_what_they_mean_is_written_the_same(
        kind in 0u8..20, body in vec(any::<u8>(), 0..300),
    ) {
        let bytes = [vec![kind], body].concat();
        if let Ok(message) = decode(&bytes) {
            prop_assert_eq!(encode(&message), bytes);
        }
    }
}

#[test]
fn an_empty_message_is_refused() {
    assert_eq!(decode(&[]), Err(CodecError::Empty));
}

#[test]
fn an_unknown_kind_is_refused() {
    assert_eq!(decode(&[19, 0]), Err(CodecError::UnknownKind { found: 19 }));
}

/// ATTACKS 24: the count says 2^60, the bytes are few.
#[test]
fn a_lying_count_is_refused_before_anything_is_allocated() {
    let counts = [5u8, 6, 7, 8, 10, 11, 12, 13].map(|kind| (kind, Vec::new()));
    for (kind, before) in counts.into_iter().chain([17, 18].map(|kind| (kind, vec![0; 32]))) {
        let bytes = [vec![kind], before, (1u64 << 60).to_le_bytes().to_vec()].concat();
        assert!(matches!(decode(&bytes), Err(CodecError::Malformed { .. })), "kind {kind}");
    }
}

#[test]
fn a_list_one_past_its_bound_is_refused_by_its_length() {
    let hashes = vec![BlockHash::ZERO; MAX_LOCATOR + 1];
    let bytes = encode(&Message::GetHeaders { locator: hashes });
    let allowed = COUNT + MAX_LOCATOR * 32;
    assert_eq!(decode(&bytes), Err(CodecError::TooLong { kind: "GetHeaders", found: allowed + 32, allowed }));
    let txids = vec![Txid::ZERO; MAX_INVENTORY + 1];
    let bytes = encode(&Message::AnnounceTransactions(txids));
    assert!(matches!(decode(&bytes), Err(CodecError::TooLong { .. })));
}

#[test]
fn addresses_one_past_their_bound_are_refused_though_short_ones_fit() {
    let address = PeerAddress::new((std::net::Ipv4Addr::LOCALHOST, 1).into());
    let bytes = encode(&Message::Peers(vec![address; MAX_PEERS_PER_MESSAGE + 1]));
    let (found, allowed) = (MAX_PEERS_PER_MESSAGE + 1, MAX_PEERS_PER_MESSAGE);
    assert_eq!(decode(&bytes), Err(CodecError::TooMany { kind: "Peers", found, allowed }));
}

/// Of a compact block no index is read that points beyond its transactions, twice at one, or back.
#[test]
fn indexes_that_do_not_increase_or_exceed_the_transactions_are_refused() {
    let transaction = Arc::new(Transaction::new(
        TransactionBody { inputs: Vec::new(), outputs: Vec::new(), lock_time: LockTime::Immediate },
        Vec::new(),
    ));
    let transactions = vec![transaction.clone(); 3];
    let coinbase = Coinbase { height: Height::GENESIS, outputs: Vec::new(), tag: Vec::new() };
    let header = cairn_core::testing::TestChain::new().genesis.header().to_owned();
    let compact = CompactBlock::new(&Block::new(header, coinbase, transactions), 7, |_| false);
    let prefilled = |indexes: &[u32]| {
        let one = |index: &u32| PrefilledTransaction { index: *index, transaction: transaction.clone() };
        let prefilled = indexes.iter().map(one).collect();
        let message = CompactBlock { prefilled, ..compact.clone() };
        decode(&encode(&Message::CompactBlock(Arc::new(message))))
    };
    let requested = |indexes: &[u32]| {
        decode(&encode(&Message::GetBlockTransactions { block: BlockHash::ZERO, indexes: indexes.to_vec() }))
    };
    assert!(prefilled(&[0, 4]).is_ok() && requested(&[0, 32_767]).is_ok());
    for indexes in [&[1, 0][..], &[1, 1], &[5], &[u32::MAX, u32::MAX]] {
        assert_eq!(prefilled(indexes), Err(CodecError::Indexes { kind: "CompactBlock" }), "{indexes:?}");
    }
    for indexes in [&[1, 0][..], &[1, 1], &[32_768], &[u32::MAX, u32::MAX]] {
        assert_eq!(requested(indexes), Err(CodecError::Indexes { kind: "GetBlockTransactions" }));
    }
}

#[test]
fn a_compact_block_of_more_transactions_than_any_block_has_is_refused() {
    let genesis = cairn_core::testing::TestChain::new().genesis;
    let compact = CompactBlock::new(&genesis, 7, |_| false);
    let id = crate::message::compact_block::ShortIdKey::new(genesis.header(), 7);
    let body = TransactionBody { inputs: Vec::new(), outputs: Vec::new(), lock_time: LockTime::Immediate };
    let id = id.id(&Transaction::new(body, Vec::new()));
    let with = |count: usize| {
        let compact = CompactBlock { short_ids: vec![id; count], ..compact.clone() };
        decode(&encode(&Message::CompactBlock(Arc::new(compact))))
    };
    assert!(with(MAX_COMPACT_TRANSACTIONS).is_ok());
    let (found, allowed) = (MAX_COMPACT_TRANSACTIONS + 1, MAX_COMPACT_TRANSACTIONS);
    assert_eq!(with(found), Err(CodecError::TooMany { kind: "CompactBlock", found, allowed }));
}

/// Whatever the rest is: longer, shorter, of other kinds of values, with text for no terminal.
#[test]
fn version_and_genesis_of_a_hello_are_read_where_the_rest_does_not_decode() {
    let hello = Hello { user_agent: "a\nb".into(), ..plain_hello() };
    let whole = encode(&Message::Hello(Box::new(plain_hello())));
    let unprintable = encode(&Message::Hello(Box::new(hello)));
    let longer = [whole.as_slice(), &[1, 2, 3]].concat();
    let start = HelloStart { protocol_version: 1, genesis: GenesisHash::ZERO };
    for bytes in [&longer, &whole[..whole.len() - 1], &whole[..1 + HelloStart::SIZE], &unprintable] {
        let found = decode(bytes);
        assert!(matches!(&found, Err(CodecError::Hello { start: read, .. }) if *read == start), "{found:?}");
    }
    let short = decode(&whole[..HelloStart::SIZE]);
    assert!(matches!(short, Err(CodecError::Malformed { kind: "Hello", .. })), "{short:?}");
}

#[test]
fn a_goodbye_with_any_reason_is_one() {
    let unknown = [&[1][..], &6u32.to_le_bytes()].concat();
    let with_text = [&[1][..], &2u32.to_le_bytes(), b"no room for you"].concat();
    for bytes in [&unknown[..], &with_text, &[1], &[1, 0]] {
        assert_eq!(decode(bytes), Err(CodecError::Goodbye), "{bytes:?}");
    }
}

/// A new choice is a new version, whose Hello is answered; in this version it is malformed.
#[test]
fn choices_of_later_versions_do_not_decode() {
    let output = [&[0; 8][..], &1u32.to_le_bytes(), &[7; 32]].concat();
    let lock = [&1u64.to_le_bytes()[..], &0u64.to_le_bytes(), &1u64.to_le_bytes(), &output].concat();
    let address = [&1u64.to_le_bytes()[..], &2u32.to_le_bytes(), &[0; 40]].concat();
    let thing = [&1u64.to_le_bytes()[..], &2u32.to_le_bytes(), &[0; 32]].concat();
    for (kind, body) in [(13, lock), (5, address), (10, thing)] {
        let found = decode(&[&[kind], &body[..]].concat());
        let Err(CodecError::Malformed { source, .. }) = found else { panic!("kind {kind}: {found:?}") };
        assert!(matches!(source, DecodeError::UnknownChoice { .. }), "kind {kind}: {source:?}");
    }
}

fn plain_hello() -> Hello {
    Hello {
        protocol_version: 1,
        genesis: GenesisHash::ZERO,
        services: 1,
        tip: BlockHash::ZERO,
        height: Height::GENESIS,
        work: Work::ZERO,
        user_agent: "cairn".into(),
        listen: Vec::new(),
        nonce: 1,
    }
}

#[test]
fn a_user_agent_that_could_steer_a_terminal_is_refused() {
    for agent in ["\u{1b}[2Jcairn", "käse", "line\nbreak"] {
        let hello = Hello { user_agent: agent.into(), ..plain_hello() };
        let bytes = encode(&Message::Hello(Box::new(hello)));
        let found = decode(&bytes);
        let Err(CodecError::Hello { fault, .. }) = found else { panic!("{agent:?}: {found:?}") };
        assert_eq!(*fault, CodecError::UserAgent { allowed: MAX_USER_AGENT }, "{agent:?}");
    }
}

/// ATTACKS 28: IPv4 written as IPv6 counts one host twice.
#[test]
fn an_address_in_a_longer_form_is_refused() {
    let canonical = encode(&Message::Peers(vec![PeerAddress::new("[::1]:80".parse().expect("literal"))]));
    let mut mapped = canonical.clone();
    let host = canonical.len() - 2 - 16;
    mapped[host..host + 16].copy_from_slice(&std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets());
    assert!(decode(&canonical).is_ok());
    assert!(matches!(decode(&mapped), Err(CodecError::Address { .. })));
}

#[test]
fn the_longest_hello_fits_the_frame_for_strangers() {
    let address = PeerAddress::new((std::net::Ipv6Addr::LOCALHOST, 1).into());
    let listen = vec![address; MAX_LISTEN_ADDRESSES];
    let hello = Hello { user_agent: "x".repeat(MAX_USER_AGENT), listen, ..plain_hello() };
    assert!(encode(&Message::Hello(Box::new(hello))).len() <= MAX_FRAME_BEFORE_HELLO);
}
