//! Scale: nodes, blocks, spacing in ms, a payment every so many ms, outbound links, threads, least
//! latency in ms.
#![expect(clippy::unwrap_used, reason = "an example that is called wrongly may end at once")]
#![expect(clippy::disallowed_methods, reason = "it measures how long a run takes")]

use cairn_simulator::network::Latency;
use cairn_simulator::plan::Plan;
use cairn_simulator::play::Run;
use cairn_simulator::topology::Shape;
use std::time::{Duration, Instant};

/// A third less time than with the system's allocator, for a quarter more memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arg = |n: usize, d: &str| std::env::args().nth(n).unwrap_or(d.to_owned());
    let nodes: u16 = arg(1, "1000").parse().unwrap();
    let blocks: u32 = arg(2, "144").parse().unwrap();
    let spacing_ms: u64 = arg(3, "600000").parse().unwrap();
    let payments_ms: u64 = arg(4, "0").parse().unwrap();
    let outbound: u16 = arg(5, "8").parse().unwrap();
    let threads: usize = arg(6, "0").parse().unwrap();
    let least_ms: u64 = arg(7, "5").parse().unwrap();
    let mut plan = Plan::quiet(nodes);
    let text = include_str!("../simulation.toml")
        .replace("spacing_ms = 2_000", &format!("spacing_ms = {spacing_ms}"))
        .replace("half_life_ms = 300_000", &format!("half_life_ms = {}", spacing_ms * 288));
    plan.chain = cairn_genesis::definition::Definition::parse(&text).unwrap();
    plan.topology = Shape::Random { outbound }.into();
    let (least, most) = (Duration::from_millis(least_ms), Duration::from_millis(least_ms + 75));
    plan.links.usual.latency = Latency::Uniform { least, most };
    plan.ping_every = None;
    plan.workload.payment_every = (payments_ms > 0).then(|| Duration::from_millis(payments_ms));
    plan.workload.wallets = 200;
    plan.stop.after = Duration::from_millis(spacing_ms * u64::from(blocks) * 3);
    plan.stop.height = Some(blocks);
    plan.stop.agreement_within = Some(Duration::from_millis(spacing_ms * 20));
    let begun = Instant::now();
    let mut run = Run::new(plan, 1).unwrap_or_else(|failure| panic!("{failure}"));
    if threads > 0 {
        run = run.with_threads(threads);
    }
    let stood = begun.elapsed();
    while !run.is_over() {
        run.advance(Duration::MAX).unwrap_or_else(|failure| panic!("{failure}"));
    }
    let ran = begun.elapsed();
    let report = run.finish().unwrap_or_else(|failure| panic!("{failure}"));
    println!("stood after {stood:?}, ran until {ran:?}");
    let took = begun.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    let trace = report.trace.clone().unwrap();
    println!(
        "{nodes} nodes, height {}, {} messages, {} events, {took:?}, {:.2} us/event, {peak}",
        report.height,
        report.messages,
        trace.events,
        took.as_micros() as f64 / trace.events as f64
    );
    println!(
        "stale {:?} prop {:?}",
        report.stale,
        report.propagation.map(|p| (p.median_ms, p.p90_ms, p.p99_ms))
    );
    println!("payments {:?} trace {}", report.payments, trace.hash);
}
