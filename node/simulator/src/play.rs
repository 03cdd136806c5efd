//! Playing a plan to its end: the world runs, all must agree, and what they agree on is examined.

use core::num::NonZero;
use core::time::Duration;
use std::sync::Arc;

use crate::conductor::phases::{NoAgreement, Observed, Order, Phases};
use crate::conductor::steps;
use crate::expectation::Verdict;
use crate::final_check::{Examined, examine};
use crate::invariants::Violation;
use crate::plan::{Engine, Plan};
use crate::recorder::conclude::Ending;
use crate::report::{Moment, Report, TraceReport};
use crate::world::World;

/// The time that blocks may be under way when no node mines. No time is lost with it: a run ends as soon
/// as they have arrived.
const REST: Duration = Duration::from_secs(600);

/// A run that ended in a breach, and what plays it again.
#[derive(Debug, thiserror::Error)]
#[error("seed {seed}, event {event}, after {after_ms} ms: {violation}")]
pub struct Failure {
    pub seed: u64,
    /// Which event broke it.
    pub event: u64,
    /// When, in the world's time.
    pub after_ms: u64,
    /// Whether it shows only when time has passed, or when all is examined in the end, and not right after the event.
    pub is_of_the_end: bool,
    pub violation: Box<Violation>,
}

/// Plays a plan on this thread. The same plan and seed give the same report, on every machine.
pub fn play(plan: &Plan, seed: u64) -> Result<Report, Failure> {
    // A sweep of many seeds has a thread for each already.
    let mut run = Run::new(plan.clone(), seed)?.with_threads(1);
    while !run.is_over() {
        run.advance(Duration::MAX)?;
    }
    run.finish()
}

/// A run that is under way.
pub struct Run {
    world: World,
    seed: u64,
    phases: Phases,
    plan: Arc<Plan>,
}

impl Run {
    /// A run that begins now.
    pub fn new(plan: Plan, seed: u64) -> Result<Self, Failure> {
        let plan = Arc::new(plan);
        let world = World::new(plan.clone(), seed).map_err(|violation| Failure {
            seed,
            event: 0,
            after_ms: 0,
            is_of_the_end: false,
            violation: Box::new(violation),
        })?;
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self { world, seed, phases: Phases::new(plan.clone(), REST), plan }.with_threads(threads))
    }

    /// The same run with this number of threads instead of one for each core. What happens does not
    /// depend on it; a sweep of many runs gives each run one.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.world.set_threads(threads);
        self
    }

    /// The world as it is now.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// The same, to have its events kept in words.
    pub const fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// What happened so far, in plain words.
    pub fn timeline(&self) -> &[Moment] {
        self.world.recorder.timeline.moments()
    }

    /// Whether nothing is left to do but [`Self::finish`].
    pub fn is_over(&self) -> bool {
        self.phases.is_over()
    }

    /// What has become of each expectation so far. Later ones may undo it.
    pub fn verdicts_so_far(&self) -> Vec<Verdict> {
        self.world.recorder.clone().conclude(self.ending(None, Examined::default())).expectations
    }

    /// How much of the run is done, in thousandths, as far as it can be foreseen.
    pub fn progress(&self) -> u64 {
        self.phases.progress(self.world.elapsed(), Observed::highest(&self.world))
    }

    /// Lets so much of the world's time pass, or less if the run is over before.
    pub fn advance(&mut self, time: Duration) -> Result<(), Failure> {
        let until = self.world.elapsed().saturating_add(time);
        self.go_on(until).map_err(|violation| self.failure(violation))
    }

    /// Lets the world run until so much has happened in it.
    pub fn advance_to_event(&mut self, event: u64) -> Result<(), Failure> {
        while !self.is_over() && self.world.traffic.events < event {
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
        let now = self.world.elapsed();
        match self.phases.advance(now, &mut self.world) {
            Ok(Some(Order::Settle)) => {
                let settlement = self.world.settle()?;
                self.phases.settled(now, settlement);
                return Ok(true);
            }
            Ok(Some(Order::EndMining)) => {
                steps::end_mining(&mut self.world)?;
                return Ok(true);
            }
            Ok(None) if self.is_over() => return Ok(false),
            Ok(None) => {}
            Err(NoAgreement { waited }) => {
                let (waited_ms, tips) = (waited.as_millis() as u64, self.world.recorder.tips());
                return Err(Violation::NoAgreement { waited_ms, tips });
            }
        }
        let end = self.phases.deadline();
        if self.world.next_time().is_some_and(|next| next < end && next < until) {
            self.world.step_before(end)?;
            return Ok(true);
        }
        self.world.pass(until.min(end));
        Ok(end <= until)
    }

    /// Examines what all agreed on, and reports.
    ///
    /// # Errors
    /// A breach of what must hold in the end.
    pub fn finish(self) -> Result<Report, Failure> {
        let examined = examine(&self.world, self.plan.stop.agreement_within.is_some());
        let examined =
            examined.map_err(|violation| Failure { is_of_the_end: true, ..self.failure(violation) })?;
        let (hash, events) = self.world.trace();
        let ending = self.ending(Some(TraceReport { hash, events }), examined);
        Ok(self.world.recorder.conclude(ending))
    }

    /// What only the world knows of the run so far.
    fn ending(&self, trace: Option<TraceReport>, examined: Examined) -> Ending {
        Ending {
            engine: Engine::Simulator,
            seed: Some(self.seed),
            lasted_ms: self.world.elapsed().as_millis() as u64,
            trace,
            confirmed: examined.confirmed,
            dropped: Some(examined.dropped),
            traffic: (self.world.traffic.messages, self.world.traffic.bytes),
        }
    }

    fn failure(&self, violation: Violation) -> Failure {
        let after_ms = self.world.elapsed().as_millis() as u64;
        let is_of_the_end = matches!(violation, Violation::NoAgreement { .. });
        let (seed, event) = (self.seed, self.world.traffic.events);
        Failure { seed, event, after_ms, is_of_the_end, violation: Box::new(violation) }
    }
}
