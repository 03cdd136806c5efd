//! Forks: how often two blocks are found at one height, against how long blocks take to spread.

use core::time::Duration;

use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::network::Latency;
use cairn_simulator::plan::Plan;
use cairn_simulator::topology::Shape;

use crate::papers::forks::decker_wattenhofer;
use crate::papers::interval::{Confidence, Interval};
use crate::sweeps::worlds::{Side, bare, bounded, play_all};

/// The mean time between blocks that Decker and Wattenhofer measured.
pub const INTERVAL: Duration = Duration::from_millis(633_680);
const NODES: u16 = 40;

/// One point.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// The mean time that a block takes to a node, the finder counted with none, in seconds: the
    /// integral of the part of the nodes that lack it.
    pub unreached_seconds: f64,
    /// Blocks found.
    pub found: u64,
    /// Of these, in vain.
    pub stale: u64,
    /// Stale blocks for each block found, at a confidence of 99 %.
    pub rate: Interval,
    /// What the model says for the measured spreading.
    pub model: f64,
}

/// A network in which a block takes about four hops of so long on average. Half a handshake must fit
/// into its patience of ten seconds, or links would not come to stand.
pub fn plan(hop: Duration, blocks: u32) -> Plan {
    let mut plan = bare(&[Side { name: "all", nodes: NODES, share: 1.0, behaviour: Behaviour::Honest }]);
    plan.chain.spacing_ms = bounded(INTERVAL.as_millis() as u64);
    plan.topology = Shape::Random { outbound: 2 }.into();
    plan.links.usual.latency = Latency::Uniform { least: hop / 2, most: hop + hop / 2 };
    plan.stop.height = Some(blocks);
    plan
}

/// So many worlds of so many blocks each.
pub fn run(hop: Duration, worlds: u64, blocks: u32) -> Point {
    let reports = play_all(&plan(hop, blocks), 1..1 + worlds);
    let found: u64 = reports.iter().map(|report| report.stale.found).sum();
    let stale: u64 = reports.iter().map(|report| report.stale.stale).sum();
    // The finder is one of the nodes, and has its block at once.
    let others = f64::from(NODES - 1) / f64::from(NODES);
    let means = reports.iter().filter_map(|report| report.propagation.as_ref()).map(|spread| spread.mean_us);
    let mean_us = means.sum::<u64>() as f64 / worlds as f64;
    let unreached_seconds = mean_us / 1e6 * others;
    let model = decker_wattenhofer(1.0 / INTERVAL.as_secs_f64(), unreached_seconds);
    let rate = Interval::of_proportion(stale, found, Confidence::P99);
    Point { unreached_seconds, found, stale, rate, model }
}
