//! Scenario files: what is read, what real processes make of it, and files that are mangled.

use core::time::Duration;

use proptest::prelude::*;

use cairn_genesis::toml_file::TomlFault;

use super::{EXAMPLE, parse};
use crate::behaviour::{Behaviour, DoubleSpend};
use crate::expectation::{Bounds, Expectation};
use crate::network::{Latency, Quality};
use crate::node_index::NodeIndex;
use crate::plan::{Plan, Step};
use crate::scenario::fault::Fault;
use crate::topology::Shape;

mod refusals;

/// Every key once, and nothing wrong.
const WHOLE: &str = EXAMPLE;

fn whole() -> Plan {
    parse(WHOLE).unwrap_or_else(|error| panic!("{error}"))
}

/// The whole file with one thing changed.
fn changed(from: &str, to: &str) -> String {
    assert_eq!(WHOLE.matches(from).count(), 1, "{from} stands there once");
    WHOLE.replacen(from, to, 1)
}

#[test]
fn every_key_is_read_into_the_plan() {
    let plan = whole();
    assert_eq!((plan.name.as_str(), plan.seed, plan.nodes()), ("whole", 7, 14));
    assert_eq!((plan.disk, plan.ping_every), (Duration::from_millis(5), None));
    assert_eq!(plan.chain.spacing_ms.get(), 1_000);
    assert_eq!(plan.chain.half_life_ms.map(|half_life| half_life.get()), Some(600_000));
    assert_eq!(plan.chain.subsidy.to_string(), "25");
    assert_eq!(plan.chain.max_block_bytes.get(), 500_000);
    let shares: Vec<u64> = plan.groups.iter().map(|group| group.share).collect();
    assert_eq!(shares, [505_000, 300_000, 195_000, 0, 0]);
    let attack = DoubleSpend { confirmations: 2, premined: true, give_up_behind: 5 };
    assert_eq!(plan.groups[1].behaviour, Behaviour::DoubleSpend(attack));
    assert_eq!(plan.groups[2].behaviour, Behaviour::Eclipse { victims: vec![NodeIndex::new(11)] });
    assert_eq!(plan.topology.shape, Shape::SmallWorld { neighbours: 2, rewired: 100_000 });
    assert_eq!(plan.topology.confined, [(3, 2)]);
    let median = Duration::from_millis(50);
    assert_eq!(plan.links.usual.latency, Latency::LogNormal { median, sigma_thousandths: 500 });
    assert_eq!((plan.links.usual.lost, plan.links.usual.bytes_per_second), (20_000, Some(1_000_000)));
    let (least, most) = (Duration::from_millis(100), Duration::from_millis(200));
    let far =
        Quality { latency: Latency::Uniform { least, most }, bytes_per_second: None, ..plan.links.usual };
    assert_eq!(plan.links.between, [(0, 2, far)]);
    assert_eq!(plan.workload.payment_every, Some(Duration::from_secs(2)));
    assert_eq!((plan.stop.height, plan.stop.attempts), (Some(100), Some(3)));
}

#[test]
fn steps_are_read_in_order_with_the_nodes_that_they_name() {
    let plan = whole();
    let nodes = |numbers: &[u16]| numbers.iter().map(|number| NodeIndex::new(*number)).collect::<Vec<_>>();
    let steps: Vec<&Step> = plan.steps.iter().map(|(_, step)| step).collect();
    // The nodes that the step does not name are one more side.
    let sides = vec![nodes(&[0, 1, 2, 3]), nodes(&[4, 8, 9, 10]), nodes(&[5, 6, 7, 11, 12, 13])];
    assert_eq!(steps[0], &Step::Partition(sides));
    assert_eq!(steps[1], &Step::Heal);
    assert_eq!(steps[2], &Step::Kill(nodes(&[1])));
    assert_eq!(steps[4], &Step::Slow { nodes: NodeIndex::first(14).collect(), percent: 250 });
    assert_eq!(steps[5], &Step::Mine { node: NodeIndex::new(11), blocks: 2 });
    assert_eq!(steps[8], &Step::Behave { group: 2, behaviour: Behaviour::Honest });
    assert_eq!(plan.steps[9].0, Duration::from_secs(36));
}

