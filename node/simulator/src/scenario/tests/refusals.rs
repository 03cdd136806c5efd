//! Each rule of scenario files, broken alone: the line, the key and the very rule are told.

use cairn_genesis::toml_file::TomlFault;

use super::{WHOLE, changed};
use crate::plan::Step;
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::parse;

/// What is wrong after one thing is changed: key and rule. The line is that of the change, or that of
/// the table it stands in when the table lacks something.
fn refused(from: &str, to: &str) -> (String, Fault) {
    let text = changed(from, to);
    let ScenarioError { line, key, fault } = parse(&text).expect_err(to);
    let begin = WHOLE.find(from).expect("it stands there");
    let lines = |end: usize| text[..end].matches('\n').count() + 1;
    let header = text[..begin].rfind("\n[").map_or(1, |at| lines(at + 1));
    let is_there = (lines(begin)..=lines(begin + to.len())).contains(&line) || line == header;
    assert!(is_there, "{to}: line {line}: {fault}");
    (key, fault)
}

/// Asserts that one change is refused at its line, with this key and this kind of fault.
macro_rules! refuses {
    ($name:ident, $($from:literal => $to:literal, $key:literal, $fault:pat),+ $(,)?) => {
        #[test]
        fn $name() {
            $(
                let (key, fault) = refused($from, $to);
                assert_eq!(key, $key, "{fault}");
                assert!(matches!(fault, $fault), "{fault:?}");
            )+
        }
    };
}

refuses!(an_unknown_key_is_refused_wherever_it_stands,
    "seed = 7" => "sead = 7", "sead", Fault::File(TomlFault::UnknownKey { .. }),
    "spacing = " => "spacin = ", "chain.spacin", Fault::File(TomlFault::UnknownKey { .. }),
    "hashrate = 50.5" => "hash = 1", "group.hash", Fault::File(TomlFault::UnknownKey { .. }),
    "rewired = 0.1" => "rewired = 0.1\nchords = 1", "topology.chords", Fault::File(TomlFault::UnknownKey { .. }),
    "jitter" => "jiter", "links.jiter", Fault::File(TomlFault::UnknownKey { .. }),
    "bandwidth = \"unlimited\"" => "ping_every = \"1 s\"", "links.between.ping_every", Fault::File(TomlFault::UnknownKey { .. }),
    "sigma = 0.5" => "sigma = 0.5, from = \"1 s\"", "links.latency.from", Fault::File(TomlFault::UnknownKey { .. }),
    "wallets" => "walets", "workload.walets", Fault::File(TomlFault::UnknownKey { .. }),
    "kill =" => "kil =", "step.kil", Fault::File(TomlFault::UnknownKey { .. }),
    "times =" => "factor =", "step.slow.factor", Fault::File(TomlFault::UnknownKey { .. }),
    "height = 100" => "heigth = 100", "stop.heigth", Fault::File(TomlFault::UnknownKey { .. }),
    "winner" => "winer", "expect.winer", Fault::File(TomlFault::UnknownKey { .. }),
    "up = \"20 s\"" => "up = \"20 s\", victims = []", "group.behaviour.victims", Fault::File(TomlFault::UnknownKey { .. }),
);

refuses!(a_missing_key_is_named_with_its_table,
    "name = \"miners\"\n" => "", "group.name", Fault::File(TomlFault::Missing),
    "nodes = 6" => "", "group.nodes", Fault::File(TomlFault::Missing),
    "neighbours = 2" => "", "topology.neighbours", Fault::File(TomlFault::Missing),
    ", sigma = 0.5" => "", "links.latency.sigma", Fault::File(TomlFault::Missing),
    "after = \"1 min\"" => "", "stop.after", Fault::File(TomlFault::Missing),
    ", blocks = 2" => "", "step.mine.blocks", Fault::File(TomlFault::Missing),
    ", up = \"20 s\"" => "", "group.behaviour.up", Fault::File(TomlFault::Missing),
);

