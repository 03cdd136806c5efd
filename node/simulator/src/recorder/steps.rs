//! Steps of the plan as both engines carry them out: what is told of them, and from when on agreement is
//! awaited.
//!
//! What cannot be done is told as that: whoever is down mines nothing, and where nothing is cut, nothing
//! heals.

use crate::behaviour::Behaviour;
use crate::node_index::NodeIndex;
use crate::partition::Partition;
use crate::plan::Step;
use crate::recorder::Recorder;
use crate::recorder::pending_step::PendingStep;
use crate::report::{Convergence, MomentKind};
use crate::settling::Settlement;
use crate::text::duration;

impl Recorder {
    /// A step of the plan is about to be carried out. One that mends is told now, before anything can
    /// follow from it.
    pub fn step_begins(&mut self, at_ms: u64, step: &Step) {
        let step_under_way = self.foreseen(step);
        if step_under_way.mends {
            let text = step_under_way.text.clone();
            self.convergence.push(Convergence { after: text.clone(), at_ms, took_ms: None });
            self.is_mending = false;
            self.tell(at_ms, MomentKind::Step, text);
        }
        self.under_way = Some(step_under_way);
        if let Step::Behave { group, behaviour } = step {
            let sides = self.sides_if_bridged();
            if let Some(held) = self.behaviours.get_mut(*group) {
                *held = behaviour.clone();
            }
            self.bridges_changed(sides);
        }
        let was_whole = self.cut.is_whole();
        self.cut.take(step, self.groups.len());
        match step {
            Step::Heal | Step::Partition(_) | Step::Refuse(_) => {}
            // A restart or another behaviour mends too, but the sides are still cut from each other.
            _ => return,
        }
        if !self.cut.is_whole() {
            self.blocks.contact.cut(&self.sides());
            self.first_cut_ms.get_or_insert(at_ms);
            // Agreement that was awaited is no longer to be had.
            self.is_mending = false;
        } else if !was_whole {
            self.blocks.contact.heal();
            self.healed_ms.get_or_insert(at_ms);
        }
    }

    /// A step has been carried out. Agreement after one that mends is measured from here: before, a
    /// node that is about to start again is not yet among those that must agree.
    pub fn step_is_done(&mut self, at_ms: u64, step: &Step) {
        let PendingStep { text, mends, .. } = self.under_way.take().unwrap_or_else(|| self.foreseen(step));
        if mends {
            self.is_mending = true;
        } else {
            self.is_mending &= self.agreement.tips() > 1;
            self.tell(at_ms, MomentKind::Step, text);
        }
        self.look_for_agreement(at_ms);
    }

    /// The sides of the cut that stands.
    pub fn sides(&self) -> Vec<Vec<NodeIndex>> {
        let passes_on = |node: NodeIndex| {
            let group = self.groups.get(node.index()).and_then(|group| self.behaviours.get(*group));
            group.is_none_or(Behaviour::passes_on)
        };
        self.cut.sides(self.plan.nodes(), |node| self.blocks.contact.is_up(node) && passes_on(node))
    }

    /// The sides, where nodes that come or go can change them.
    pub(crate) fn sides_if_bridged(&self) -> Option<Vec<Vec<NodeIndex>>> {
        matches!(self.cut, Partition::Refused(_)).then(|| self.sides())
    }

    /// Some bridge between sides may have come or gone since they were these.
    pub(crate) fn bridges_changed(&mut self, before: Option<Vec<Vec<NodeIndex>>>) {
        let now = self.sides_if_bridged();
        if let Some(sides) = now.filter(|now| before.is_some_and(|before| before != *now)) {
            self.blocks.contact.cut(&sides);
        }
    }

    /// Of a step that pays, so many payments were handed in; `why` not all of them.
    pub fn handed_in(&mut self, paid: u32, why: &str) {
        let Some(PendingStep { step: Step::Pay { node, payments, twice_at }, text, .. }) =
            &mut self.under_way
        else {
            return;
        };
        let (node, missing) = (*node, payments.saturating_sub(paid));
        if missing > 0 {
            let handed_in = match paid {
                0 => format!("nothing is handed in at {node}"),
                _ => {
                    let paid = Step::Pay { node, payments: paid, twice_at: *twice_at };
                    format!("{}; {missing} more are not", self.plan.in_words(&paid))
                }
            };
            *text = format!("{handed_in}: {why}");
        }
    }

