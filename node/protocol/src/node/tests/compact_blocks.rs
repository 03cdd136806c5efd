//! Compact blocks (BIP 152) between nodes: what they save, what happens when they cannot be rebuilt, and what a hostile
//! sender gets.

use cairn_core::hash::BlockHash;
use cairn_core::transaction::{Coinbase, Output};

use super::harness::headers_of;
use super::*;
use crate::limits::{HEDGE_AFTER, MAX_PUSHED_BLOCK, MAX_RECENT_BLOCKS};
use crate::message::compact_block::PrefilledTransaction;
use crate::message::{CompactBlock, Inventory};

/// The coin of a key in genesis, spent for many outputs, so that seven make a large block.
fn payment(test: &TestChain, owner: u8) -> Arc<Transaction> {
    let outputs = vec![Output { amount: Amount::from_units(1_000), ..pay(1, owner) }; 120];
    let change = Output { amount: Amount::from_units(999 * Amount::COIN.units()), ..pay(1, owner) };
    test.spend(owner, &[test.premine(owner)], [vec![change], outputs].concat())
}

fn payments(test: &TestChain) -> Vec<Arc<Transaction>> {
    (0..7).map(|owner| payment(test, owner)).collect()
}

/// A block above the size that is pushed.
fn large_block(
    test: &TestChain,
    parent: &Block,
    payee: u8,
    transactions: Vec<Arc<Transaction>>,
) -> Arc<Block> {
    let block = test.block_on(parent, payee, Amount::ZERO, transactions);
    assert!(block.size() > MAX_PUSHED_BLOCK && block.size() < 2 * MAX_PUSHED_BLOCK);
    block
}

/// A line whose nodes are in high-bandwidth mode away from one of them, as after its first large block, and this block.
fn line_in_high_bandwidth_mode(test: &TestChain, count: usize, source: usize) -> (Net, Arc<Block>) {
    let mut net = Net::line(test, count);
    let outputs = vec![Output { amount: Amount::from_units(1), ..pay(1, 9) }; 1_000];
    let transaction = test.spend(9, &[test.premine(9)], outputs);
    let first = large_block(test, &test.genesis, 9, vec![transaction]);
    net.submit(source, Submission::Block(first.clone()));
    assert_eq!(net.tips(), [first.hash()].into());
    (net, first)
}

fn give_transactions(net: &mut Net, node: usize, transactions: &[Arc<Transaction>]) {
    for transaction in transactions {
        let transaction = transaction.clone();
        net.submit(node, Submission::Transaction { transaction, max_fee_rate: None });
    }
}

/// Messages from one node to another since a number of messages.
fn kinds(net: &Net, from: usize) -> Vec<&'static str> {
    net.said[from..].iter().map(|(_, _, message)| kind(message)).collect()
}

fn compact(block: &Block, salt: u64) -> Message {
    Message::CompactBlock(Arc::new(CompactBlock::new(block, salt, |_| false)))
}

/// One node, some of whose transactions are those of a block; strangers 8 and 9 are its peers.
fn node_with_guests(known: usize) -> (TestChain, Net, Arc<Block>) {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    let transactions = payments(&test);
    give_transactions(&mut net, 0, &transactions[..known]);
    net.guest(&test, 8, 0);
    net.guest(&test, 9, 0);
    let block = large_block(&test, &test.genesis, 1, transactions);
    (test, net, block)
}

fn missing_of(block: &Block, indexes: &[u32]) -> Message {
    let transactions = indexes.iter().map(|index| block.transactions()[*index as usize].clone()).collect();
    Message::BlockTransactions { block: block.hash(), transactions }
}

fn requested(block: &Block, indexes: &[u32]) -> Message {
    Message::GetBlockTransactions { block: block.hash(), indexes: indexes.to_vec() }
}

