//! Corners of plans: what a scenario may ask for, and worlds once got wrong.

use cairn_simulator::invariants::Violation;
use cairn_simulator::play::{Failure, play};
use cairn_simulator::report::{Moment, Report};
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

/// Two groups with a cut between them that nothing heals; `more` is what else the file says.
fn cut_for_good(action: &str, more: &str) -> String {
    let head = "name = \"cut\"\nteaches = \"x.\"\n[[group]]\nname = \"a\"\nnodes = 4\n[[group]]\nname = \"b\"\nnodes = 3\n";
    let pay = "[workload]\npayments_per_second = 2\n";
    let cut = format!("[[step]]\nat = \"20 s\"\n{action} = [[\"a\"], [\"b\"]]\n");
    format!(
        "{head}{pay}{more}{cut}[stop]\nafter = \"60 s\"\n[expect]\nconverged_within = \"30 s\"\nagreement = 1\n"
    )
}

#[test]
fn a_cut_that_nothing_heals_ends_divided_and_with_a_report() {
    let early =
        "[[step]]\nat = \"5 s\"\npartition = [[\"a\"], [\"b\"]]\n[[step]]\nat = \"10 s\"\nheal = true\n";
    for (action, seed) in [("partition", 1), ("partition", 2), ("refuse", 1), ("refuse", 2)] {
        let report = report(&cut_for_good(action, early), seed);
        assert_eq!((report.standing.tips, report.standing.is_cut), (2, true), "{action}");
        let last = report.timeline.last().expect("it is told");
        assert_eq!(
            last.text,
            "the run is over: ended divided: 2 tips, as not all of them hear of each other"
        );
        let [converged, agreement] = &report.expectations[..] else { panic!("two") };
        assert!(!converged.is_met && !agreement.is_met);
        assert_eq!(converged.found, "ended divided: 2 tips, as not all of them hear of each other");
        // Each side agrees soon, and nobody waits longer.
        assert!(report.lasted_ms < 80_000, "{}", report.lasted_ms);
        assert!(report.payments.confirmed > 0);
    }
}

#[test]
fn where_all_are_dead_no_node_runs_and_the_chain_is_what_they_had() {
    let scenario = r#"
        name = "dark"
        teaches = "x."
        [[group]]
        name = "all-of-us"
        nodes = 4
        [workload]
        payments_per_second = 2
        [[step]]
        at = "60 s"
        kill = "all"
        [[step]]
        at = "70 s"
        mine = { node = "all-of-us.1", blocks = 2 }
        [stop]
        after = "80 s"
        [expect]
        agreement = 1
        "#;
    let report = report(scenario, 1);
    assert_eq!((report.standing.running, report.standing.tips), (0, 0));
    assert!(report.height > 10 && report.stale.rate < 500_000, "{} {:?}", report.height, report.stale);
    let texts: Vec<&str> = report.timeline.iter().map(|one| one.text.as_str()).collect();
    assert!(texts.contains(&"node 1 is down: nothing mined"));
    assert!(
        texts.contains(&"mining ends; no node runs") && texts.ends_with(&["the run is over: no node runs"])
    );
    assert_eq!(
        (report.expectations[0].is_met, report.expectations[0].found.as_str()),
        (false, "no node that runs")
    );
}

#[test]
fn a_coin_that_is_paid_on_both_sides_of_a_cut_is_taken_back_on_the_losing_one_and_not_without_a_cut() {
    let pays = r#"
        name = "twice"
        teaches = "x."
        [[group]]
        name = "many"
        nodes = 5
        hashrate = 9
        [[group]]
        name = "few"
        nodes = 3
        hashrate = 1
        [[step]]
        at = "12 s"
        pay = { node = "few.0", payments = 3, twice_at = "many.0" }
        [[step]]
        at = "20 s"
        mine = { node = "few.1", blocks = 2 }
        [[step]]
        at = "70 s"
        heal = true
        [stop]
        after = "90 s"
        "#;
    let cut = "[[step]]\nat = \"10 s\"\npartition = [[\"many\"], [\"few\"]]\n[[step]]\nat = \"12 s\"";
    for seed in 1..=5 {
        let cut = report(&pays.replacen("[[step]]\n        at = \"12 s\"", cut, 1), seed).payments;
        assert_eq!((cut.attempts, cut.double_spent), (3, 3), "seed {seed}");
        assert!(cut.deepest_double_spend >= 2, "{cut:?}");
        let whole = report(pays, seed).payments;
        assert_eq!((whole.attempts, whole.double_spent), (3, 0), "seed {seed}");
    }
}

