//! Peers that owe blocks: who withholds them delays a node by seconds, who gives what it can does not.

use cairn_core::hash::BlockHash;

use super::*;
use crate::limits::{BLOCK_TIMEOUT, STALL_PENALTY};
use crate::message::Inventory;

/// ATTACKS 18: who announces and does not deliver delays a block by seconds at most.
#[test]
fn a_block_announced_by_a_silent_peer_is_fetched_from_another() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET), node(&test, 1, &[0], QUIET)]);
    net.settle();
    net.guest(&test, 9, 0);
    let blocks = test.blocks_on(&test.genesis, 1, 3);
    let headers = blocks.iter().map(|block| *block.header()).collect();
    net.say(9, 0, Message::Headers(headers));
    let hashes = blocks.iter().map(|block| block.hash()).collect();
    assert!(net.said_to(9).contains(&&Message::GetBlocks(hashes)));
    net.pass(1_000);
    assert_eq!(net.nodes[0].chain().tip().height.get(), 0, "the announcer keeps silent");
    for block in &blocks {
        net.submit(1, Submission::Block(block.clone()));
    }
    net.pass(4_000);
    assert_eq!(net.tips(), [blocks[2].hash()].into());
}

#[test]
fn blocks_that_nobody_asked_for_give_no_time_to_who_withholds_those_that_were() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    let blocks = test.blocks_on(&test.genesis, 1, 3);
    net.say(9, 0, Message::Headers(blocks.iter().map(|block| *block.header()).collect()));
    assert_eq!(net.nodes[0].sync().bodies.owed_by(&id(9)), 3);
    for _ in 0..BLOCK_TIMEOUT.as_secs() {
        net.say(9, 0, Message::Block(test.genesis.clone()));
        net.pass(1_000);
    }
    assert_eq!(net.nodes[0].sync().bodies.owed_by(&id(9)), 0, "others may be asked for them");
}

#[test]
fn who_gives_some_of_what_was_asked_is_asked_for_the_rest_at_once_and_who_gives_nothing_only_later() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    let blocks = test.blocks_on(&test.genesis, 1, 3);
    net.say(9, 0, Message::Headers(blocks.iter().map(|block| *block.header()).collect()));
    let hashes: Vec<_> = blocks.iter().map(|block| block.hash()).collect();
    let asked = |net: &Net, hashes: &[BlockHash]| {
        net.said_to(9).last() == Some(&&Message::GetBlocks(hashes.to_vec()))
    };
    let lacking =
        |hashes: &[BlockHash]| Message::NotFound(hashes.iter().copied().map(Inventory::Block).collect());
    assert!(asked(&net, &hashes));

    net.say(9, 0, Message::Block(blocks[0].clone()));
    net.say(9, 0, lacking(&hashes[1..]));
    assert!(asked(&net, &hashes[1..]), "its answer was full");
    net.say(9, 0, lacking(&hashes[1..]));
    let said = net.said_to(9).len();
    net.pass(u64::try_from(STALL_PENALTY.as_millis()).expect("short") - 1);
    assert!(!net.said_to(9)[said..].iter().any(|message| matches!(message, Message::GetBlocks(_))));
    net.pass(1);
    assert!(asked(&net, &hashes[1..]));
}
