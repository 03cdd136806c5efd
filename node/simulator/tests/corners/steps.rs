//! What steps do and what is told of them, above all when there is nothing to do.

use cairn_simulator::expectation::Outcome;
use cairn_simulator::invariants::Violation;
use cairn_simulator::scenario::parse;

use super::{played, report, told};

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
fn blocks_of_a_node_whose_clock_is_set_ahead_wait_until_their_time_has_come() {
    let text = include_str!("../../../../tests/tests/scenarios_real/brief-clock.toml");
    for seed in 0..20 {
        let report = report(text, seed);
        assert!(told(&report).contains(&"clock set 6 s ahead: ahead"));
        let late = report.blocks.iter().filter(|block| block.at_ms > 4_000 && block.at_ms < 12_000);
        let arrival = late.filter_map(|block| block.propagation.p99_ms);
        assert!(arrival.into_iter().all(|ms| (5_000..5_400).contains(&ms)), "{:?}", report.blocks);
    }
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

#[test]
fn a_secret_node_is_killed_and_started_again_and_that_mends_nothing() {
    let scenario = r#"
        name = "secret"
        teaches = "x."
        [[group]]
        name = "honest"
        nodes = 3
        hashrate = 7
        [[group]]
        name = "attacker"
        nodes = 2
        hashrate = 3
        behaviour = { kind = "double-spend", confirmations = 1, give_up_behind = 4 }
        [[step]]
        at = "5 s"
        restart = "attacker.1"
        [[step]]
        at = "10 s"
        kill = "attacker.1"
        [[step]]
        at = "12 s"
        kill = "attacker.1"
        [[step]]
        at = "13 s"
        mine = { node = "attacker.1", blocks = 2 }
        [[step]]
        at = "14 s"
        restart = "attacker.1"
        [stop]
        after = "60 s"
        [expect]
        converged_within = "10 s"
        "#;
    let report = report(scenario, 1);
    let steps = [
        "no node is started: node 4 is already up",
        "power lost: 4",
        "no power is lost: node 4 is already down",
        "node 4 is down: nothing is mined",
        "started again: 4",
    ];
    let told = told(&report);
    assert!(steps.iter().all(|step| told.contains(step)), "{told:?}");
    assert_eq!(report.expectations[0].outcome, Outcome::NothingHealed);
    assert!(!report.expectations[0].is_met);
}

#[test]
fn steps_that_a_run_leaves_out_are_counted_and_what_would_change_nothing_is_not_told() {
    let scenario = r#"
        name = "early"
        teaches = "x."
        [[group]]
        name = "a"
        nodes = 2
        [[step]]
        at = "1 s"
        mine = { node = "a.0", blocks = 5 }
        [[step]]
        at = "8 s"
        partition = [["a.0"], ["a.1"]]
        [[step]]
        at = "9 s"
        heal = true
        [[step]]
        at = "10 s"
        kill = "a"
        [[step]]
        at = "11 s"
        restart = "a"
        [stop]
        after = "20 s"
        height = 5
        "#;
    let report = report(scenario, 1);
    let told = told(&report);
    assert!(told.iter().any(|text| text.contains("so that 4 steps are left out")), "{told:?}");
    assert!(!told.iter().any(|text| text.starts_with("nothing") || text.starts_with("nobody")), "{told:?}");
}

#[test]
fn what_nobody_won_or_found_meets_no_expectation() {
    let scenario = r#"
        name = "nobody"
        teaches = "x."
        [[group]]
        name = "a"
        nodes = 1
        hashrate = 0
        [[group]]
        name = "b"
        nodes = 1
        hashrate = 0
        [[step]]
        at = "1 s"
        partition = [["a"], ["b"]]
        [[step]]
        at = "4 s"
        mine = { node = "b.0", blocks = 0 }
        [[step]]
        at = "6 s"
        STEP
        [stop]
        after = "20 s"
        [expect]
        winner = "a"
        stale_rate = 0
        revenue = { group = "a", most = 0.5 }
        agreement = { most = 0.5 }
        "#;
    let scenario = scenario
        .replace("[[step]]\n        at = \"4 s\"\n        mine = { node = \"b.0\", blocks = 0 }\n", "");
    assert!(parse(&scenario.replace("STEP", "heal = true")).is_err(), "nobody mines");
    let scenario = scenario.replace(
        "name = \"b\"\n        nodes = 1\n        hashrate = 0",
        "name = \"b\"\n        nodes = 1\n        hashrate = 1",
    );
    // Both die before a block is found.
    let dead = scenario.replace("at = \"6 s\"", "at = \"1 s\"").replace("STEP", "kill = \"all\"");
    let verdicts = report(&dead, 1).expectations;
    assert!(verdicts.iter().all(|verdict| !verdict.is_met), "{verdicts:?}");
}
