//! Partitions: how deep the reorganisation is that ends one, and how many payments it undoes.

use core::time::Duration;

use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::plan::{Plan, Step, Workload};

use crate::papers::interval::{Confidence, Interval};
use crate::papers::partition::Partition;
use crate::sweeps::worlds::{SPACING, Side, bare, play_all};

const BEGIN: Duration = Duration::from_secs(100);
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
    /// Blocks that left in the reorganisation, at a confidence of 99 %.
    pub depth: Interval,
    /// How often the minority had more work in the end.
    pub minority_wins: Interval,
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
    let cut = plan.groups.iter().map(|group| group.places().collect()).collect();
    let healed = BEGIN + SPACING * expected_blocks;
    plan.steps = vec![(BEGIN, Step::Partition(cut)), (healed, Step::Heal)];
    plan.workload = Workload { payment_every: Some(SPACING / PAYMENTS_A_BLOCK), wallets: 40 };
    plan.stop.after = healed + Duration::from_secs(60);
    plan.stop.agreement_within = Some(SPACING * 1_000);
    plan
}

/// So many worlds.
pub fn run(share: f64, expected_blocks: u32, worlds: u64) -> Point {
    let reports = play_all(&plan(share, expected_blocks), 1..1 + worlds);
    let of = |figure: &dyn Fn(&cairn_simulator::report::Report) -> f64| {
        Interval::of_mean(&reports.iter().map(figure).collect::<Vec<f64>>(), Confidence::P99)
    };
    let healed_ms = (BEGIN + SPACING * expected_blocks).as_millis() as u64;
    let wins = reports.iter().filter(|report| {
        let cut = report.blocks.iter().filter(|block| block.at_ms < healed_ms);
        let count = |is_minority: bool| {
            cut.clone().filter(|block| (block.miner < NODES_A_SIDE) == is_minority).count()
        };
        count(true) > count(false)
    });
    let minority_wins = Interval::of_proportion(wins.count() as u64, worlds, Confidence::P99);
    Point {
        share,
        expected_blocks,
        depth: of(&|report| f64::from(report.deepest)),
        minority_wins,
        undone: of(&|report| report.payments.undone as f64),
        model: Partition::new(share, f64::from(expected_blocks)),
    }
}
