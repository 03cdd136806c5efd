//! The agenda: what a scenario does when, and who comes and goes; time is passed in.

use std::collections::BTreeMap;
use std::time::Duration;

use cairn_protocol::random::Random;
use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::node_index::NodeIndex;
use cairn_simulator::plan::Plan;
use cairn_simulator::rng_streams;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A step of the plan, by number.
    Step(usize),
    /// The next payment of the workload.
    Payment,
    /// An intermittent node comes back, or goes if it still lives that life.
    ComesOrGoes {
        /// Which.
        at: NodeIndex,
        /// The life that it was in when this was planned; none when it was down.
        life: Option<u32>,
    },
}

/// What is due when.
#[derive(Clone, Debug)]
pub struct Agenda {
    due: BTreeMap<(Duration, u64), Due>,
    planned: u64,
    comings: Random,
    payment_every: Option<Duration>,
}

impl Agenda {
    /// The agenda of a plan whose nodes are all in their first life.
    pub fn new(plan: &Plan) -> Self {
        let comings = rng_streams::churn(plan.seed);
        let payment_every = plan.workload.payment_every;
        let mut agenda = Self { due: BTreeMap::new(), planned: 0, comings, payment_every };
        for (number, (after, _)) in plan.steps.iter().enumerate() {
            agenda.plan(*after, Due::Step(number));
        }
        agenda.plan_payment(Duration::ZERO);
        for node in plan.indices() {
            if let Some((up, _)) = times_of(plan, node) {
                let goes = agenda.comings.jitter(up);
                agenda.plan(goes, Due::ComesOrGoes { at: node, life: Some(1) });
            }
        }
        agenda
    }

    /// When something is due next.
    pub fn next_time(&self) -> Option<Duration> {
        self.due.keys().next().map(|(when, _)| *when)
    }

    /// What is due by now, one by one; the next payment is planned when one is taken.
    pub fn take_due(&mut self, now: Duration) -> Option<Due> {
        let first = self.due.first_entry().filter(|first| first.key().0 <= now)?;
        let ((when, _), due) = first.remove_entry();
        if due == Due::Payment {
            self.plan_payment(when);
        }
        Some(due)
    }

    /// The plan ends here: no step of it is due any more. Payments go on, and whoever comes and goes.
    pub fn end_steps(&mut self) {
        self.due.retain(|_, due| !matches!(due, Due::Step(_)));
    }

    /// A node has just come, or gone: after a while it does the other.
    pub fn plan_coming_or_going(&mut self, now: Duration, plan: &Plan, at: NodeIndex, life: Option<u32>) {
        if let Some((up, down)) = times_of(plan, at) {
            let wait = self.comings.jitter(if life.is_some() { up } else { down });
            self.plan(now + wait, Due::ComesOrGoes { at, life });
        }
    }

    fn plan_payment(&mut self, after: Duration) {
        if let Some(every) = self.payment_every {
            self.plan(after + every.max(Duration::from_millis(1)), Due::Payment);
        }
    }

    fn plan(&mut self, when: Duration, due: Due) {
        self.planned += 1;
        self.due.insert((when, self.planned), due);
    }
}

fn times_of(plan: &Plan, node: NodeIndex) -> Option<(Duration, Duration)> {
    match plan.groups.get(plan.group_of(node))?.behaviour {
        Behaviour::Intermittent { up, down } => Some((up, down)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use cairn_simulator::plan::Step;

    use super::*;

    fn all(agenda: &mut Agenda, until_ms: u64) -> Vec<Due> {
        std::iter::from_fn(|| agenda.take_due(Duration::from_millis(until_ms))).collect()
    }

    #[test]
    fn what_is_due_comes_in_the_order_of_time_and_payments_go_on() {
        let mut plan = Plan::quiet(3);
        plan.workload.payment_every = Some(Duration::from_millis(400));
        plan.steps = vec![(Duration::from_millis(500), Step::Heal), (Duration::from_millis(500), Step::Heal)];
        let mut agenda = Agenda::new(&plan);
        assert_eq!(agenda.next_time(), Some(Duration::from_millis(400)));
        assert_eq!(all(&mut agenda, 399), []);
        assert_eq!(all(&mut agenda, 900), [Due::Payment, Due::Step(0), Due::Step(1), Due::Payment]);
        assert_eq!(agenda.next_time(), Some(Duration::from_millis(1_200)));
    }

    #[test]
    fn after_the_plan_ended_no_step_of_it_is_due_and_people_still_pay() {
        let mut plan = Plan::quiet(3);
        plan.workload.payment_every = Some(Duration::from_millis(400));
        plan.steps = vec![(Duration::from_millis(500), Step::Kill(vec![NodeIndex::new(0)]))];
        let mut agenda = Agenda::new(&plan);
        agenda.end_steps();
        assert_eq!(all(&mut agenda, 900), [Due::Payment, Due::Payment]);
    }

    #[test]
    fn an_intermittent_node_goes_and_comes_within_half_and_one_and_a_half_of_its_times() {
        let mut plan = Plan::quiet(1);
        plan.workload.payment_every = None;
        let (up, down) = (Duration::from_secs(10), Duration::from_secs(2));
        plan.groups[0].behaviour = Behaviour::Intermittent { up, down };
        let mut agenda = Agenda::new(&plan);
        let goes = agenda.next_time().expect("it goes");
        assert!(goes >= up / 2 && goes <= up * 3 / 2, "{goes:?}");
        let at = NodeIndex::new(0);
        assert_eq!(agenda.take_due(goes), Some(Due::ComesOrGoes { at, life: Some(1) }));
        agenda.plan_coming_or_going(goes, &plan, at, None);
        let comes = agenda.next_time().expect("it comes") - goes;
        assert!(comes >= down / 2 && comes <= down * 3 / 2, "{comes:?}");
    }
}
