//! Peers that owe blocks: one that withholds them delays a node by seconds, and mutes it not at all.

use cairn_core::hash::BlockHash;

use super::harness::headers_of;
use super::*;
use crate::limits::{BLOCK_TIMEOUT, HEDGE_AFTER, INITIAL_DOWNLOAD_TIMEOUT, MAX_STALLS, STALL_PENALTY};
use crate::message::Inventory;

/// ATTACKS 18: who announces and does not deliver delays a block by seconds at most.
#[test]
fn a_block_announced_by_a_silent_peer_is_fetched_from_another() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET), node(&test, 1, &[0], QUIET)]);
    net.settle();
    net.guest(&test, 9, 0);
    let blocks = test.blocks_on(&test.genesis, 1, 3);
    net.say(9, 0, headers_of(&blocks));
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
    net.say(9, 0, headers_of(&blocks));
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
    net.say(9, 0, headers_of(&blocks));
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

/// ATTACKS 16 and 18: sixty headers without bodies once stopped mining and relay on a whole devnet.
#[test]
fn withheld_headers_mute_neither_blocks_nor_transactions_of_a_node_in_step() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 2);
    let common = test.blocks_on(&test.genesis, 1, 3);
    net.submit_blocks(0, &common);
    net.guest(&test, 9, 0);
    net.guest(&test, 8, 0);
    let withheld = test.blocks_on(&common[2], 7, 60);
    for guest in [9, 8] {
        net.say(guest, 0, headers_of(&withheld));
        net.pass(1_000);
    }
    assert!(!net.nodes[0].is_initial_download());
    let own = test.block_on(&common[2], 1, Amount::ZERO, Vec::new());
    net.submit(0, Submission::Block(own.clone()));
    assert_eq!(net.tips(), [own.hash()].into(), "the other node has it");
    let received = test.block_on(&own, 1, Amount::ZERO, Vec::new());
    net.submit(1, Submission::Block(received.clone()));
    assert_eq!(net.tips(), [received.hash()].into());
    let payment = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
    net.submit(1, Submission::Transaction { transaction: payment.clone(), max_fee_rate: None });
    net.pass(1_000);
    assert!(net.nodes[0].mempool().contains(&payment.txid()));
}

#[test]
fn withheld_headers_keep_a_new_node_in_initial_download_for_a_few_seconds_once() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    let withheld = test.blocks_on(&test.genesis, 7, 60);
    for guest in 5..10 {
        net.guest(&test, guest, 0);
        net.say(guest, 0, headers_of(&withheld));
        assert_eq!(net.nodes[0].is_initial_download(), guest == 5);
        net.pass(INITIAL_DOWNLOAD_TIMEOUT.as_millis() as u64);
    }
}

/// A block of its own, or one that an inbound peer pushed, once kept a new node from initial download.
#[test]
fn a_block_before_the_first_headers_keeps_no_node_from_initial_download() {
    let test = TestChain::new();
    for is_pushed in [false, true] {
        let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
        let early = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
        if is_pushed {
            net.guest(&test, 9, 0);
            net.say(9, 0, Message::Block(early.clone()));
        } else {
            net.submit(0, Submission::Block(early.clone()));
        }
        assert_eq!(net.tips(), [early.hash()].into());
        net.guest(&test, 8, 0);
        let chain = test.blocks_on(&test.genesis, 7, 60);
        net.say(8, 0, headers_of(&chain));
        assert!(net.nodes[0].is_initial_download(), "pushed: {is_pushed}");
        chain.into_iter().for_each(|block| net.say(8, 0, Message::Block(block)));
        assert!(!net.nodes[0].is_initial_download());
        net.say(9, 0, headers_of(&test.blocks_on(&early, 5, 90)));
        assert!(!net.nodes[0].is_initial_download(), "it is not entered again");
    }
}

/// Headers without bodies would mute a node for as long as others deliver blocks of another chain.
#[test]
fn blocks_of_another_chain_do_not_prolong_initial_download() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    net.say(9, 0, headers_of(&test.blocks_on(&test.genesis, 7, 60)));
    net.guest(&test, 8, 0);
    for block in test.blocks_on(&test.genesis, 1, 5) {
        assert!(net.nodes[0].is_initial_download());
        net.pass(INITIAL_DOWNLOAD_TIMEOUT.as_millis() as u64 / 5);
        net.say(8, 0, Message::Block(block));
    }
    assert_eq!(net.nodes[0].chain().tip().height.get(), 5);
    assert!(!net.nodes[0].is_initial_download());
}

