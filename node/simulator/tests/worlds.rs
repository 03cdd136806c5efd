//! Twenty nodes, many seeds: cut, healed, killed and restarted, they agree and lose nothing.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cairn_protocol::peer::PeerId;
use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::node_index::NodeIndex;
use cairn_simulator::plan::{Plan, Step};
use cairn_simulator::play::{Run, play};
use cairn_simulator::report::{Report, TipChange};
use cairn_simulator::scenario::parse;
use cairn_simulator::world::World;

/// Names the seed that a second process plays and prints.
const SEED_VARIABLE: &str = "CAIRN_SIMULATED_SEED";

fn partition() -> Plan {
    Plan::partition_and_heal(20, Duration::from_secs(30))
}

fn every_seed_agrees(plan: &Plan, seeds: core::ops::Range<u64>) {
    for seed in seeds {
        let report = play(plan, seed).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(report.height > 0 && report.payments.confirmed > 0, "seed {seed}");
    }
}

#[test]
fn twenty_nodes_converge_after_a_partition_seeds_0_to_99() {
    every_seed_agrees(&partition(), 0..100);
}

/// Seed 122 found a tip that came between two Hellos and was never told.
#[test]
fn twenty_nodes_converge_after_a_partition_seeds_100_to_199() {
    every_seed_agrees(&partition(), 100..200);
}

#[test]
fn a_partition_made_by_refusing_peers_heals_too() {
    let groups = Plan::parts(20, 12);
    let steps = vec![(Duration::from_secs(20), Step::Refuse(groups)), (Duration::from_secs(50), Step::Heal)];
    let mut plan = Plan { steps, ..Plan::quiet(20) };
    plan.stop.after = Duration::from_secs(80);
    every_seed_agrees(&plan, 0..50);
}

#[test]
fn nodes_that_lose_power_come_back_with_what_they_had_announced() {
    let at = |seconds| Duration::from_secs(seconds);
    let steps = (0..5u16).flat_map(|node| {
        let node = NodeIndex::new(node);
        let begin = 10 + 5 * u64::from(node.number());
        [(at(begin), Step::Kill(vec![node])), (at(begin + 7), Step::Restart(vec![node]))]
    });
    every_seed_agrees(&Plan { steps: steps.collect(), ..Plan::quiet(20) }, 0..50);
}

#[test]
fn who_came_and_went_comes_back_when_it_no_longer_does() {
    let at = |seconds| Duration::from_secs(seconds);
    let mut plan = Plan::quiet(8);
    let mut guests = plan.groups[0].clone();
    (plan.groups[0].nodes, guests.first, guests.nodes) = (4, 4, 4);
    guests.name = "guests".into();
    guests.behaviour = Behaviour::Intermittent { up: at(5), down: at(300) };
    plan.groups.push(guests);
    plan.steps = vec![(at(20), Step::Behave { group: 1, behaviour: Behaviour::Honest })];
    for seed in 0..20 {
        let mut run = Run::new(plan.clone(), seed).unwrap_or_else(|failure| panic!("{failure}"));
        while !run.is_over() {
            run.advance(at(60)).unwrap_or_else(|failure| panic!("{failure}"));
        }
        assert_eq!(run.world().living().count(), 8, "seed {seed}");
        run.finish().unwrap_or_else(|failure| panic!("{failure}"));
    }
}

/// Nodes that a node reaches over ready connections, itself included.
fn reached_from(world: &World, from: NodeIndex) -> BTreeSet<PeerId> {
    let nodes: BTreeMap<PeerId, _> =
        world.living().filter_map(|host| Some((host.index().peer_id(), host.node()?))).collect();
    let (mut reached, mut next) = (BTreeSet::from([from.peer_id()]), vec![from.peer_id()]);
    while let Some(peer) = next.pop() {
        let peers = nodes.get(&peer).into_iter().flat_map(|node| node.peers().ready());
        next.extend(peers.map(|one| one.peer).filter(|peer| reached.insert(*peer)));
    }
    reached
}

