//! The schedule of a plan: its steps, the payments of its workload, and the churn of intermittent nodes.

use core::time::Duration;
use std::sync::Arc;

use cairn_protocol::random::Random;

use crate::behaviour::Behaviour;
use crate::node_index::NodeIndex;
use crate::plan::Plan;
use crate::rng_streams;

/// What is due at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A step of the plan, by its index.
    Step(u32),
    /// The next payment of the workload.
    Payment,
    /// An intermittent node comes back, or goes if it still lives that life.
    Churn { node: NodeIndex, life: Option<u32> },
}

/// What is due when. Times count from the beginning of the run; the engine keeps the queue.
#[derive(Clone, Debug)]
pub struct Schedule {
    plan: Arc<Plan>,
    churn: Random,
    payment_at: Duration,
}

impl Schedule {
    /// The schedule of a plan, with churn drawn from a seed.
    pub fn new(plan: Arc<Plan>, seed: u64) -> Self {
        Self { plan, churn: rng_streams::churn(seed), payment_at: Duration::ZERO }
    }

    /// Every step of the plan.
    pub fn steps(&self) -> Vec<(Duration, Due)> {
        (0..).zip(&self.plan.steps).map(|(index, (at, _))| (*at, Due::Step(index))).collect()
    }

    /// The next payment of the workload. It follows the one before it to the nanosecond, so that fractions
    /// of milliseconds add up.
    pub fn next_payment(&mut self) -> Option<(Duration, Due)> {
        self.payment_at = self.payment_at.saturating_add(self.plan.workload.payment_every?);
        Some((self.payment_at, Due::Payment))
    }

    /// When an intermittent node that has just started its life goes, or comes back when it has no life.
    pub fn churn(
        &mut self,
        now: Duration,
        behaviour: &Behaviour,
        node: NodeIndex,
        life: Option<u32>,
    ) -> Option<(Duration, Due)> {
        let Behaviour::Intermittent { up, down } = behaviour else { return None };
        let wait = self.churn.jitter(if life.is_some() { *up } else { *down });
        Some((now.saturating_add(wait), Due::Churn { node, life }))
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::Step;

    use super::*;

    #[test]
    fn steps_come_at_their_time_and_payments_one_after_the_other() {
        let mut plan = Plan::quiet(3);
        plan.workload.payment_every = Some(Duration::from_micros(1_500));
        plan.steps = vec![(Duration::from_millis(500), Step::Heal)];
        let mut schedule = Schedule::new(plan.into(), 1);
        assert_eq!(schedule.steps(), [(Duration::from_millis(500), Due::Step(0))]);
        assert_eq!(schedule.next_payment(), Some((Duration::from_micros(1_500), Due::Payment)));
        assert_eq!(schedule.next_payment(), Some((Duration::from_micros(3_000), Due::Payment)));
    }

    #[test]
    fn an_intermittent_node_goes_and_comes_within_half_and_one_and_a_half_of_its_times() {
        let (up, down) = (Duration::from_secs(10), Duration::from_secs(2));
        let behaviour = Behaviour::Intermittent { up, down };
        let mut schedule = Schedule::new(Plan::quiet(1).into(), 1);
        let (node, now) = (NodeIndex::new(0), Duration::from_secs(100));
        let (goes, due) = schedule.churn(now, &behaviour, node, Some(1)).expect("it goes");
        assert_eq!(due, Due::Churn { node, life: Some(1) });
        assert!(goes >= now + up / 2 && goes <= now + up * 3 / 2, "{goes:?}");
        let (comes, _) = schedule.churn(goes, &behaviour, node, None).expect("it comes");
        assert!(comes >= goes + down / 2 && comes <= goes + down * 3 / 2, "{comes:?}");
        assert_eq!(schedule.churn(now, &Behaviour::Honest, node, Some(1)), None);
    }
}