/// The blocks of initial download are announced to no peer, so a peer behind the node would wait for the next block.
#[test]
fn the_tip_is_announced_when_initial_download_ends() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 2);
    net.guest(&test, 8, 0);
    let chain = test.blocks_on(&test.genesis, 7, 60);
    net.say(8, 0, headers_of(&chain));
    assert!(net.nodes[0].is_initial_download());
    // The first comes last, and with it all are connected at once, while initial download runs.
    chain.iter().rev().for_each(|block| net.say(8, 0, Message::Block(block.clone())));
    assert_eq!(net.tips(), [chain[59].hash()].into());
}

/// The last block of many, now and then, is no delivery: it connects to nothing.
#[test]
fn a_peer_that_delivers_useless_blocks_now_and_then_is_disconnected_like_a_silent_one() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 9, 0);
    let mut withheld = test.blocks_on(&test.genesis, 7, 60);
    net.say(9, 0, headers_of(&withheld));
    let limit = (BLOCK_TIMEOUT + STALL_PENALTY) * MAX_STALLS;
    for _ in 0..limit.as_secs() / 3 {
        net.pass(3_000);
        net.say(9, 0, Message::Block(withheld.pop().expect("there are enough")));
    }
    assert!(net.ready(0).is_empty());
    assert_eq!(net.nodes[0].chain().tip().height.get(), 0);
}

/// Of a chain that one peer withheld, the next peer is asked for one block, and for all once it delivers.
#[test]
fn a_chain_that_others_withheld_is_probed_with_one_block() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    let blocks = test.blocks_on(&test.genesis, 7, 60);
    let hashes: Vec<BlockHash> = blocks.iter().map(|block| block.hash()).collect();
    let requests = |net: &Net, guest: usize| {
        let said = net.said_to(guest).into_iter();
        let requests = said.filter_map(|message| match message {
            Message::GetBlocks(hashes) => Some(hashes.clone()),
            _ => None,
        });
        requests.collect::<Vec<_>>()
    };
    net.guest(&test, 9, 0);
    net.say(9, 0, headers_of(&blocks));
    assert_eq!(requests(&net, 9), core::slice::from_ref(&hashes));
    net.pass(BLOCK_TIMEOUT.as_millis() as u64);
    net.guest(&test, 8, 0);
    net.say(8, 0, headers_of(&blocks));
    net.say(8, 0, Message::Ping { nonce: 1 });
    assert_eq!(requests(&net, 8), [vec![hashes[0]]]);
    net.say(8, 0, Message::Block(blocks[0].clone()));
    assert_eq!(requests(&net, 8)[1..], [hashes[1..].to_vec()]);
}

/// ATTACKS 18: twenty silent announcers delay a block that is not pushed by one timeout, whatever their number.
#[test]
fn a_block_that_twenty_announce_and_withhold_comes_from_an_outbound_peer_within_two_seconds() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[1], QUIET), node(&test, 1, &[], QUIET)]);
    net.settle();
    let outputs = vec![cairn_core::transaction::Output { amount: Amount::from_units(1), ..pay(1, 4) }; 1_000];
    let large = test.spend(3, &[test.premine(3)], outputs);
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, vec![large]);
    assert!(block.size() > crate::limits::MAX_PUSHED_BLOCK);
    for guest in 10..30 {
        net.guest(&test, guest, 0);
        net.say(guest, 0, Message::Headers(vec![*block.header()]));
    }
    net.submit(1, Submission::Block(block.clone()));
    assert_ne!(net.tips().len(), 1);
    net.pass(HEDGE_AFTER.as_millis() as u64);
    assert_eq!(net.tips(), [block.hash()].into());
    let asked =
        (10..30).filter(|guest| !net.said_to(*guest).contains(&&Message::GetBlocks(vec![block.hash()])));
    assert!(asked.count() >= 18, "few are asked at a time");
}

/// A peer on a slow link whose block another delivers first is not late with its next ones.
#[test]
fn a_slow_peer_is_not_disconnected_because_another_delivers_its_blocks_first() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.guest(&test, 8, 0);
    net.guest(&test, 9, 0);
    let blocks = test.blocks_on(&test.genesis, 1, 30);
    net.say(8, 0, headers_of(&blocks));
    net.say(9, 0, headers_of(&blocks));
    for block in &blocks {
        // Three seconds a block, and a faster peer that is asked for each after the first of them.
        net.pass(1_300);
        net.say(9, 0, Message::Block(block.clone()));
        net.pass(1_700);
        net.say(8, 0, Message::Block(block.clone()));
    }
    assert_eq!(net.ready(0), [id(8), id(9)]);
    assert_eq!(net.nodes[0].chain().tip().height.get(), 30);
}
