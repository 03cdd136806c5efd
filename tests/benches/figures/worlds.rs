//! Simulated worlds, as `cairn simulate` plays them: a scenario on all processors.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cairn_simulator::report::Report;
use cairn_tests::process::program;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// What all of them have in common; nobody pings, as links of a world tell when they break.
const COMMON: &str = r#"
name = "measured"
teaches = "How long a world takes."
topology = { kind = "random", outbound = 8 }
links = { latency = { from = "5 ms", to = "80 ms" }, ping_every = "never" }
"#;
/// How often the program's memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// So many nodes and 144 blocks, ten minutes apart.
pub fn quiet(nodes: u16) -> String {
    play(&format!(
        "{COMMON}
         chain = {{ spacing = \"10 min\", half_life = \"2 days\" }}
         group = [{{ name = \"everybody\", nodes = {nodes} }}]
         stop = {{ after = \"5 days\", height = 144 }}"
    ))
}

/// A thousand nodes, a thousand blocks and five payments every second.
pub fn paying() -> String {
    play(&format!(
        "{COMMON}
         chain = {{ spacing = \"1 s\" }}
         group = [{{ name = \"everybody\", nodes = 1000 }}]
         workload = {{ payments_per_second = 5, wallets = 200 }}
         stop = {{ after = \"1 hour\", height = 1000 }}"
    ))
}

fn play(scenario: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("measured.toml");
    std::fs::write(&file, scenario).expect("a file can be written");
    let (begun, worked) = (Instant::now(), processor_time());
    let mut simulate = Command::new(program());
    simulate.arg("simulate").arg(file).arg("--quiet").arg("--report").arg(directory.path());
    let mut child = simulate.stdout(Stdio::null()).spawn().expect("the program can be run");
    let (status, mut memory_kb) = (format!("/proc/{}/status", child.id()), 0);
    let ended = loop {
        if let Some(ended) = child.try_wait().expect("it is ours") {
            break ended;
        }
        memory_kb = memory_kb.max(peak_kb(&std::fs::read_to_string(&status).unwrap_or_default()));
        std::thread::sleep(LOOK);
    };
    assert!(ended.success());
    let (took, worked) = (begun.elapsed(), processor_time() - worked);
    let text = std::fs::read_to_string(directory.path().join("report.json")).expect("a report");
    let report: Report = serde_json::from_str(&text).expect("a report");
    let events = report.trace.expect("the simulator has one").events;
    format!(
        "{:.1} s, {:.0} s of processors, {:.2} GB, {:.2} million events",
        took.as_secs_f64(),
        worked.as_secs_f64(),
        memory_kb as f64 / 1e6,
        events as f64 / 1e6
    )
}

/// The most memory that was resident at one time.
fn peak_kb(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// What children that have ended took of processors.
fn processor_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system tells");
    let worked = usage.user_time().num_milliseconds() + usage.system_time().num_milliseconds();
    Duration::from_millis(worked.unsigned_abs())
}