/// An eclipse that nothing ends.
const ECLIPSE: &str = r#"
name = "eclipse-for-good"
teaches = "x."
[[group]]
name = "world"
nodes = 5
hashrate = 85
[[group]]
name = "attacker"
nodes = 2
hashrate = 0
behaviour = { kind = "eclipse", victims = ["victims"] }
[[group]]
name = "victims"
nodes = 2
hashrate = 15
confined_to = "attacker"
[workload]
payments_per_second = 1
[stop]
after = "80 s"
agreement_within = "60 s"
[expect]
agreement = 1
"#;

#[test]
fn victims_whose_eclipse_nothing_ends_are_told_apart_in_a_report() {
    for seed in 1..=3 {
        let report = report(ECLIPSE, seed);
        assert!(report.standing.is_divided(), "seed {seed}: {:?}", report.standing);
        let last = &report.timeline.last().expect("it is told").text;
        assert!(last.ends_with("tips, as not all of them hear of each other"), "{last}");
        assert!(!report.expectations[0].is_met);
    }
}

#[test]
fn a_second_payment_that_is_refused_counts_as_none_and_its_wallet_pays_on() {
    let scenario = r#"
        name = "refused"
        teaches = "x."
        [[group]]
        name = "many"
        nodes = 3
        hashrate = 9
        [[group]]
        name = "few"
        nodes = 3
        hashrate = 1
        [workload]
        wallets = 2
        [[step]]
        at = "10 s"
        partition = [["many"], ["few"]]
        # Its change is known to this side only,
        [[step]]
        at = "12 s"
        pay = { node = "few.0", payments = 2 }
        # so that the other side cannot take a second payment of it.
        [[step]]
        at = "14 s"
        pay = { node = "few.0", payments = 2, twice_at = "many.0" }
        [[step]]
        at = "15 s"
        pay = { node = "few.1", payments = 2 }
        [[step]]
        at = "50 s"
        heal = true
        [stop]
        after = "70 s"
        [expect]
        double_spends = { most = 2 }
        no_double_spend_deeper_than = 2
        "#;
    let report = report(scenario, 1);
    assert_eq!((report.payments.attempts, report.payments.accepted), (0, 6));
    let refused = |moment: &&Moment| {
        moment.text.starts_with("node 0 takes no second payment of a coin: ") && moment.at_ms < 15_000
    };
    assert_eq!(report.timeline.iter().filter(refused).count(), 2, "{:?}", report.timeline);
    for verdict in &report.expectations {
        assert_eq!((verdict.is_met, verdict.found.as_str()), (false, "that no coin was paid twice"));
    }
}

#[test]
fn payments_that_no_wallet_can_make_are_told() {
    let scenario = r#"
        name = "spent"
        teaches = "x."
        [[group]]
        name = "all-of-us"
        nodes = 3
        [workload]
        wallets = 3
        [[step]]
        at = "10 s"
        pay = { node = "all-of-us.0", payments = 2, twice_at = "all-of-us.1" }
        [[step]]
        at = "20 s"
        pay = { node = "all-of-us.2", payments = 3 }
        [stop]
        after = "30 s"
        "#;
    let report = report(scenario, 1);
    assert_eq!((report.payments.attempts, report.payments.accepted), (2, 3));
    let why =
        "2 payments are not handed in at node 2: every wallet waits for an answer, or has paid a coin twice";
    assert!(report.timeline.iter().any(|moment| moment.text == why), "{:?}", report.timeline);
}
