//! Difficulty: how ASERT follows when the hash rate halves or doubles.

use core::time::Duration;

use cairn_report::chart::{Axis, Chart, Point as Dot, Series, Style};
use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::plan::{Plan, Step};

use crate::papers::difficulty::HashRateStep;
use crate::papers::interval::{Confidence, Interval};
use crate::papers::table::Table;
use crate::sweeps::finding::{Finding, Size};
use crate::sweeps::worlds::{SPACING, Side, bare, bits, bounded, play_all};

/// So many spacings: far more than one, so that the mean response is the closed form's.
const HALF_LIFE_BLOCKS: u32 = 144;
/// The step comes when the chain has settled.
const STEP_AFTER: Duration = Duration::from_secs(600 * 100);

/// The difficulty at some time after the step.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// How long after it, in half-lives.
    pub half_lives: f64,
    /// Relative to before, at a confidence of 99 %.
    pub difficulty: Interval,
    /// What the closed form says.
    pub model: f64,
}

/// One miner whose rate changes to so many per cent.
pub fn plan(percent: u32) -> Plan {
    let mut plan = bare(&[Side { name: "miner", nodes: 1, share: 1.0, behaviour: Behaviour::Honest }]);
    // 512 hashes a block: fine enough to see a difficulty change by a fifth of a per cent.
    (plan.chain.pow_limit, plan.chain.genesis_bits) = (bits(0x207f_ffff), bits(0x1f7f_ffff));
    plan.chain.half_life_ms = Some(bounded(SPACING.as_millis() as u64 * u64::from(HALF_LIFE_BLOCKS)));
    let nodes = plan.indices().collect();
    plan.steps = vec![(STEP_AFTER, Step::SetHashrate { nodes, percent })];
    plan.stop.after = STEP_AFTER + SPACING * (HALF_LIFE_BLOCKS * 5 + 20);
    plan
}

/// So many worlds; the difficulty at each of some times.
pub fn run(percent: u32, worlds: u64) -> Vec<Point> {
    let reports = play_all(&plan(percent), 1..1 + worlds);
    let half_life = SPACING * HALF_LIFE_BLOCKS;
    let model = HashRateStep::from_settled(
        f64::from(percent) / 100.0,
        SPACING.as_secs_f64(),
        half_life.as_secs_f64(),
    );
    let times = [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0];
    times
        .into_iter()
        .map(|half_lives| {
            let after = half_life.mul_f64(half_lives);
            let at_ms = (STEP_AFTER + after).as_millis() as u64;
            let model_at = |at_ms: u64| {
                let after_ms = at_ms as f64 - STEP_AFTER.as_millis() as f64;
                if after_ms <= 0.0 { 1.0 } else { model.difficulty_after_seconds(after_ms / 1_000.0) }
            };
            // The difficulty of a block is that of the moment at which its parent was found; it is
            // moved to the moment asked for along the closed form.
            let found: Vec<f64> = reports
                .iter()
                .filter_map(|report| {
                    let next = report.blocks.iter().position(|block| block.at_ms > at_ms)?;
                    let parent = report.blocks.get(next.checked_sub(1)?)?;
                    let hashes = report.blocks.get(next)?.hashes as f64;
                    Some(hashes / 512.0 + model_at(at_ms) - model_at(parent.at_ms))
                })
                .collect();
            let difficulty = Interval::of_mean(&found, Confidence::P99);
            Point { half_lives, difficulty, model: model_at(at_ms) }
        })
        .collect()
}

/// The response to half and to twice the hash rate.
pub fn finding(size: Size) -> Finding {
    let worlds = size.of(20, 200);
    let mut table = Table::new(
        "Difficulty: ASERT's response to a step of the hash rate",
        ["hash rate", "half-lives after", "ours (99 % interval)", "closed form", "held"],
    );
    table
        .set_up("A real node and its miner; half-life 144 blocks of ten minutes; difficulty relative to before the step.")
        .set_up("Closed form of the mean: d(t) = r + (1 - r) 2^(-t / half-life), r the factor of the step; derived in `tests/src/papers/difficulty.rs` from ASERT's rule.")
        .set_up(format!("{worlds} worlds a row."));
    let chart = Chart::new(
        "Difficulty after a step of the hash rate",
        Axis::linear("half-lives after the step"),
        Axis::linear("difficulty, relative"),
    );
    let mut finding = Finding::new("difficulty", table, chart);
    for percent in [50, 200] {
        let points = run(percent, worlds);
        for point in &points {
            let held = finding.hold(
                format!("{percent} %, {} half-lives", point.half_lives),
                &point.difficulty,
                point.model,
            );
            let cells = [
                format!("{percent} %"),
                point.half_lives.to_string(),
                point.difficulty.to_string(),
                format!("{:.4}", point.model),
                held.into(),
            ];
            finding.table.row(cells);
        }
        let theory = points.iter().map(|point| (point.half_lives, point.model));
        let dots = points.iter().map(|point| {
            let Interval { low, estimate, high } = point.difficulty;
            Dot::new(point.half_lives, estimate).between(low, high)
        });
        finding.draw(Series::new(Style::Line, format!("{percent} %: closed form"), theory));
        finding.draw(Series::new(Style::Points, format!("{percent} %"), dots));
    }
    finding
}
