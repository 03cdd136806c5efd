//! Scenarios on real processes: what a plan says is done, told and reported, and it comes to what
//! the simulator says it comes to.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use cairn_node::plan_file::read_plan;
use cairn_simulator::network::{Latency, Links, Quality};
use cairn_simulator::plan::Plan;
use cairn_simulator::play::play;
use cairn_simulator::report::{BlockPropagation, BlockReport, MomentKind, Report};
use cairn_tests::devnet::Devnet;
use cairn_tests::patience::wait_until;
use cairn_tests::process::program;
use nix::sys::signal::Signal;
use statrs::distribution::{DiscreteCDF, Poisson};

/// Runs of the simulator that the real one is compared with.
const SEEDS: u64 = 20;
/// Beyond it on either side lies one run of two thousand.
const RARE: f64 = 0.000_5;

/// Shipped scenarios that real processes play, too.
const SHIPPED: [&str; 5] =
    ["split-brain", "three-way-split", "minority-wins-by-work", "flapping-link", "mass-restart"];

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.toml"))
}

/// A scenario that is here for these tests alone.
fn brief(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/scenarios_real/{name}.toml"))
}

/// Plays a scenario on real processes; its report, and whether the program found it as expected.
fn played(rpc_port: u16, file: &Path) -> (Report, bool) {
    let kept = tempfile::tempdir().expect("a directory");
    let reports = kept.path().join("report");
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    let arguments = ["--scenario", &text(file), "--report", &text(&reports)];
    let mut devnet = Devnet::start(rpc_port, &arguments);
    let told = devnet.wait_for_event("report")["report"].take();
    let ended = devnet.wait_for_exit();
    for file in ["report.json", "index.html", "fork-tree.svg", "agreement.svg", "propagation.svg"] {
        assert!(reports.join(file).exists(), "{file}");
    }
    (serde_json::from_value(told).expect("a report"), ended.success())
}

/// The brief partition on real processes, played once for all tests.
fn real() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| {
        let (report, is_as_expected) = played(21_300, &brief("brief-partition"));
        assert!(is_as_expected, "{:?}", report.expectations);
        report
    })
}

#[test]
fn a_partition_of_real_nodes_grows_two_branches_and_healing_leaves_one() {
    let report = real();
    assert_eq!((report.engine.as_str(), report.seed, report.nodes), ("devnet", None, 5));
    let steps: Vec<_> = report.timeline.iter().filter(|one| one.kind.is_step()).collect();
    let texts: Vec<&str> = steps.iter().map(|step| step.text.as_str()).collect();
    let healed = "healed: all nodes may reach each other again";
    assert_eq!(texts, ["cut: 0-2 / 3,4 no longer reach each other", healed]);
    let (begin, end) = (steps[0].at_ms, steps[1].at_ms);
    assert!((5_000..10_000).contains(&begin) && (17_000..20_000).contains(&end), "{begin} {end}");
    let while_cut = report.blocks.iter().filter(|block| (begin..end).contains(&block.at_ms));
    let (one, other): (Vec<_>, Vec<_>) = while_cut.partition(|block| block.miner < 3);
    assert!(!one.is_empty() && !other.is_empty(), "both sides found blocks");
    // All of one side's went in vain; the others' are in the chain.
    let stale = |side: &[&BlockReport]| side.iter().all(|block| !block.is_in_chain);
    assert_ne!(stale(&one), stale(&other));
    let deepest = report.reorganizations.first().expect("somebody changed branch");
    assert!(deepest.disconnected >= 1 && deepest.at_ms >= end, "{deepest:?}");
    assert_eq!(deepest.disconnected, report.deepest);
    let took = report.converged_after_ms().expect("they agree again");
    assert!(took < 5_000, "{took} ms");
    assert!(report.expectations.len() == 3 && report.is_as_expected());
    // Everything that the report is made of is there.
    assert!(report.blocks.iter().all(|block| block.height == 1 || block.parent.is_some()));
    assert!(report.payments.accepted > 10 && report.payments.confirmed > 10, "{:?}", report.payments);
    assert!(report.propagation.is_some() && report.agreement.iter().any(|point| point.tips >= 2));
}

