//! What is known of a network after events and replies.

use super::*;
use crate::devnet::tests::{block, hash, status, work};
use cairn_daemon::api::event::Reorganization;
use cairn_daemon::api::status::{MiningStatus, NodeStatus};

fn chain() -> Chain {
    Chain::builtin("devnet").expect("devnet")
}

/// Nodes that have replied once, on genesis.
fn network(nodes: u16) -> NetworkState {
    let mut state = NetworkState::new(nodes, &chain());
    let tip = chain().genesis.hash();
    let reply = |id: u16| Some(NodeStatus { peer_id: format!("p{id}"), tip, ..status(0, 0) });
    state.fold_statuses(&state.changes_of_tips(), (0..nodes).map(reply).collect(), 0);
    state.take_changes();
    state
}

fn connects(state: &mut NetworkState, node: u16, arrival: Arrival, from: Option<&str>, at: u64) {
    let arrival = Arrival { from: from.map(str::to_owned), ..arrival };
    state.fold_node(node, &NodeEvent::BlockConnected(arrival), at);
}

fn reorganization(connected: u32) -> NodeEvent {
    NodeEvent::Reorganized(Reorganization {
        fork_height: Height::GENESIS,
        fork_hash: hash(0),
        disconnected: 1,
        connected,
        old_chainwork: work(1),
        new_chainwork: work(2),
    })
}

/// The kinds of changes since the last call.
fn kinds(state: &mut NetworkState) -> Vec<String> {
    state.take_changes().iter().map(|change| cairn_daemon::api::tagged::split(change).0).collect()
}

#[test]
fn a_block_is_published_once_and_then_who_got_it_from_whom() {
    let mut state = network(2);
    connects(&mut state, 0, block(1, 1, 0), None, 5);
    connects(&mut state, 1, block(1, 1, 0), Some("p0"), 6);
    assert_eq!(kinds(&mut state), ["block", "got", "tip", "agreement", "got", "tip", "agreement"]);
    assert_eq!(state.view(9, 0).blocks[0].got, [(0, 5, None), (1, 6, Some(0))]);
}

#[test]
fn a_reorganization_moves_the_tip_once_and_leaves_the_old_branch_in_the_view() {
    let mut state = network(1);
    connects(&mut state, 0, block(1, 9, 0), None, 1);
    state.take_changes();
    state.fold_node(0, &reorganization(2), 2);
    state.fold_node(0, &NodeEvent::BlockDisconnected(block(1, 9, 0).block), 2);
    connects(&mut state, 0, block(1, 1, 0), None, 2);
    assert_eq!(state.node(0).expect("it is there").tip, hash(9), "half of a branch is no tip");
    connects(&mut state, 0, block(2, 2, 1), None, 2);
    let node = state.node(0).expect("it is there");
    assert_eq!((node.tip, node.height.get()), (hash(2), 2));
    assert_eq!(kinds(&mut state).iter().filter(|kind| *kind == "tip").count(), 1);
    assert_eq!(state.view(9, 0).blocks.len(), 3);
}

#[test]
fn a_node_that_is_killed_within_a_reorganization_has_whole_tips_after_its_restart() {
    let mut state = network(1);
    state.fold_node(0, &reorganization(5), 1);
    state.fold(&DevnetEvent::Killed(0), 2);
    state.fold(&DevnetEvent::Restarted(0), 3);
    connects(&mut state, 0, block(1, 1, 0), None, 4);
    assert_eq!(state.node(0).expect("it is there").tip, hash(1));
}

#[test]
fn a_killed_node_is_down_without_links_and_counts_for_no_agreement() {
    let mut state = network(2);
    let connected = NodeEvent::PeerConnected {
        peer: "p1".into(),
        inbound: false,
        address: String::new(),
        user_agent: String::new(),
    };
    state.fold_node(0, &connected, 1);
    assert!(state.links().contains(&(0, 1)));
    state.fold(&DevnetEvent::Killed(1), 2);
    let view = state.view(9, 2);
    assert!(!view.nodes[1].up && view.links.is_empty());
    assert_eq!(view.agreement.last().map(|point| point.most), Some(1));
    state.fold(&DevnetEvent::Restarted(1), 3);
    assert!(state.view(9, 3).nodes[1].up);
}

#[test]
fn links_that_no_event_reported_are_seen_when_nodes_are_asked_twice() {
    let mut state = network(2);
    let tip = chain().genesis.hash();
    let reply = || {
        vec![Some(NodeStatus { peer_id: "p0".into(), peers: vec!["p1".into()], tip, ..status(0, 0) }), None]
    };
    state.fold_statuses(&state.changes_of_tips(), reply(), 1);
    assert!(state.links().is_empty(), "the event may be under way");
    state.fold_statuses(&state.changes_of_tips(), reply(), 2);
    assert!(state.links().contains(&(0, 1)));
}

/// A node that sleeps holds up its round of questions, and the replies of the others are old when it ends.
#[test]
fn a_reply_of_a_round_that_began_before_an_event_takes_nothing_back_though_its_tip_was_seen_before() {
    let mut state = network(1);
    connects(&mut state, 0, block(1, 1, 0), None, 1);
    let reply = || vec![Some(NodeStatus { peer_id: "p0".into(), ..status(1, 1) })];
    state.fold_statuses(&state.changes_of_tips(), reply(), 2);
    let begun = state.changes_of_tips();
    connects(&mut state, 0, block(2, 2, 1), None, 3);
    state.fold_statuses(&begun, reply(), 4);
    assert_eq!(state.node(0).expect("it is there").tip, hash(2));
}