refuses!(a_value_of_another_type_is_refused,
    "\"whole\"" => "5", "name", Fault::File(TomlFault::Value { .. }),
    "seed = 7" => "seed = 7.5", "seed", Fault::File(TomlFault::Value { .. }),
    "nodes = 6" => "nodes = \"six\"", "group.nodes", Fault::File(TomlFault::Value { .. }),
    "\"1 min\"" => "60", "stop.after", Fault::File(TomlFault::Value { .. }),
    "heal = true" => "heal = 1", "step.heal", Fault::File(TomlFault::Value { .. }),
    "premined = true" => "premined = 1", "group.behaviour.premined", Fault::File(TomlFault::Value { .. }),
    "[[\"miners.0-3\"], [\"miners.4\", \"ring\"]]" => "\"miners\"", "step.partition", Fault::File(TomlFault::Value { .. }),
    "{ least = 2 }" => "\"two\"", "expect.tips", Fault::File(TomlFault::Value { .. }),
);

refuses!(a_number_out_of_its_bounds_is_refused,
    "seed = 7" => "seed = -1", "seed", Fault::File(TomlFault::Value { .. }),
    "nodes = 6" => "nodes = 0", "group.nodes", Fault::File(TomlFault::Value { .. }),
    "nodes = 6" => "nodes = 20_001", "group.nodes", Fault::File(TomlFault::Value { .. }),
    "hashrate = 50.5" => "hashrate = nan", "group.hashrate", Fault::File(TomlFault::Value { .. }),
    "hashrate = 50.5" => "hashrate = -0.5", "group.hashrate", Fault::File(TomlFault::Value { .. }),
    "hashrate = 50.5" => "hashrate = inf", "group.hashrate", Fault::File(TomlFault::Value { .. }),
    "rewired = 0.1" => "rewired = 1.1", "topology.rewired", Fault::File(TomlFault::Value { .. }),
    "neighbours = 2" => "neighbours = 101", "topology.neighbours", Fault::File(TomlFault::Value { .. }),
    "loss = 0.02" => "loss = 2", "links.loss", Fault::File(TomlFault::Value { .. }),
    "sigma = 0.5" => "sigma = 2.1", "links.latency.sigma", Fault::File(TomlFault::Value { .. }),
    "wallets = 20" => "wallets = 901", "workload.wallets", Fault::File(TomlFault::Value { .. }),
    "wallets = 20" => "wallets = 0", "workload.wallets", Fault::File(TomlFault::Value { .. }),
    "payments_per_second = 0.5" => "payments_per_second = 1001", "workload.payments_per_second",
        Fault::File(TomlFault::Value { .. }),
    "median_time_span = 5" => "median_time_span = 102", "chain.median_time_span",
        Fault::File(TomlFault::Value { .. }),
    "max_block_bytes = 500_000" => "max_block_bytes = 999", "chain.max_block_bytes",
        Fault::File(TomlFault::Value { .. }),
    "blocks = 2" => "blocks = 0", "step.mine.blocks", Fault::File(TomlFault::Value { .. }),
    "percent = 200" => "percent = 10001", "step.hashrate.percent", Fault::File(TomlFault::Value { .. }),
    "{ most = 0.25 }" => "{ most = 25 }", "expect.stale_rate.most", Fault::File(TomlFault::Value { .. }),
    "seed = 7" => "seed = 99999999999999999999999999999999999999999", "seed",
        Fault::File(TomlFault::Unparsed { .. }),
);

refuses!(a_text_that_is_no_time_is_refused,
    "\"5 ms\"" => "\"soon\"", "disk", Fault::File(TomlFault::Value { .. }),
    "\"1 min\"" => "\"60\"", "stop.after", Fault::File(TomlFault::Value { .. }),
    "\"1 min\"" => "\"18446744073709551615s 1000ms\"", "stop.after", Fault::File(TomlFault::Value { .. }),
    "\"3 min\"" => "\"\"", "stop.agreement_within", Fault::File(TomlFault::Value { .. }),
);

