//! Executor: the thread that does to the nodes what the plan says, one thing after another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use cairn_genesis::hashrate::Hashrate;
use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::network::Network as Distances;
use cairn_simulator::node_index::NodeIndex;
use cairn_simulator::partition::Partition;
use cairn_simulator::plan::{Plan, Step};
use cairn_simulator::settling::{Settlement, steps_left};

use crate::devnet::error::DevnetError;
use crate::devnet::event::DevnetEvent;
use crate::devnet::groups::Groups;
use crate::devnet::mining::mine;
use crate::devnet::network::Network;
use crate::devnet::scenario::payments::Payer;
use crate::devnet::scenario::rates::Rates;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Everybody begins to mine.
    Mine,
    /// A step of the plan, by number.
    Step(usize),
    /// A node goes without a word.
    Kill(NodeIndex),
    /// It comes back.
    Restart(NodeIndex),
    /// Mining ends, and the plan with it, of which so many steps were taken: what would have been mended is
    /// mended, and then nobody mines but one on each side of a cut that is left, with what all had.
    Settle(usize),
    /// Nobody mines any more.
    Rest,
}

/// What the thread works with.
#[derive(Debug)]
pub struct Executor {
    plan: Plan,
    rates: Rates,
    network: Arc<Network>,
    payer: Arc<Mutex<Payer>>,
    /// How fast each node mines, or will when it runs again.
    now: Vec<u64>,
    /// How the plan's steps have cut the network.
    cut: Partition,
    /// How far nodes are from each other: as far as in the simulator. Nothing where the plan has no word
    /// about it.
    distances: Option<Distances>,
}

impl Executor {
    /// Executor that have done nothing yet.
    pub fn new(plan: Plan, rates: Rates, network: Arc<Network>, payer: Arc<Mutex<Payer>>) -> Self {
        let now = rates.first().to_vec();
        let distances = plan.has_late_links().then(|| plan.network(plan.seed));
        Self { plan, rates, network, payer, now, cut: Partition::default(), distances }
    }

    /// Carries out orders until nobody gives any, or until `stop` is set; says when each step of the
    /// plan begins and ends.
    pub fn work(mut self, orders: &Receiver<Command>, stop: &AtomicBool) {
        while let Ok(order) = orders.recv() {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let network = self.network.clone();
            let _turn = network.turns.wait("the scenario");
            if let Err(error) = self.carry_out(&order) {
                let (what, why) = (self.in_words(&order), error.to_string());
                network.happened(DevnetEvent::StepFailed { what, why });
            }
        }
    }

    fn in_words(&self, order: &Command) -> String {
        match order {
            Command::Mine => "everybody begins to mine".into(),
            Command::Step(number) => {
                self.plan.steps.get(*number).map_or_else(String::new, |(_, step)| self.plan.in_words(step))
            }
            Command::Kill(node) => format!("{node} goes"),
            Command::Restart(node) => format!("{node} comes back"),
            Command::Rest => "nobody mines any more".into(),
            Command::Settle(_) => "all are mended, and one miner goes on until all agree".into(),
        }
    }

    fn carry_out(&mut self, order: &Command) -> Result<(), DevnetError> {
        match order {
            Command::Mine => {
                self.lengthen_links(&self.plan.indices().collect::<Vec<_>>())?;
                self.mine_everywhere()
            }
            Command::Step(number) => self.plan_step(*number),
            Command::Kill(node) => self.kill(*node),
            Command::Restart(node) => self.restart(&[*node]),
            Command::Settle(taken) => self.settle(*taken),
            Command::Rest => {
                self.now.fill(0);
                self.mine_everywhere()
            }
        }
    }

    fn plan_step(&mut self, number: usize) -> Result<(), DevnetError> {
        let Some((_, step)) = self.plan.steps.get(number).cloned() else { return Ok(()) };
        self.network.happened(DevnetEvent::StepBegun(number));
        self.cut.take(&step, usize::from(self.plan.nodes()));
        self.step(step)?;
        self.network.happened(DevnetEvent::StepDone(number));
        Ok(())
    }

    fn settle(&mut self, taken: usize) -> Result<(), DevnetError> {
        let mut left_out = self.plan.steps.len() - taken;
        for number in steps_left(&self.plan, taken) {
            if self.changes_something(&self.plan.steps[number].1) {
                self.plan_step(number)?;
                left_out -= 1;
            }
        }
        let behaviours: Vec<Behaviour> =
            self.plan.groups.iter().map(|group| group.behaviour.clone()).collect();
        let settlement =
            Settlement::new(&self.plan, &self.cut, &behaviours, |node| self.runs(node)).leaving_out(left_out);
        for (node, now) in self.plan.indices().zip(&mut self.now) {
            *now = if settlement.miners.contains(&node) { self.rates.total() } else { 0 };
        }
        self.mine_everywhere()?;
        self.network.happened(DevnetEvent::Settling(settlement));
        Ok(())
    }

