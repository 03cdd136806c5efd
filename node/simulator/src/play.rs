//! Playing a plan to its end: the world runs, all must agree, and what they agree on is examined.

use core::num::NonZero;
use core::time::Duration;

use crate::expectation::Verdict;
use crate::final_check::{Examined, examine};
use crate::invariants::Violation;
use crate::node_index::NodeIndex;
use crate::plan::{Engine, Plan};
use crate::recorder::conclude::Ending;
use crate::report::{Moment, Report, TraceReport};
use crate::settling::Settlement;
use crate::world::World;

/// How long blocks may be under way when nobody mines any more. No time is lost with it: a run ends as soon
/// as they have arrived.
const REST: Duration = Duration::from_secs(600);

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
    /// Nodes that must agree in the end, in groups that hear of each other.
    must_agree: Vec<Vec<NodeIndex>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// All miners mine.
    Mining,
    /// One mines until all agree.
    Settling {
        until: Duration,
    },
    /// Nobody mines any more: what is under way arrives.
    Resting {
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
        Ok(Self {
            world,
            plan,
            seed,
            phase: Phase::Mining,
            settlement: Settlement::default(),
            must_agree: Vec::new(),
        }
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
        self.world.recorder().clone().conclude(self.ending(None, Examined::default())).expectations
    }

    /// How much of the run is done, in thousandths, as far as it can be foreseen.
    pub fn progress(&self) -> u64 {
        match self.phase {
            Phase::Mining => self.plan.stop.progress(self.world.elapsed(), self.world.highest()),
            Phase::Settling { .. } | Phase::Resting { .. } | Phase::Over => 1_000,
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
            Phase::Resting { .. } if self.world.recorder().agree(&self.must_agree) => {
                self.end();
                Ok(false)
            }
            Phase::Settling { until: deadline } | Phase::Resting { until: deadline } => {
                self.step_or_pass(next, until, deadline)
            }
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
        match self.phase {
            Phase::Settling { .. } => {
                self.rest();
                Ok(true)
            }
            // Of branches of equal work each keeps the one it heard of first.
            Phase::Resting { .. } if self.world.are_even(&self.must_agree) => {
                let at_ms = self.at_ms();
                self.world.recorder_mut().ends_even(at_ms);
                self.phase = Phase::Over;
                Ok(false)
            }
            Phase::Resting { .. } => {
                let waited_ms = (self.patience() + REST).as_millis() as u64;
                Err(Violation::NoAgreement { waited_ms, tips: self.world.tips() })
            }
            Phase::Mining | Phase::Over => {
                self.stop_mining()?;
                Ok(true)
            }
        }
    }

    fn patience(&self) -> Duration {
        self.plan.stop.agreement_within.unwrap_or_default()
    }

    /// The time for agreement is over. A block may be under way to somebody, and others may have no way to
    /// those that mined: what is there now must reach whoever can hear of it.
    fn rest(&mut self) {
        self.must_agree = self.settlement.must_agree(&self.world.ways());
        self.world.end_mining();
        self.phase = Phase::Resting { until: self.world.elapsed().saturating_add(REST) };
    }

    /// From here on one miner breaks ties, so that there is one best chain to agree on.
    fn stop_mining(&mut self) -> Result<(), Violation> {
        self.world.end_attacks();
        let Some(patience) = self.plan.stop.agreement_within else {
            let at_ms = self.at_ms();
            let left_out = self.world.steps_left();
            self.world.recorder_mut().ends_as_it_stands(at_ms, left_out);
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
        let examined = examine(&self.world, self.plan.stop.agreement_within.is_some());
        let examined =
            examined.map_err(|violation| Failure { is_of_the_end: true, ..self.failure(violation) })?;
        let (hash, events) = self.world.trace();
        let ending = self.ending(Some(TraceReport { hash, events }), examined);
        Ok(self.world.into_recorder().conclude(ending))
    }

    /// What only the world knows of the run, as it stands.
    fn ending(&self, trace: Option<TraceReport>, examined: Examined) -> Ending {
        Ending {
            engine: Engine::Simulator,
            seed: Some(self.seed),
            lasted_ms: self.at_ms(),
            trace,
            confirmed: examined.confirmed,
            dropped: Some(examined.dropped),
            traffic: self.world.traffic(),
        }
    }

    fn failure(&self, violation: Violation) -> Failure {
        let after_ms = self.at_ms();
        let is_of_the_end = matches!(violation, Violation::NoAgreement { .. });
        let (seed, event) = (self.seed, self.world.events());
        Failure { seed, event, after_ms, is_of_the_end, violation: Box::new(violation) }
    }
}