#[test]
fn real_nodes_come_to_what_the_simulator_says() {
    let report = real();
    // Real processes on one machine are near each other.
    let near = Quality {
        latency: Latency::Fixed(Duration::from_millis(1)),
        jitter: Duration::ZERO,
        bytes_per_second: None,
        lost: 0,
        resend: Duration::ZERO,
    };
    let plan = Plan {
        links: Links { usual: near, between: Vec::new() },
        ..read_plan(&brief("brief-partition")).expect("a scenario")
    };
    let simulated = (1..=SEEDS).map(|seed| play(&plan, seed).expect("every invariant holds"));
    let simulated: Vec<Report> = simulated.collect();
    let mean = |figure: &dyn Fn(&Report) -> u64| {
        simulated.iter().map(figure).sum::<u64>() as f64 / simulated.len() as f64
    };
    let is_usual = |figure: u64, mean: f64| {
        let poisson = Poisson::new(mean).expect("a mean above zero");
        (poisson.inverse_cdf(RARE)..=poisson.inverse_cdf(1.0 - RARE)).contains(&figure)
    };
    let found = mean(&|report| report.stale.found);
    assert!(is_usual(report.stale.found, found), "{} blocks, simulated {found}", report.stale.found);
    let deepest = mean(&|report| u64::from(report.deepest));
    assert!(is_usual(u64::from(report.deepest), deepest), "{} deep, simulated {deepest}", report.deepest);
    let converged = mean(&|report| report.converged_after_ms().expect("they agree again"));
    let took = report.converged_after_ms().expect("they agree again") as f64;
    assert!((took - converged).abs() < 5_000.0, "{took} ms, simulated {converged} ms");
}

/// How long the first three blocks took to half and to all of the nodes.
fn ways(report: &Report) -> Vec<[u64; 2]> {
    let way = |block: &BlockReport| {
        let BlockPropagation { median_ms, p99_ms, .. } = block.propagation;
        [median_ms.expect("two have it"), p99_ms.expect("all have it")]
    };
    report.blocks.iter().take(3).map(way).collect()
}

#[test]
fn links_of_real_nodes_take_as_long_as_those_of_the_simulator() {
    let file = brief("brief-slow");
    let (report, is_as_expected) = played(21_320, &file);
    assert!(is_as_expected, "{:?}", report.expectations);
    let steps = report.timeline.iter().filter(|one| one.kind.is_step());
    let texts: Vec<&str> = steps.map(|step| step.text.as_str()).collect();
    assert_eq!(texts.iter().filter(|text| text.contains("4 times")).count(), 1, "{texts:?}");
    let simulated = play(&read_plan(&file).expect("a scenario"), 1).expect("every invariant holds");
    let (real, simulated) = (ways(&report), ways(&simulated));
    // A disk takes 3 ms in the simulator, and here what it takes, as does looking at a block.
    let is_near = |(real, simulated): (&u64, &u64)| real.abs_diff(*simulated) < 300;
    assert!(real.iter().flatten().zip(simulated.iter().flatten()).all(is_near), "{real:?} {simulated:?}");
    assert!(real[1][1] > 2 * real[0][1] && real[1][1] > 2 * real[2][1], "{real:?}");
}

#[test]
fn nodes_are_killed_started_again_paid_and_slowed_as_the_plan_says_and_a_missed_expectation_is_a_failure() {
    let (report, is_as_expected) = played(21_340, &brief("brief-churn"));
    assert!(!is_as_expected);
    let met: Vec<bool> = report.expectations.iter().map(|verdict| verdict.is_met).collect();
    assert_eq!(met, [true, false], "{:?}", report.expectations);
    assert_eq!((report.payments.accepted, report.payments.confirmed), (5, 5));
    let steps: Vec<_> = report.timeline.iter().filter(|one| one.kind.is_step()).collect();
    let texts: Vec<&str> = steps.iter().map(|step| step.text.as_str()).collect();
    let expected = [
        "power lost: 1",
        "node 0 mines 3 blocks at once",
        "5 payments are handed in at node 0",
        "started again: 1",
        "hash rate: 0 at 0 % of the first",
        "hash rate: 0 at 200 % of the first",
    ];
    assert_eq!(texts, expected);
    let by_first: Vec<u64> =
        report.blocks.iter().filter(|block| block.miner == 0).map(|block| block.at_ms).collect();
    assert!(by_first.len() >= 3, "it found three at once: {by_first:?}");
    // A block may be on its way when its miner is told to rest.
    let resting = steps[4].at_ms + 300..steps[5].at_ms;
    assert!(!by_first.iter().any(|at_ms| resting.contains(at_ms)), "{resting:?}: {by_first:?}");
    let last = report.blocks.iter().rfind(|block| block.is_in_chain).expect("blocks were found");
    assert!(last.reached >= 2, "{last:?}");
    assert_eq!(report.agreement.last().map(|point| point.tips), Some(1));
}

#[test]
fn blocks_of_a_node_whose_clock_is_set_ahead_wait_until_their_time_has_come() {
    let (report, is_as_expected) = played(21_390, &brief("brief-clock"));
    assert!(is_as_expected, "{:?}", report.expectations);
    let step = report.timeline.iter().find(|one| one.kind.is_step()).expect("it is carried out");
    assert_eq!(step.text, "clock set 6 s ahead: ahead");
    let late: Vec<&BlockReport> =
        report.blocks.iter().filter(|block| block.at_ms > step.at_ms + 1_000).collect();
    // The others take a block that is a second ahead of their clocks, and keep one until then.
    let waits = |block: &&BlockReport| block.propagation.p99_ms.is_none_or(|ms| ms > 3_000);
    assert!(!late.is_empty() && late.iter().all(waits), "{late:?}");
}

