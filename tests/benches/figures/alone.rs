//! One node by itself: how soon it answers, what it takes, how fast it makes blocks.

use std::time::{Duration, Instant};

use cairn_tests::process::{NodeProcess, Options};
use serde_json::json;

use crate::median::in_words;

/// How often a node is started.
const STARTS: usize = 10;
/// Until an idle node has settled.
const SETTLING: Duration = Duration::from_secs(5);
/// Blocks made in one call.
const BLOCKS: u32 = 100;
/// Calls.
const CALLS: u32 = 50;

/// Start to first answer.
pub fn start() -> String {
    in_words((0..STARTS).map(|_| start_once()).collect())
}

fn start_once() -> Duration {
    let begin = Instant::now();
    let node = NodeProcess::launch(Options::measured());
    while node.try_call("getblockcount", json!([])).is_err() {
        std::thread::sleep(Duration::from_micros(500));
    }
    begin.elapsed()
}

/// Resident memory.
pub fn memory() -> String {
    let node = NodeProcess::start(Options::measured());
    std::thread::sleep(SETTLING);
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.id())).expect("a running process");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells it");
    let kib: f64 = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    format!("{:.1} MiB", kib / 1024.0)
}

/// Blocks made on demand.
pub fn generate() -> String {
    let node = NodeProcess::start(Options::measured());
    let begin = Instant::now();
    for _ in 0..CALLS {
        crate::line::mine(&node, BLOCKS);
    }
    format!("{:.0} blocks/s", f64::from(BLOCKS * CALLS) / begin.elapsed().as_secs_f64())
}
