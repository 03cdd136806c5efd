//! Selfish mining: the part of the chain's blocks that a pool gets which keeps its blocks back.

use core::time::Duration;

use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::network::{Latency, Quality};
use cairn_simulator::place::Place;
use cairn_simulator::plan::Plan;

use crate::papers::interval::{Confidence, Interval};
use crate::papers::selfish::{effective_gamma, near_share_for};
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

/// The world of a point, and its gamma.
pub fn plan(alpha: f64, gamma: Gamma, blocks: u32) -> (Plan, f64) {
    let near = NEAR.iter().find(|(which, _)| *which == gamma).map_or(0, |(_, near)| *near);
    let (near_share, effective) = match gamma {
        Gamma::None => (0.0, 0.0),
        Gamma::Half => (near_share_for(0.5, u32::from(near)).expect("five miners reach one half"), 0.5),
        Gamma::All => (1.0, effective_gamma(1.0, u32::from(near))),
    };
    let shown_first_to: Vec<Place> = (1..=near).map(Place::new).collect();
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