#[test]
fn a_block_of_known_transactions_costs_one_small_message_a_hop_and_no_round_trip() {
    let test = TestChain::new();
    let (mut net, first) = line_in_high_bandwidth_mode(&test, 4, 0);
    give_transactions(&mut net, 0, &payments(&test));
    net.pass(10_000);
    let block = large_block(&test, &first, 1, payments(&test));
    let before = net.said.len();
    net.submit(0, Submission::Block(block.clone()));
    assert_eq!(net.tips(), [block.hash()].into());
    let hops: Vec<(usize, usize, &str)> =
        net.said[before..].iter().map(|(from, to, message)| (*from, *to, kind(message))).collect();
    assert_eq!(hops, [(0, 1, "compact"), (1, 2, "compact"), (2, 3, "compact")]);
    let bytes: usize = net.said[before..].iter().map(|(_, _, message)| message.weight()).sum();
    assert!(bytes * 20 < 3 * block.size(), "{bytes} bytes in all for a block of {}", block.size());
}

#[test]
fn the_first_large_block_is_fetched_in_compact_form_and_its_sender_asked_for_the_next_ones() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 2);
    give_transactions(&mut net, 0, &payments(&test));
    net.pass(10_000);
    let before = net.said.len();
    net.submit(0, Submission::Block(large_block(&test, &test.genesis, 1, payments(&test))));
    assert_eq!(kinds(&net, before), ["headers", "get-compact", "compact", "send-compact"]);
    assert_eq!(net.tips().len(), 1);
}

/// BIP 152: the receiver's signatures are verified after the block was forwarded, so that they delay no later node.
#[test]
fn a_block_is_forwarded_one_step_before_it_is_validated() {
    let (test, mut net, block) = node_with_guests(7);
    net.say(8, 0, Message::SendCompact(true));
    let input = Input::Received { peer: id(9), message: compact(&block, 7) };
    let now = net.now;
    let actions = net.nodes[0].handle(now, input).expect("memory does not fail");
    let is_forward = |action: &Action| matches!(action, Action::Send { peer, message: Message::CompactBlock(_) } if *peer == id(8));
    assert!(actions.iter().any(is_forward));
    assert_eq!(net.nodes[0].chain().tip().hash(), test.genesis.hash());
    assert_eq!(net.nodes[0].next_wake(), Some(now));
    net.settle();
    assert_eq!(net.tips(), [block.hash()].into());
    let again =
        net.said_to(8).iter().any(|message| matches!(message, Message::Headers(_) | Message::Block(_)));
    assert!(!again, "it has the block");
}

#[test]
fn missing_transactions_take_exactly_one_round_trip_whatever_their_number() {
    for known in 0..7 {
        let (_, mut net, block) = node_with_guests(known);
        let before = net.said.len();
        net.say(9, 0, compact(&block, 7));
        let missing: Vec<u32> = (known as u32..7).collect();
        assert_eq!(net.said_to(9).last(), Some(&&requested(&block, &missing)));
        net.say(9, 0, missing_of(&block, &missing));
        assert_eq!(net.tips(), [block.hash()].into(), "{known} were known");
        let to_sender = net.said[before..].iter().filter(|(_, to, _)| *to == 9);
        let kinds: Vec<&str> = to_sender.map(|(_, _, message)| kind(message)).collect();
        assert_eq!(kinds, ["get-missing", "send-compact"]);
    }
}

#[test]
fn what_the_sender_lacked_itself_is_prefilled() {
    let test = TestChain::new();
    let (mut net, first) = line_in_high_bandwidth_mode(&test, 3, 0);
    let transactions = payments(&test);
    give_transactions(&mut net, 0, &transactions[..5]);
    net.pass(10_000);
    let before = net.said.len();
    let block = large_block(&test, &first, 1, transactions);
    net.submit(0, Submission::Block(block.clone()));
    assert_eq!(kinds(&net, before), ["compact", "compact"]);
    assert_eq!(net.tips(), [block.hash()].into());
}

