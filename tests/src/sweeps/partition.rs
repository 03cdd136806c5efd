//! Partitions: how deep the reorganization is that ends one, and how many payments it undoes.

use core::time::Duration;

use cairn_report::chart::{Axis, Chart, Point as Dot, Series, Style};
use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::plan::{Plan, Step, Workload};
use cairn_simulator::report::Report;

use crate::papers::interval::{Confidence, Interval};
use crate::papers::partition::Partition;
use crate::papers::table::Table;
use crate::sweeps::finding::{Finding, Size};
use crate::sweeps::worlds::{SPACING, Side, bare, play_all};

/// Half a payment's time after the start. The cut then lasts a whole number of payments, each in the middle
/// of its share of it: none is late, as the closed form has it.
const BEGIN: Duration = Duration::from_secs(SPACING.as_secs() / PAYMENTS_A_BLOCK as u64 / 2);
/// How long all mine on after healing, in blocks: until somebody has broken a tie by finding the next one.
/// A run that ends before has its first node, one of the minority, break it.
const BLOCKS_AFTER: u32 = 10;
const NODES_A_SIDE: u16 = 2;
/// Payments for each expected block, half of them on each side.
const PAYMENTS_A_BLOCK: u32 = 2;

/// One point.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// The minority's part of the hash rate.
    pub share: f64,
    /// How many blocks the whole network would have found while it was cut.
    pub expected_blocks: u32,
    /// Blocks that left in the reorganization, at a confidence of 99 %.
    pub depth: Interval,
    /// How often the chain kept what the minority found during the cut.
    pub minority_stays: Interval,
    /// Payments that lost their confirmation.
    pub undone: Interval,
    /// What the closed forms say.
    pub model: Partition,
}

impl Point {
    /// What the closed form says of undone payments, of which each side makes as many.
    pub fn undone_model(&self) -> f64 {
        let made = f64::from(PAYMENTS_A_BLOCK) / 2.0 * f64::from(self.expected_blocks);
        self.model.undone_payments(made, made)
    }
}

/// Two sides, cut for so many expected blocks.
pub fn plan(share: f64, expected_blocks: u32) -> Plan {
    let side = |name, share| Side { name, nodes: NODES_A_SIDE, share, behaviour: Behaviour::Honest };
    let mut plan = bare(&[side("minority", share), side("majority", 1.0 - share)]);
    let cut = plan.groups.iter().map(|group| group.members().collect()).collect();
    let healed = BEGIN + SPACING * expected_blocks;
    plan.steps = vec![(BEGIN, Step::Partition(cut)), (healed, Step::Heal)];
    plan.workload = Workload { payment_every: Some(SPACING / PAYMENTS_A_BLOCK), wallets: 40 };
    plan.stop.after = healed + SPACING * BLOCKS_AFTER;
    plan.stop.agreement_within = Some(SPACING * 1_000);
    plan
}

/// So many worlds.
pub fn run(share: f64, expected_blocks: u32, worlds: u64) -> Point {
    let reports = play_all(&plan(share, expected_blocks), 1..1 + worlds);
    let of = |figure: &dyn Fn(&Report) -> f64| {
        Interval::of_mean(&reports.iter().map(figure).collect::<Vec<f64>>(), Confidence::P99)
    };
    let stays = reports.iter().filter(|report| minority_stays(report, expected_blocks)).count();
    let minority_stays = Interval::of_proportion(stays as u64, worlds, Confidence::P99);
    Point {
        share,
        expected_blocks,
        depth: of(&|report| f64::from(report.deepest)),
        minority_stays,
        undone: of(&|report| report.payments.undone as f64),
        model: Partition::new(share, f64::from(expected_blocks)),
    }
}

/// Whether blocks that the minority found during the cut are in the final chain.
///
/// # Panics
/// When blocks of both sides are: neither side could have built on the other's.
fn minority_stays(report: &Report, expected_blocks: u32) -> bool {
    let cut = BEGIN.as_millis() as u64..(BEGIN + SPACING * expected_blocks).as_millis() as u64;
    let kept = report.blocks.iter().filter(|block| block.is_in_chain && cut.contains(&block.at_ms));
    let by_minority: Vec<bool> = kept.map(|block| block.miner < NODES_A_SIDE).collect();
    let is_of_one_side = by_minority.windows(2).all(|two| two[0] == two[1]);
    assert!(is_of_one_side, "a chain with blocks of both sides of a cut");
    by_minority.first() == Some(&true)
}

/// Depth, winner and undone payments against duration and split.
pub fn finding(size: Size) -> Finding {
    let worlds = size.of(250, 1_000);
    let mut table = Table::new(
        "Partitions: what healing one undoes",
        [
            "minority",
            "blocks' time",
            "depth (99 % interval)",
            "expected",
            "held",
            "minority stays, %",
            "expected",
            "held",
            "payments undone",
            "expected",
            "held",
        ],
    );
    table
        .set_up("Real nodes: two on each side, cut for the time of so many blocks of the whole network, then healed. Payments come evenly, one a block's time on each side.")
        .set_up("Expected depth: the mean of the smaller of two Poisson counts, of share times blocks and of the rest; about share times blocks for a small minority. The minority stays where the final chain has blocks that it found during the cut: it found more, or as many and the next one after healing. Undone payments are those that the losing side had confirmed: k / (k + 1) of those made there when it found k blocks.")
        .set_up("Nobody pays the same coin on both sides here, so what is undone is confirmed again; what conflicts would be lost.")
        .set_up(format!("{worlds} worlds a row."));
    let chart = Chart::new(
        "Depth of the reorganization that ends a partition",
        Axis::linear("duration, in blocks of the whole network").from(0.0),
        Axis::linear("blocks that leave").from(0.0),
    );
    let mut finding = Finding::new("partition", table, chart);
    for share in [0.1, 0.3, 0.5] {
        let points: Vec<Point> = [5, 10, 20, 30].map(|blocks| run(share, blocks, worlds)).to_vec();
        for point in &points {
            let name = |what| format!("{what}, share {share}, {} blocks", point.expected_blocks);
            let (depth, stays, undone) =
                (point.model.mean_depth(), point.model.minority_stays(), point.undone_model());
            let held = finding.hold(name("depth"), &point.depth, depth);
            let held_stays = finding.hold(name("minority stays"), &point.minority_stays, stays);
            let held_undone = finding.hold(name("undone"), &point.undone, undone);
            let cells = [
                format!("{share}"),
                point.expected_blocks.to_string(),
                point.depth.to_string(),
                format!("{depth:.3}"),
                held.into(),
                point.minority_stays.percent(),
                format!("{:.3}", stays * 100.0),
                held_stays.into(),
                point.undone.to_string(),
                format!("{undone:.2}"),
                held_undone.into(),
            ];
            finding.table.row(cells);
        }
        let theory =
            (1..=32).map(|blocks| (f64::from(blocks), Partition::new(share, f64::from(blocks)).mean_depth()));
        let dots = points.iter().map(|point| {
            let Interval { low, estimate, high } = point.depth;
            Dot::new(f64::from(point.expected_blocks), estimate).between(low, high)
        });
        finding.draw(Series::new(Style::Line, format!("minority {share}: closed form"), theory));
        finding.draw(Series::new(Style::Points, format!("minority {share}"), dots));
    }
    finding
}