/// The shipped scenario: of 200 nodes 180 stay for 30 seconds, half of them shorter.
#[test]
fn who_stays_in_a_churning_network_is_connected_all_the_time_and_agrees() {
    let text = include_str!("../../../tests/scenarios/churn.toml");
    let plan = parse(text).expect("it is shipped");
    let steady = || (0..plan.groups[0].nodes).map(NodeIndex::new);
    let seeds = option_env!("CAIRN_SEEDS").and_then(|text| text.parse().ok()).unwrap_or(3);
    for seed in 0..seeds {
        let mut run = Run::new(plan.clone(), seed).unwrap_or_else(|failure| panic!("{failure}"));
        run.advance(Duration::from_secs(2)).unwrap_or_else(|failure| panic!("{failure}"));
        while !run.is_over() {
            run.advance(Duration::from_secs(1)).unwrap_or_else(|failure| panic!("{failure}"));
            let reached = reached_from(run.world(), NodeIndex::new(0));
            let missing: Vec<_> = steady().filter(|node| !reached.contains(&node.peer_id())).collect();
            assert!(missing.is_empty(), "seed {seed}, {:?}: {missing:?} apart", run.progress());
        }
        let report = run.finish().unwrap_or_else(|failure| panic!("{failure}"));
        assert!(report.is_as_expected(), "seed {seed}: {:#?}", report.expectations);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_in_another_process() {
    let report = play(&partition(), 7).unwrap_or_else(|failure| panic!("{failure}"));
    let own = std::env::current_exe().expect("a running program has a path");
    let test = "a_seed_named_by_the_environment_is_played_and_printed";
    let output = Command::new(own).args(["--exact", test, "--nocapture"]).env(SEED_VARIABLE, "7").output();
    let trace = |report: &Report| report.trace.clone().expect("the simulator traces").hash;
    let text = String::from_utf8(output.expect("the test can be run again").stdout).expect("text");
    assert!(text.contains(&trace(&report)), "{text}\nis not of trace {}", trace(&report));
    let other = play(&partition(), 8).unwrap_or_else(|failure| panic!("{failure}"));
    assert_ne!(trace(&report), trace(&other));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may be told its seed by whoever runs it")]
fn a_seed_named_by_the_environment_is_played_and_printed() {
    let seed = std::env::var(SEED_VARIABLE).ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let report = play(&partition(), seed).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(report.seed, Some(seed));
    println!("{report:?}");
}

#[test]
fn a_run_that_is_looked_at_now_and_then_is_the_run_that_is_not() {
    for plan in [partition(), Plan::partition_and_heal(80, Duration::from_secs(5))] {
        let whole = play(&plan, 5).unwrap_or_else(|failure| panic!("{failure}"));
        let mut run = Run::new(plan, 5).unwrap_or_else(|failure| panic!("{failure}"));
        while !run.is_over() {
            run.advance(Duration::from_millis(137)).unwrap_or_else(|failure| panic!("{failure}"));
        }
        assert_eq!(run.finish().unwrap_or_else(|failure| panic!("{failure}")), whole);
    }
}

#[test]
fn what_is_told_of_the_events_before_one_ends_with_it_in_a_large_world_too() {
    for nodes in [20, 100] {
        let mut run = Run::new(Plan::quiet(nodes), 4).expect("every node starts");
        run.world_mut().keep_log(50, 3_000);
        run.advance_to_event(3_000).expect("every invariant holds");
        assert!(run.world().traffic.events >= 3_000);
        let log = run.world().log();
        assert_eq!(log.len(), 50);
        for (line, number) in log.iter().zip(2_951..) {
            assert!(line.starts_with(&format!("event {number} at ")), "{nodes} nodes: {line}");
        }
    }
}

#[test]
fn a_report_tells_which_tip_each_node_had_at_every_time() {
    let mut plan = partition();
    plan.steps.push((plan.stop.after - Duration::from_secs(1), Step::Kill(vec![NodeIndex::new(3)])));
    let report = play(&plan, 5).expect("every invariant holds");
    assert_eq!(report.tips.until_ms, None);
    let mut tips = vec![None; report.nodes];
    let mut changes = report.tips.changes.iter().peekable();
    for point in &report.agreement {
        while let Some(TipChange(_, node, tip)) = changes.next_if(|change| change.0 <= point.at_ms) {
            tips[usize::from(*node)] = *tip;
        }
        let mut counts = std::collections::BTreeMap::new();
        tips.iter().flatten().for_each(|tip| *counts.entry(*tip).or_insert(0_u64) += 1);
        let (most, living) = (counts.values().max().copied().unwrap_or(0), counts.values().sum::<u64>());
        // Points of one millisecond are told apart by the shares only.
        if report.agreement.iter().filter(|other| other.at_ms == point.at_ms).count() == 1 {
            assert_eq!(
                (counts.len() as u32, most * 1_000_000 / living),
                (point.tips, point.share),
                "{point:?}"
            );
        }
    }
    assert_eq!(changes.next(), None);
    let best = report.blocks.iter().rposition(|block| block.is_in_chain).expect("blocks were found");
    let stands = |tip: &Option<u32>| *tip == Some(best as u32 + 1);
    assert!(tips.iter().enumerate().all(|(node, tip)| if node == 3 { tip.is_none() } else { stands(tip) }));
}
