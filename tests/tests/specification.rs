//! docs/protocol.md says what the code does: every example in it is computed here again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_core::check::block::check_block;
use cairn_core::check::connect::connect_block;
use cairn_core::coin::{Coin, Origin};
use cairn_core::difficulty::{Anchor, asert, next_bits};
use cairn_core::encoding::encode;
use cairn_core::header::{Header, HeaderFields};
use cairn_core::height::Height;
use cairn_core::lock::{Lock, PublicKey};
use cairn_core::merkle::prove;
use cairn_core::signature::SerialVerifier;
use cairn_core::signing::{sign, signature_digest};
use cairn_core::target::CompactTarget;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{Coinbase, LockTime, OutPoint, Output, Transaction, TransactionBody};
use cairn_genesis::Chain;
use cairn_genesis::block::rules_digest;
use cairn_tests::blocks::mined;
use ed25519_dalek::SigningKey;

#[path = "specification/messages.rs"]
mod messages;

const DOCUMENT: &str = include_str!("../../docs/protocol.md");

/// The definition that the document gives for its examples.
fn chain() -> Chain {
    let definition = DOCUMENT.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    Chain::from_toml(definition.expect("the document holds a definition")).expect("it is a chain")
}

/// Lines `name = value` of the document's examples, in its order.
fn documented() -> Vec<(&'static str, &'static str)> {
    let blocks = DOCUMENT.split("```example\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).filter_map(|line| line.split_once(" = ")).collect()
}

/// The document's section about what nodes say to each other.
fn between_nodes() -> &'static str {
    DOCUMENT.split("## 12. ").nth(1).expect("the document has a section 12")
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn pay(coins: u64, number: u8) -> Output {
    let lock = Lock::PublicKey(PublicKey::from_bytes(key(number).verifying_key().to_bytes()));
    Output { amount: Amount::from_units(coins * Amount::COIN.units()), lock }
}

fn computed() -> BTreeMap<String, String> {
    let Chain { params, genesis, .. } = chain();
    let mut examples = BTreeMap::new();
    let mut show = |name: &str, value: String| examples.insert(name.to_owned(), value);
    let bytes = |bytes: &[u8]| hex::encode(bytes);

    let address = Address::new(&params.address_prefix, pay(0, 1).lock);
    show("key1.secret", bytes(&key(1).to_bytes()));
    show("key1.public", bytes(&key(1).verifying_key().to_bytes()));
    show("key1.lock", bytes(&encode(&pay(0, 1).lock)));
    show("key1.address", address.to_string());

    show("genesis.rules_digest", bytes(&rules_digest(&params)));
    show("genesis.coinbase", bytes(&encode(genesis.coinbase())));
    show("genesis.header", bytes(&genesis.header().to_bytes()));
    show("genesis.hash_bytes", bytes(genesis.hash().as_bytes()));
    show("genesis.hash", genesis.hash().to_string());

    let outpoint = OutPoint { txid: genesis.coinbase().txid(), index: 0 };
    let spent = genesis.coinbase().outputs[0].clone();
    let outputs = vec![pay(400, 2), pay(599, 1)];
    let body = TransactionBody { inputs: vec![outpoint], outputs, lock_time: LockTime::Immediate };
    let digest = signature_digest(&params.genesis_hash, &body, std::slice::from_ref(&spent));
    let signature = sign(&key(1), &digest);
    let payment = Arc::new(Transaction::new(body, vec![signature]));
    show("transaction.body", bytes(&encode(payment.body())));
    show("transaction.txid", payment.txid().to_string());
    show("transaction.spent_outputs", bytes(&encode(&spent)));
    show("transaction.digest", bytes(digest.as_bytes()));
    show("transaction.signature", bytes(signature.as_bytes()));
    show("transaction.bytes", bytes(&encode(payment.as_ref())));
    show("transaction.leaf", bytes(payment.leaf_hash().as_bytes()));

    let reward = Output { amount: Amount::from_units(51 * Amount::COIN.units()), ..pay(0, 3) };
    let coinbase = Coinbase { height: Height::from_u32(1), outputs: vec![reward], tag: b"node 3".to_vec() };
    show("coinbase.bytes", bytes(&encode(&coinbase)));
    show("coinbase.txid", coinbase.txid().to_string());
    show("coinbase.leaf", bytes(coinbase.leaf_hash().as_bytes()));

    let time = params.genesis_time.saturating_add(params.spacing);
    let block = mined(genesis.hash(), time, params.genesis_bits, coinbase, vec![payment.clone()]);
    let proof = prove(&block.leaves(), 1).expect("the payment is in the block");
    show("merkle.root", bytes(block.merkle_root().as_bytes()));
    show("merkle.proof_of_transaction", bytes(&encode(&proof)));
    let target = params.genesis_bits.to_target().expect("a target");
    show("target.bits", params.genesis_bits.to_string());
    show("target.number", bytes(&target.to_be_bytes()));
    show("target.work", target.work().to_string());
    show("block.nonce", block.header().nonce.to_string());
    show("block.header", bytes(&block.header().to_bytes()));
    show("block.hash", block.hash().to_string());
    show("block.bytes", bytes(&encode(&block)));

    // And the example breaks no rule.
    let shown = Arc::new(block);
    let checked = check_block(shown.clone(), &params).expect("a body that breaks no rule");
    let coin = Coin { output: spent, height: Height::GENESIS, origin: Origin::Premine };
    let coins = BTreeMap::from([(outpoint, coin)]);
    let (height, median) = (Height::from_u32(1), params.genesis_time);
    connect_block(&checked, height, median, &coins, &SerialVerifier, &params).expect("it connects");

    let (spacing, half_life) = (Duration::from_secs(600), Duration::from_secs(172_800));
    let bits = |bits: u32| CompactTarget::from_bits(bits).to_target().expect("a target");
    let next = asert(bits(0x1802_aee8), 111_773_000, 53, spacing, half_life, bits(0x1d00_ffff));
    show("asert.example", next.to_compact().to_string());
    show("asert.early", early().to_string());

    let mut sleepy = params.clone();
    sleepy.longest_gap = Some(Duration::from_secs(60));
    let (day, begun) = (Duration::from_secs(86_400), Timestamp::from_millis(1_800_000_000_000));
    let header = |time| Header::from(HeaderFields { time, ..**shown.header() });
    let first = Anchor::after(None, &sleepy, &header(begun), Height::from_u32(1), params.genesis_time);
    let (woken, second) = (begun.saturating_add(day), Height::from_u32(2));
    let after = Anchor::after(first.as_ref(), &sleepy, &header(woken), second, begun).expect("an anchor");
    let before = first.expect("block 1 is an anchor").due;
    show("gap.forgotten_ms", after.due.since(before).as_millis().to_string());
    show("gap.due_time", after.due.millis().to_string());
    show("gap.bits_of_block_3", next_bits(&sleepy, Some(&after), second, woken).to_string());

    examples.extend(messages::examples(params.genesis_hash, &shown, &payment));
    examples
}

/// The bits of the second block of the document's chain that begins with 1970.
fn early() -> CompactTarget {
    let definition = chain().definition.to_string();
    let changed = [
        ("genesis_time_ms = 1767225600000", "genesis_time_ms = 0"),
        ("spacing_ms = 2000", "spacing_ms = 600000"),
        ("half_life_ms = 300000", "half_life_ms = 60000"),
        ("genesis_bits = \"2000ffff\"", "genesis_bits = \"207fffff\""),
    ];
    let definition = changed.iter().fold(definition, |text, (from, to)| {
        assert!(text.contains(from), "{from}: {text}");
        text.replace(from, to)
    });
    let Chain { params, genesis, .. } = Chain::from_toml(&definition).expect("it is a chain");
    let header = Header::from(HeaderFields { time: Timestamp::from_millis(1), ..**genesis.header() });
    let height = Height::from_u32(1);
    let anchor = Anchor::after(None, &params, &header, height, params.genesis_time);
    next_bits(&params, anchor.as_ref(), height, header.time)
}

#[test]
fn every_example_of_the_specification_is_what_the_code_computes() {
    let (documented, computed) = (documented(), computed());
    let values: BTreeMap<&str, &str> = documented.iter().copied().collect();
    assert_eq!(values.len(), documented.len(), "each example has a name of its own");
    for (name, value) in &computed {
        let found = values.get(name.as_str()).copied();
        assert_eq!(found, Some(value.as_str()), "docs/protocol.md must say\n{name} = {value}\n");
    }
    let unknown: Vec<&&str> = values.keys().filter(|name| !computed.contains_key(**name)).collect();
    assert!(unknown.is_empty(), "docs/protocol.md has examples that nobody checks: {unknown:?}");
}

#[test]
fn the_lines_of_the_hello_are_the_frame_that_a_node_sends() {
    let Chain { params, .. } = chain();
    let lines = documented().into_iter().filter(|(name, _)| name.starts_with("hello."));
    let frame: String = lines.map(|(_, value)| value).collect();
    let tip = documented().into_iter().find(|(name, _)| *name == "block.hash").expect("the tip").1;
    let tip = tip.parse().expect("a block hash");
    assert_eq!(frame, hex::encode(messages::hello_frame(params.genesis_hash, tip)));
}

#[test]
fn the_table_of_messages_names_each_kind_and_its_longest_body() {
    let table = between_nodes().split("longest body |\n").nth(1).expect("there is a table of messages");
    let rows = table.lines().take_while(|line| line.starts_with('|')).skip(1);
    let rows = rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>());
    let documented: Vec<(String, String)> =
        rows.map(|row| (format!("{} {}", row[0], row[1]), row[row.len() - 1].replace(',', ""))).collect();
    assert_eq!(documented, messages::kinds());
}

#[test]
fn the_numbers_between_nodes_are_those_of_the_code() {
    let numbers = messages::numbers();
    let rows = between_nodes().lines().filter_map(|line| line.strip_prefix("| *")?.split_once("* | "));
    let rows = rows.map(|(name, value)| (name, value.trim_end_matches(" |").replace(',', "")));
    let documented: BTreeMap<&str, String> = rows.collect();
    assert_eq!(documented, numbers);
    // What the text names is in the tables.
    let text = between_nodes().replace("**", "").split_whitespace().collect::<Vec<_>>().join(" ");
    let named: Vec<&str> = text.split('*').skip(1).step_by(2).collect();
    let unknown: Vec<&&str> = named.iter().filter(|name| !numbers.contains_key(**name)).collect();
    assert!(unknown.is_empty(), "numbers that no table gives: {unknown:?}");
}