#[test]
fn replaced_and_orphan_transactions_are_found_in_a_block() {
    let (test, mut net, _) = node_with_guests(6);
    let replacement = test.spend(0, &[test.premine(0)], vec![pay(900, 1)]);
    give_transactions(&mut net, 0, core::slice::from_ref(&replacement));
    let replaced = payment(&test, 0);
    assert!(!net.nodes[0].mempool().contains(&replaced.txid()));
    let parent = payment(&test, 6);
    let coin = (OutPoint { txid: parent.txid(), index: 0 }, parent.outputs()[0].clone());
    let orphan = test.spend(6, &[coin], vec![pay(998, 2)]);
    net.say(8, 0, Message::AnnounceTransactions(vec![orphan.txid()]));
    net.say(8, 0, Message::Transactions(vec![orphan.clone()]));
    let fees = Amount::from_units(Amount::COIN.units());
    let block = test.block_on(&test.genesis, 1, fees, [payments(&test), vec![orphan]].concat());
    net.say(9, 0, compact(&block, 7));
    assert_eq!(net.said_to(9).last(), Some(&&requested(&block, &[6])), "the parent alone is missing");
    net.say(9, 0, missing_of(&block, &[6]));
    assert_eq!(net.tips(), [block.hash()].into());
}

/// ATTACKS 19: two transactions of the block have one short id.
#[test]
fn a_block_with_a_collision_is_requested_whole_and_no_peer_is_banned() {
    let (_, mut net, block) = node_with_guests(7);
    let honest = CompactBlock::new(&block, 7, |_| false);
    let mut short_ids = honest.short_ids.clone();
    short_ids[1] = short_ids[0];
    net.say(9, 0, Message::CompactBlock(Arc::new(CompactBlock { short_ids, ..honest })));
    assert_eq!(net.said_to(9).last(), Some(&&Message::GetBlocks(vec![block.hash()])));
    net.say(9, 0, Message::Block(block.clone()));
    assert_eq!(net.tips(), [block.hash()].into());
    assert_eq!(net.ready(0), [id(8), id(9)]);
}

/// As if a short id were that of another transaction of this node than of the sender.
#[test]
fn a_block_whose_merkle_root_does_not_match_is_requested_whole_and_no_peer_is_banned() {
    let (test, mut net, block) = node_with_guests(7);
    let honest = CompactBlock::new(&block, 7, |_| false);
    let coinbase = Coinbase { tag: b"other".to_vec(), ..honest.coinbase.clone() };
    let mut swapped = honest.short_ids.clone();
    swapped.swap(0, 1);
    let prefilled = vec![PrefilledTransaction { index: 3, transaction: payment(&test, 8) }];
    let one_less = honest.short_ids[..6].to_vec();
    for (guest, false_form) in [
        (8, CompactBlock { coinbase, ..honest.clone() }),
        (9, CompactBlock { short_ids: swapped, ..honest.clone() }),
        (10, CompactBlock { short_ids: one_less, prefilled, ..honest.clone() }),
    ] {
        let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
        give_transactions(&mut net, 0, &payments(&test));
        net.guest(&test, guest, 0);
        net.say(guest, 0, Message::CompactBlock(Arc::new(false_form)));
        assert_eq!(net.said_to(guest).last(), Some(&&Message::GetBlocks(vec![block.hash()])), "{guest}");
        assert_eq!(net.ready(0), [id(guest)]);
    }
    // Another salt than the one of the short ids: none of them is known, and the sender shows that it has none.
    net.say(9, 0, Message::CompactBlock(Arc::new(CompactBlock { salt: 8, ..honest })));
    assert_eq!(net.said_to(9).last(), Some(&&requested(&block, &[0, 1, 2, 3, 4, 5, 6])));
    net.say(9, 0, missing_of(&block, &[0, 1, 2, 3, 4, 5, 6]));
    assert!(net.is_banned(0, 9), "the ids of its own transactions are others");
    net.say(8, 0, compact(&block, 9));
    assert_eq!(net.tips(), [block.hash()].into());
}

#[test]
fn a_reply_with_other_transactions_than_the_requested_ones_is_banned() {
    let indexes = |reply: &[u32]| {
        let (_, mut net, block) = node_with_guests(4);
        net.say(9, 0, compact(&block, 7));
        assert_eq!(net.said_to(9).last(), Some(&&requested(&block, &[4, 5, 6])));
        net.say(9, 0, missing_of(&block, reply));
        (net.is_banned(0, 9), net.tips() == [block.hash()].into())
    };
    assert_eq!(indexes(&[4, 5, 6]), (false, true));
    for wrong in [&[][..], &[4, 5], &[4, 6, 5], &[4, 5, 5], &[3, 4, 5, 6], &[0, 1, 2]] {
        assert_eq!(indexes(wrong), (true, false), "{wrong:?}");
    }
}

