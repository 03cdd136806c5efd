//! Steps of a plan, carried out.

use std::collections::{BTreeMap, BTreeSet};

use cairn_protocol::input::{Input, PeerCommand};

use crate::agenda::Occurrence;
use crate::behaviour::Behaviour;
use crate::invariants::Violation;
use crate::node_index::NodeIndex;
use crate::plan::Step;
use crate::settling::{Settlement, is_one_in_each, steps_left, ways};
use crate::world::World;
use cairn_genesis::hashrate::Hashrate;

impl World {
    pub(super) fn take_plan_step(&mut self, index: usize) -> Result<(), Violation> {
        if index < self.steps_taken {
            return Ok(());
        }
        let Some((_, step)) = self.plan.steps.get(index).cloned() else { return Ok(()) };
        self.steps_taken = index + 1;
        let at_ms = self.at_ms();
        self.recorder.step_begins(at_ms, &step);
        self.carry_out_step(&step)?;
        self.recorder.step_is_done(at_ms, &step);
        Ok(())
    }

    /// Mining ends, and with it the plan: what would have been mended is mended now. Then one miner on
    /// each side that can agree goes on, with the speed of all: with only its own it could be unlucky for
    /// longer than agreement may take.
    pub fn settle(&mut self) -> Result<Settlement, Violation> {
        let mut left_out = self.steps_left();
        for index in steps_left(&self.plan, self.steps_taken) {
            if self.recorder.changes_something(&self.plan.steps[index].1) {
                self.take_plan_step(index)?;
                left_out -= 1;
            }
        }
        self.steps_taken = self.plan.steps.len();
        let lives = |node| self.host(node).node().is_some() && !self.apart.contains(&node);
        let settlement = Settlement::new(&self.plan, self.recorder.cut(), &self.around.behaviours, lives)
            .leaving_out(left_out);
        for node in self.plan.indices() {
            let all = self.plan.total_hashrate();
            let mines_on = settlement.miners.contains(&node);
            self.set_hashrate(node, if mines_on { all } else { Hashrate::NONE });
        }
        self.recorder.mining_ends(self.at_ms(), &settlement);
        Ok(settlement)
    }

    /// How many steps of the plan are still to come.
    pub const fn steps_left(&self) -> usize {
        self.plan.steps.len() - self.steps_taken
    }

    /// Nobody mines from now on.
    pub fn end_mining(&mut self) {
        self.plan.indices().for_each(|node| self.set_hashrate(node, Hashrate::NONE));
    }

    /// Whether the living nodes of each of these groups have chains of equal work.
    pub fn are_even(&self, groups: &[Vec<NodeIndex>]) -> bool {
        is_one_in_each(groups, |node| self.host(node).node().map(|node| node.chain().work()))
    }

    /// Whom each living node is linked to, or would be: whom it dials, and who dials it.
    pub fn ways(&self) -> BTreeMap<NodeIndex, BTreeSet<NodeIndex>> {
        let lives = |node: NodeIndex| self.host(node).node().is_some();
        let dials =
            self.hosts.iter().flat_map(|host| host.dials().iter().map(|dialled| (host.index(), *dialled)));
        ways(self.around.network.links().chain(dials.filter(|(one, other)| lives(*one) && lives(*other))))
    }

    fn carry_out_step(&mut self, step: &Step) -> Result<(), Violation> {
        match step {
            // A new cut takes the place of the one before.
            Step::Partition(groups) => {
                self.refuse_across(Vec::new())?;
                let broken = self.around.network.partition(groups);
                self.tell_of(broken);
            }
            Step::Refuse(groups) => {
                self.around.network.heal();
                self.refuse_across(groups.clone())?;
            }
            Step::Heal => {
                self.around.network.heal();
                self.refuse_across(Vec::new())?;
            }
            Step::Kill(nodes) => nodes.iter().for_each(|node| self.kill(*node)),
            Step::Restart(nodes) => {
                for node in nodes {
                    self.start_again(*node)?;
                }
            }
            Step::Slow { nodes, percent } => {
                nodes.iter().for_each(|node| self.around.network.slow(*node, *percent));
            }
            Step::Mine { node, blocks } => {
                for _ in 0..*blocks {
                    self.found(*node)?;
                }
            }
            Step::Pay { node, payments, twice_at } => self.pay_as_planned(*node, *payments, *twice_at)?,
            Step::SetHashrate { nodes, percent } => {
                for node in nodes {
                    if !self.secret_mines_at(*node, *percent) {
                        self.set_hashrate(*node, self.plan.hashrate_at(*node, *percent));
                    }
                }
            }
            Step::Behave { group, behaviour } => self.behave(*group, behaviour.clone())?,
        }
        Ok(())
    }

