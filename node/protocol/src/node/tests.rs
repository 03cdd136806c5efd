//! Nodes joined in memory: what they promise each other, and what the hostile get.

use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::testing::{TestChain, pay};
use cairn_core::transaction::OutPoint;

use super::*;
use crate::input::PeerCommand;
use crate::limits::{HANDSHAKE_TIMEOUT, PEERS_REQUEST_INTERVAL, PING_INTERVAL, PING_TIMEOUT, REDIAL_MAX};
use crate::message::Goodbye;
use crate::message::codec::CodecError;
use crate::peers::ConnectionLimits;

#[path = "tests/clock.rs"]
mod clock_behind;
mod compact_blocks;
mod floods;
mod harness;
mod hostile;
mod precedence;
mod random_attackers;
mod versions;
mod withheld;

use harness::{Net, QUIET, address, id, node};

#[test]
fn two_nodes_of_one_chain_greet_and_stay() {
    let net = Net::line(&TestChain::new(), 2);
    assert_eq!((net.ready(0), net.ready(1)), (vec![id(1)], vec![id(0)]));
    let told = |events: &[Event]| events.iter().any(|event| matches!(event, Event::PeerConnected { .. }));
    assert!(net.events.iter().all(|events| told(events)));
}

/// ATTACKS 37.
#[test]
fn nodes_of_different_chains_tell_each_other_and_part() {
    let (ours, theirs) = (TestChain::new(), TestChain::named("other"));
    let mut net = Net::new(vec![node(&ours, 0, &[1], QUIET), node(&theirs, 1, &[], QUIET)]);
    net.settle();
    assert!(net.ready(0).is_empty() && net.ready(1).is_empty());
    let ours = ours.params.genesis_hash;
    let told = |(_, _, message): &(usize, usize, Message)| {
        *message == Message::Goodbye(Goodbye::OtherChain { ours })
    };
    assert!(net.said.iter().any(told), "the other side learns which chain this is");
    assert!(net.events[0].iter().any(|event| matches!(event, Event::PeerRejected { .. })));
}

#[test]
fn a_node_that_dials_itself_parts_and_never_dials_itself_again() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[0], QUIET)]);
    net.pass(120_000);
    let refusals = net.events[0].iter().filter(|event| matches!(event, Event::PeerRejected { .. })).count();
    assert_eq!(refusals, 1);
    assert_eq!(net.nodes[0].next_wake(), None);
}

#[test]
fn a_small_block_runs_down_a_line_of_five_and_never_back() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 5);
    let before = net.said.len();
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
    net.submit(0, Submission::Block(block.clone()));
    assert_eq!(net.tips(), [block.hash()].into());
    let hops: Vec<(usize, usize)> = net.said[before..].iter().map(|(from, to, _)| (*from, *to)).collect();
    assert_eq!(hops, [(0, 1), (1, 2), (2, 3), (3, 4)], "one message a hop, no question, no echo");
}

#[test]
fn a_peer_that_answered_is_not_asked_for_addresses_again_before_its_time() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], ConnectionLimits { outbound: 2, inbound: 2 })]);
    net.guest(&test, 9, 0);
    let asked = |net: &Net| net.said_to(9).iter().filter(|message| ***message == Message::GetPeers).count();
    let mut answered = 0;
    for second in 0..PEERS_REQUEST_INTERVAL.as_secs() * 3 / 2 {
        // Who talks is not taken for dead.
        net.say(9, 0, Message::Ping { nonce: second });
        if asked(&net) > answered {
            answered += 1;
            net.say(9, 0, Message::Peers(Vec::new()));
        }
        net.pass(1_000);
    }
    assert_eq!(asked(&net), 2, "at once, and after the interval");
}

/// Found by the simulator: without a later block the peer would have stayed on the old tip for ever.
#[test]
fn a_node_that_lacks_peers_asks_also_one_that_dialled_it_for_addresses() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], ConnectionLimits { outbound: 1, inbound: 9 })]);
    net.guest(&test, 9, 0);
    net.pass(PEERS_REQUEST_INTERVAL.as_millis() as u64);
    assert!(net.said_to(9).contains(&&Message::GetPeers));
}

#[test]
fn a_tip_that_came_between_two_hellos_is_told_after_them() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET)]);
    net.stranger(9, 0);
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
    net.submit(0, Submission::Block(block.clone()));
    net.say(9, 0, Message::Hello(Box::new(harness::hello(&test, 9))));
    assert!(net.said_to(9).contains(&&Message::Headers(vec![*block.header()])));
}

#[test]
fn a_large_block_is_announced_by_its_header_and_fetched() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 3);
    let outputs =
        (0..1_000).map(|_| cairn_core::transaction::Output { amount: Amount::from_units(1), ..pay(1, 4) });
    let large = test.spend(3, &[test.premine(3)], outputs.collect());
    let fees = Amount::from_units(1_000 * Amount::COIN.units() - 1_000);
    let block = test.block_on(&test.genesis, 1, fees, vec![large]);
    assert!(block.size() > crate::limits::MAX_PUSHED_BLOCK);
    let before = net.said.len();
    net.submit(0, Submission::Block(block.clone()));
    assert_eq!(net.tips(), [block.hash()].into());
    let kinds: Vec<&str> = net.said[before..].iter().map(|(_, _, message)| kind(message)).collect();
    let first_hop = ["headers", "get-compact", "compact", "get-missing", "missing"];
    let second_hop = ["headers", "send-compact", "get-compact", "compact", "get-missing", "missing"];
    assert_eq!(kinds, [&first_hop[..], &second_hop, &["send-compact"]].concat());
}