#[test]
fn a_cut_that_nothing_heals_ends_divided_and_with_a_report_on_real_processes_too() {
    let (report, is_as_expected) = played(21_370, &brief("brief-divided"));
    assert!(!is_as_expected, "they do not agree");
    assert_eq!((report.standing.running, report.standing.tips, report.standing.is_cut), (4, 2, true));
    let texts: Vec<&str> = report.timeline.iter().map(|one| one.text.as_str()).collect();
    assert!(texts.contains(&"nothing to heal: no partition is in force"), "{texts:?}");
    assert_eq!(
        texts.last(),
        Some(&"the run is over: ended divided: 2 tips, as not all nodes get or accept each other's blocks")
    );
    // On each side everybody has its own of the two payments.
    assert_eq!((report.payments.attempts, report.payments.accepted), (2, 2));
}

#[test]
fn a_run_of_real_processes_that_stops_early_is_mended_and_the_rest_of_its_plan_left_out() {
    let (report, is_as_expected) = played(21_380, &brief("brief-early"));
    assert!(is_as_expected, "{:?}", report.expectations);
    assert!(report.lasted_ms < 45_000 && report.standing.running == 4, "{:?}", report.standing);
    let steps = report.timeline.iter().filter(|one| one.kind.is_step());
    let texts: Vec<&str> = steps.map(|step| step.text.as_str()).collect();
    let healed = "healed: all nodes may reach each other again";
    assert_eq!(texts, ["cut: 0,1 / 2,3 no longer reach each other", healed]);
    let phases = report.timeline.iter().filter(|one| one.kind == MomentKind::Phase);
    let begins = "mining ends before its plan does, so that a step is left out; ";
    assert!(phases.clone().any(|one| one.text.starts_with(begins)), "{:?}", phases.collect::<Vec<_>>());
}

#[test]
fn a_scenario_that_is_told_to_stop_reports_what_was_seen_and_leaves_no_node_behind() {
    let file = brief("brief-partition");
    let kept = tempfile::tempdir().expect("a directory");
    let arguments =
        ["--scenario", file.to_str().expect("text"), "--report", kept.path().to_str().expect("text")];
    let mut devnet = Devnet::start(21_360, &arguments);
    devnet.wait_for_event("moment");
    let nodes = devnet.node_ids();
    assert_eq!(nodes.len(), 5);
    devnet.signal(Signal::SIGTERM);
    let is_gone = |id: &u32| !Path::new(&format!("/proc/{id}")).exists();
    wait_until("the nodes have ended", || nodes.iter().all(is_gone));
    assert!(!devnet.wait_for_exit().success());
    let text = std::fs::read_to_string(kept.path().join("report.json")).expect("a report");
    let report: Report = serde_json::from_str(&text).expect("a report");
    assert!(report.is_interrupted && !report.blocks.is_empty());
    assert!(kept.path().join("index.html").exists());
}

#[test]
fn what_cannot_be_played_is_said_before_anything_starts() {
    let run = |file: &Path, arguments: &[&str]| {
        let mut command = Command::new(program());
        let output = command.args(["devnet", "--scenario"]).arg(file).args(arguments).output();
        let output = output.expect("the program can be run");
        assert!(!output.status.success());
        String::from_utf8(output.stderr).expect("text")
    };
    let said = run(Path::new("nowhere.toml"), &[]);
    assert!(said.contains("cannot read the scenario nowhere.toml"), "{said}");
    let said = run(&shipped("selfish-miner"), &[]);
    assert!(said.contains("cannot be played on real nodes"), "{said}");
    assert!(said.contains("play it in the simulator"), "{said}");
    let said = run(&brief("brief-churn"), &["--nodes", "3"]);
    assert!(said.contains("cannot be used with"), "{said}");
}

/// All at once: most of their time they wait for blocks.
#[test]
fn five_shipped_scenarios_come_to_what_they_expect_on_real_processes() {
    std::thread::scope(|scope| {
        let played = SHIPPED
            .iter()
            .zip(0..)
            .map(|(name, number)| (name, scope.spawn(move || played(21_400 + 20 * number, &shipped(name)))));
        for (name, played) in played.collect::<Vec<_>>() {
            let (report, is_as_expected) = played.join().expect("it is played to its end");
            assert!(is_as_expected && report.is_as_expected(), "{name}: {:#?}", report.expectations);
            assert_eq!(report.engine, "devnet");
        }
    });
}
