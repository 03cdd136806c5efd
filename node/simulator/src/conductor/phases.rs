//! The phases of a run: all mine, one on each side mines until they agree, no node mines, over.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::node_index::NodeIndex;
use crate::plan::Plan;
use crate::recorder::Recorder;
use crate::settlement::Settlement;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// All miners mine at their rates.
    Mining,
    /// Later steps that heal are carried out, and miners are stopped.
    Ending,
    /// One miner on each side mines until that side agrees.
    Settling { until: Duration, settlement: Settlement },
    /// No node mines: blocks under way arrive at the nodes that must agree.
    Resting { until: Duration, must_agree: Vec<Vec<NodeIndex>> },
    /// Nothing is left to do.
    Over,
}

/// What an engine must do for the next phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Mining ends: call [`super::steps::settle`].
    Settle,
    /// No node mines any more: call [`super::steps::end_mining`].
    EndMining,
}

/// Nodes that receive each other's blocks did not agree in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAgreement {
    /// The time since mining ended.
    pub waited: Duration,
}

/// What the phases must know of an engine.
pub trait Observed {
    /// The recorder of the run.
    fn recorder(&mut self) -> &mut Recorder;

    /// Mining ends: attackers show what they kept back.
    fn end_attacks(&mut self) {}

    /// The greatest height of any best chain so far.
    fn highest(&self) -> u32;

    /// The number of steps that were carried out.
    fn steps_taken(&self) -> usize;

    /// The nodes that each living node is linked to, or would be if all went well.
    fn ways(&self) -> BTreeMap<NodeIndex, BTreeSet<NodeIndex>>;

    /// Whether the living nodes of each of these groups have chains of equal work.
    fn are_even(&self, groups: &[Vec<NodeIndex>]) -> bool;
}

/// The phase of a run. Phases change at times of the plan and by what was recorded, never by how
/// often [`Self::advance`] is called.
#[derive(Clone, Debug)]
pub struct Phases {
    plan: Arc<Plan>,
    phase: Phase,
    /// The time that blocks may be under way when no node mines.
    rest: Duration,
}

impl Phases {
    /// The first phase of a run.
    pub fn new(plan: Arc<Plan>, rest: Duration) -> Self {
        Self { plan, phase: Phase::Mining, rest }
    }

    /// The time at which the phase ends at the latest.
    pub fn deadline(&self) -> Duration {
        match &self.phase {
            Phase::Mining => self.plan.stop.after,
            Phase::Settling { until, .. } | Phase::Resting { until, .. } => *until,
            Phase::Ending | Phase::Over => Duration::MAX,
        }
    }

    /// Whether nothing is left to do.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The run is interrupted.
    pub fn stop(&mut self) {
        self.phase = Phase::Over;
    }

    /// The share of the run that is done, in thousandths, as far as it can be foreseen.
    pub fn progress(&self, elapsed: Duration, highest: u32) -> u64 {
        if self.phase == Phase::Mining { self.plan.stop.progress(elapsed, highest) } else { 1_000 }
    }

    /// The engine has settled.
    pub fn settled(&mut self, now: Duration, settlement: Settlement) {
        if self.phase == Phase::Ending {
            let until = now.saturating_add(self.patience());
            self.phase = Phase::Settling { until, settlement };
        }
    }

    fn patience(&self) -> Duration {
        self.plan.stop.agreement_within.unwrap_or_default()
    }

    /// Goes on to the next phase if it is time; returns what the engine must do for it.
    pub fn advance(
        &mut self,
        now: Duration,
        engine: &mut impl Observed,
    ) -> Result<Option<Order>, NoAgreement> {
        let (at_ms, stop) = (now.as_millis() as u64, &self.plan.stop);
        match &self.phase {
            Phase::Mining => {
                let is_high = stop.height.is_some_and(|stop| engine.highest() >= stop);
                let attempts = engine.recorder().payments.attempts_ended;
                let is_tried = stop.attempts.is_some_and(|stop| attempts >= stop);
                if !is_high && !is_tried && now < stop.after {
                    return Ok(None);
                }
                engine.end_attacks();
                if stop.agreement_within.is_none() {
                    let left_out = self.plan.steps.len() - engine.steps_taken();
                    engine.recorder().ends_as_it_stands(at_ms, left_out);
                    self.phase = Phase::Over;
                    return Ok(None);
                }
                self.phase = Phase::Ending;
                return Ok(Some(Order::Settle));
            }
            Phase::Settling { settlement, .. } if engine.recorder().agrees_within(&settlement.sides) => {
                engine.recorder().settled(at_ms);
                self.phase = Phase::Over;
            }
            // Blocks may be under way, and some nodes may have no way to those that mined.
            Phase::Settling { until, settlement } if now >= *until => {
                let must_agree = settlement.must_agree(&engine.ways());
                self.phase = Phase::Resting { until: now.saturating_add(self.rest), must_agree };
                return Ok(Some(Order::EndMining));
            }
            Phase::Resting { must_agree, .. } if engine.recorder().agree(must_agree) => {
                engine.recorder().settled(at_ms);
                self.phase = Phase::Over;
            }
            Phase::Resting { until, must_agree } if now >= *until => {
                // Of branches of equal work each node keeps the one that it saw first.
                if !engine.are_even(must_agree) {
                    return Err(NoAgreement { waited: self.patience() + self.rest });
                }
                engine.recorder().ends_even(at_ms);
                self.phase = Phase::Over;
            }
            Phase::Ending | Phase::Settling { .. } | Phase::Resting { .. } | Phase::Over => {}
        }
        Ok(None)
    }
}