refuses!(a_time_out_of_its_bounds_is_refused,
    "\"5 ms\"" => "\"61 s\"", "disk", Fault::File(TomlFault::Value { .. }),
    "\"5 ms\"" => "\"1500 us\"", "disk", Fault::File(TomlFault::Value { .. }),
    "spacing = \"1 s\"" => "spacing = \"9 ms\"", "chain.spacing", Fault::File(TomlFault::Value { .. }),
    "\"1 min\"" => "\"11 years\"", "stop.after", Fault::File(TomlFault::Value { .. }),
    "jitter = \"3 ms\"" => "jitter = \"2 h\"", "links.jitter", Fault::File(TomlFault::Value { .. }),
    "down = \"5 s\"" => "down = \"5 ms\"", "group.behaviour.down", Fault::File(TomlFault::Value { .. }),
);

#[test]
fn the_offset_of_a_clock_has_a_sign_and_is_a_day_at_most() {
    let of = |offset: &str| {
        parse(&changed("heal = true", &format!("clock = {{ nodes = \"ring\", offset = \"{offset}\" }}")))
    };
    for (offset, ms) in [("+3 s", 3_000), ("-250ms", -250), ("+ 0 s", 0)] {
        let steps = of(offset).unwrap_or_else(|error| panic!("{error}")).steps;
        assert!(matches!(&steps[1].1, Step::Clock { offset_ms, .. } if *offset_ms == ms), "{:?}", steps[1]);
    }
    for offset in ["3 s", "", "+", "-soon", "+25 h", "é"] {
        let error = of(offset).expect_err("no offset");
        assert_eq!((error.line, error.key.as_str()), (73, "step.clock.offset"), "{error}");
    }
}

refuses!(the_longer_latency_comes_last,
    "{ from = \"100 ms\", to = \"200 ms\" }" => "{ from = \"3 s\", to = \"200 ms\" }",
        "links.between.latency", Fault::TimesReversed { .. },
);

refuses!(names_are_plain_and_each_group_has_its_own,
    "\"whole\"" => "\"Whole!\"", "name", Fault::File(TomlFault::Value { .. }),
    "name = \"miners\"" => "name = \"all\"", "group.name", Fault::NameTaken { .. },
    "name = \"miners\"" => "name = \"\"", "group.name", Fault::File(TomlFault::Value { .. }),
    "name = \"ring\"" => "name = \"miners\"", "group.name", Fault::NameTaken { .. },
    "\"What a scenario can say.\"" => "\"\"", "teaches", Fault::NotASentence { .. },
    "\"What a scenario can say.\"" => "\"a\\u0007\"", "teaches", Fault::NotASentence { .. },
);

refuses!(words_are_those_that_are_known,
    "\"small-world\"" => "\"star\"", "topology.kind", Fault::File(TomlFault::Value { .. }),
    "\"eclipse\"" => "\"bribe\"", "group.behaviour.kind", Fault::File(TomlFault::Value { .. }),
    "as = \"honest\"" => "as = \"good\"", "step.behave.as", Fault::File(TomlFault::Value { .. }),
);

refuses!(a_step_without_a_choice_is_done_or_not_there,
    "heal = true" => "heal = false", "step.heal", Fault::NotTrue,
);

refuses!(groups_are_at_least_one_and_have_at_most_so_many_nodes,
    "name = \"guests\"\nnodes = 2" => "name = \"guests\"\nnodes = 19_999", "group.nodes", Fault::TooManyNodes { .. },
);

refuses!(behaviours_take_the_nodes_that_they_need,
    "hashrate = 50.5" => "hashrate = 50.5\nbehaviour = \"selfish\"", "group.behaviour",
        Fault::NodesOfBehaviour { found: 6, expected: 1, .. },
    "hashrate = 50.5" =>
        "behaviour = { kind = \"double-spend\", confirmations = 1, give_up_behind = 1 }",
        "group.behaviour", Fault::NodesOfBehaviour { found: 6, expected: 2, .. },
);

refuses!(behaviours_that_are_set_up_at_the_beginning_are_not_begun_later,
    "as = \"honest\"" => "as = \"selfish\"", "step.behave.as", Fault::NotBegunLater { .. },
    "group = \"ring\", as" => "group = \"cheats\", as", "step.behave.group", Fault::StaysSo { .. },
);