#[test]
fn a_node_that_is_far_behind_catches_up_from_one_peer() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET), node(&test, 1, &[0], QUIET)]);
    net.deaf.insert(0);
    net.submit_blocks(0, &test.blocks_on(&test.genesis, 1, 2_500));
    net.deaf.clear();
    net.pass(REDIAL_MAX.as_millis() as u64);
    assert_eq!(net.tips().len(), 1);
    assert_eq!(net.nodes[1].chain().tip().height.get(), 2_500);
    assert!(!net.nodes[1].is_initial_download());
}

#[test]
fn halves_that_were_cut_apart_agree_within_a_second_of_healing() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 5);
    net.cut([&[0, 1, 2], &[3, 4]]);
    assert_eq!(net.ready(2), [id(1)], "the link between the halves is gone");
    net.pass(60_000);
    assert_eq!(net.ready(2), [id(1)], "and stays gone, whoever dials");
    let (short, long) = (test.blocks_on(&test.genesis, 1, 30), test.blocks_on(&test.genesis, 2, 31));
    net.submit_blocks(0, &short);
    net.submit_blocks(4, &long);
    assert_eq!(net.tips().len(), 2);
    net.heal();
    net.pass(1_000);
    assert_eq!(net.tips(), [long[30].hash()].into());
    let told = net.events[0].iter().find_map(|event| match event {
        Event::Reorganized { disconnected, connected, .. } => Some((*disconnected, *connected)),
        _ => None,
    });
    assert_eq!(told, Some((30, 31)));
}

#[test]
fn a_transaction_is_announced_asked_once_and_delivered_down_the_line() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 3);
    let before = net.said.len();
    let payment = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
    net.submit(1, Submission::Transaction { transaction: payment.clone(), max_fee_rate: None });
    net.pass(100);
    assert!(net.nodes.iter().all(|node| node.mempool().contains(&payment.txid())));
    let mut kinds: Vec<&str> = net.said[before..].iter().map(|(_, _, message)| kind(message)).collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        ["announce", "announce", "get-transactions", "get-transactions", "transactions", "transactions"]
    );
}

#[test]
fn an_accepted_transaction_is_told_with_the_peer_that_gave_it() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 3);
    let payment = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
    net.submit(0, Submission::Transaction { transaction: payment.clone(), max_fee_rate: None });
    net.pass(100);
    let told = net.events.iter().map(|events| {
        let accepted = events.iter().find_map(|event| match event {
            Event::TransactionAccepted { txid, from, .. } if *txid == payment.txid() => Some(*from),
            _ => None,
        });
        accepted.expect("every node accepts it")
    });
    assert_eq!(told.collect::<Vec<_>>(), [None, Some(id(0)), Some(id(1))]);
}

#[test]
fn a_child_that_comes_before_its_parent_waits_for_it() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 2);
    net.guest(&test, 9, 1);
    let parent = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
    let child =
        test.spend(4, &[(OutPoint { txid: parent.txid(), index: 0 }, pay(999, 4))], vec![pay(998, 5)]);
    net.say(9, 1, Message::AnnounceTransactions(vec![child.txid()]));
    net.say(9, 1, Message::Transactions(vec![child.clone()]));
    assert!(!net.nodes[1].mempool().contains(&child.txid()));
    let asked = Message::GetTransactions(vec![parent.txid()]);
    assert!(net.said_to(9).contains(&&asked), "the sender of the child is asked for the parent");
    net.say(9, 1, Message::Transactions(vec![parent.clone()]));
    assert!(net.nodes[1].mempool().contains(&child.txid()));
    assert!(!net.is_banned(1, 9));
}

#[test]
fn a_child_of_two_parents_waits_until_both_have_come() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 2);
    net.guest(&test, 9, 1);
    let parents = [1, 2].map(|owner| test.spend(owner, &[test.premine(owner)], vec![pay(999, 4)]));
    let coins = parents.each_ref().map(|parent| (OutPoint { txid: parent.txid(), index: 0 }, pay(999, 4)));
    let child = test.spend(4, &coins, vec![pay(1_997, 5)]);
    net.say(9, 1, Message::AnnounceTransactions(vec![child.txid()]));
    net.say(9, 1, Message::Transactions(vec![child.clone()]));
    for parent in parents {
        assert!(!net.nodes[1].mempool().contains(&child.txid()));
        net.say(9, 1, Message::Transactions(vec![parent]));
    }
    assert!(net.nodes[1].mempool().contains(&child.txid()));
}