/// ATTACKS 19, CVE-2024-35202: a reply that comes twice, late, or to no request once ended the process.
#[test]
fn second_late_and_unrequested_replies_change_nothing() {
    let (test, mut net, block) = node_with_guests(4);
    net.say(9, 0, missing_of(&block, &[4, 5, 6]));
    net.say(9, 0, compact(&block, 7));
    net.say(9, 0, compact(&block, 7));
    net.say(8, 0, missing_of(&block, &[4, 5, 6]));
    assert_eq!(net.tips(), [test.genesis.hash()].into(), "it was requested of another peer");
    net.say(9, 0, missing_of(&block, &[4, 5, 6]));
    assert_eq!(net.tips(), [block.hash()].into());
    let said = net.said.len();
    net.say(9, 0, missing_of(&block, &[4, 5, 6]));
    net.say(9, 0, compact(&block, 8));
    net.say(8, 0, compact(&block, 9));
    net.say(8, 0, missing_of(&block, &[]));
    assert_eq!(net.said.len(), said);
    assert_eq!(net.ready(0), [id(8), id(9)]);
}

#[test]
fn another_salt_makes_a_node_search_its_mempool_once_for_a_peer_and_block() {
    let (_, mut net, block) = node_with_guests(4);
    net.say(9, 0, compact(&block, 7));
    let said = net.said_to(9).len();
    net.say(9, 0, compact(&block, 8));
    assert_eq!(net.said_to(9).len(), said, "while its transactions are awaited");
    let collision = CompactBlock { short_ids: Vec::new(), ..CompactBlock::new(&block, 9, |_| false) };
    net.say(8, 0, Message::CompactBlock(Arc::new(collision)));
    net.say(8, 0, compact(&block, 10));
    let whole = net.said_to(8).into_iter().filter(|said| **said == Message::GetBlocks(vec![block.hash()]));
    assert_eq!(whole.count(), 2, "it is requested whole, whatever its salt");
    assert_eq!(net.tips().len(), 1);
}

/// ATTACKS 18: three rebuild a block at a time, of these one is outbound; a silent one delays it by a second.
#[test]
fn inbound_peers_that_withhold_the_missing_transactions_leave_a_place_to_an_outbound_one() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[1], QUIET), node(&test, 1, &[], QUIET)]);
    net.settle();
    let block = large_block(&test, &test.genesis, 1, payments(&test));
    for guest in 10..30 {
        net.guest(&test, guest, 0);
        net.say(guest, 0, compact(&block, guest as u64));
    }
    let asked = (10..30).filter(|guest| net.said_to(*guest).iter().any(|said| kind(said) == "get-missing"));
    assert_eq!(asked.count(), 2, "the third is an outbound one");
    net.submit(1, Submission::Block(block.clone()));
    assert_ne!(net.tips().len(), 1, "it announced the header, and others are asked already");
    net.pass(HEDGE_AFTER.as_millis() as u64);
    assert_eq!(net.tips(), [block.hash()].into());
}

#[test]
fn a_block_of_an_outbound_peer_is_rebuilt_at_once_beside_inbound_ones_that_withhold_it() {
    let test = TestChain::new();
    for source in [0, 1] {
        // Node 0 dialed node 1.
        let (mut net, first) = line_in_high_bandwidth_mode(&test, 2, source);
        let block = large_block(&test, &first, 1, payments(&test));
        for guest in 10..12 {
            net.guest(&test, guest, 1 - source);
            net.say(guest, 1 - source, compact(&block, 7));
        }
        // All are missing, and more than are prefilled.
        net.submit(source, Submission::Block(block.clone()));
        assert_eq!(net.tips() == [block.hash()].into(), source == 1, "a third inbound peer has to wait");
        net.pass(HEDGE_AFTER.as_millis() as u64);
        assert_eq!(net.tips(), [block.hash()].into());
    }
}

