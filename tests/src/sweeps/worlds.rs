//! Worlds for sweeps: few nodes, quick links, nothing that a paper's model does not have; and playing
//! many of them on all cores.

use core::time::Duration;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use cairn_genesis::bounded::{Bits, Bounded};
use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::network::{Latency, Links, Quality};
use cairn_simulator::plan::{Group, MILLION, Plan, Workload};
use cairn_simulator::play::play;
use cairn_simulator::report::Report;
use cairn_simulator::topology::Shape;

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
    let easy: Bits = serde_json::from_str("\"2007ffff\"").expect("bits of 32 hashes");
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
    serde_json::from_value(number.into()).expect("sweeps keep to the bounds of definitions")
}

/// Plays a plan for each seed on all cores; the reports come in the order of seeds.
///
/// # Panics
/// When an invariant is broken: its seed is named.
pub fn play_all(plan: &Plan, seeds: core::ops::Range<u64>) -> Vec<Report> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let (next, (sender, receiver)) = (AtomicU64::new(seeds.start), mpsc::channel());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let report = play(plan, seed).unwrap_or_else(|failure| panic!("{failure}"));
                    // The receiver lives as long as the scope.
                    let _ = sender.send((seed, report));
                }
            });
        }
        drop(sender);
        let mut reports: Vec<(u64, Report)> = receiver.into_iter().collect();
        reports.sort_by_key(|(seed, _)| *seed);
        reports.into_iter().map(|(_, report)| report).collect()
    })
}