#[test]
fn expectations_are_read_and_a_plain_figure_is_expected_exactly() {
    let expectations = whole().expectations;
    assert_eq!(expectations.len(), 10);
    assert_eq!(expectations[0], Expectation::ConvergedWithinMs(40_000));
    assert_eq!(expectations[2], Expectation::StaleRate(Bounds { least: None, most: Some(250_000) }));
    let exactly = Bounds { least: Some(1_000_000), most: Some(1_000_000) };
    assert_eq!(expectations[9], Expectation::Agreement(exactly));
}

#[test]
fn payments_come_as_often_as_a_file_says_and_not_in_whole_milliseconds() {
    let every = |rate: &str| {
        let text = WHOLE.replace("payments_per_second = 0.5", &format!("payments_per_second = {rate}"));
        parse(&text).expect("valid").workload.payment_every
    };
    assert_eq!(every("400"), Some(Duration::from_micros(2_500)));
    assert_eq!(every("600"), Some(Duration::from_nanos(1_666_666)));
    assert_eq!(every("1000"), Some(Duration::from_millis(1)));
    assert_eq!(every("0"), None);
}

#[test]
fn what_a_file_does_not_say_is_as_usual() {
    let text =
        "name = \"a\"\nteaches = \"b\"\n[[group]]\nname = \"c\"\nnodes = 3\n[stop]\nafter = \"1 min\"\n";
    let (plan, quiet) = (parse(text).expect("valid"), Plan::quiet(3));
    assert_eq!((&plan.chain, &plan.topology, &plan.links), (&quiet.chain, &quiet.topology, &quiet.links));
    assert_eq!((plan.ping_every, plan.disk, &plan.stop), (quiet.ping_every, quiet.disk, &quiet.stop));
    assert_eq!(plan.groups[0].share, 1_000_000);
    assert_eq!(plan.workload.payment_every, None);
}

#[test]
fn a_regular_network_has_a_degree_and_nothing_else() {
    let of = |said: &str| parse(&changed("kind = \"small-world\"\nneighbours = 2\nrewired = 0.1", said));
    let regular = of("kind = \"regular\"\ndegree = 3").expect("valid");
    assert_eq!(regular.topology.shape, Shape::Regular { degree: 3 });
    assert!(of("kind = \"regular\"\ndegree = 0").is_err());
    assert!(of("kind = \"regular\"\ndegree = 3\nchords = 1").is_err());
}

#[test]
fn fixed_difficulty_has_one_target_for_all_blocks() {
    let plan = parse(&changed("half_life = \"10 min\"", "half_life = \"none\"")).expect("valid");
    assert_eq!(plan.chain.half_life_ms, None);
    assert_eq!(plan.chain.genesis_bits, plan.chain.pow_limit);
}

#[test]
fn real_processes_play_honest_plans_and_say_why_no_other() {
    let refusal = |text: &str| parse(text).unwrap_or_else(|error| panic!("{error}")).refusal_of_devnet();
    let head = "name = \"a\"\nteaches = \"b\"\n[[group]]\nname = \"c\"\nnodes = 2\n";
    let plain = |more: &str| refusal(&format!("{head}{more}[stop]\nafter = \"1 min\"\n"));
    assert_eq!(plain(""), None);
    assert_eq!(plain("behaviour = { kind = \"intermittent\", up = \"9 s\", down = \"9 s\" }\n"), None);
    let slow = "[[step]]\nat = \"1 s\"\nslow = { nodes = \"all\", times = 2 }\n";
    assert_eq!(plain(slow), None);
    let is_late = |more: &str| {
        let text = format!("{head}{more}[stop]\nafter = \"1 min\"\n");
        parse(&text).expect("valid").has_late_links()
    };
    assert!(is_late(slow) && is_late("[links]\nlatency = { from = \"5 ms\", to = \"80 ms\" }\n"));
    assert!(!is_late("") && !is_late("[links]\nloss = 0\njitter = \"0 ms\"\nbandwidth = \"unlimited\"\n"));
    assert_eq!(plain(&format!("[links]\nlatency = \"1 s\"\nloss = 0\n{slow}")), None);
    let cases = [
        ("behaviour = \"withhold\"\n", "withhold"),
        ("[links]\nlatency = \"1 s\"\njitter = \"1 ms\"\n", "jitter"),
        ("[links]\nloss = 0.5\n", "lose messages"),
        ("[links]\nloss = 0.01\n", "lose messages"),
        ("[links]\nresend = \"1 s\"\n", "lose messages"),
        ("[links]\nbandwidth = 2_000_000\n", "narrow"),
        ("[links]\nlatency = \"4001 ms\"\n", "takes 4s 1ms"),
        ("[links]\nping_every = \"never\"\n", "pinged"),
        ("[chain]\nspacing = \"11 s\"\n", "apart"),
        ("confined_to = \"d\"\n[[group]]\nname = \"d\"\nnodes = 1\n", "knows only"),
        (
            "[links]\nlatency = \"2 s\"\n[[step]]\nat = \"1 s\"\nslow = { nodes = \"all\", times = 6 }\n",
            "takes 12s",
        ),
        ("[[step]]\nat = \"1 s\"\nbehave = { group = \"c\", as = \"withhold\" }\n", "stay what"),
        ("[[step]]\nat = \"1 s\"\nrefuse = [[\"c.0\"]]\n", "on no side"),
        ("[[group]]\nname = \"d\"\nnodes = 49\n", "51 nodes"),
    ];
    for (more, why) in cases {
        let refusal = plain(more).unwrap_or_else(|| panic!("{more} is for the simulator alone"));
        assert!(refusal.contains(why), "{refusal}");
    }
    assert!(refusal(&format!("disk = \"9 ms\"\n{head}[stop]\nafter = \"1 min\"\n")).is_some());
    assert!(refusal(&format!("{head}[stop]\nafter = \"11 min\"\n")).is_some());
}