refuses!(references_name_nodes_that_there_are,
    "winner = \"miners\"" => "winner = \"minors\"", "expect.winner", Fault::UnknownGroup { .. },
    "confined_to = \"ring\"" => "confined_to = \"king\"", "group.confined_to", Fault::UnknownGroup { .. },
    "kill = \"miners.1\"" => "kill = \"miners.x\"", "step.kill", Fault::NotNodes { .. },
    "kill = \"miners.1\"" => "kill = \"miners.3-2\"", "step.kill", Fault::NotNodes { .. },
    "kill = \"miners.1\"" => "kill = \"miners.+1\"", "step.kill", Fault::NotNodes { .. },
    "kill = \"miners.1\"" => "kill = \"miners.6\"", "step.kill", Fault::NoSuchNode { found: 6, last: 5, .. },
    "kill = \"miners.1\"" => "kill = [\"miners.1\", \"miners\"]", "step.kill", Fault::NamedTwice { node: 1 },
    "[\"miners.4\", \"ring\"]" => "[\"miners.3\", \"ring\"]", "step.partition", Fault::NamedTwice { node: 3 },
    "kill = \"miners.1\"" => "kill = []", "step.kill", Fault::Entries { found: 0, .. },
    "node = \"miners.5\"" => "node = \"miners\"", "step.pay.node", Fault::NotOneNode { found: 6 },
    "groups = [\"miners\", \"ring\"]" => "groups = [\"miners\"]", "links.between.groups",
        Fault::Entries { found: 1, .. },
    "confined_to = \"ring\"" => "confined_to = \"lonely\"", "group.confined_to", Fault::ConfinedToItself,
);

refuses!(a_step_does_one_thing_in_its_time,
    "heal = true" => "heal = true\nkill = \"all\"", "step", Fault::NotOneAction { found: 2, .. },
    "[[step]]\nat = \"20 s\"\nheal = true" => "[[step]]\nat = \"20 s\"", "step",
        Fault::NotOneAction { found: 0, .. },
    "at = \"30 s\"" => "at = \"19 s\"", "step.at", Fault::OutOfOrder { .. },
    "at = \"36 s\"" => "at = \"1 min\"", "step.at", Fault::AfterTheStop { .. },
    "payments = 20" => "payments = 21", "step.pay.payments",
        Fault::MorePaymentsThanWallets { found: 21, wallets: 20 },
);

refuses!(expectations_can_be_met,
    "{ least = 1, most = 9 }" => "{ least = 2, most = 1 }", "expect.deepest_reorganization",
        Fault::BoundsReversed,
    "{ least = 2 }" => "{}", "expect.tips", Fault::NoBounds,
);

refuses!(what_genesis_says_of_numbers_that_do_not_fit_is_told_at_their_key,
    "max_future_drift = \"30 s\"" => "max_future_drift = \"11 min\"", "chain.max_future_drift",
        Fault::Chain(_),
    "max_block_bytes = 500_000" => "max_block_bytes = 1000", "chain.max_block_bytes", Fault::Chain(_),
    "subsidy = \"25\"" => "subsidy = \"90000000000\"", "chain.subsidy", Fault::Chain(_),
    "subsidy = \"25\"" => "subsidy = \"much\"", "chain.subsidy", Fault::File(TomlFault::Unparsed { .. }),
);

#[test]
fn attempts_are_counted_only_where_somebody_makes_them() {
    let attack =
        "behaviour = { kind = \"double-spend\", confirmations = 2, premined = true, give_up_behind = 5 }";
    let error = parse(&changed(attack, "")).expect_err("nobody does");
    assert_eq!((error.key.as_str(), error.fault), ("stop.attempts", Fault::NoAttempts));
}

#[test]
fn convergence_is_expected_only_after_something_that_mends() {
    let text = changed("heal = true", "kill = \"miners.0\"")
        .replace("restart = [\"miners\"]", "kill = \"miners.2\"")
        .replace("behave = { group = \"ring\", as = \"honest\" }", "kill = \"miners.3\"");
    let error = parse(&text).expect_err("nothing mends");
    assert_eq!((error.key.as_str(), error.fault), ("expect.converged_within", Fault::NothingHeals));
}

