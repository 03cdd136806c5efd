//! What becomes of payments.

use cairn_simulator::expectation::Outcome;
use cairn_simulator::report::Moment;

use super::{report, told};

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
        moment.text.starts_with("node 0 rejects the second payment of a coin: ") && moment.at_ms < 15_000
    };
    assert_eq!(report.timeline.iter().filter(refused).count(), 2, "{:?}", report.timeline);
    for verdict in &report.expectations {
        assert_eq!((verdict.is_met, &verdict.outcome), (false, &Outcome::NoDoubleSpendTried));
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
    let why = "a payment is handed in at node 2; 2 more are not: no wallet is left that is answered and has not paid a coin twice";
    assert!(told(&report).contains(&why), "{:?}", told(&report));
}

#[test]
fn a_longer_row_of_payments_than_may_wait_is_dropped_by_a_reorganization_and_counted() {
    let scenario = r#"
        name = "rows"
        teaches = "x."
        [workload]
        payments_per_second = 1
        wallets = 2
        [[group]]
        name = "few"
        nodes = 2
        hashrate = 1
        [[group]]
        name = "many"
        nodes = 2
        hashrate = 3
        [[step]]
        at = "5 s"
        partition = [["few"], ["many"]]
        [[step]]
        at = "120 s"
        heal = true
        [stop]
        after = "140 s"
        "#;
    let dropped: Vec<Option<u64>> = (1..=10).map(|seed| report(scenario, seed).payments.dropped).collect();
    assert!(dropped.iter().any(|dropped| *dropped > Some(0)), "{dropped:?}");
    // A cut that is shorter than a row drops nothing.
    let short = scenario.replace("120 s", "25 s");
    (1..=10).for_each(|seed| assert_eq!(report(&short, seed).payments.dropped, Some(0), "seed {seed}"));
}

#[test]
fn a_payment_whose_only_holder_lost_its_power_is_counted_and_no_breach() {
    let scenario = r#"
        name = "alone"
        teaches = "x."
        [[group]]
        name = "a"
        nodes = 1
        hashrate = 0
        [[group]]
        name = "b"
        nodes = 3
        [[step]]
        at = "1 s"
        partition = [["a"], ["b"]]
        [[step]]
        at = "2 s"
        pay = { node = "a.0", payments = 1 }
        [[step]]
        at = "3 s"
        mine = { node = "a.0", blocks = 1 }
        [[step]]
        at = "5 s"
        kill = "a"
        [[step]]
        at = "6 s"
        heal = true
        [stop]
        after = "20 s"
        "#;
    let payments = report(scenario, 1).payments;
    assert_eq!((payments.accepted, payments.confirmed, payments.dropped), (1, 0, Some(1)));
}

#[test]
fn a_node_that_dies_before_it_answers_took_no_second_payment() {
    let scenario = r#"
        name = "unanswered"
        teaches = "x."
        disk = "1 s"
        [[group]]
        name = "all-of-us"
        nodes = 3
        [[step]]
        at = "10 s"
        pay = { node = "all-of-us.0", payments = 1, twice_at = "all-of-us.2" }
        [[step]]
        at = "10100 ms"
        kill = "all-of-us.2"
        [stop]
        after = "30 s"
        "#;
    let report = report(scenario, 1);
    assert_eq!(report.payments.attempts, 0);
    let text = "node 2 rejects the second payment of a coin: it lost its power before it answered";
    assert!(told(&report).contains(&text), "{:?}", told(&report));
}
