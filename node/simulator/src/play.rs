//! Playing a plan to its end: the world runs, all must agree, and what they agree on is examined.

use core::num::NonZero;
use core::time::Duration;
use std::collections::BTreeSet;

use cairn_core::hash::Txid;
use cairn_protocol::chain::store::ChainStore;

use crate::expectation::Verdict;
use crate::invariants::{Violation, coins, coins_of_blocks, supply_is_exact};
use crate::plan::{Engine, Plan};
use crate::recorder::conclude::Ending;
use crate::report::{Moment, Report, TraceReport};
use crate::settling::Settlement;
use crate::world::World;

/// A run that ended in a breach, and what plays it again.
#[derive(Debug, thiserror::Error)]
#[error("seed {seed}, event {event}, after {after_ms} ms: {violation}")]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// Which event broke it.
    pub event: u64,
    /// When, in the world's time.
    pub after_ms: u64,
    /// Whether it shows only when time has passed, or when all is examined in the end, and not right
    /// after the event.
    pub is_of_the_end: bool,
    /// What.
    pub violation: Box<Violation>,
}

/// Plays a plan on this thread. The same plan and seed give the same report, on every machine.
///
/// # Errors
/// The first breach of what must hold.
pub fn play(plan: &Plan, seed: u64) -> Result<Report, Failure> {
    // Whoever plays many seeds has a thread for each already.
    let mut run = Run::new(plan.clone(), seed)?.with_threads(1);
    while !run.is_over() {
        run.advance(Duration::MAX)?;
    }
    run.finish()
}

/// A run that is under way.
pub struct Run {
    world: World,
    plan: Plan,
    seed: u64,
    phase: Phase,
    /// Who is to agree once mining has ended.
    settlement: Settlement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// All miners mine.
    Mining,
    /// One mines until all agree.
    Settling {
        until: Duration,
    },
    Over,
}

