//! What a report's directory holds, from a small run.

use std::fs;
use std::sync::LazyLock;
use std::time::Duration;

use cairn_simulator::expectation::{Bounds, Expectation, Outcome, Verdict};
use cairn_simulator::plan::Plan;
use cairn_simulator::play::play;

use super::*;

static RUN: LazyLock<Report> = LazyLock::new(|| {
    let plan = Plan::partition_and_heal(8, Duration::from_secs(20));
    play(&plan, 3).expect("every invariant holds")
});

fn written(report: &Report) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    write(report, directory.path(), Some("cairn simulate partition --seed 3")).expect("written");
    directory
}

const FILES: [&str; 10] = [
    "report.json",
    "blocks.csv",
    "reorganizations.csv",
    "agreement.csv",
    "propagation.csv",
    "groups.csv",
    "fork-tree.svg",
    "agreement.svg",
    "propagation.svg",
    "index.html",
];

#[test]
fn the_same_run_is_the_same_bytes_in_every_directory() {
    let (one, other) = (written(&RUN), written(&RUN));
    for name in FILES {
        let bytes = fs::read(one.path().join(name)).expect("a file");
        assert!(!bytes.is_empty(), "{name}");
        assert_eq!(bytes, fs::read(other.path().join(name)).expect("a file"), "{name}");
    }
    assert_eq!(fs::read_dir(one.path()).expect("a directory").count(), FILES.len());
}

#[test]
fn the_json_is_the_whole_report() {
    let directory = written(&RUN);
    let text = fs::read_to_string(directory.path().join("report.json")).expect("a file");
    assert_eq!(serde_json::from_str::<Report>(&text).expect("a report"), *RUN);
}

#[test]
fn tables_have_a_header_and_a_line_for_each_thing() {
    let histogram = RUN.propagation.as_ref().map_or(0, |all| all.histogram.len());
    let things =
        [RUN.blocks.len(), RUN.reorganizations.len(), RUN.agreement.len(), histogram, RUN.groups.len()];
    for ((name, text), things) in tables::tables(&RUN).expect("tables").iter().zip(things) {
        assert_eq!(text.lines().count(), things + 1, "{name}");
    }
}

#[test]
fn a_page_tells_how_each_block_spread_and_of_many_how_the_slowest_did() {
    let page = |report: &Report| page::run_page(report, &[], None);
    let rows = |page: &str| {
        let table = page.split("<details>").nth(1).and_then(|rest| rest.split("</details>").next());
        table.expect("it is there").matches("<tr><td").count()
    };
    let few = page(&RUN);
    assert_eq!(rows(&few), RUN.blocks.len());
    let mut report = RUN.clone();
    let mut slow = report.blocks[0].clone();
    (slow.height, slow.propagation.p90_ms) = (4_321, Some(59_000));
    report.blocks = vec![report.blocks[0].clone(); 500];
    report.blocks.push(slow);
    let many = page(&report);
    assert_eq!(rows(&many), 200);
    assert!(many.contains("The 200 slowest of 501 blocks"));
    assert!(many.contains("4,321") && many.contains("59 s"));
    assert!(many.contains("<div class=\"scroll\"><table class=\"names\">"), "no table is wider than a phone");
}

#[test]
fn a_hostile_name_stays_text_in_pages_pictures_tables_and_the_terminal() {
    let hostile = "</title><script>alert(\"1\")</script>&\u{1b}[2J,x";
    let mut report = RUN.clone();
    report.name = hostile.into();
    report.teaches = hostile.into();
    report.groups[0].name = hostile.into();
    report.groups.push(report.groups[0].clone());
    report.timeline[0].text = hostile.into();
    report.timeline[0].kind = cairn_simulator::report::MomentKind::Kill;
    let directory = written(&report);
    for name in ["index.html", "fork-tree.svg"] {
        let text = fs::read_to_string(directory.path().join(name)).expect("a file");
        assert!(!text.contains("<script"), "{name}");
        assert!(!text.contains('\u{1b}'), "{name}");
        assert!(text.contains("&lt;script&gt;"), "{name}");
    }
    let groups = fs::read_to_string(directory.path().join("groups.csv")).expect("a file");
    assert!(groups.contains("\"</title><script>alert(\"\"1\"\")"), "{groups}");
    let mut told = Vec::new();
    print::print(&report, &mut told).expect("memory takes all");
    assert!(!told.contains(&0x1b));
}

#[test]
fn a_terminal_is_told_every_figure_and_what_was_expected() {
    let mut report = RUN.clone();
    let least = Expectation::Height(Bounds { least: Some(999), most: None });
    report.expectations = vec![Verdict::new(least, Outcome::Figure(12))];
    let mut told = Vec::new();
    print::print(&report, &mut told).expect("memory takes all");
    let told = String::from_utf8(told).expect("text");
    for part in
        ["stale rate", "median", "deepest reorganizations", "agreement after", "NOT MET: final height"]
    {
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let error = write(&RUN, &file.path().join("below"), None).expect_err("a file has no directories");
    assert!(error.to_string().contains("below"), "{error}");
}