#[test]
fn a_peer_that_does_not_send_missing_transactions_is_treated_as_one_that_sends_no_block() {
    let (_, mut net, block) = node_with_guests(4);
    net.say(9, 0, compact(&block, 7));
    assert_eq!(net.nodes[0].sync().bodies.owed_by(&id(9)), 1);
    net.say(8, 0, headers_of(core::slice::from_ref(&block)));
    let whole = Message::GetCompactBlock(block.hash());
    assert!(!net.said_to(8).contains(&&whole));
    net.pass(HEDGE_AFTER.as_millis() as u64);
    assert!(net.said_to(8).contains(&&whole));
    net.pass(10_000);
    assert_eq!(net.nodes[0].sync().bodies.owed_by(&id(9)), 0);
    // The late reply is used all the same.
    net.say(9, 0, missing_of(&block, &[4, 5, 6]));
    assert_eq!(net.tips(), [block.hash()].into());
}

/// The sender forwarded it before it was validated: that is no misbehavior, and neither is the header that is then known
/// to be invalid.
#[test]
fn an_invalid_block_in_compact_form_has_no_consequence_and_whole_it_has() {
    let (test, mut net, _) = node_with_guests(7);
    let fees = Amount::from_units(1_000 * Amount::COIN.units());
    let greedy = test.block_on(&test.genesis, 1, fees, payments(&test));
    net.say(9, 0, compact(&greedy, 7));
    net.say(8, 0, compact(&greedy, 8));
    assert!(net.nodes[0].chain().entry(&greedy.hash()).is_some_and(|entry| entry.is_invalid()));
    assert_eq!((net.tips(), net.ready(0)), ([test.genesis.hash()].into(), vec![id(8), id(9)]));
    net.say(9, 0, Message::Block(greedy));
    assert_eq!(net.ready(0), [id(8)]);
}

/// Otherwise who forwards it in good faith would be banned for what it cannot know.
#[test]
fn a_block_that_breaks_a_rule_alone_is_not_forwarded() {
    let (test, mut net, _) = node_with_guests(7);
    net.say(8, 0, Message::SendCompact(true));
    let other = test.spend(0, &[test.premine(0)], vec![pay(1, 5)]);
    let transactions = [payments(&test), vec![other.clone()]].concat();
    let block = large_block(&test, &test.genesis, 1, transactions);
    let is_other = |transaction: &Transaction| transaction.txid() == other.txid();
    net.say(9, 0, Message::CompactBlock(Arc::new(CompactBlock::new(&block, 7, is_other))));
    assert!(net.nodes[0].chain().entry(&block.hash()).is_some(), "its header is valid");
    assert!(!net.said_to(8).iter().any(|message| matches!(message, Message::CompactBlock(_))));
    assert_eq!((net.tips(), net.ready(0)), ([test.genesis.hash()].into(), vec![id(8), id(9)]));
}

#[test]
fn an_invalid_block_that_was_forwarded_is_sent_to_nobody_who_asks_for_it() {
    let (test, mut net, _) = node_with_guests(7);
    net.say(8, 0, Message::SendCompact(true));
    let fees = Amount::from_units(1_000 * Amount::COIN.units());
    let greedy = test.block_on(&test.genesis, 1, fees, payments(&test));
    net.say(9, 0, compact(&greedy, 7));
    assert!(matches!(net.said_to(8).last(), Some(Message::CompactBlock(_))), "it was forwarded");
    let none = Message::NotFound(vec![Inventory::Block(greedy.hash())]);
    for request in [Message::GetBlocks(vec![greedy.hash()]), Message::GetCompactBlock(greedy.hash())] {
        net.say(8, 0, request);
        assert_eq!(net.said_to(8).last(), Some(&&none));
    }
    net.say(8, 0, requested(&greedy, &[0]));
    assert!(matches!(net.said_to(8).last(), Some(Message::BlockTransactions { .. })), "that is owed to it");
}