impl Run {
    /// A run that begins now.
    ///
    /// # Errors
    /// When a node does not start.
    pub fn new(plan: Plan, seed: u64) -> Result<Self, Failure> {
        let world = World::new(plan.clone(), seed).map_err(|violation| Failure {
            seed,
            event: 0,
            after_ms: 0,
            is_of_the_end: false,
            violation: Box::new(violation),
        })?;
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self { world, plan, seed, phase: Phase::Mining, settlement: Settlement::default() }
            .with_threads(threads))
    }

    /// The same run, worked off by so many threads instead of one for each core. What happens does not
    /// depend on it; whoever plays many runs at a time gives each one.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.world.set_threads(threads);
        self
    }

    /// The world.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// The same, to have its events kept in words.
    pub const fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// What happened so far, in plain words.
    pub fn timeline(&self) -> &[Moment] {
        self.world.recorder().timeline()
    }

    /// Whether nothing is left to do but [`Self::finish`].
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// What has become of each expectation so far. Later ones may undo it.
    pub fn verdicts_so_far(&self) -> Vec<Verdict> {
        self.world.recorder().clone().conclude(self.ending(None, 0)).expectations
    }

    /// How much of the run is done, in thousandths, as far as it can be foreseen.
    pub fn progress(&self) -> u64 {
        match self.phase {
            Phase::Mining => self.plan.stop.progress(self.world.elapsed(), self.world.highest()),
            Phase::Settling { .. } | Phase::Over => 1_000,
        }
    }

    /// Lets so much of the world's time pass, or less if the run is over before.
    ///
    /// # Errors
    /// The first breach of what must hold.
    pub fn advance(&mut self, time: Duration) -> Result<(), Failure> {
        let until = self.world.elapsed().saturating_add(time);
        self.go_on(until).map_err(|violation| self.failure(violation))
    }

    /// Lets the world run until so much has happened in it.
    ///
    /// # Errors
    /// The first breach of what must hold.
    pub fn advance_to_event(&mut self, event: u64) -> Result<(), Failure> {
        while !self.is_over() && self.world.events() < event {
            self.turn(Duration::MAX).map_err(|violation| self.failure(violation))?;
        }
        Ok(())
    }

    /// Goes on up to a time. How often one stops to look must not change what happens: a step and a
    /// change of phase depend on the plan's times alone.
    fn go_on(&mut self, until: Duration) -> Result<(), Violation> {
        while !self.is_over() && self.turn(until)? {}
        Ok(())
    }

    /// Does what is next if it comes before `until`; says whether there was something.
    fn turn(&mut self, until: Duration) -> Result<bool, Violation> {
        let next = self.world.next_time();
        match self.phase {
            Phase::Mining => {
                let end = self.plan.stop.after;
                let is_high = self.plan.stop.height.is_some_and(|stop| self.world.highest() >= stop);
                let attempts = self.world.recorder().attempts_ended();
                let is_tried = self.plan.stop.attempts.is_some_and(|stop| attempts >= stop);
                if is_high || is_tried {
                    self.stop_mining()?;
                    return Ok(true);
                }
                self.step_or_pass(next, until, end)
            }
            Phase::Settling { .. } if self.world.recorder().agrees_within(&self.settlement.sides) => {
                self.end();
                Ok(false)
            }
            Phase::Settling { until: deadline } => self.step_or_pass(next, until, deadline),
            Phase::Over => Ok(false),
        }
    }

    /// Takes a step of a phase that ends at `end`, or lets time pass; says whether to go on.
    fn step_or_pass(
        &mut self,
        next: Option<Duration>,
        until: Duration,
        end: Duration,
    ) -> Result<bool, Violation> {
        if let Some(next) = next.filter(|next| *next < end) {
            if next >= until {
                self.world.pass(until);
                return Ok(false);
            }
            self.world.step_before(end)?;
            return Ok(true);
        }
        if until < end {
            self.world.pass(until);
            return Ok(false);
        }
        self.world.pass(end);
        if let Phase::Settling { .. } = self.phase {
            if self.world.agrees_as_it_must(&self.settlement) {
                self.end();
                return Ok(false);
            }
            let waited_ms = self.plan.stop.agreement_within.unwrap_or_default().as_millis() as u64;
            return Err(Violation::NoAgreement { waited_ms, tips: self.world.tips() });
        }
        self.stop_mining()?;
        Ok(true)
    }

    /// From here on one miner breaks ties, so that there is one best chain to agree on.
    fn stop_mining(&mut self) -> Result<(), Violation> {
        self.world.end_attacks();
        let Some(patience) = self.plan.stop.agreement_within else {
            let at_ms = self.at_ms();
            self.world.recorder_mut().ends_as_it_stands(at_ms);
            self.phase = Phase::Over;
            return Ok(());
        };
        self.settlement = self.world.settle()?;
        self.phase = Phase::Settling { until: self.world.elapsed().saturating_add(patience) };
        Ok(())
    }

    fn end(&mut self) {
        let at_ms = self.at_ms();
        self.world.recorder_mut().settled(at_ms);
        self.phase = Phase::Over;
    }

    fn at_ms(&self) -> u64 {
        self.world.elapsed().as_millis() as u64
    }

    /// Examines what all agreed on, and reports.
    ///
    /// # Errors
    /// A breach of what must hold in the end.
    pub fn finish(self) -> Result<Report, Failure> {
        let confirmed =
            self.examine().map_err(|violation| Failure { is_of_the_end: true, ..self.failure(violation) })?;
        let (hash, events) = self.world.trace();
        let ending = self.ending(Some(TraceReport { hash, events }), confirmed);
        Ok(self.world.into_recorder().conclude(ending))
    }

    /// What only the world knows of the run, as it stands.
    fn ending(&self, trace: Option<TraceReport>, confirmed: u64) -> Ending {
        Ending {
            engine: Engine::Simulator,
            seed: Some(self.seed),
            lasted_ms: self.at_ms(),
            trace,
            confirmed,
            traffic: self.world.traffic(),
        }
    }

    fn failure(&self, violation: Violation) -> Failure {
        let after_ms = self.at_ms();
        let is_of_the_end = matches!(violation, Violation::NoAgreement { .. });
        let (seed, event) = (self.seed, self.world.events());
        Failure { seed, event, after_ms, is_of_the_end, violation: Box::new(violation) }
    }

    /// Examines every chain and every ledger once; returns how many payments were confirmed.
    fn examine(&self) -> Result<u64, Violation> {
        let mut seen = BTreeSet::new();
        for host in self.world.living() {
            let (at, Some(node)) = (host.place(), host.node()) else { continue };
            let chain = node.chain();
            if !seen.insert((chain.tip().hash, chain.store().digest())) {
                continue;
            }
            supply_is_exact(at, chain)?;
            if coins(at, chain)? != coins_of_blocks(at, chain, self.world.verifier())? {
                return Err(Violation::CoinsDiffer { at });
            }
        }
        // Where no node runs, nobody can tell what is kept.
        if self.plan.stop.agreement_within.is_some() && self.world.living().next().is_some() {
            let lost = self.world.confirmed_once().find(|txid| !self.is_kept(txid));
            if let Some(txid) = lost.copied() {
                return Err(Violation::ConfirmedLost { txid });
            }
        }
        Ok(self.world.recorder().payments().filter(|txid| self.is_confirmed(txid)).count() as u64)
    }

    fn is_kept(&self, txid: &Txid) -> bool {
        let mut nodes = self.world.living().filter_map(|host| host.node());
        let is_divided = self.world.recorder().standing().is_divided();
        self.is_confirmed(txid)
            || self.world.is_taken_back(txid)
            || nodes.any(|node| {
                node.mempool().contains(txid) || (is_divided && is_in(node.chain().store(), txid))
            })
    }

    /// Whether the chain that most nodes have holds it.
    fn is_confirmed(&self, txid: &Txid) -> bool {
        let tip = self.world.recorder().final_tip();
        let mut chains = self.world.living().filter_map(|host| host.node()).map(|node| node.chain());
        chains.find(|chain| Some(chain.tip().hash) == tip).is_some_and(|chain| is_in(chain.store(), txid))
    }
}

fn is_in(store: &impl ChainStore, txid: &Txid) -> bool {
    matches!(store.transaction_place(txid), Ok(Some(_)))
}
