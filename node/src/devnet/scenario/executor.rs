//! The executor: the thread that carries out the conductor's commands on the running devnet, one after another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use cairn_daemon::api::client::SET;
use cairn_genesis::hashrate::Hashrate;
use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::conductor::payments::pay_many;
use cairn_simulator::conductor::steps::{self, Network, Power};
use cairn_simulator::network::Network as Distances;
use cairn_simulator::node_index::NodeIndex;
use cairn_simulator::note::Note;
use cairn_simulator::partition::Partition;
use cairn_simulator::plan::Plan;
use cairn_simulator::plan_state::PlanState;

use crate::devnet::error::DevnetError;
use crate::devnet::event::DevnetEvent;
use crate::devnet::groups::Groups;
use crate::devnet::mining::mine;
use crate::devnet::network::Network as Devnet;
use crate::devnet::scenario::payments::Payer;
use crate::devnet::scenario::rates::Rates;
use cairn_genesis::programs::held::held;

/// What is to be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Links get their delays, and every node mines.
    Begin,
    /// A step of the plan, by its index.
    Step(usize),
    Kill(NodeIndex),
    Restart(NodeIndex),
    /// Mining ends, and the plan after this number of steps.
    Settle(usize),
    EndMining,
}

/// A devnet on which a plan is played.
#[derive(Debug)]
pub struct Executor {
    plan: Arc<Plan>,
    rates: Rates,
    devnet: Arc<Devnet>,
    payer: Arc<Mutex<Payer>>,
    state: PlanState,
    /// Hashes per second of each node while it is up.
    power: Vec<u64>,
    begin: Instant,
    /// The latencies between nodes, as in the simulator; none where the plan says nothing of them.
    distances: Option<Distances>,
}

impl Executor {
    /// An executor that has carried out nothing yet.
    pub fn new(plan: Arc<Plan>, rates: Rates, devnet: Arc<Devnet>, payer: Arc<Mutex<Payer>>) -> Self {
        let (power, state) = (rates.first().to_vec(), PlanState::new(&plan));
        let distances = plan.has_late_links().then(|| plan.network(plan.seed));
        Self { plan, rates, devnet, payer, state, power, begin: Instant::now(), distances }
    }

    /// Carries out commands until there are no more, or until `stop` is set.
    pub fn work(mut self, commands: &Receiver<Command>, stop: &AtomicBool) {
        while let Ok(command) = commands.recv() {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let devnet = self.devnet.clone();
            let _turn = devnet.turns.wait("the scenario");
            if let Err(error) = self.carry_out(command) {
                devnet.happened(DevnetEvent::StepFailed {
                    what: self.in_words(command),
                    why: error.to_string(),
                });
            }
        }
    }

    fn in_words(&self, command: Command) -> String {
        match command {
            Command::Begin => "every node begins to mine".into(),
            Command::Step(index) => {
                self.plan.steps.get(index).map_or_else(String::new, |(_, step)| self.plan.in_words(step))
            }
            Command::Kill(node) => format!("{node} goes down"),
            Command::Restart(node) => format!("{node} comes back"),
            Command::Settle(_) => "one miner on each side goes on until all agree".into(),
            Command::EndMining => "no node mines any more".into(),
        }
    }

    fn carry_out(&mut self, command: Command) -> Result<(), DevnetError> {
        match command {
            Command::Begin => {
                self.set_delays(&self.plan.indices().collect::<Vec<_>>())?;
                self.devnet.running().into_iter().try_for_each(|node| self.set_mining(node))
            }
            Command::Step(index) => steps::take_step(self, index),
            Command::Kill(node) => self.kill(&[node]),
            Command::Restart(node) => self.restart(&[node]),
            Command::Settle(steps_taken) => {
                steps::settle(self, steps_taken, self.begin.elapsed().as_millis() as u64).map(drop)
            }
            Command::EndMining => steps::end_mining(self),
        }
    }

    /// Delays everything to and from these nodes as long as it takes now.
    fn set_delays(&self, nodes: &[NodeIndex]) -> Result<(), DevnetError> {
        let Some(distances) = &self.distances else { return Ok(()) };
        let pairs = nodes.iter().flat_map(|one| self.plan.indices().map(move |other| (*one, other)));
        let late = |(one, other): (NodeIndex, NodeIndex)| {
            let late_ms = distances.latency(one, other).as_millis() as u64;
            ((one.min(other).number(), one.max(other).number()), late_ms)
        };
        let pairs: BTreeMap<(u16, u16), u64> = pairs.filter(|(one, other)| one != other).map(late).collect();
        self.devnet.lengthen(&pairs)
    }