    fn pay_as_planned(
        &mut self,
        at: NodeIndex,
        payments: u32,
        twice_at: Option<NodeIndex>,
    ) -> Result<(), Violation> {
        if self.host(at).node().is_none() {
            return Ok(());
        }
        let paid = match twice_at {
            Some(other) => self.pay_twice((at, other), payments)?,
            None => self.pay(at, payments)?,
        };
        self.recorder.handed_in(paid, "every wallet waits for an answer, or has paid a coin twice");
        Ok(())
    }

    fn kill(&mut self, node: NodeIndex) {
        if self.host(node).node().is_none() {
            return;
        }
        self.lost_power = true;
        self.host_mut(node).kill();
        self.payers.purses.iter_mut().for_each(|purse| purse.lost(node));
        self.rivals_lost(node);
        self.recorder.went_down(self.at_ms(), node);
        self.enter_lottery(node);
        let broken = self.around.network.isolate(node);
        self.tell_of(broken);
    }

    fn start_again(&mut self, node: NodeIndex) -> Result<(), Violation> {
        if self.host(node).node().is_some() {
            return Ok(());
        }
        self.start(node)?;
        self.plan_going(node);
        if self.refusals.is_empty() { Ok(()) } else { self.refuse(node) }
    }

    /// Whoever comes and goes, and has just been started, goes again; whatever started it, for what
    /// was planned for the life before it no longer counts.
    pub(super) fn plan_going(&mut self, at: NodeIndex) {
        if let Behaviour::Intermittent { up, .. } = self.behaviour_of(at).clone() {
            let goes = self.now.saturating_add(self.comings.jitter(up));
            let life = Some(self.host(at).life());
            self.agenda.plan(goes, Occurrence::ComesOrGoes { at, life });
        }
    }

    /// From now on nodes refuse those of other sides, and nobody else.
    fn refuse_across(&mut self, sides: Vec<Vec<NodeIndex>>) -> Result<(), Violation> {
        // Those on a side before, too: what they were told then may still wait for their disks.
        let former = core::mem::replace(&mut self.refusals, sides);
        let concerned: BTreeSet<NodeIndex> = former.iter().chain(&self.refusals).flatten().copied().collect();
        for node in concerned {
            self.refuse(node)?;
        }
        Ok(())
    }

    /// A node refuses those of other sides, if it is on one, and nobody if it is on none.
    fn refuse(&mut self, node: NodeIndex) -> Result<(), Violation> {
        let side = self.refusals.iter().position(|side| side.contains(&node));
        let is_other = |(number, _): &(usize, &Vec<NodeIndex>)| side.is_some_and(|side| side != *number);
        let others = self.refusals.iter().enumerate().filter(is_other);
        let others = others.flat_map(|(_, nodes)| nodes).map(|node| node.peer_id()).collect();
        self.hand(node, Input::Command(PeerCommand::SetBlocked(others)))
    }

    pub(super) fn comes_or_goes(&mut self, at: NodeIndex, life: Option<u32>) -> Result<(), Violation> {
        let Behaviour::Intermittent { down, .. } = self.behaviour_of(at).clone() else { return Ok(()) };
        match life {
            None => self.start_again(at)?,
            Some(life) if life == self.host(at).life() => {
                self.kill(at);
                let comes = self.now.saturating_add(self.comings.jitter(down));
                self.agenda.plan(comes, Occurrence::ComesOrGoes { at, life: None });
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// A group begins to behave in another way. Its links are made anew, so that everybody hears
    /// from it what it had kept back; who was away for a while comes back, for nobody else wakes it.
    fn behave(&mut self, group: usize, behaviour: Behaviour) -> Result<(), Violation> {
        let Some(held) = self.around.behaviours.get_mut(group).filter(|held| **held != behaviour) else {
            return Ok(());
        };
        let came_and_went = matches!(held, Behaviour::Intermittent { .. });
        *held = behaviour;
        let nodes: Vec<NodeIndex> = self.plan.groups[group].members().collect();
        for node in nodes {
            self.show_secrets(node);
            let broken = self.around.network.isolate(node);
            self.tell_of(broken);
            if came_and_went {
                self.start_again(node)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::plan::Plan;

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
}