#[test]
fn somebody_mines() {
    let idle = "name = \"a\"\nteaches = \"b\"\n[[group]]\nname = \"c\"\nnodes = 3\nhashrate = 0\n[stop]\nafter = \"1 min\"\n";
    let error = parse(idle).expect_err("nobody does");
    assert_eq!((error.line, error.key.as_str(), error.fault), (3, "group", Fault::NoMiner));
    let mined = format!("{idle}[[step]]\nat = \"1 s\"\nmine = {{ node = \"c.0\", blocks = 1 }}\n");
    parse(&mined).expect("a step does");
}

#[test]
fn a_topology_of_too_many_links_is_refused_before_it_is_made() {
    let full = "name = \"a\"\nteaches = \"b\"\n[[group]]\nname = \"c\"\nnodes = 20000\n[topology]\nkind = \"full\"\n[stop]\nafter = \"1 min\"\n";
    let error = parse(full).expect_err("200 million");
    assert_eq!((error.line, error.key.as_str()), (6, "topology"));
    assert_eq!(error.fault, Fault::TooManyLinks { found: 200_000_000, most: 1_000_000 });
    parse(&full.replace("20000", "1000")).expect("half a million");
}

#[test]
fn steps_together_name_a_bounded_number_of_nodes() {
    let mut text = String::from(
        "name = \"a\"\nteaches = \"b\"\n[[group]]\nname = \"c\"\nnodes = 20000\n[stop]\nafter = \"1 min\"\n",
    );
    text.push_str(&"[[step]]\nat = \"1 s\"\nkill = \"all\"\n".repeat(50));
    parse(&text).expect("a million");
    text.push_str("[[step]]\nat = \"1 s\"\nkill = \"c.0\"\n");
    let fault = parse(&text).expect_err("one more").fault;
    assert_eq!(fault, Fault::TooManyNamed { found: 1_000_001, most: 1_000_000 });
}

#[test]
fn lists_one_past_their_bound_are_refused() {
    let head =
        "name = \"a\"\nteaches = \"b\"\n[[group]]\nname = \"c\"\nnodes = 2\n[stop]\nafter = \"1 min\"\n";
    let steps = |count: usize| format!("{head}{}", "[[step]]\nat = \"1 s\"\nheal = true\n".repeat(count));
    parse(&steps(10_000)).expect("ten thousand");
    let fault = parse(&steps(10_001)).expect_err("one more").fault;
    assert_eq!(fault, Fault::Entries { found: 10_001, least: 0, most: 10_000 });
    let long = format!("{head}#{}", "x".repeat(2_000_000));
    assert!(matches!(parse(&long).expect_err("long").fault, Fault::TooLong { .. }));
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let error = parse("name = \"a\"\nteaches = ").expect_err("no value");
    assert_eq!((error.line, error.key.as_str()), (2, "teaches"), "{error}");
    assert!(matches!(error.fault, Fault::File(TomlFault::NotToml(_))));
}

refuses!(a_value_that_is_no_toml_is_told_with_its_key,
    "seed = 7" => "seed = seven", "seed", Fault::File(TomlFault::NotToml(_)),
    "after = \"1 min\"" => "after = 1 min", "stop.after", Fault::File(TomlFault::NotToml(_)),
    "nodes = 6" => "nodes = 6 7", "group.nodes", Fault::File(TomlFault::NotToml(_)),
    "seed = 7" => "seed = 7\nseed = 8", "seed", Fault::File(TomlFault::NotToml(_)),
);

refuses!(eclipse_says_whom_and_never_itself,
    "hashrate = 50.5" => "hashrate = 50.5\nbehaviour = \"eclipse\"", "group.behaviour",
        Fault::WordForTable { found: "eclipse", .. },
    "as = \"honest\"" => "as = \"eclipse\"", "step.behave.as", Fault::WordForTable { .. },
    "hashrate = 50.5" => "behaviour = { kind = \"eclipse\", victims = [\"ring\", \"miners.2\"] }",
        "group.behaviour.victims", Fault::OwnVictim { node: 2, .. },
);

