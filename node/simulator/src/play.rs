//! Playing a plan to its end: the world runs, all must agree, and what they agree on is examined.

use cairn_core::hash::{BlockHash, Txid};
use cairn_core::time::Timestamp;
use std::collections::BTreeSet;

use cairn_protocol::chain::store::ChainStore;

use crate::invariants::{Violation, coins, coins_of_blocks, supply_is_exact};
use crate::mining::Hashrate;
use crate::place::Place;
use crate::plan::{Plan, Step};
use crate::report::Report;
use crate::world::World;

/// A run that ended in a breach, and what plays it again.
#[derive(Debug, thiserror::Error)]
#[error("seed {seed}, after {after_ms} ms: {violation}")]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// When, in the world's time.
    pub after_ms: u64,
    /// What.
    pub violation: Violation,
}

/// Plays a plan. The same plan and seed give the same report, on every machine.
///
/// # Errors
/// The first breach of what must hold.
pub fn play(plan: &Plan, seed: u64) -> Result<Report, Failure> {
    let failed = |after_ms, violation| Failure { seed, after_ms, violation };
    let mut world = World::new(plan.clone(), seed).map_err(|violation| failed(0, violation))?;
    let begin = world.now();
    run(&mut world, plan, begin, seed)
        .map_err(|violation| failed(world.now().since(begin).as_millis() as u64, violation))
}

fn run(world: &mut World, plan: &Plan, begin: Timestamp, seed: u64) -> Result<Report, Violation> {
    let is_mending = |(_, step): &&(_, Step)| matches!(step, Step::Heal | Step::Restart(_));
    let mended = plan.steps.iter().filter(is_mending).map(|(after, _)| begin.saturating_add(*after)).max();
    world.run_until(mended.unwrap_or(begin))?;
    let mining_ends = begin.saturating_add(plan.mining_for);
    let agreed_at = run_until_agreed(world, mining_ends)?;
    world.run_until(mining_ends)?;
    // From here on one miner breaks ties, so that there is one best chain to agree on. It has the
    // speed of all: with only its own it could be unlucky for longer than agreement may take.
    for place in Place::first(plan.nodes) {
        let all = Hashrate(plan.hashrate.0 * u64::from(plan.nodes));
        world.set_hashrate(place, if place == Place::new(0) { all } else { Hashrate::NONE });
    }
    let deadline = mining_ends.saturating_add(plan.agreement_within);
    let settled = run_until_agreed(world, deadline)?;
    if settled.is_none() {
        let waited_ms = plan.agreement_within.as_millis() as u64;
        return Err(Violation::NoAgreement { waited_ms, tips: tips(world).len() });
    }
    let agreed_at = agreed_at.or(settled);
    let confirmed = examine(world)?;
    let tally = world.tally();
    let height = world.chain(Place::new(0)).map_or(0, |chain| chain.tip().height.get());
    Ok(Report {
        seed,
        nodes: usize::from(plan.nodes),
        trace: world.trace().to_string(),
        steps: world.trace().steps(),
        lasted_ms: world.now().since(begin).as_millis() as u64,
        height,
        blocks_found: tally.blocks_found,
        reorganisations: tally.reorganisations,
        deepest: tally.deepest,
        messages: tally.messages,
        bytes: tally.bytes,
        spread_ms: tally.spread_ms(),
        agreed_after_ms: mended
            .zip(agreed_at)
            .map(|(mended, agreed)| agreed.since(mended).as_millis() as u64),
        payments: world.paid.len() as u64,
        confirmed,
    })
}

/// Runs until all nodes have one tip; says when, or none if the time was over first.
fn run_until_agreed(world: &mut World, deadline: Timestamp) -> Result<Option<Timestamp>, Violation> {
    let mut tip_moved = true;
    loop {
        if tip_moved && tips(world).len() == 1 {
            return Ok(Some(world.now()));
        }
        match world.step()? {
            Some(_) if world.now() >= deadline => return Ok(None),
            Some(moved) => tip_moved = moved,
            None => return Ok(None),
        }
    }
}

fn tips(world: &World) -> BTreeSet<BlockHash> {
    let nodes = world.hosts().iter().filter_map(|host| host.node());
    nodes.map(|node| node.chain().tip().hash).collect()
}

/// Examines what all agreed on; returns how many payments it holds.
fn examine(world: &World) -> Result<u64, Violation> {
    for host in world.hosts() {
        let (at, Some(node)) = (host.place(), host.node()) else { continue };
        supply_is_exact(at, node.chain())?;
        if coins(at, node.chain())? != coins_of_blocks(at, node.chain(), world.verifier())? {
            return Err(Violation::CoinsDiffer { at });
        }
    }
    if let Some(txid) = world.confirmed_once.iter().find(|txid| !is_kept(world, txid)).copied() {
        return Err(Violation::ConfirmedLost { txid });
    }
    Ok(world.paid.iter().filter(|txid| is_confirmed(world, txid)).count() as u64)
}

fn is_kept(world: &World, txid: &Txid) -> bool {
    let waits =
        |txid| world.hosts().iter().filter_map(|host| host.node()).any(|node| node.mempool().contains(txid));
    is_confirmed(world, txid) || waits(txid)
}

fn is_confirmed(world: &World, txid: &Txid) -> bool {
    let mut chains = world.hosts().iter().filter_map(|host| host.node()).map(|node| node.chain());
    chains.next().is_some_and(|chain| matches!(chain.store().transaction_place(txid), Ok(Some(_))))
}
