//! Double spends: how often a payment with so many confirmations is taken back.

use cairn_simulator::behaviour::{Behaviour, DoubleSpend};
use cairn_simulator::plan::Plan;

use crate::papers::double_spend::{Start, least_give_up};
use crate::papers::interval::{Confidence, Interval};
use crate::sweeps::worlds::{Side, bare, play_all};

/// Attempts in one world: worlds of many blocks are slower by the block.
const ATTEMPTS_PER_WORLD: u64 = 250;
/// Giving up changes a probability by less than this.
pub const BIAS: f64 = 1e-6;

/// One point: so much hash rate, so many confirmations.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// The attacker's part of all hash rate.
    pub q: f64,
    /// Confirmations that the payee waits for.
    pub z: u32,
    /// How the attack begins.
    pub start: Start,
    /// How often it was tried.
    pub attempts: u64,
    /// How often it succeeded.
    pub successes: u64,
}

impl Point {
    /// The success rate, at a confidence of 99 %.
    pub fn interval(&self) -> Interval {
        Interval::of_proportion(self.successes, self.attempts, Confidence::P99)
    }
}

/// The world of a point: an honest miner, an attacker's public node and its secret one.
pub fn plan(q: f64, z: u32, start: Start) -> Plan {
    let how = DoubleSpend {
        confirmations: z,
        premined: start == Start::OneBlock,
        give_up_behind: least_give_up(q, z, start, BIAS),
    };
    let mut plan = bare(&[
        Side { name: "honest", nodes: 1, share: 1.0 - q, behaviour: Behaviour::Honest },
        Side { name: "attacker", nodes: 2, share: q, behaviour: Behaviour::DoubleSpend(how) },
    ]);
    plan.stop.attempts = Some(ATTEMPTS_PER_WORLD);
    plan
}

/// Tries it so often, or a little more.
pub fn run(q: f64, z: u32, start: Start, attempts: u64, first_seed: u64) -> Point {
    let worlds = attempts.div_ceil(ATTEMPTS_PER_WORLD);
    let reports = play_all(&plan(q, z, start), first_seed..first_seed + worlds);
    let successes = reports.iter().map(|report| report.payments.double_spent).sum();
    Point { q, z, start, attempts: worlds * ATTEMPTS_PER_WORLD, successes }
}