refuses!(links_of_a_pair_are_told_once,
    "groups = [\"miners\", \"ring\"]" =>
        "groups = [\"miners\", \"ring\"]\n[[links.between]]\ngroups = [\"ring\", \"miners\"]",
        "links.between.groups", Fault::PairTaken { .. },
);

#[test]
fn revenue_is_expected_once_for_a_group_and_nobody_is_shown_its_own_blocks_first() {
    let text = changed(
        "revenue = { group = \"miners\", least = 0.5 }",
        "revenue = [{ group = \"miners\", least = 0.5 }, { group = \"miners\", most = 0.1 }]",
    );
    let error = parse(&text).expect_err("twice");
    assert_eq!(error.fault, Fault::RevenueTaken { group: "miners".into() });
    let own = "name = \"a\"\nteaches = \"b\"\n[[group]]\nname = \"c\"\nnodes = 3\n[[group]]\nname = \"pool\"\nnodes = 1\nbehaviour = { kind = \"selfish\", shown_first_to = [\"pool\"] }\n[stop]\nafter = \"1 min\"\n";
    let error = parse(own).expect_err("itself");
    assert_eq!((error.line, error.fault), (9, Fault::OwnVictim { node: 3, group: "pool".into() }));
}

#[test]
fn a_winner_is_expected_only_where_something_is_cut() {
    let cut = "partition = [[\"miners.0-3\"], [\"miners.4\", \"ring\"]]";
    let text = changed(cut, "kill = \"miners.0\"").replace("refuse = ", "partition = ");
    let text: String = text
        .lines()
        .map(|line| if line.starts_with("partition") { "heal = true\n".into() } else { format!("{line}\n") })
        .collect();
    let error = parse(&text).expect_err("nothing is");
    assert_eq!((error.key.as_str(), error.fault), ("expect.winner", Fault::NoPartition));
}

#[test]
fn how_deep_a_double_spend_goes_is_expected_only_where_somebody_can_make_one() {
    let head =
        "name = \"a\"\nteaches = \"b\"\n[[group]]\nname = \"c\"\nnodes = 3\n[stop]\nafter = \"1 min\"\n";
    let pay = |twice: &str| {
        format!("{head}[[step]]\nat = \"1 s\"\npay = {{ node = \"c.0\", payments = 1{twice} }}\n")
    };
    for expectation in ["no_double_spend_deeper_than = 3", "double_spends = 1"] {
        let error = parse(&format!("{}[expect]\n{expectation}\n", pay(""))).expect_err("nobody does");
        assert_eq!((error.line, error.fault), (12, Fault::NoDoubleSpend));
        let twice = pay(", twice_at = \"c.1\"");
        parse(&format!("{twice}[expect]\n{expectation}\n")).expect("somebody does");
    }
    let error = parse(&pay(", twice_at = \"c.0\"")).expect_err("one node");
    assert_eq!((error.key.as_str(), error.fault), ("step.pay.twice_at", Fault::TwiceAtOneNode));
}

#[test]
fn no_wallet_pays_a_coin_twice_more_than_once_and_nobody_pays_at_a_secret_node() {
    let head = "name = \"a\"\nteaches = \"b\"\n[[group]]\nname = \"c\"\nnodes = 3\n[[group]]\nname = \"d\"\nnodes = 2\nbehaviour = { kind = \"double-spend\", confirmations = 1, give_up_behind = 3 }\n[workload]\nwallets = 3\n[stop]\nafter = \"1 min\"\n";
    let pay = |node: &str, twice_at: &str| {
        format!(
            "[[step]]\nat = \"1 s\"\npay = {{ node = \"{node}\", payments = 2, twice_at = \"{twice_at}\" }}\n"
        )
    };
    let twice = format!("{head}{}{}", pay("c.0", "c.1"), pay("c.2", "c.1"));
    let error = parse(&twice).expect_err("four of three");
    assert_eq!((error.line, error.fault), (17, Fault::MoreTwiceThanWallets { found: 4, wallets: 3 }));
    for (node, twice_at, key) in [("c.0", "d.1", "step.pay.twice_at"), ("d.1", "c.0", "step.pay.node")] {
        let error = parse(&format!("{head}{}", pay(node, twice_at))).expect_err("nobody sees it");
        assert_eq!((error.key.as_str(), error.fault), (key, Fault::PaidInSecret { group: "d".into() }));
    }
    parse(&format!("{head}{}", pay("c.0", "d.0"))).expect("all see its face");
}

