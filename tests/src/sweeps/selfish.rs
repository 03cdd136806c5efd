//! Selfish mining: the part of the chain's blocks that a pool gets which keeps its blocks back.

use core::cmp::Ordering;
use core::time::Duration;

use cairn_report::chart::{Axis, Chart, Point as Dot, Series, Style};
use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::network::{Latency, Quality};
use cairn_simulator::node_index::NodeIndex;
use cairn_simulator::plan::Plan;

use crate::papers::interval::{Confidence, Interval};
use crate::papers::selfish::{effective_gamma, near_share_for, revenue, threshold};
use crate::papers::table::Table;
use crate::sweeps::finding::{Finding, Size};
use crate::sweeps::worlds::{Side, bare, play_all};

/// Between honest miners; the pool is a hundred times nearer to all of them.
const LATENCY: Duration = Duration::from_millis(100);
/// Honest nodes that see the pool's block first.
const NEAR: [(Gamma, u16); 3] = [(Gamma::None, 0), (Gamma::Half, 5), (Gamma::All, 20)];

/// Which part of the honest miners mines on the pool's block in a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gamma {
    /// None: they have seen the other block first.
    None,
    /// Half.
    Half,
    /// All but the finder of the other block, who never does.
    All,
}

/// One point.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// The pool's part of all hash rate.
    pub alpha: f64,
    /// What was aimed at.
    pub gamma: Gamma,
    /// What comes of it with so many honest miners.
    pub effective_gamma: f64,
    /// The pool's part of the blocks, at a confidence of 99 %.
    pub revenue: Interval,
    /// Blocks of all chains together.
    pub blocks: u64,
}

impl Point {
    /// Whether what was measured says that it pays: that the pool gets more of the blocks than it has of
    /// the hash rate. None where its part of the hash rate lies within the interval.
    pub fn pays(&self) -> Option<bool> {
        let Interval { low, high, .. } = self.revenue;
        (low > self.alpha || high < self.alpha).then_some(low > self.alpha)
    }

    /// Whether it pays by the threshold formula. None at the threshold, where it gets its fair share.
    pub fn pays_in_theory(&self) -> Option<bool> {
        match self.alpha.total_cmp(&threshold(self.effective_gamma)) {
            Ordering::Less => Some(false),
            Ordering::Equal => None,
            Ordering::Greater => Some(true),
        }
    }
}

