//! Blocks that a peer sends over the wire to harm a node. docs/attacks.md, rows 1, 17, 30 and 34.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cairn_core::block::Block;
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::lock::{Lock, PublicKey};
use cairn_core::time::Timestamp;
use cairn_core::transaction::{Coinbase, Output};
use cairn_genesis::Chain;
use cairn_protocol::limits::MAX_RIVALS_PER_PEER;
use cairn_protocol::message::{Goodbye, Message};
use cairn_tests::blocks::mined;
use cairn_tests::hostile::Hostile;
use cairn_tests::process::{NodeProcess, Options};
use serde_json::json;

/// An empty block on `parent`, made without a node.
fn block_on(chain: &Chain, (parent, height, time): (BlockHash, u32, Timestamp), tag: u32) -> Arc<Block> {
    let lock = Lock::PublicKey(PublicKey::from_bytes([7; 32]));
    let outputs = vec![Output { amount: chain.params.subsidy, lock }];
    let coinbase = Coinbase { height: Height::from_u32(height), outputs, tag: tag.to_le_bytes().to_vec() };
    let time = time.saturating_add(Duration::from_secs(1));
    Arc::new(mined(parent, time, chain.params.pow_limit, coinbase, Vec::new()))
}

/// Everything that was said before is done when the answer comes.
fn until_it_answers(peer: &mut Hostile, nonce: u64) {
    peer.say(&Message::Ping { nonce });
    while peer.hear().expect("the node keeps the connection") != (Message::Pong { nonce }) {}
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
    until_it_answers(&mut bystander, 1);
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
    until_it_answers(&mut peer, 1);
    let (disk, log) = (bytes_below(&node.data_dir()), node.log().len());
    for tag in 0..1_000 {
        peer.say(&Message::Block(block_on(&chain, genesis, tag)));
    }
    until_it_answers(&mut peer, 2);
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
    until_it_answers(&mut peer, 1);
    let tips = node.call("getchaintips", json!([]));
    assert_eq!(tips.as_array().map(Vec::len), Some(400));
    let stored = tips.as_array().into_iter().flatten().filter(|tip| tip["status"] != "headers-only").count();
    assert_eq!(stored, 1 + MAX_RIVALS_PER_PEER);
    assert_eq!(lines_of(&node, "block on a side branch"), MAX_RIVALS_PER_PEER);
}