#[test]
fn an_error_names_line_key_and_what_was_expected() {
    let text = changed("hashrate = 50.5", "hashrate = -3");
    let error = parse(&text).expect_err("less than nothing").to_string();
    assert_eq!(error, "line 19, `group.hashrate`: found -3, expected a number from 0 to 1000000, as in 50.5");
}

/// Wrong values of many keys, each with the words that it gets: none of serde or Rust, and an example.
#[test]
fn an_error_says_what_is_expected_in_words_of_the_file_with_an_example() {
    let cases = [
        (
            "heal = true",
            "clock = \"+3 s\"",
            "expected a table, as in { nodes = \"lonely\", offset = \"+3 s\" }",
        ),
        ("heal = true", "clock = { nodes = \"ring\", offset = 3 }", "such as \"+3 s\""),
        ("heal = true", "heal = 1", "expected true or false, as in true"),
        ("heal = true", "hashrate = 3", "expected a table, as in { nodes = [\"miners\"], percent = 200 }"),
        ("heal = true", "behave = \"ring\"", "as in { group = \"ring\", as = \"honest\" }"),
        ("kill = \"miners.1\"", "kill = 5", "expected a text in quotes, as in \"miners.1\""),
        ("partition = [[\"miners.0-3\"], [\"miners.4\", \"ring\"]]", "partition = \"a\"", "expected a list"),
        ("blocks = 2", "blocks = \"two\"", "expected a whole number from 1 to 1000, as in 2"),
        ("at = \"33 s\"", "at = 33", "such as \"250 ms\""),
        ("nodes = 6", "nodes = 0", "expected a whole number from 1 to 20000, as in 6"),
        ("hashrate = 50.5", "hashrate = \"all\"", "expected a number from 0 to 1000000, as in 50.5"),
        ("hashrate = 50.5", "behaviour = 5", "expected a word, or a table with the key `kind`"),
        ("premined = true", "premined = \"yes\"", "expected true or false, as in true"),
        ("confirmations = 2", "confirmations = 1.5", "expected a whole number from 1 to 1000, as in 2"),
        ("spacing = \"1 s\"", "spacing = 1", "such as \"250 ms\""),
        ("subsidy = \"25\"", "subsidy = \"much\"", "as in 12.5"),
        ("latency = { median = \"50 ms\", sigma = 0.5 }", "latency = 5", "such as \"250 ms\""),
        ("loss = 0.02", "loss = \"2 %\"", "expected a number from 0 to 1, as in 0.02"),
        ("groups = [\"miners\", \"ring\"]", "groups = \"miners\"", "expected a list"),
        ("wallets = 20", "wallets = \"many\"", "expected a whole number from 1 to 900, as in 20"),
        ("after = \"1 min\"", "after = 60", "such as \"250 ms\""),
        (
            "tips = { least = 2 }",
            "tips = \"two\"",
            "expected a whole number from 0 to 4294967295, as in { least = 2 }",
        ),
        (
            "revenue = { group = \"miners\", least = 0.5 }",
            "revenue = 5",
            "as in { group = \"miners\", least = 0.5 }",
        ),
        ("winner = \"miners\"", "winner = 1", "expected a text in quotes, as in \"miners\""),
    ];
    for (from, to, expected) in cases {
        let error = parse(&changed(from, to)).expect_err(to).to_string();
        let key = to.split(" =").next().unwrap_or_default();
        assert!(
            error.starts_with("line ") && error.contains(key) && error.contains(expected),
            "{to}: {error}"
        );
        let words = ["struct", "sequence", "f64", "invalid type", "variant", "boolean", "Table"];
        assert!(!words.iter().any(|word| error.contains(word)), "{to}: {error}");
    }
}