    /// Whether a step does anything, as things are now.
    pub fn changes_something(&self, step: &Step) -> bool {
        !self.foreseen(step).is_idle
    }

    /// What a step will do to the nodes as they are now.
    fn foreseen(&self, step: &Step) -> PendingStep {
        let told = |text: String, mends| PendingStep { step: step.clone(), text, mends, is_idle: false };
        let plain = || told(self.plan.in_words(step), step.mends(self.groups.len()));
        let idle = |text: String| PendingStep { is_idle: true, ..told(text, false) };
        let is = |nodes: &[NodeIndex]| if nodes.len() == 1 { "is" } else { "are" };
        let who = |nodes: &[NodeIndex]| self.plan.nodes_in_words(nodes);
        match step {
            step if step.joins_all(self.groups.len()) && self.cut.is_whole() => {
                idle("nothing to heal: no cut stands".into())
            }
            Step::Kill(nodes) => {
                let (dead, up) = self.told_apart(nodes, |node| !self.is_down(node));
                match (up.is_empty(), dead.is_empty()) {
                    (true, _) => {
                        idle(format!("nobody loses power: {} {} down already", who(&dead), is(&dead)))
                    }
                    (_, true) => plain(),
                    (_, false) => {
                        let killed = self.plan.in_words(&Step::Kill(up));
                        told(format!("{killed}; {} {} down already", who(&dead), is(&dead)), false)
                    }
                }
            }
            Step::Restart(nodes) => {
                let (running, down) = self.told_apart(nodes, |node| self.is_down(node));
                let run = if running.len() == 1 { "runs" } else { "run" };
                // A secret node is no part of the network: nobody waits for it to agree.
                let mends = down.iter().any(|node| !self.plan.is_secret(*node));
                match (down.is_empty(), running.is_empty()) {
                    (true, _) => idle(format!("nobody is started again: {} {run} already", who(&running))),
                    (_, true) => told(self.plan.in_words(step), mends),
                    (_, false) => {
                        let started = self.plan.in_words(&Step::Restart(down));
                        told(format!("{started}; {} {run} already", who(&running)), mends)
                    }
                }
            }
            Step::Mine { node, .. } if self.is_down(*node) => idle(format!("{node} is down: nothing mined")),
            Step::Pay { node, .. } if self.is_down(*node) => {
                idle(format!("{node} is down: nothing is handed in"))
            }
            Step::Pay { node, payments, twice_at: Some(other) } if self.is_down(*other) => {
                let once = Step::Pay { node: *node, payments: *payments, twice_at: None };
                let text = format!("{}; {other} is down: nothing is paid twice", self.plan.in_words(&once));
                PendingStep { step: once, ..told(text, false) }
            }
            Step::Behave { group, behaviour } if self.behaviours.get(*group) == Some(behaviour) => {
                let name = self.plan.groups.get(*group).map_or("?", |group| group.name.as_str());
                idle(format!("{name} is {} already", behaviour.word()))
            }
            Step::Behave { group, .. } => {
                // Who came and went is started with it.
                let comes = matches!(self.behaviours.get(*group), Some(Behaviour::Intermittent { .. }));
                let lives = comes || self.plan.groups[*group].members().any(|node| !self.is_down(node));
                told(self.plan.in_words(step), lives && step.mends(self.groups.len()))
            }
            _ => plain(),
        }
    }

    /// Places for which it does not hold, and those for which it does.
    fn told_apart(
        &self,
        nodes: &[NodeIndex],
        holds: impl Fn(NodeIndex) -> bool,
    ) -> (Vec<NodeIndex>, Vec<NodeIndex>) {
        let (yes, no) = nodes.iter().copied().partition(|node| holds(*node));
        (no, yes)
    }

    /// Whether a node is known to be down. A double-spender's secret one is in contact with nobody.
    fn is_down(&self, node: NodeIndex) -> bool {
        if self.plan.is_secret(node) {
            return !self.secret.contains(&node);
        }
        !self.blocks.contact.is_up(node)
    }

