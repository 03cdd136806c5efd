//! Blocks that a peer sends over the wire to harm a node. docs/attacks.md, rows 1, 17, 18, 30 and 34.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::encoding::encode;
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::lock::{Lock, PublicKey};
use cairn_core::signing::sign_spend;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{Coinbase, OutPoint, Output, Transaction};
use cairn_genesis::{Chain, accounts};
use cairn_protocol::limits::{MAX_PUSHED_BLOCK, MAX_RIVALS_PER_PEER, PARALLEL_REQUESTS};
use cairn_protocol::message::{Goodbye, Message};
use cairn_tests::blocks::mined;
use cairn_tests::hostile::Hostile;
use cairn_tests::patience::wait_until;
use cairn_tests::process::{NodeProcess, Options};
use serde_json::json;

/// A parent, the height of its child, and the parent's time.
type Place = (BlockHash, u32, Timestamp);

/// An empty block on a parent, made without a node.
fn block_on(chain: &Chain, place: Place, tag: u32) -> Arc<Block> {
    block_of(chain, place, tag, Vec::new())
}

fn block_of(
    chain: &Chain,
    (parent, height, time): Place,
    tag: u32,
    transactions: Vec<Arc<Transaction>>,
) -> Arc<Block> {
    let lock = Lock::PublicKey(PublicKey::from_bytes([7; 32]));
    let outputs = vec![Output { amount: chain.params.subsidy, lock }];
    let coinbase = Coinbase { height: Height::from_u32(height), outputs, tag: tag.to_le_bytes().to_vec() };
    let time = time.saturating_add(Duration::from_secs(1));
    Arc::new(mined(parent, time, chain.params.pow_limit, coinbase, transactions))
}

fn bytes_below(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).expect("readable").map(|entry| entry.expect("readable").path());
    let size = |path: std::path::PathBuf| match path.is_dir() {
        true => bytes_below(&path),
        false => fs::metadata(&path).map_or(0, |data| data.len()),
    };
    entries.map(size).sum()
}

fn lines_of(node: &NodeProcess, text: &str) -> usize {
    node.log().lines().filter(|line| line.contains(text)).count()
}

#[test]
fn a_false_body_bans_its_sender_and_the_true_one_is_taken_from_another() {
    let chain = Chain::builtin("regtest").expect("built in");
    let node = NodeProcess::start(Options::default());
    let genesis = (chain.genesis.hash(), 1, chain.params.genesis_time);
    let honest = block_on(&chain, genesis, 1);
    let other = block_on(&chain, genesis, 2);
    let forged = Arc::new(Block::new(*honest.header(), other.coinbase().clone(), Vec::new()));
    assert_eq!(forged.hash(), honest.hash());
    let mut bystander = Hostile::greet(node.peer_address(), chain.params.genesis_hash);
    let mut attacker = Hostile::greet(node.peer_address(), chain.params.genesis_hash);
    attacker.say(&Message::Block(forged));
    assert_eq!(attacker.hear_out().last(), Some(&Message::Goodbye(Goodbye::Misbehavior)));
    assert_eq!(node.call("listbanned", json!([])).as_array().map(Vec::len), Some(1));
    bystander.say(&Message::Block(honest.clone()));
    bystander.catch_up();
    assert_eq!(node.tip(), honest.hash().to_string());
}

#[test]
fn a_thousand_blocks_of_branches_that_lead_nowhere_fill_neither_disk_nor_log() {
    let chain = Chain::builtin("regtest").expect("built in");
    let node = NodeProcess::start(Options::default());
    let address = chain.definition.premine[0].address.clone();
    node.call("generatetoaddress", json!([3, address]));
    let mut peer = Hostile::greet(node.peer_address(), chain.params.genesis_hash);
    let genesis = (chain.genesis.hash(), 1, chain.params.genesis_time);
    peer.catch_up();
    let (disk, log) = (bytes_below(&node.data_dir()), node.log().len());
    for tag in 0..1_000 {
        peer.say(&Message::Block(block_on(&chain, genesis, tag)));
    }
    peer.catch_up();
    assert!(bytes_below(&node.data_dir()) < disk + 10_000, "nothing of them is kept");
    assert!(node.log().len() < log + 10_000, "and little is said of them");
    assert_eq!(node.height(), 3);
}

/// Rivals of the tip cost as much work as the tip: a few are stored, of the others the header is known.
#[test]
fn a_flood_of_rivals_of_the_tip_takes_a_limited_part_of_disk_and_log() {
    let chain = Chain::builtin("regtest").expect("built in");
    let node = NodeProcess::start(Options::default());
    let mut peer = Hostile::greet(node.peer_address(), chain.params.genesis_hash);
    let genesis = (chain.genesis.hash(), 1, chain.params.genesis_time);
    for tag in 0..400 {
        peer.say(&Message::Block(block_on(&chain, genesis, tag)));
    }
    peer.catch_up();
    let tips = node.call("getchaintips", json!([]));
    assert_eq!(tips.as_array().map(Vec::len), Some(400));
    let stored = tips.as_array().into_iter().flatten().filter(|tip| tip["status"] != "headers-only").count();
    assert_eq!(stored, 1 + MAX_RIVALS_PER_PEER);
    assert_eq!(lines_of(&node, "block on a side branch"), MAX_RIVALS_PER_PEER);
}

/// HOSTILE A13: twenty peers that announce a block and withhold it once delayed it by four seconds each, one by one.
#[test]
fn a_block_that_twenty_announce_and_withhold_is_requested_of_the_outbound_peer_beside_them() {
    let chain = Chain::builtin("regtest").expect("built in");
    let honest = NodeProcess::start(Options::default());
    let node = NodeProcess::start(Options::connected_to(&[&honest]));
    wait_until("they are connected", || node.peers() == 1);
    let coinbase = chain.genesis.coinbase();
    let (key, lock) = (accounts::signing_key(0), accounts::lock(0));
    let index = coinbase.outputs.iter().position(|output| output.lock == lock).expect("it is funded");
    let coin = (OutPoint { txid: coinbase.txid(), index: index as u32 }, coinbase.outputs[index].clone());
    let outputs = vec![Output { amount: Amount::COIN, lock }; 1_000];
    let large = sign_spend(&chain.params.genesis_hash, &key, &[coin], outputs);
    let genesis = (chain.genesis.hash(), 1, chain.params.genesis_time);
    let block = block_of(&chain, genesis, 1, vec![Arc::new(large)]);
    assert!(block.size() > MAX_PUSHED_BLOCK);
    let greet = |_| Hostile::greet(node.peer_address(), chain.params.genesis_hash);
    let mut silent: Vec<Hostile> = (0..20).map(greet).collect();
    for peer in &mut silent {
        peer.say(&Message::Headers(vec![*block.header()]));
    }
    let requested = Message::GetCompactBlock(block.hash());
    let asked = |peer: &mut Hostile| peer.catch_up().contains(&requested);
    let mut asked_first = silent.iter_mut().map(asked).filter(|is_asked| *is_asked).count();
    assert!(asked_first >= 1, "the announcements come first");
    honest.call("submitblock", json!([hex::encode(encode(block.as_ref()))]));
    node.wait_for_tip(&block.hash().to_string());
    asked_first += silent.iter_mut().map(asked).filter(|is_asked| *is_asked).count();
    assert!(asked_first < PARALLEL_REQUESTS, "{asked_first} were waited for");
    assert_eq!(node.call("listbanned", json!([])), json!([]));
}
