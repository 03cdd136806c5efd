//! What becomes of double spends.

use super::report;

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

#[test]
fn a_chain_that_only_ties_takes_nothing_back() {
    let scenario = r#"
        name = "tie"
        teaches = "x."
        [[group]]
        name = "honest"
        nodes = 3
        hashrate = 0
        [[group]]
        name = "attacker"
        nodes = 2
        hashrate = 0
        behaviour = { kind = "double-spend", confirmations = 1, give_up_behind = 6 }
        [links]
        latency = "500 ms"
        loss = 0
        [[step]]
        at = "5 s"
        mine = { node = "honest.0", blocks = 1 }
        [[step]]
        at = "7 s"
        mine = { node = "honest.0", blocks = 2 }
        [[step]]
        at = "7100 ms"
        mine = { node = "attacker.1", blocks = 3 }
        [[step]]
        at = "30 s"
        mine = { node = "honest.1", blocks = 1 }
        [stop]
        after = "60 s"
        [expect]
        double_spends = 0
        "#;
    let report = report(scenario, 1);
    assert!(report.is_as_expected() && report.payments.attempts > 0, "{:?}", report.payments);
    let shown = "double spend: node 3 shows its secret chain, and others have one with as much work";
    assert!(super::told(&report).contains(&shown), "{:?}", super::told(&report));
}
