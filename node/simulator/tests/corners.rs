//! Corners of plans: what a scenario may ask for, and worlds once got wrong.

use cairn_simulator::invariants::Violation;
use cairn_simulator::play::{Failure, play};
use cairn_simulator::report::Report;
use cairn_simulator::scenario::parse;

/// A double-spender beside four honest nodes, with blocks that are everywhere at once compared with the
/// time between them.
const ATTACK: &str = r#"
name = "attack"
teaches = "What becomes of a double spend."
[chain]
spacing = "60 s"
half_life = "none"
halving_interval = 1000000
[[group]]
name = "honest"
nodes = 4
hashrate = 70
[[group]]
name = "attacker"
nodes = 2
hashrate = 30
behaviour = { kind = "double-spend", confirmations = 2, give_up_behind = 1000 }
[topology]
kind = "full"
[links]
latency = "10 ms"
loss = 0
ping_every = "never"
"#;

fn played(scenario: &str, seed: u64) -> Result<Report, Failure> {
    play(&parse(scenario).unwrap_or_else(|error| panic!("{error}")), seed)
}

fn report(scenario: &str, seed: u64) -> Report {
    played(scenario, seed).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn an_attacker_that_shows_its_chain_to_nobody_takes_nothing_back() {
    let scenario = ATTACK.to_owned()
        + r#"
        [[step]]
        at = "10 min"
        partition = [["honest"], ["attacker"]]
        [[step]]
        at = "10 h"
        heal = true
        [stop]
        after = "11 h"
        "#;
    let scenario =
        scenario.replace("hashrate = 70", "hashrate = 90").replace("hashrate = 30", "hashrate = 10");
    let spent: Vec<u64> = (1..=5).map(|seed| report(&scenario, seed).payments.double_spent).collect();
    // Before the cut there is time for two attempts, with little chance.
    assert!(spent.iter().sum::<u64>() <= 1, "{spent:?}");
}

#[test]
fn a_double_spend_that_loses_its_race_in_the_end_breaks_nothing() {
    let scenario = ATTACK.replace("spacing = \"60 s\"", "spacing = \"2 s\"").replace("70", "50")
        + "[stop]\nafter = \"300 s\"\n";
    let scenario = scenario.replace("hashrate = 30", "hashrate = 50").replace("10 ms", "80 ms");
    let attempts: u64 = (1..=20).map(|seed| report(&scenario, seed).payments.attempts).sum();
    assert!(attempts > 20, "{attempts}");
}

#[test]
fn a_secret_miner_without_hash_rate_takes_nothing_back() {
    let step = "[[step]]\nat = \"1 s\"\nhashrate = { nodes = [\"attacker\"], percent = 0 }\n";
    let scenario = ATTACK.to_owned() + step + "[stop]\nafter = \"1 day\"\n";
    let payments = report(&scenario, 1).payments;
    assert_eq!((payments.attempts > 0, payments.double_spent), (true, 0));
    let scenario = ATTACK.replace("1000 }", "6 }") + "[stop]\nafter = \"1 day\"\n";
    assert!(report(&scenario, 1).payments.double_spent > 0);
}

#[test]
fn an_attacker_that_was_down_when_it_was_to_begin_begins_when_it_is_back() {
    let steps = r#"
        [[step]]
        at = "500 ms"
        kill = ["attacker.0"]
        [[step]]
        at = "10 min"
        restart = ["attacker.0"]
        [stop]
        after = "1 day"
        "#;
    assert!(report(&(ATTACK.to_owned() + steps), 1).payments.attempts > 0);
}

#[test]
fn a_run_that_stops_early_is_not_cut_afterwards_and_is_healed_if_it_was_to_be() {
    let scenario = |steps: &str| {
        let groups = "[[group]]\nname = \"a\"\nnodes = 6\n[[group]]\nname = \"b\"\nnodes = 6\n";
        let head = "name = \"early\"\nteaches = \"x.\"\n[chain]\nspacing = \"1 s\"\n";
        format!(
            "{head}{groups}[links]\nlatency = \"800 ms\"\n{steps}[stop]\nafter = \"1 h\"\nheight = 2\nagreement_within = \"20 min\"\n"
        )
    };
    let cut = |at: &str| format!("[[step]]\nat = \"{at}\"\npartition = [[\"a\"], [\"b\"]]\n");
    let heal = "[[step]]\nat = \"50 min\"\nheal = true\n";
    let mut settling = 0;
    for seed in 0..40 {
        let report = report(&scenario(&cut("15 s")), seed);
        settling += u32::from(report.lasted_ms > 15_000);
        self::report(&scenario(&(cut("1 s") + heal)), seed);
    }
    // In these the height had been reached and the nodes had not agreed yet when the cut was due.
    assert!(settling > 0);
}

#[test]
fn whoever_mines_until_all_agree_is_somebody_whose_blocks_all_get() {
    let scenario = r#"
        name = "withholders-first"
        teaches = "x."
        [[group]]
        name = "withholders"
        nodes = 2
        hashrate = 0
        behaviour = "withhold"
        [[group]]
        name = "honest"
        nodes = 8
        hashrate = 1
        [topology]
        kind = "ring"
        chords = 3
        [workload]
        payments_per_second = 1
        [stop]
        after = "120 s"
        "#;
    for seed in [21, 58, 59] {
        report(scenario, seed);
    }
}

#[test]
fn nodes_that_refuse_each_other_do_so_after_a_restart_too() {
    let scenario = r#"
        name = "bridge"
        teaches = "x."
        [[group]]
        name = "a"
        nodes = 3
        [[group]]
        name = "b"
        nodes = 3
        [topology]
        kind = "full"
        [[step]]
        at = "5 s"
        refuse = [["a"], ["b"]]
        [[step]]
        at = "30 s"
        kill = ["a.0", "b.0"]
        [[step]]
        at = "35 s"
        restart = ["a.0", "b.0"]
        [stop]
        after = "90 s"
        agreement_within = "never"
        [expect]
        agreement = { most = 0.99 }
        "#;
    for seed in 1..=5 {
        let report = report(scenario, seed);
        assert!(report.is_as_expected(), "seed {seed}: {:?}", report.expectations);
    }
}

#[test]
fn a_chain_whose_proofs_of_work_become_too_hard_ends_the_run_and_says_so() {
    let scenario = r#"
        name = "too-hard"
        teaches = "x."
        [chain]
        spacing = "1 h"
        half_life = "10 s"
        max_future_drift = "1 s"
        [[group]]
        name = "a"
        nodes = 2
        [[step]]
        at = "5 s"
        mine = { node = "a.0", blocks = 3 }
        [stop]
        after = "1 min"
        "#;
    let failure = played(scenario, 1).expect_err("no simulated miner makes these blocks");
    assert!(matches!(*failure.violation, Violation::TooHard { .. }), "{failure}");
}
