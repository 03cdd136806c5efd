//! The world as an engine of the conductor: steps of a plan and payments, carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_core::transaction::Transaction;
use cairn_genesis::hashrate::Hashrate;
use cairn_protocol::input::{Input, PeerCommand, RequestId, Submission};

use crate::agenda::Occurrence;
use crate::behaviour::Behaviour;
use crate::conductor::payments::{Answer, Payments, Wallets, lost, pay_many, pay_next};
use crate::conductor::phases::Observed;
use crate::conductor::schedule::Due;
use crate::conductor::steps::{self, Network, Power};
use crate::invariants::Violation;
use crate::node_index::NodeIndex;
use crate::note::Note;
use crate::partition::Partition;
use crate::plan::Plan;
use crate::plan_state::PlanState;
use crate::recorder::Recorder;
use crate::settlement::{Settlement, is_one_in_each, ways};
use crate::world::state::World;

impl World {
    pub(super) fn plan_due(&mut self, due: Option<(core::time::Duration, Due)>) {
        if let Some((at, due)) = due {
            self.agenda.plan(self.begin.saturating_add(at), Occurrence::Due(due));
        }
    }

    pub(super) fn take_due(&mut self, due: Due) -> Result<(), Violation> {
        match due {
            Due::Step(index) if (index as usize) < self.steps_taken => Ok(()),
            Due::Step(index) => {
                self.steps_taken = index as usize + 1;
                steps::take_step(self, index as usize)
            }
            Due::Payment => {
                let next = self.schedule.next_payment();
                self.plan_due(next);
                pay_next(self, self.hosts.len())
            }
            Due::Churn { node, life } => {
                let is_intermittent = matches!(self.behaviour_of(node), Behaviour::Intermittent { .. });
                match life.filter(|_| is_intermittent) {
                    None if is_intermittent => self.restart(&[node]),
                    Some(life) if life == self.host(node).life() => {
                        self.kill(&[node])?;
                        self.plan_churn(node, None);
                        Ok(())
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// An intermittent node that has just been started goes again, and one that has gone comes back.
    pub(super) fn plan_churn(&mut self, node: NodeIndex, life: Option<u32>) {
        let behaviour = &self.around.behaviours[self.around.groups[node.index()]];
        let due = self.schedule.churn(self.now.since(self.begin), behaviour, node, life);
        self.plan_due(due);
    }

    /// Mining ends, and the plan with it.
    pub fn settle(&mut self) -> Result<Settlement, Violation> {
        let settlement = steps::settle(self, self.steps_taken, self.at_ms())?;
        self.steps_taken = self.plan.steps.len();
        Ok(settlement)
    }

    /// A node blocks the nodes of other sides, if it is on a side.
    fn block_other_sides(&mut self, node: NodeIndex) -> Result<(), Violation> {
        let others: BTreeSet<NodeIndex> = self.blocked_sides.iter().flatten().copied().collect();
        let is_blocked = |other: &NodeIndex| {
            let side = |node| self.blocked_sides.iter().position(|side| side.contains(&node));
            side(node).is_some_and(|own| side(*other) != Some(own))
        };
        let others = others.into_iter().filter(is_blocked).map(NodeIndex::peer_id).collect();
        self.hand(node, Input::Command(PeerCommand::SetBlocked(others)))
    }
}

impl Network for World {
    type Error = Violation;

    fn plan(&self) -> Arc<Plan> {
        self.plan.clone()
    }

    fn state(&self) -> &PlanState {
        &self.recorder.state
    }

    fn is_up(&self, node: NodeIndex) -> bool {
        self.host(node).node().is_some()
    }

    fn note(&mut self, note: Note) {
        match &note {
            // Whichever of the two the best chain ends up with: neither is lost.
            Note::PaidTwice { payment, conflict } => self.seen.taken_back.extend([*payment, *conflict]),
            Note::ConflictRejected { payment, .. } => drop(self.seen.taken_back.remove(payment)),
            _ => {}
        }
        self.recorder.note(self.at_ms(), note);
    }

    fn set_partition(&mut self, partition: Partition) -> Result<(), Violation> {
        let sides = match &partition {
            Partition::Refused(sides) => sides.clone(),
            _ => Vec::new(),
        };
        if !matches!(partition, Partition::Split(_)) {
            self.around.network.heal();
        }
        // Nodes that were on a side before, too: what they were sent then may still be pending.
        let former = core::mem::replace(&mut self.blocked_sides, sides);
        let concerned: BTreeSet<NodeIndex> =
            former.iter().chain(&self.blocked_sides).flatten().copied().collect();
        concerned.into_iter().try_for_each(|node| self.block_other_sides(node))?;
        if let Partition::Split(sides) = &partition {
            let broken = self.around.network.partition(sides);
            self.links_break(broken);
        }
        Ok(())
    }

    fn kill(&mut self, nodes: &[NodeIndex]) -> Result<(), Violation> {
        for node in nodes.iter().copied() {
            if !self.is_up(node) {
                continue;
            }
            self.seen.lost_power = true;
            self.host_mut(node).kill();
            lost(self, node);
            self.recorder.went_down(self.at_ms(), node);
            self.update_sampler(node);
            let broken = self.around.network.isolate(node);
            self.links_break(broken);
        }
        Ok(())
    }

    fn restart(&mut self, nodes: &[NodeIndex]) -> Result<(), Violation> {
        for node in nodes.iter().copied() {
            if self.is_up(node) {
                continue;
            }
            self.start(node)?;
            self.plan_churn(node, Some(self.host(node).life()));
            if !self.blocked_sides.is_empty() {
                self.block_other_sides(node)?;
            }
        }
        Ok(())
    }

    fn slow(&mut self, nodes: &[NodeIndex], percent: u32) -> Result<(), Violation> {
        nodes.iter().for_each(|node| self.around.network.slow(*node, percent));
        Ok(())
    }

    fn set_clock(&mut self, nodes: &[NodeIndex], offset_ms: i64) -> Result<(), Violation> {
        for node in nodes {
            let now = self.now;
            self.host_mut(*node).clock.set_offset(now, offset_ms);
            // What is due by the new time is due now.
            self.hand(*node, Input::Wake)?;
        }
        Ok(())
    }

    fn set_power(&mut self, nodes: &[(NodeIndex, Power)]) -> Result<(), Violation> {
        for (node, power) in nodes.iter().copied() {
            match power {
                Power::None => self.set_hashrate(node, Hashrate::NONE),
                Power::Total => self.set_hashrate(node, self.plan.total_hashrate()),
                Power::Percent(percent) if self.secret_mines_at(node, percent) => {}
                Power::Percent(percent) => self.set_hashrate(node, self.plan.hashrate_at(node, percent)),
            }
        }
        Ok(())
    }

    fn mine(&mut self, node: NodeIndex, blocks: u32) -> Result<(), Violation> {
        (0..blocks).try_for_each(|_| self.found(node))
    }

    fn pay(&mut self, node: NodeIndex, payments: u32, twice_at: Option<NodeIndex>) -> Result<(), Violation> {
        pay_many(self, node, payments, twice_at)
    }

    /// The group's links are made anew, so that others receive what it had kept back; an intermittent node that
    /// is away comes back, for nothing else wakes it.
    fn behave(&mut self, group: usize, behaviour: &Behaviour) -> Result<(), Violation> {
        let Some(held) = self.around.behaviours.get_mut(group).filter(|held| *held != behaviour) else {
            return Ok(());
        };
        let was_intermittent = matches!(held, Behaviour::Intermittent { .. });
        *held = behaviour.clone();
        let nodes: Vec<NodeIndex> = self.plan.groups[group].members().collect();
        for node in nodes {
            self.show_secrets(node);
            let broken = self.around.network.isolate(node);
            self.links_break(broken);
            if was_intermittent {
                self.restart(&[node])?;
            }
        }
        Ok(())
    }
}

impl Payments for World {
    type Error = Violation;

    fn wallets(&mut self) -> &mut Wallets {
        &mut self.wallets
    }

    fn takes_payments(&self, node: NodeIndex) -> bool {
        self.is_up(node) && !self.apart.contains(&node)
    }

    fn submit(
        &mut self,
        at: NodeIndex,
        request: RequestId,
        transaction: Arc<Transaction>,
    ) -> Result<Answer, Violation> {
        self.hand(
            at,
            Input::Submit {
                request,
                submission: Submission::Transaction { transaction, max_fee_rate: None },
            },
        )?;
        Ok(Answer::Later)
    }

    fn note(&mut self, note: Note) {
        Network::note(self, note);
    }
}

impl Observed for World {
    fn recorder(&mut self) -> &mut Recorder {
        &mut self.recorder
    }

    fn end_attacks(&mut self) {
        self.stop_attackers();
    }

    fn highest(&self) -> u32 {
        self.highest
    }

    fn steps_taken(&self) -> usize {
        self.steps_taken
    }

    fn ways(&self) -> BTreeMap<NodeIndex, BTreeSet<NodeIndex>> {
        let dials =
            self.hosts.iter().flat_map(|host| host.dials().iter().map(|dialled| (host.index(), *dialled)));
        let dials = dials.filter(|(one, other)| self.is_up(*one) && self.is_up(*other));
        ways(self.around.network.links().chain(dials))
    }

    fn are_even(&self, groups: &[Vec<NodeIndex>]) -> bool {
        is_one_in_each(groups, |node| self.host(node).node().map(|node| node.chain().work()))
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::plan::Step;

    #[test]
    fn who_comes_and_goes_goes_again_after_a_step_killed_and_restarted_it() {
        let (at, node) = (Duration::from_secs, NodeIndex::new(1));
        let mut plan = Plan::quiet(3);
        plan.groups[0].behaviour = Behaviour::Intermittent { up: at(100), down: at(1) };
        plan.steps = vec![(at(10), Step::Kill(vec![node])), (at(12), Step::Restart(vec![node]))];
        let mut world = World::new(plan, 1).expect("it starts");
        while world.elapsed() < at(400) && world.step().expect("nothing breaks") {}
        // It is up for 150 s at most, so that two more lives have begun since the restart.
        assert!(world.host(node).life() >= 4, "{}", world.host(node).life());
    }

    #[test]
    fn six_hundred_payments_a_second_are_six_hundred() {
        let mut plan = Plan::quiet(3);
        plan.workload.payment_every = Some(Duration::from_nanos(1_666_666));
        plan.workload.wallets = 900;
        let mut world = World::new(plan, 1).expect("it starts");
        while world.next_time().is_some_and(|next| next <= Duration::from_secs(1)) {
            world.step().expect("nothing breaks");
        }
        assert_eq!(world.wallets.next, 600);
    }
}