#[test]
fn of_a_compact_block_that_is_not_the_next_one_the_header_counts() {
    let (test, mut net, block) = node_with_guests(7);
    let later = test.block_on(&block, 1, Amount::ZERO, Vec::new());
    let side = test.block_on(&test.genesis, 2, Amount::ZERO, Vec::new());
    let header = test.block_on(&block, 3, Amount::ZERO, Vec::new()).header().with_nonce(0);
    net.say(9, 0, headers_of(core::slice::from_ref(&block)));
    net.say(9, 0, compact(&later, 7));
    assert!(net.nodes[0].chain().entry(&later.hash()).is_some());
    assert_eq!(net.tips(), [test.genesis.hash()].into());
    net.say(9, 0, Message::Block(block.clone()));
    net.say(8, 0, compact(&side, 7));
    assert!(net.nodes[0].chain().entry(&side.hash()).is_some_and(|entry| !entry.has_body()));
    assert_eq!(net.ready(0), [id(8), id(9)]);
    let no_work = (0..).map(|nonce| header.with_nonce(nonce));
    let target = test.params.pow_limit.to_target().expect("a target");
    let no_work = no_work.into_iter().find(|header| !target.is_met_by(header.hash())).expect("half of them");
    let compact = CompactBlock { header: no_work, ..CompactBlock::new(&later, 7, |_| false) };
    net.say(8, 0, Message::CompactBlock(Arc::new(compact)));
    assert!(net.is_banned(0, 8), "a header without work");
}

#[test]
fn three_peers_are_in_high_bandwidth_mode_and_the_last_outbound_one_stays() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[1], QUIET), node(&test, 1, &[], QUIET)]);
    net.settle();
    let mut parent = test.genesis.clone();
    let mut next = |net: &mut Net, from: Option<usize>| {
        let (reward, height) = (
            cairn_core::subsidy::subsidy(&test.params, parent.coinbase().height.next()),
            parent.coinbase().height.next(),
        );
        let outputs = vec![Output { amount: Amount::from_units(reward.units() / 1_000), ..pay(1, 1) }; 1_000];
        let coinbase = Coinbase { height, outputs, tag: vec![1] };
        let time = parent.header().time.saturating_add(test.params.spacing);
        parent = Arc::new(cairn_core::testing::seal(
            parent.hash(),
            time,
            test.params.pow_limit,
            coinbase,
            Vec::new(),
        ));
        assert!(parent.size() > MAX_PUSHED_BLOCK);
        match from {
            Some(guest) => net.say(guest, 0, Message::Block(parent.clone())),
            None => net.submit(1, Submission::Block(parent.clone())),
        }
        assert_eq!(net.nodes[0].chain().tip().hash(), parent.hash());
    };
    next(&mut net, None);
    for guest in [10, 11, 12, 13, 12, 10] {
        if !net.ready(0).contains(&id(guest)) {
            net.guest(&test, guest, 0);
        }
        next(&mut net, Some(guest));
    }
    let modes = |to: usize| {
        let said = net.said.iter().filter(move |(from, listener, _)| (*from, *listener) == (0, to));
        let modes = said.filter_map(|(_, _, message)| match message {
            Message::SendCompact(wanted) => Some(*wanted),
            _ => None,
        });
        modes.collect::<Vec<bool>>()
    };
    assert_eq!(modes(1), [true], "the outbound one stays");
    assert_eq!(modes(10), [true, false, true]);
    assert_eq!(modes(11), [true, false]);
    assert_eq!(modes(12), [true]);
    assert_eq!(modes(13), [true, false]);
}