fn in_a_word(pays: Option<bool>, neither: &'static str) -> &'static str {
    match pays {
        Some(true) => "yes",
        Some(false) => "no",
        None => neither,
    }
}

/// The world of a point, and its gamma.
pub fn plan(alpha: f64, gamma: Gamma, blocks: u32) -> (Plan, f64) {
    let near = NEAR.iter().find(|(which, _)| *which == gamma).map_or(0, |(_, near)| *near);
    let (near_share, effective) = match gamma {
        Gamma::None => (0.0, 0.0),
        Gamma::Half => (near_share_for(0.5, u32::from(near)).expect("five miners reach one half"), 0.5),
        Gamma::All => (1.0, effective_gamma(1.0, u32::from(near))),
    };
    let shown_first_to: Vec<NodeIndex> = (1..=near).map(NodeIndex::new).collect();
    let honest = 1.0 - alpha;
    let mut sides =
        vec![Side { name: "pool", nodes: 1, share: alpha, behaviour: Behaviour::Selfish { shown_first_to } }];
    if near > 0 {
        sides.push(Side {
            name: "near",
            nodes: near,
            share: honest * near_share,
            behaviour: Behaviour::Honest,
        });
    }
    if near_share < 1.0 {
        let share = honest * (1.0 - near_share);
        sides.push(Side { name: "far", nodes: 1, share, behaviour: Behaviour::Honest });
    }
    let mut plan = bare(&sides);
    plan.links.usual.latency = Latency::Fixed(LATENCY);
    if gamma != Gamma::None {
        let quick = Quality { latency: Latency::Fixed(LATENCY / 100), ..plan.links.usual };
        plan.links.between = (1..sides.len()).map(|other| (0, other, quick)).collect();
    }
    plan.stop.height = Some(blocks);
    (plan, effective)
}

/// So many worlds of so many blocks each.
pub fn run(alpha: f64, gamma: Gamma, worlds: u64, blocks: u32) -> Point {
    let (plan, effective_gamma) = plan(alpha, gamma, blocks);
    let reports = play_all(&plan, 1..1 + worlds);
    let shares: Vec<f64> =
        reports.iter().map(|report| report.groups[0].in_chain as f64 / f64::from(report.height)).collect();
    let revenue = Interval::of_mean(&shares, Confidence::P99);
    let blocks = reports.iter().map(|report| u64::from(report.height)).sum();
    Point { alpha, gamma, effective_gamma, revenue, blocks }
}

/// Revenue against hash rate for three gammas.
pub fn finding(size: Size) -> Finding {
    let (worlds, blocks) = size.of((12, 600), (20, 2_000));
    let mut table = Table::new(
        "Selfish mining: the pool's part of the blocks",
        [
            "gamma",
            "alpha",
            "ours (99 % interval)",
            "Eyal and Sirer 2014",
            "held",
            "pays, ours",
            "pays, theirs",
            "held",
        ],
    );
    table
        .set_up("Real nodes: a selfish pool, honest miners 100 ms from each other and 1 ms from the pool, which shows its block in a race to those miners first that gamma asks for.")
        .set_up("The finder of the other block never mines on the pool's: with 20 equal honest miners gamma 1 comes to 0.95, and theirs is computed for what it comes to.")
        .set_up("Ours says that it pays where the whole interval lies above alpha, that it does not where all of it lies below, and else nothing; theirs that it pays above alpha = (1 - gamma) / (3 - 2 gamma).")
        .set_up(format!("{worlds} worlds of {blocks} blocks a row, before the difficulty adjusts."));
    let chart = Chart::new(
        "Selfish mining",
        Axis::linear("hash rate of the pool, %"),
        Axis::linear("blocks of the pool, %"),
    )
    .with(Series::new(Style::DashedLine, "honest", [(0.0, 0.0), (50.0, 50.0)]));
    let mut finding = Finding::new("selfish-mining", table, chart);
    for gamma in [Gamma::None, Gamma::Half, Gamma::All] {
        let alphas = [0.10, 0.20, 0.25, 0.30, 1.0 / 3.0, 0.35, 0.40, 0.45];
        let points: Vec<Point> = alphas.iter().map(|alpha| run(*alpha, gamma, worlds, blocks)).collect();
        let effective = points.first().map_or(0.0, |point| point.effective_gamma);
        for point in &points {
            let theirs = revenue(point.alpha, effective);
            let held =
                finding.hold(format!("gamma {gamma:?}, alpha {:.3}", point.alpha), &point.revenue, theirs);
            let (ours, in_theory) = (point.pays(), point.pays_in_theory());
            let agrees = finding.agree(
                format!("gamma {gamma:?}, alpha {:.3}: whether it pays", point.alpha),
                ours,
                in_theory,
            );
            let cells = [
                format!("{effective:.2}"),
                format!("{:.3}", point.alpha),
                point.revenue.to_string(),
                format!("{theirs:.5}"),
                held.into(),
                in_a_word(ours, "undecided").into(),
                in_a_word(in_theory, "even").into(),
                agrees.into(),
            ];
            finding.table.row(cells);
        }
        // Intervals too wide to decide anything would agree with every threshold.
        for pays in [true, false] {
            if points.iter().any(|point| point.pays_in_theory() == Some(pays)) {
                let is_seen = points.iter().any(|point| point.pays() == Some(pays));
                let word = in_a_word(Some(pays), "");
                finding.told_apart.push((format!("gamma {gamma:?}: pays, {word}"), is_seen));
            }
        }
        let theory = (0..=49).map(|percent| {
            let alpha = f64::from(percent) / 100.0;
            (f64::from(percent), revenue(alpha, effective) * 100.0)
        });
        let dots = points.iter().map(|point| {
            let Interval { low, estimate, high } = point.revenue;
            Dot::new(point.alpha * 100.0, estimate * 100.0).between(low * 100.0, high * 100.0)
        });
        finding.draw(Series::new(Style::Line, format!("gamma {effective:.2}: closed form"), theory));
        finding.draw(Series::new(Style::Points, format!("gamma {effective:.2}"), dots));
    }
    finding
}