#[test]
fn a_reply_that_events_have_overtaken_takes_nothing_back_and_one_that_is_given_twice_counts() {
    let mut state = network(1);
    connects(&mut state, 0, block(1, 1, 0), None, 1);
    connects(&mut state, 0, block(2, 2, 1), None, 1);
    let mut asked = |height, byte| {
        state.fold_statuses(
            &state.changes_of_tips(),
            vec![Some(NodeStatus { peer_id: "p0".into(), ..status(height, byte) })],
            2,
        );
        state.node(0).expect("it is there").tip
    };
    assert_eq!(asked(1, 1), hash(2), "it was given before the second block");
    assert_eq!(asked(2, 2), hash(2));
    assert_eq!(asked(3, 3), hash(2), "its event may be under way");
    assert_eq!(asked(3, 3), hash(3), "its event was missed");
}

#[test]
fn a_wished_hash_rate_outlasts_the_process_and_the_first_one_counts_as_all() {
    let mut state = network(2);
    assert_eq!(state.node(0).expect("it is there").percent, None);
    state.set_rate(0, Hashrate::per_second(1_000));
    let rate = Hashrate::per_second(300);
    state.fold(&DevnetEvent::Hashrate { node: 0, rate, percent: 30 }, 1);
    state.fold(&DevnetEvent::Killed(0), 2);
    state.fold(&DevnetEvent::Restarted(0), 3);
    assert_eq!(state.rates(0), (rate, Some(Hashrate::per_second(1_000))));
    assert_eq!(state.node(0).expect("it is there").percent, Some(30));
}

#[test]
fn a_node_with_less_work_is_behind_three_intervals_after_the_first_block_with_more() {
    let mut state = network(2);
    connects(&mut state, 0, block(1, 1, 0), None, 1_000);
    connects(&mut state, 1, block(1, 1, 0), None, 1_001);
    connects(&mut state, 0, block(2, 2, 1), None, 5_000);
    connects(&mut state, 0, block(3, 3, 2), None, 9_000);
    let mut behind = |at| {
        state.look_who_is_behind(at);
        let published = state.take_changes().into_iter().flat_map(|change| match change {
            ViewChange::Status { nodes, .. } => nodes,
            _ => Vec::new(),
        });
        let published: Vec<_> = published.filter_map(|node| Some((node.id, node.behind?.blocks))).collect();
        assert_eq!(published, if at == 11_001 { vec![(1, 2)] } else { Vec::new() });
        [0, 1].map(|id| state.node(id).expect("it is there").behind)
    };
    assert_eq!(behind(11_000), [None, None]);
    assert_eq!(behind(11_001), [None, Some(Behind { since_ms: 5_000, blocks: 2 })]);
    state.fold(&DevnetEvent::Killed(0), 12_000);
    state.look_who_is_behind(90_000);
    assert_eq!(state.node(1).expect("it is there").behind, None, "the one that had more is gone");
}

#[test]
fn a_node_that_misses_two_requests_does_not_answer_until_it_replies() {
    let mut state = network(1);
    let mut answers = |reply| {
        state.fold_statuses(&state.changes_of_tips(), vec![reply], 1);
        state.node(0).expect("it is there").answers
    };
    assert!(answers(None) && !answers(None) && answers(Some(status(0, 0))));
}

#[test]
fn partition_heal_and_restart_keep_the_delays_of_links() {
    let mut state = network(3);
    state.fold(&DevnetEvent::Slowed { node: 1, delay_ms: 200 }, 1);
    state.fold(&DevnetEvent::Partitioned(Groups::parse("0 / 1,2", 3).expect("groups")), 2);
    state.fold(&DevnetEvent::Killed(1), 3);
    state.fold(&DevnetEvent::Restarted(1), 4);
    assert_eq!((state.delays.of_all(1), state.delays.towards(0, 1)), (200, 200));
    assert_eq!(state.groups().to_string(), "0 / 1,2");
    assert_eq!(state.node(1).expect("it is there").delay_ms, 200);
}

#[test]
fn a_killed_node_does_not_mine_and_the_status_has_the_tip_of_the_events() {
    let mut state = network(1);
    let mining = MiningStatus { address: String::new(), threads: 1, hashrate: None };
    let reply = NodeStatus { peer_id: "p0".into(), mining: Some(mining), ..status(0, 0) };
    state.fold_statuses(&state.changes_of_tips(), vec![Some(reply)], 1);
    connects(&mut state, 0, block(1, 1, 0), None, 2);
    let seen = |state: &NetworkState| {
        let node = state.node(0).expect("it is there");
        let status = node.status.as_ref().expect("it has replied");
        (node.mining, status.height.get(), status.tip, status.chainwork)
    };
    assert_eq!(seen(&state), (true, 1, hash(1), work(1)));
    let late = NodeStatus { peer_id: "p0".into(), ..status(0, 0) };
    state.fold_statuses(&[0], vec![Some(late)], 3);
    assert_eq!(seen(&state).1, 1, "a reply that is older than the event");
    state.set_mining(0, true);
    state.look_who_is_behind(3);
    state.take_changes();
    state.fold(&DevnetEvent::Killed(0), 4);
    assert!(!seen(&state).0);
    assert!(kinds(&mut state).contains(&"status".to_owned()));
}

#[test]
fn the_way_between_two_tips_is_counted_from_their_fork_point() {
    let mut state = network(1);
    for (height, byte, previous) in [(1, 1, 0), (2, 2, 1), (2, 3, 1), (3, 4, 3)] {
        let arrival = block(height, byte, previous);
        state.fold_node(0, &NodeEvent::BlockOnSideBranch(arrival), 1);
    }
    assert_eq!(state.way(hash(2), hash(4)), Some((1, 2)));
    assert_eq!((state.way(hash(4), hash(4)), state.way(hash(0), hash(1))), (Some((0, 0)), Some((0, 1))));
    assert_eq!(state.way(hash(9), hash(4)), None);
}
