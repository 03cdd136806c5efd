//! What people read.

use std::sync::mpsc::{Receiver, channel};

use cairn_core::amount::Amount;
use cairn_core::height::Height;
use cairn_daemon::api::decimal::Coins;
use cairn_daemon::api::event::Reorganization;
use cairn_genesis::Chain;

use super::*;
use crate::devnet::event::TimedEvent;
use crate::devnet::groups::Groups;
use crate::devnet::shared_state::SharedState;
use crate::devnet::tests::{block, hash, work};

fn devnet(nodes: u16) -> (SharedState, Receiver<TimedEvent>) {
    let (sender, events) = channel();
    (SharedState::new(&Chain::builtin("devnet").expect("devnet"), nodes, Some(sender)), events)
}

/// What an event has people read.
fn texts((state, events): &(SharedState, Receiver<TimedEvent>), event: DevnetEvent) -> Vec<String> {
    state.happened(event);
    events.recv().expect("it is passed on").lines.into_iter().filter_map(|line| line.text).collect()
}

fn connects(node: u16, height: u32, byte: u8) -> DevnetEvent {
    DevnetEvent::Node { node, event: NodeEvent::BlockConnected(block(height, byte, 0)) }
}

fn partition(text: &str, nodes: u16) -> DevnetEvent {
    DevnetEvent::Partitioned(Groups::parse(text, nodes).expect("groups"))
}

#[test]
fn a_block_is_reported_once_when_every_node_has_it() {
    let devnet = devnet(2);
    assert!(texts(&devnet, connects(0, 12, 1)).is_empty());
    let lines = texts(&devnet, connects(1, 12, 1));
    assert_eq!(lines.len(), 1);
    let start = "block 12 by node 3, 2 transactions, all 2 nodes agree after ";
    assert!(lines[0].starts_with(start), "{}", lines[0]);
    assert!(texts(&devnet, connects(1, 12, 1)).is_empty());
}

#[test]
fn a_block_that_stays_on_one_side_is_reported_for_that_side() {
    let devnet = devnet(3);
    texts(&devnet, partition("0,1/2", 3));
    texts(&devnet, connects(0, 5, 1));
    let lines = texts(&devnet, connects(1, 5, 1));
    assert!(lines[0].contains("2 nodes on this side agree"), "{}", lines[0]);
}

#[test]
fn blocks_of_a_side_are_reported_for_that_side_before_the_healing_that_came_after_them() {
    let devnet = devnet(3);
    texts(&devnet, partition("0,1/2", 3));
    let mut lines: Vec<String> =
        (5..11).flat_map(|height| texts(&devnet, connects(2, height, height as u8))).collect();
    lines.extend(texts(&devnet, DevnetEvent::Partitioned(Groups::whole(3))));
    let healed = lines.iter().position(|text| text.starts_with("healed")).expect("it is reported");
    let blocks = &lines[..healed];
    assert!(
        blocks.iter().all(|text| text.contains("the one node on this side has it")
            || text.contains("all 1 nodes that can reach each other have them")),
        "{lines:?}"
    );
    assert!(!blocks.is_empty() && lines.len() == healed + 1, "{lines:?}");
}

#[test]
fn a_reorganization_is_reported_with_its_numbers() {
    let devnet = devnet(2);
    let change = Reorganization {
        fork_height: Height::from_u32(41),
        fork_hash: hash(9),
        disconnected: 3,
        connected: 4,
        old_chainwork: work(44),
        new_chainwork: work(45),
    };
    let lines = texts(&devnet, DevnetEvent::Node { node: 1, event: NodeEvent::Reorganized(change) });
    assert_eq!(lines, ["reorganization on node 1: 3 blocks left, 4 joined, fork point 41"]);
}

#[test]
fn agreement_after_healing_is_reported_once_when_all_running_nodes_share_a_tip() {
    let devnet = devnet(3);
    texts(&devnet, DevnetEvent::Killed(2));
    texts(&devnet, connects(0, 5, 1));
    texts(&devnet, connects(1, 5, 2));
    let healed = texts(&devnet, DevnetEvent::Partitioned(Groups::whole(3)));
    assert!(healed.iter().all(|text| !text.contains("again, ")), "{healed:?}");
    let left = NodeEvent::BlockDisconnected(block(5, 2, 0).block);
    let mut lines = texts(&devnet, DevnetEvent::Node { node: 1, event: left });
    lines.extend(texts(&devnet, connects(1, 5, 1)));
    lines.extend(texts(&devnet, connects(1, 5, 1)));
    let again = lines.iter().filter(|text| text.starts_with("all 2 nodes agree on block 5 again, "));
    assert_eq!(again.count(), 1, "{lines:?}");
}

#[test]
fn half_of_a_branch_is_no_tip_that_nodes_agree_on() {
    let devnet = devnet(2);
    texts(&devnet, connects(0, 1, 1));
    texts(&devnet, connects(1, 1, 9));
    texts(&devnet, DevnetEvent::Partitioned(Groups::whole(2)));
    let change = Reorganization {
        fork_height: Height::GENESIS,
        fork_hash: hash(0),
        disconnected: 1,
        connected: 2,
        old_chainwork: work(1),
        new_chainwork: work(2),
    };
    texts(&devnet, DevnetEvent::Node { node: 1, event: NodeEvent::Reorganized(change) });
    let left = NodeEvent::BlockDisconnected(block(1, 9, 0).block);
    texts(&devnet, DevnetEvent::Node { node: 1, event: left });
    let half = texts(&devnet, connects(1, 1, 1));
    assert!(!half.iter().any(|text| text.contains("agree on block")), "{half:?}");
}

#[test]
fn a_node_that_was_restarted_agrees_again_once_it_has_the_tip_of_the_others() {
    let devnet = devnet(2);
    (0..2).for_each(|node| drop(texts(&devnet, connects(node, 5, 1))));
    texts(&devnet, DevnetEvent::Killed(1));
    texts(&devnet, connects(0, 6, 2));
    let is_agreement = |text: &String| text.starts_with("all 2 nodes agree on block 6 again, ");
    assert!(!texts(&devnet, DevnetEvent::Restarted(1)).iter().any(is_agreement));
    let lines = texts(&devnet, connects(1, 6, 2));
    assert!(lines.iter().any(|text| is_agreement(text) && text.ends_with(" after the restart")), "{lines:?}");
}

#[test]
fn a_fee_is_reported_in_decimal_coins_however_small() {
    let devnet = devnet(2);
    let txid = Txid::from_bytes([0xab; 32]);
    let event =
        NodeEvent::TransactionAccepted { txid, fee: Coins(Amount::from_units(216)), size: 1, from: None };
    let lines = texts(&devnet, DevnetEvent::Node { node: 0, event });
    assert_eq!(lines, ["transaction abababababab… reached node 0, fee 0.00000216"]);
}