    fn set_mining(&self, node: u16) -> Result<(), DevnetError> {
        let rate = self.power.get(usize::from(node)).copied().unwrap_or(0);
        self.devnet.mine_at(node, Hashrate::per_second(rate))
    }

    fn set_clock_of(&self, node: NodeIndex) -> Result<(), DevnetError> {
        let Some(offset_ms) = self.state.clock_offset_ms(node) else { return Ok(()) };
        self.devnet.call(SET, node.number(), "setclockoffset", [offset_ms])
    }
}

impl Network for Executor {
    type Error = DevnetError;

    fn plan(&self) -> Arc<Plan> {
        self.plan.clone()
    }

    fn state(&self) -> &PlanState {
        &self.state
    }

    fn is_up(&self, node: NodeIndex) -> bool {
        self.devnet.client(node.number()).is_ok()
    }

    fn note(&mut self, note: Note) {
        if let Note::StepBegins(index) = note
            && let Some((_, step)) = self.plan.steps.get(index)
        {
            self.state.take(self.begin.elapsed().as_millis() as u64, step, self.plan.nodes());
        }
        self.devnet.happened(DevnetEvent::Conductor(note));
    }

    fn set_partition(&mut self, partition: Partition) -> Result<(), DevnetError> {
        self.devnet.partition(match partition {
            Partition::Whole => Groups::whole(self.plan.nodes()),
            Partition::Split(sides) | Partition::Refused(sides) => {
                let side = |side: Vec<NodeIndex>| side.into_iter().map(NodeIndex::number).collect();
                let sides: Vec<BTreeSet<u16>> = sides.into_iter().map(side).collect();
                Groups::sides(sides, self.plan.nodes())
            }
        })
    }

    fn kill(&mut self, nodes: &[NodeIndex]) -> Result<(), DevnetError> {
        let up = nodes.iter().filter(|node| self.is_up(**node));
        up.map(|node| node.number()).try_for_each(|node| self.devnet.kill(node))
    }

    /// Starts all of them at once, for a process takes its time to start.
    fn restart(&mut self, nodes: &[NodeIndex]) -> Result<(), DevnetError> {
        let this = &*self;
        let down = nodes.iter().copied().filter(|node| !this.is_up(*node));
        let restart = |node: NodeIndex| {
            this.devnet.restart(node.number())?;
            this.set_clock_of(node)?;
            this.set_mining(node.number())
        };
        std::thread::scope(|scope| {
            let starting: Vec<_> = down.map(|node| scope.spawn(move || restart(node))).collect();
            // Every one is waited for, also when one failed.
            let done = starting.into_iter().map(|one| one.join().expect("a restart does not panic"));
            done.collect::<Vec<Result<(), DevnetError>>>().into_iter().collect()
        })
    }

    fn slow(&mut self, nodes: &[NodeIndex], percent: u32) -> Result<(), DevnetError> {
        if let Some(distances) = &mut self.distances {
            nodes.iter().for_each(|node| distances.slow(*node, percent));
        }
        self.set_delays(nodes)
    }

    fn set_clock(&mut self, nodes: &[NodeIndex], _offset_ms: i64) -> Result<(), DevnetError> {
        nodes.iter().filter(|node| self.is_up(**node)).try_for_each(|node| self.set_clock_of(*node))
    }

    fn set_power(&mut self, nodes: &[(NodeIndex, Power)]) -> Result<(), DevnetError> {
        for (node, power) in nodes.iter().copied() {
            let rate = match power {
                Power::None => 0,
                Power::Percent(percent) => self.rates.percent(node, percent),
                Power::Total => self.rates.total(),
            };
            if let Some(held) = self.power.get_mut(node.index()) {
                *held = rate;
            }
        }
        let up = nodes.iter().map(|(node, _)| *node).filter(|node| self.is_up(*node));
        up.map(NodeIndex::number).try_for_each(|node| self.set_mining(node))
    }

    fn mine(&mut self, node: NodeIndex, blocks: u32) -> Result<(), DevnetError> {
        if !self.is_up(node) {
            return Ok(());
        }
        mine(&self.devnet, node.number(), blocks, &self.devnet.plan(node.number())?.reward).map(drop)
    }

    fn pay(
        &mut self,
        node: NodeIndex,
        payments: u32,
        twice_at: Option<NodeIndex>,
    ) -> Result<(), DevnetError> {
        let mut payer = held(&self.payer);
        let Ok(()) = pay_many(&mut *payer, node, payments, twice_at);
        Ok(())
    }

    /// Plans that change a behaviour are rejected before a devnet starts.
    fn behave(&mut self, _group: usize, _behaviour: &Behaviour) -> Result<(), DevnetError> {
        Ok(())
    }
}
