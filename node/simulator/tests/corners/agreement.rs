//! Who can agree in the end, and what is said of those who cannot.

use cairn_simulator::expectation::{Expectation, Outcome};

use super::report;

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
            "the run is over: ended divided: 2 tips, as not all nodes get or accept each other's blocks"
        );
        let [converged, agreement] = &report.expectations[..] else { panic!("two") };
        assert!(!converged.is_met && !agreement.is_met);
        assert_eq!(converged.outcome, Outcome::Network(report.standing));
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
    assert!(texts.contains(&"node 1 is down: nothing is mined"));
    assert!(
        texts.contains(&"mining ends; no node runs") && texts.ends_with(&["the run is over: no node runs"])
    );
    assert_eq!(
        (report.expectations[0].is_met, report.expectations[0].in_words().1.as_str()),
        (false, "no node runs")
    );
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
        assert!(last.ends_with("tips, as not all nodes get or accept each other's blocks"), "{last}");
        assert!(!report.expectations[0].is_met);
    }
}

/// Two groups of two, and what joins them.
fn two_by_two(joined_by: &str) -> String {
    let group = |name: &str| format!("[[group]]\nname = \"{name}\"\nnodes = 2\n");
    let (a, b) = (group("a"), group("b"));
    format!(
        "name = \"joined\"\nteaches = \"x.\"\n{a}{joined_by}{b}[stop]\nafter = \"40 s\"\nagreement_within = \"20 s\"\n[expect]\nagreement = 1\n"
    )
}

#[test]
fn nodes_that_have_no_way_to_each_other_end_divided_without_a_cut() {
    let middle = "[[group]]\nname = \"m\"\nnodes = 1\nhashrate = 0\n";
    let line = "[topology]\nkind = \"line\"\n";
    let killed = "[[step]]\nat = \"5 s\"\nkill = \"m\"\n";
    let withholds = middle.to_owned() + "behaviour = \"withhold\"\n";
    let islands = "[topology]\nkind = \"regions\"\ninside = 1\noutside = 0\n";
    let cases = [two_by_two(middle) + line + killed, two_by_two(&withholds) + line, two_by_two("") + islands];
    for scenario in cases {
        for seed in 1..=10 {
            let report = report(&scenario, seed);
            assert!(report.standing.is_divided() && !report.expectations[0].is_met, "{:?}", report.standing);
        }
    }
}

#[test]
fn a_block_under_way_when_the_time_is_over_still_arrives() {
    // A block a second takes half a second to the next node, so that there is always one under way.
    let slow = "[chain]\nspacing = \"1 s\"\n[links]\nlatency = \"500 ms\"\n[topology]\nkind = \"line\"\n";
    for seed in 1..=10 {
        assert!(report(&(two_by_two("") + slow), seed).expectations[0].is_met, "seed {seed}");
    }
}

#[test]
fn nodes_that_a_clock_keeps_from_agreeing_are_a_missed_expectation_with_the_numbers() {
    let report = |node: &str, offset: &str, more: &str| {
        let groups = "[[group]]\nname = \"a\"\nnodes = 1\nhashrate = 9\n[[group]]\nname = \"b\"\nnodes = 4\nhashrate = 1\n";
        let clock = format!("clock = {{ nodes = \"{node}\", offset = \"{offset}\" }}");
        let head = format!("name = \"clock\"\nteaches = \"x.\"\n{groups}[[step]]\nat = \"20 s\"\n{clock}\n");
        report(&format!("{head}{more}"), 1)
    };
    let (stop, right) = (
        "[stop]\nafter = \"60 s\"\n",
        "[[step]]\nat = \"30 s\"\nclock = { nodes = \"all\", offset = \"+0 s\" }\n",
    );
    // A node that is ahead accepts the blocks of others, whose chain has more work in the end; set right, a clock that
    // is behind jumps.
    for agreed in [report("a.0", "+3 h", stop), report("b.1", "-3 h", &format!("{right}{stop}"))] {
        assert!(agreed.expectations.is_empty() && agreed.standing.tips == 1, "{:?}", agreed.expectations);
    }
    let ahead = report("a.0", "+3 h", &format!("{stop}agreement_within = \"1 s\"\n"));
    let slowly_right = report("a.0", "+3 h", &format!("{right}{stop}agreement_within = \"1 s\"\n"));
    // A clock that is set back runs at half pace, so that it is as far behind as blocks may be ahead after two minutes.
    let behind = report("b.1", "-3 h", "[stop]\nafter = \"180 s\"\n");
    for (report, node, ahead_ms) in
        [(ahead, 0, 10_800_000), (slowly_right, 0, 10_784_500), (behind, 2, -140_000)]
    {
        let [verdict] = &report.expectations[..] else { panic!("{:?}", report.standing) };
        let Outcome::WrongClocks { tips, ahead_ms: clocks, drift_ms: 60_000 } = &verdict.outcome else {
            panic!("{verdict}")
        };
        assert!(
            matches!(verdict.expectation, Expectation::AgreedWithinMs(1_000 | 120_000)) && !verdict.is_met
        );
        assert_eq!((*tips, clocks[0].0), (2, node), "{verdict}");
        assert!(clocks[0].1.abs_diff(ahead_ms) < 2_000 && report.lasted_ms <= 301_000, "{verdict}");
    }
}