    /// Mining ends: from here on these nodes mine alone, each on its side, until each side agrees. So
    /// many steps of the plan are left out, as the run stops before them.
    pub fn mining_ends(&mut self, at_ms: u64, settlement: &Settlement) {
        let Settlement { sides, miners, left_out, .. } = settlement;
        let left_out = left_out_in_words(*left_out);
        let then = match (miners.as_slice(), sides.len() > 1) {
            ([], _) => "no node runs".into(),
            (_, true) if self.agrees_within(sides) => "each side agrees".into(),
            (_, false) if self.agrees_within(sides) => "all nodes agree".into(),
            (miners, true) => {
                let mine = if miners.len() == 1 { "mines" } else { "mine" };
                format!("{} {mine} on until each side agrees", self.plan.nodes_in_words(miners))
            }
            (miners, false) => format!("{} mines on until all agree", self.plan.nodes_in_words(miners)),
        };
        self.tell(at_ms, MomentKind::Phase, format!("mining ends{left_out}; {then}"));
    }

    /// Mining ends, and the run with it, so that so many steps are left out: nobody waits for agreement.
    pub fn ends_as_it_stands(&mut self, at_ms: u64, left_out: usize) {
        let (how, left_out) = (self.standing().in_words(), left_out_in_words(left_out));
        self.tell(at_ms, MomentKind::Phase, format!("mining ends{left_out}, and the run with it: {how}"));
    }

    /// The time for agreement is over, and branches of equal work are left: each node keeps the one that it
    /// heard of first, and nobody finds another block.
    pub fn ends_even(&mut self, at_ms: u64) {
        let how = self.standing().in_words();
        self.tell(at_ms, MomentKind::Phase, format!("the run is over: {how} of equal work"));
    }

    /// All that can agree have done so; whoever has another tip had the time for it, and no way to.
    pub fn settled(&mut self, at_ms: u64) {
        self.is_apart = self.agreement.tips() > 1;
        let how = self.standing().in_words();
        self.tell(at_ms, MomentKind::Phase, format!("the run is over: {how}"));
    }

    /// Somebody stopped the run before its end.
    pub fn interrupted(&mut self, at_ms: u64) {
        if core::mem::replace(&mut self.is_interrupted, true) {
            return;
        }
        self.tell(at_ms, MomentKind::Phase, "the run was stopped before its end".into());
    }

    pub(crate) fn look_for_agreement(&mut self, at_ms: u64) {
        if !self.is_mending || self.agreement.tips() != 1 {
            return;
        }
        self.is_mending = false;
        let mut took = None;
        for mended in self.convergence.iter_mut().rev().take_while(|one| one.took_ms.is_none()) {
            let waited = at_ms.saturating_sub(mended.at_ms);
            mended.took_ms = Some(waited);
            took = took.or(Some(waited));
        }
        if let Some(took) = took {
            let who = if self.plan.indices().any(|node| self.is_down(node)) { " that run" } else { "" };
            let text =
                format!("all nodes{who} agree again, {} after the last step that mends", duration(took));
            self.tell(at_ms, MomentKind::Agreement, text);
        }
    }
}

