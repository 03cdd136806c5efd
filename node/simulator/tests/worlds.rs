//! Twenty nodes, many seeds: cut, healed, killed and restarted, they agree and lose nothing.

use core::time::Duration;
use std::process::Command;

use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::place::Place;
use cairn_simulator::plan::{Plan, Step};
use cairn_simulator::play::{Run, play};
use cairn_simulator::report::Report;

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
        let place = Place::new(node);
        let begin = 10 + 5 * u64::from(node);
        [(at(begin), Step::Kill(vec![place])), (at(begin + 7), Step::Restart(vec![place]))]
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