    fn step(&mut self, step: Step) -> Result<(), DevnetError> {
        match step {
            Step::Partition(groups) | Step::Refuse(groups) => {
                let side = |side: Vec<NodeIndex>| side.into_iter().map(NodeIndex::number).collect();
                let sides: Vec<BTreeSet<u16>> = groups.into_iter().map(side).collect();
                self.network.cut(Groups::sides(sides, self.plan.nodes()))
            }
            Step::Heal => self.network.cut(Groups::whole(self.plan.nodes())),
            Step::Kill(nodes) => nodes.into_iter().try_for_each(|node| self.kill(node)),
            Step::Restart(nodes) => self.restart(&nodes),
            Step::Mine { node, blocks } if self.runs(node) => {
                let node = node.number();
                mine(&self.network, node, blocks, &self.network.plan(node)?.reward).map(drop)
            }
            Step::SetHashrate { nodes, percent } => nodes.into_iter().try_for_each(|node| {
                let rate = self.rates.percent(node, percent);
                if let Some(now) = self.now.get_mut(node.index()) {
                    *now = rate;
                }
                if self.runs(node) { self.set_mining(node.number()) } else { Ok(()) }
            }),
            Step::Pay { node, payments, twice_at } if self.runs(node) => {
                let mut payer = self.payer.lock().unwrap_or_else(PoisonError::into_inner);
                let (payments, why) = payer.pay_many(node, payments, twice_at);
                self.network.happened(DevnetEvent::HandedIn { payments, why });
                Ok(())
            }
            Step::Slow { nodes, percent } => {
                let distances = self.distances.iter_mut();
                distances.for_each(|all| nodes.iter().for_each(|node| all.slow(*node, percent)));
                self.lengthen_links(&nodes)
            }
            // Whoever is down does neither; the last was refused before.
            Step::Mine { .. } | Step::Pay { .. } | Step::Behave { .. } => Ok(()),
        }
    }

    /// Lets everything to and from these nodes take as long as it does now.
    fn lengthen_links(&self, nodes: &[NodeIndex]) -> Result<(), DevnetError> {
        let Some(distances) = &self.distances else { return Ok(()) };
        let pairs = nodes.iter().flat_map(|one| self.plan.indices().map(move |other| (*one, other)));
        let late = |(one, other): (NodeIndex, NodeIndex)| {
            let late_ms = distances.latency(one, other).as_millis() as u64;
            ((one.min(other).number(), one.max(other).number()), late_ms)
        };
        let pairs: BTreeMap<(u16, u16), u64> = pairs.filter(|(one, other)| one != other).map(late).collect();
        self.network.lengthen(&pairs)
    }

    /// Whether a step that mends has anything to mend.
    fn changes_something(&self, step: &Step) -> bool {
        match step {
            Step::Restart(nodes) => nodes.iter().any(|node| !self.runs(*node)),
            Step::Slow { .. } => true,
            _ => !self.cut.is_whole(),
        }
    }

    fn runs(&self, node: NodeIndex) -> bool {
        self.network.client(node.number()).is_ok()
    }

    fn kill(&self, node: NodeIndex) -> Result<(), DevnetError> {
        if self.runs(node) { self.network.kill(node.number()) } else { Ok(()) }
    }

    /// All of them at once, for a process takes its time to start.
    fn restart(&self, nodes: &[NodeIndex]) -> Result<(), DevnetError> {
        let down = nodes.iter().copied().filter(|node| !self.runs(*node));
        let restart = |node: NodeIndex| {
            self.network.restart(node.number())?;
            self.set_mining(node.number())
        };
        std::thread::scope(|scope| {
            let starting: Vec<_> = down.map(|node| scope.spawn(move || restart(node))).collect();
            let join = |one: std::thread::ScopedJoinHandle<'_, Result<(), DevnetError>>| {
                one.join().expect("a restart does not panic")
            };
            // Every one is waited for, also when one failed.
            let done: Vec<Result<(), DevnetError>> = starting.into_iter().map(join).collect();
            done.into_iter().collect()
        })
    }

    fn mine_everywhere(&self) -> Result<(), DevnetError> {
        self.network.running().into_iter().try_for_each(|node| self.set_mining(node))
    }

    fn set_mining(&self, node: u16) -> Result<(), DevnetError> {
        let rate = self.now.get(usize::from(node)).copied().unwrap_or(0);
        self.network.mine_at(node, Hashrate::per_second(rate))
    }
}