fn left_out_in_words(steps: usize) -> String {
    match steps {
        0 => String::new(),
        1 => " before its plan does, so that a step is left out".into(),
        many => format!(" before its plan does, so that {many} steps are left out"),
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::hash::BlockHash;

    use super::*;
    use crate::plan::Plan;

    fn hash(number: u8) -> BlockHash {
        BlockHash::from_bytes([number; 32])
    }

    /// Of three nodes the last is down.
    fn recorder() -> Recorder {
        let mut recorder = Recorder::new(&Plan::quiet(3), hash(0));
        (0..2).for_each(|number| recorder.came_up(0, NodeIndex::new(number), hash(1)));
        recorder
    }

    fn told(recorder: &mut Recorder, step: Step) -> String {
        recorder.step_begins(10, &step);
        recorder.step_is_done(10, &step);
        recorder.timeline().iter().rfind(|one| one.kind == MomentKind::Step).expect("told").text.clone()
    }

    #[test]
    fn agreement_after_a_restart_counts_from_when_it_was_carried_out() {
        let mut recorder = Recorder::new(&Plan::quiet(2), hash(0));
        recorder.came_up(0, NodeIndex::new(0), hash(1));
        // The other is down, so those that live agree; they are not all that must.
        let restart = Step::Restart(vec![NodeIndex::new(1)]);
        recorder.step_begins(10, &restart);
        assert_eq!(recorder.convergence[0].took_ms, None);
        recorder.came_up(10, NodeIndex::new(1), hash(0));
        recorder.step_is_done(10, &restart);
        recorder.tip(40, NodeIndex::new(1), hash(1));
        assert_eq!(recorder.convergence[0].took_ms, Some(30));
    }

    #[test]
    fn only_what_joins_all_ends_the_first_cut() {
        let (one, other) = (NodeIndex::new(0), NodeIndex::new(1));
        let mut recorder = Recorder::new(&Plan::quiet(2), BlockHash::ZERO);
        recorder.step_begins(5, &Step::Heal);
        recorder.step_begins(10, &Step::Partition(vec![vec![one], vec![other]]));
        recorder.step_begins(20, &Step::Restart(vec![one]));
        recorder.step_begins(30, &Step::Behave { group: 0, behaviour: crate::behaviour::Behaviour::Honest });
        recorder.step_begins(40, &Step::Partition(vec![vec![other], vec![one]]));
        assert_eq!((recorder.first_cut_ms, recorder.healed_ms), (Some(10), None));
        recorder.step_begins(50, &Step::Partition(vec![vec![one, other]]));
        recorder.step_begins(60, &Step::Heal);
        assert_eq!((recorder.first_cut_ms, recorder.healed_ms), (Some(10), Some(50)));
    }

    #[test]
    fn what_is_down_does_nothing_and_the_timeline_says_so() {
        let (mut recorder, up, down) = (recorder(), NodeIndex::new(0), NodeIndex::new(2));
        let words = [
            (Step::Mine { node: down, blocks: 3 }, "node 2 is down: nothing mined"),
            (Step::Mine { node: up, blocks: 3 }, "node 0 mines 3 blocks at once"),
            (Step::Pay { node: down, payments: 1, twice_at: None }, "node 2 is down: nothing is handed in"),
            (
                Step::Pay { node: up, payments: 1, twice_at: Some(down) },
                "a payment is handed in at node 0; node 2 is down: nothing is paid twice",
            ),
            (Step::Kill(vec![down]), "nobody loses power: node 2 is down already"),
            (Step::Kill(vec![up, down]), "power lost: 0; node 2 is down already"),
        ];
        for (step, text) in words {
            assert_eq!(told(&mut recorder, step), text);
        }
    }

    #[test]
    fn what_mends_nothing_is_told_as_that_and_not_waited_for() {
        let (mut recorder, up, down) = (recorder(), NodeIndex::new(0), NodeIndex::new(2));
        assert_eq!(told(&mut recorder, Step::Heal), "nothing to heal: no cut stands");
        let restart = Step::Restart(vec![up, NodeIndex::new(1)]);
        assert_eq!(told(&mut recorder, restart), "nobody is started again: nodes 0,1 run already");
        assert!(recorder.convergence.is_empty());
        let restart = Step::Restart(vec![up, down]);
        assert_eq!(told(&mut recorder, restart), "started again: 2; node 0 runs already");
        told(&mut recorder, Step::Partition(vec![vec![up], vec![down]]));
        assert_eq!(told(&mut recorder, Step::Heal), "healed: all nodes may reach each other again");
        assert_eq!(recorder.convergence.len(), 2);
    }

    #[test]
    fn the_end_of_mining_names_who_mines_on_and_what_was_left_out() {
        let mut recorder = recorder();
        let (one, other) = (NodeIndex::new(0), NodeIndex::new(1));
        let (all, sides) = (vec![vec![one, other]], vec![vec![one], vec![other]]);
        let settlement = |miners: &[NodeIndex], sides: &Vec<Vec<NodeIndex>>, left_out| Settlement {
            miners: miners.to_vec(),
            sides: sides.clone(),
            left_out,
            ..Settlement::default()
        };
        recorder.tip(10, other, hash(2));
        recorder.mining_ends(20, &settlement(&[other], &all, 0));
        recorder.mining_ends(20, &settlement(&[one, other], &sides, 2));
        recorder.came_up(25, NodeIndex::new(2), hash(3));
        let of_three = vec![vec![one, NodeIndex::new(2)], vec![other]];
        recorder.mining_ends(25, &settlement(&[one, other], &of_three, 0));
        recorder.went_down(28, NodeIndex::new(2));
        recorder.tip(30, other, hash(1));
        recorder.mining_ends(30, &settlement(&[other], &all, 1));
        let texts: Vec<&str> = recorder.timeline().iter().map(|one| one.text.as_str()).collect();
        let expected = [
            "mining ends; node 1 mines on until all agree",
            "mining ends before its plan does, so that 2 steps are left out; each side agrees",
            "mining ends; nodes 0,1 mine on until each side agrees",
            "mining ends before its plan does, so that a step is left out; all nodes agree",
        ];
        assert_eq!(texts, expected);
    }
}
