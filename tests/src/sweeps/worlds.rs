//! Worlds for sweeps: few nodes, quick links, nothing that a paper's model does not have; and playing
//! many of them on all cores.

use core::time::Duration;

use cairn_core::target::CompactTarget;
use cairn_genesis::bounded::{Bits, Bounded};
use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::network::{Latency, Links, Quality};
use cairn_simulator::plan::{Group, MILLION, Plan, Workload};
use cairn_simulator::play::play;
use cairn_simulator::report::Report;
use cairn_simulator::topology::Shape;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

/// Ten minutes, as in the papers.
pub const SPACING: Duration = Duration::from_secs(600);

/// Somebody in a sweep.
#[derive(Clone, Debug)]
pub struct Side {
    /// What it is called.
    pub name: &'static str,
    /// How many nodes.
    pub nodes: u16,
    /// Its part of all hash rate.
    pub share: f64,
    /// What it does.
    pub behaviour: Behaviour,
}

/// A world of these sides: everybody linked to everybody within a millisecond, a block every ten
/// minutes at a difficulty that never changes, and nobody pays.
pub fn bare(sides: &[Side]) -> Plan {
    let mut plan = Plan::quiet(1);
    plan.groups.clear();
    let mut first = 0;
    for Side { name, nodes, share, behaviour } in sides {
        let share = (share * MILLION as f64).round() as u64;
        let (name, nodes, behaviour) = ((*name).to_owned(), *nodes, behaviour.clone());
        plan.groups.push(Group { name, first, nodes, share, behaviour });
        first += nodes;
    }
    plan.topology = Shape::Full.into();
    let usual = Quality {
        latency: Latency::Fixed(Duration::from_millis(1)),
        bytes_per_second: None,
        lost: 0,
        ..Quality::default()
    };
    plan.links = Links { usual, between: Vec::new() };
    plan.ping_every = None;
    plan.disk = Duration::ZERO;
    plan.workload = Workload { payment_every: None, wallets: 0 };
    plan.chain.spacing_ms = bounded(SPACING.as_millis() as u64);
    plan.chain.half_life_ms = None;
    // 32 hashes a block.
    let easy = bits(0x2007_ffff);
    (plan.chain.pow_limit, plan.chain.genesis_bits) = (easy, easy);
    plan.stop.after = Duration::from_secs(u64::from(u32::MAX));
    plan.stop.agreement_within = None;
    plan
}

/// A number within the bounds of a definition.
///
/// # Panics
/// When it is not.
pub fn bounded<const MIN: u64, const MAX: u64>(number: u64) -> Bounded<MIN, MAX> {
    Bounded::new(number).expect("sweeps keep to the bounds of definitions")
}

/// A target as headers write it.
///
/// # Panics
/// When no header may write it so.
pub fn bits(bits: u32) -> Bits {
    Bits::new(CompactTarget::from_bits(bits)).expect("sweeps use the usual form")
}

/// Plays a plan for each seed on all cores; the reports come in the order of seeds.
///
/// # Panics
/// When an invariant is broken: its seed is named.
pub fn play_all(plan: &Plan, seeds: core::ops::Range<u64>) -> Vec<Report> {
    let run = |seed| play(plan, seed).unwrap_or_else(|failure| panic!("{failure}"));
    seeds.collect::<Vec<u64>>().into_par_iter().with_max_len(1).map(run).collect()
}