#[test]
fn every_key_is_documented() {
    let manual = include_str!("../../../../docs/scenarios.md");
    // An unknown key in each kind of table: the error names all that are known.
    let begun = [
        "seed = 7",
        "spacing = ",
        "name = \"ring\"",
        "neighbours = 2",
        "jitter = ",
        "groups = ",
        "wallets = 20",
        "kill = ",
        "height = 100",
        "winner = ",
    ];
    let inside = [
        "premined = true",
        "victims = ",
        "up = \"20 s\"",
        "sigma = 0.5",
        "from = \"100 ms\"",
        "times = 2.5",
        "blocks = 2",
        "payments = 20",
        "percent = 200",
        "as = \"honest\"",
        "most = 9",
        "group = \"miners\", least",
    ];
    let on_a_line = begun
        .map(|before| changed(before, &format!("nowhere = 1\n{before}")).replace("kill = \"miners.1\"", ""));
    let in_a_table = inside.map(|before| changed(before, &format!("nowhere = 1, {before}")));
    for text in on_a_line.into_iter().chain(in_a_table) {
        let error = parse(&text).expect_err("a key is unknown");
        let Fault::File(TomlFault::UnknownKey { expected }) = &error.fault else { panic!("{error}") };
        let keys = expected.split(", ").map(|key| key.trim_start_matches("one of ").trim_matches('`'));
        let keys: Vec<&str> = keys.flat_map(|key| key.split("` or `")).collect();
        let is_there = |key: &str| {
            let ways = [format!("`{key}`"), format!(" {key},"), format!(" {key} }}")];
            ways.iter().any(|way| manual.contains(way))
        };
        let missing: Vec<_> = keys.iter().filter(|key| !is_there(key)).collect();
        assert!(!keys.is_empty() && missing.is_empty(), "docs/scenarios.md says nothing of {missing:?}");
    }
}

proptest! {
    #[test]
    fn a_mangled_file_is_read_or_refused_and_never_panics(
        cut in 0..WHOLE.len(),
        length in 0..40_usize,
        put in prop_oneof![
            "\\PC{0,20}",
            Just("-1".to_owned()),
            Just("99999999999999999999".to_owned()),
            Just("1e400".to_owned()),
            Just("nan".to_owned()),
            Just("\"18446744073709551615s 999ms\"".to_owned()),
            Just("[[[[".to_owned()),
            Just("{ kind = \"eclipse\" }".to_owned()),
            Just("\n[[step]]\n".to_owned()),
        ],
    ) {
        let end = (cut + length).min(WHOLE.len());
        let text = format!("{}{put}{}", &WHOLE[..cut], &WHOLE[end..]);
        if let Err(error) = parse(&text) {
            prop_assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1);
        }
    }

    #[test]
    fn a_file_whose_lines_are_shuffled_never_panics(seed in any::<u64>()) {
        let mut lines: Vec<&str> = WHOLE.lines().collect();
        let mut random = cairn_protocol::random::Random::derive(seed, 0);
        for _ in 0..10 {
            let (one, other) = (random.index(lines.len()), random.index(lines.len()));
            lines.swap(one, other);
        }
        let _ = parse(&lines.join("\n"));
    }
}