#[test]
fn a_payment_confirmed_only_on_the_losing_side_waits_on_the_winning_one() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 4);
    net.cut([&[0, 1], &[2, 3]]);
    let payment = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
    net.submit(0, Submission::Transaction { transaction: payment.clone(), max_fee_rate: None });
    net.submit(0, Submission::Block(test.block_on(&test.genesis, 1, Amount::ZERO, vec![payment.clone()])));
    net.submit_blocks(3, &test.blocks_on(&test.genesis, 2, 2));
    net.heal();
    net.pass(2_000);
    assert_eq!(net.tips().len(), 1);
    assert!(net.nodes.iter().all(|node| node.mempool().contains(&payment.txid())));
}

#[test]
fn transactions_that_wait_are_told_to_who_joins_later() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET), node(&test, 1, &[0], QUIET)]);
    net.deaf.insert(0);
    let payment = test.spend(3, &[test.premine(3)], vec![pay(999, 4)]);
    net.submit(0, Submission::Transaction { transaction: payment.clone(), max_fee_rate: None });
    net.deaf.clear();
    net.pass(REDIAL_MAX.as_millis() as u64);
    assert!(net.nodes[1].mempool().contains(&payment.txid()));
}

#[test]
fn a_node_that_lost_all_its_peers_dials_for_ever() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 2);
    net.deaf.insert(1);
    net.command(1, PeerCommand::DisconnectPeer(id(0)));
    assert!(net.ready(0).is_empty());
    net.pass(24 * 3_600_000);
    net.deaf.clear();
    net.pass(REDIAL_MAX.as_millis() as u64);
    assert_eq!(net.ready(0), [id(1)]);
}

#[test]
fn nodes_find_each_other_through_a_third() {
    let test = TestChain::new();
    let room = ConnectionLimits { outbound: 4, inbound: 10 };
    let nodes = vec![node(&test, 0, &[1], room), node(&test, 1, &[], room), node(&test, 2, &[1], room)];
    let mut net = Net::new(nodes);
    net.pass(90_000);
    assert!(net.nodes[0].peers().get(&id(2)).is_some_and(|connection| connection.is_ready()));
}

#[test]
fn a_full_node_says_so_and_stays_within_its_room() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], ConnectionLimits { outbound: 0, inbound: 3 })]);
    (10..20).for_each(|guest| net.guest(&test, guest, 0));
    assert_eq!(net.ready(0), [id(10), id(11), id(12)]);
    assert!(net.said_to(19).contains(&&Message::Goodbye(Goodbye::Full)));
}

#[test]
fn the_network_can_be_switched_off_and_on() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 2);
    net.command(0, PeerCommand::SetNetworkActive(false));
    net.pass(60_000);
    assert!(net.ready(0).is_empty() && net.ready(1).is_empty());
    net.command(0, PeerCommand::SetNetworkActive(true));
    net.pass(1_000);
    assert_eq!(net.ready(0), [id(1)]);
}

#[test]
fn a_ban_parts_two_nodes_until_it_is_lifted() {
    let test = TestChain::new();
    let mut net = Net::line(&test, 2);
    net.command(1, PeerCommand::Ban { peer: id(0), duration: core::time::Duration::from_secs(3_600) });
    net.pass(60_000);
    assert!(net.ready(1).is_empty());
    net.command(1, PeerCommand::Unban(id(0)));
    net.pass(REDIAL_MAX.as_millis() as u64);
    assert_eq!(net.ready(1), [id(0)]);
}

#[test]
fn the_same_inputs_give_the_same_words() {
    let run = || {
        let test = TestChain::new();
        let mut net = Net::line(&test, 4);
        net.submit_blocks(0, &test.blocks_on(&test.genesis, 1, 5));
        net.submit(
            2,
            Submission::Transaction {
                transaction: test.spend(3, &[test.premine(3)], vec![pay(1, 4)]),
                max_fee_rate: None,
            },
        );
        net.pass(100_000);
        net.said
    };
    assert_eq!(run(), run());
}

fn kind(message: &Message) -> &'static str {
    match message {
        Message::Headers(_) => "headers",
        Message::GetBlocks(_) => "get-blocks",
        Message::Block(_) => "block",
        Message::AnnounceTransactions(_) => "announce",
        Message::GetTransactions(_) => "get-transactions",
        Message::GetCompactBlock(_) => "get-compact",
        Message::CompactBlock(_) => "compact",
        Message::GetBlockTransactions { .. } => "get-missing",
        Message::BlockTransactions { .. } => "missing",
        Message::SendCompact(_) => "send-compact",
        Message::Transactions(_) => "transactions",
        _ => "other",
    }
}

#[test]
fn two_long_branches_that_meet_agree_at_once() {
    let test = TestChain::new();
    let mut net = Net::new(vec![node(&test, 0, &[], QUIET), node(&test, 1, &[], QUIET)]);
    net.submit_blocks(0, &test.blocks_on(&test.genesis, 1, 1000));
    net.submit_blocks(1, &test.blocks_on(&test.genesis, 2, 1001));
    net.command(0, PeerCommand::AddNode(harness::address(1)));
    net.settle();
    assert_eq!(net.nodes[0].chain().tip().height.get(), 1001);
    assert_eq!(net.tips().len(), 1);
}