#[test]
fn requests_for_compact_blocks_are_answered_from_the_latest_blocks_and_otherwise_with_whole_ones() {
    let test = TestChain::new();
    let (mut net, first) = line_in_high_bandwidth_mode(&test, 2, 0);
    net.guest(&test, 9, 0);
    net.say(9, 0, Message::GetCompactBlock(first.hash()));
    assert!(matches!(net.said_to(9).last(), Some(Message::CompactBlock(_))));
    net.say(9, 0, requested(&first, &[0]));
    assert_eq!(net.said_to(9).last(), Some(&&missing_of(&first, &[0])));
    let small = test.blocks_on(&first, 1, MAX_RECENT_BLOCKS);
    net.submit_blocks(0, &small);
    net.say(9, 0, Message::GetCompactBlock(small[0].hash()));
    assert_eq!(net.said_to(9).last(), Some(&&Message::Block(small[0].clone())));
    for unknown in [BlockHash::ZERO, small[0].hash()] {
        net.say(9, 0, Message::GetBlockTransactions { block: unknown, indexes: vec![0] });
        assert_eq!(net.said_to(9).last(), Some(&&Message::NotFound(vec![Inventory::Block(unknown)])));
    }
    net.say(9, 0, requested(&first, &[1]));
    assert!(net.is_banned(0, 9), "the block has one transaction");
}

#[test]
fn a_connection_for_blocks_alone_and_a_node_in_initial_download_use_no_compact_blocks() {
    let (test, mut net, block) = node_with_guests(7);
    net.stranger(7, 0);
    let hello = harness::hello(&test, 7);
    let services = hello.services | crate::peers::purpose::SERVICE_BLOCKS_ONLY;
    net.say(7, 0, Message::Hello(Box::new(Hello { services, ..hello })));
    net.say(7, 0, Message::SendCompact(true));
    net.say(7, 0, compact(&block, 7));
    assert_eq!(net.said_to(7).last(), Some(&&Message::GetBlocks(vec![block.hash()])), "its header counts");
    net.say(7, 0, Message::Block(block.clone()));
    assert!(!net.said_to(7).iter().any(|said| kind(said) == "send-compact"));
    let next = test.blocks_on(&block, 1, 1);
    net.say(8, 0, headers_of(&next));
    assert_eq!(net.said_to(8).last(), Some(&&Message::GetCompactBlock(next[0].hash())));

    let (test, mut net, block) = node_with_guests(7);
    net.say(8, 0, headers_of(&test.blocks_on(&test.genesis, 3, 60)));
    assert!(net.nodes[0].is_initial_download());
    net.say(9, 0, compact(&block, 7));
    assert_eq!(net.tips(), [test.genesis.hash()].into());
    assert_eq!(net.said_to(9).last(), Some(&&Message::GetBlocks(vec![block.hash()])));
}

/// A link carries 3.6 % of the bytes of a block.
#[test]
fn a_block_of_a_thousand_known_transactions_takes_a_twentieth_of_its_bytes_on_the_wire() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 5);
    let split = |owner: u8| {
        let outputs = vec![Output { amount: Amount::from_units(1_000_000), ..pay(1, owner) }; 100];
        test.spend(owner, &[test.premine(owner)], outputs)
    };
    let splits: Vec<Arc<Transaction>> = (0..10).map(split).collect();
    let first = test.block_on(&test.genesis, 1, Amount::ZERO, splits.clone());
    net.submit(0, Submission::Block(first.clone()));
    let spends = (0..10).flat_map(|owner: u8| (0..100).map(move |index: u32| (owner, index)));
    let transactions: Vec<Arc<Transaction>> = spends
        .map(|(owner, index)| {
            let from = &splits[usize::from(owner)];
            let coin = (OutPoint { txid: from.txid(), index }, from.outputs()[index as usize].clone());
            test.spend(owner, &[coin], vec![Output { amount: Amount::from_units(900_000), ..pay(1, 1) }])
        })
        .collect();
    give_transactions(&mut net, 0, &transactions);
    net.pass(20_000);
    assert!(net.nodes.iter().all(|node| node.mempool().len() == 1_000));
    let block = test.block_on(&first, 1, Amount::ZERO, transactions);
    let before = net.said.len();
    net.submit(0, Submission::Block(block.clone()));
    assert_eq!(net.tips(), [block.hash()].into());
    assert_eq!(kinds(&net, before), ["compact"; 4]);
    for (_, _, message) in &net.said[before..] {
        assert!(message.weight() * 20 <= block.size(), "{} of {}", message.weight(), block.size());
    }
}
