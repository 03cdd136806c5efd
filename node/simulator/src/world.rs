//! The world: takes what comes next, lets one node do its step, carries out what it asks for.
//!
//! A node's actions wait until its disk has taken what they follow from, as the real driver does;
//! a loss of power in between loses both.

use core::time::Duration;
use std::collections::BTreeSet;

use cairn_core::hash::{BlockHash, Txid};
use cairn_core::time::Timestamp;
use cairn_genesis::Chain as Definition;
use cairn_protocol::input::Input;
use cairn_protocol::message::Message;
use cairn_protocol::random::Random;

use crate::agenda::{Agenda, Occurrence};
use crate::behaviour::Behaviour;
use crate::event_log::EventLog;
use crate::host::Host;
use crate::invariants::{Violation, Witness};
use crate::mining::pow_sampler::PowSampler;
use crate::node_index::NodeIndex;
use crate::plan::Plan;
use crate::recorder::Recorder;
use crate::rng_streams;
use crate::shared_store::{Digest, Shared};
use crate::strategy::attackers;
use crate::strategy::double_spend::DoubleSpender;
use crate::trace;
use crate::verifier::OncePerWorld;
use crate::wallets::SimWallet;
use crate::world::event_tap::EventTap;
use crate::world::node_step::{Effect, Outbox, Surroundings};
use crate::world::payments::Payers;
use crate::world::workers::Workers;

mod attacks;
pub mod event_tap;
mod links;
mod mining;
pub mod node_step;
mod parallel_window;
mod payments;
mod steps;
mod workers;

/// Nodes, what joins them, and what is going to happen to them.
pub struct World {
    definition: Definition,
    plan: Plan,
    begin: Timestamp,
    now: Timestamp,
    agenda: Agenda,
    around: Surroundings,
    hosts: Vec<Host>,
    double_spenders: Vec<DoubleSpender>,
    /// Nodes that are no part of the network: secret miners.
    apart: BTreeSet<NodeIndex>,
    payers: Payers,
    lottery: PowSampler,
    /// The luck of whoever comes and goes.
    comings: Random,
    verifier: OncePerWorld,
    events: u64,
    /// Events that were told to the log, or came before it was kept.
    told: u64,
    log: Option<EventLog>,
    recorder: Recorder,
    traffic: (u64, u64),
    /// Payments that a block of somebody's best chain held once,
    confirmed_once: BTreeSet<Txid>,
    /// and those blocks, so that each is looked through for the first node only.
    connected_once: BTreeSet<BlockHash>,
    /// Whether some node lost its power.
    lost_power: bool,
    /// Payments that attackers took back.
    taken_back: BTreeSet<Txid>,
    /// Ledgers whose supply was found to be exact.
    exact: BTreeSet<Digest>,
    highest: u32,
    /// How many steps of the plan are behind it.
    steps_taken: usize,
    /// Sides whose nodes refuse those of the others: a node that is started again goes on with it.
    refusals: Vec<Vec<NodeIndex>>,
    /// Who works off what happens at one time.
    workers: Workers,
    /// What nodes tell, for whoever watches.
    overheard: EventTap,
    /// Room that is used again.
    outbox: Outbox,
    due: Vec<(Timestamp, NodeIndex, Occurrence)>,
}

impl World {
    /// A world whose nodes all start now. The seed decides all its luck.
    ///
    /// # Errors
    /// When a node does not start.
    pub fn new(plan: Plan, seed: u64) -> Result<Self, Violation> {
        let definition = plan.simulated_chain();
        let begin = definition.params.genesis_time;
        let groups: Vec<usize> = plan.indices().map(|node| plan.group_of(node)).collect();
        let nodes = groups.len();
        let mut purses = SimWallet::all(&definition);
        let double_spenders = attackers::double_spenders(&plan, &mut purses);
        let apart: BTreeSet<NodeIndex> = double_spenders.iter().map(|one| one.secret).collect();
        let dials = plan.dials(seed, &apart);
        let shared = Shared::default();
        let may_lose_power = plan.may_lose_power();
        let witness = if may_lose_power { Witness::with_memory() } else { Witness::default() };
        // Each node's luck comes from (seed, node): one node more changes no other's.
        let hosts = plan.indices().zip(dials).map(|(node, dials)| {
            let seed = Random::derive(seed, node.index() as u64).next_u64();
            let disk = shared.store(may_lose_power);
            Host::new(node, dials, seed, disk, witness.clone()).with_pings(plan.ping_every)
        });
        let around = Surroundings {
            network: plan.network(seed),
            behaviours: plan.groups.iter().map(|group| group.behaviour.clone()).collect(),
            groups,
            selfish: attackers::selfish(&plan),
            genesis: definition.genesis.hash(),
            disk: plan.disk,
            tells: false,
        };
        let mut world = Self {
            begin,
            now: begin,
            agenda: Agenda::default(),
            around,
            hosts: hosts.collect(),
            double_spenders,
            apart,
            payers: Payers::new(purses),
            lottery: PowSampler::new(nodes, begin, rng_streams::mining(seed)),
            comings: rng_streams::churn(seed),
            verifier: OncePerWorld::default(),
            events: 0,
            told: 0,
            log: None,
            recorder: Recorder::new(&plan, definition.genesis.hash()),
            traffic: (0, 0),
            confirmed_once: BTreeSet::new(),
            connected_once: BTreeSet::new(),
            lost_power: false,
            taken_back: BTreeSet::new(),
            exact: BTreeSet::new(),
            highest: 0,
            steps_taken: 0,
            refusals: Vec::new(),
            workers: Workers::default(),
            overheard: EventTap::default(),
            outbox: Outbox::default(),
            due: Vec::new(),
            definition,
            plan,
        };
        world.begin()?;
        Ok(world)
    }

    fn begin(&mut self) -> Result<(), Violation> {
        for (index, (after, _)) in self.plan.steps.iter().enumerate() {
            self.agenda.plan(self.now.saturating_add(*after), Occurrence::PlanStep(index));
        }
        self.plan_payment();
        for node in self.plan.indices() {
            self.host_mut(node).hashrate = self.plan.hashrate_of(node);
            self.start(node)?;
            self.plan_going(node);
        }
        self.begin_attacks();
        Ok(())
    }

    /// What time it is in the world, since it began.
    pub const fn elapsed(&self) -> Duration {
        self.now.since(self.begin)
    }

    /// Nodes that live and are part of the network.
    pub fn living(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(|host| host.node().is_some() && !self.apart.contains(&host.index()))
    }

    /// The highest that a best chain ever was.
    pub const fn highest(&self) -> u32 {
        self.highest
    }

    /// How many tips living nodes have.
    pub fn tips(&self) -> usize {
        self.recorder.tips()
    }

    /// What is recorded so far.
    pub const fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// How much happened.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Everything that happened as one hash, and how much did.
    pub fn trace(&self) -> (String, u64) {
        (trace::of_all(self.hosts.iter().map(|host| &host.trace)), self.events)
    }

    /// Messages carried, and their bytes.
    pub const fn traffic(&self) -> (u64, u64) {
        self.traffic
    }

    /// Whose judgement of signatures all nodes share.
    pub const fn verifier(&self) -> &OncePerWorld {
        &self.verifier
    }

    /// Payments that a block of somebody's best chain held once.
    pub fn confirmed_once(&self) -> impl Iterator<Item = &Txid> {
        self.confirmed_once.iter()
    }

    /// Whether some node lost its power at some time.
    pub const fn lost_power(&self) -> bool {
        self.lost_power
    }

    /// Whether an attacker took this payment back.
    pub fn is_taken_back(&self, txid: &Txid) -> bool {
        self.taken_back.contains(txid)
    }

    /// The same, to tell it how the run goes.
    pub const fn recorder_mut(&mut self) -> &mut Recorder {
        &mut self.recorder
    }

    /// What was recorded; the world ends.
    pub fn into_recorder(self) -> Recorder {
        self.recorder
    }

    /// From now on so many threads work off what happens at one time; what happens stays the same.
    pub fn set_threads(&mut self, threads: usize) {
        self.workers = Workers::new(threads);
    }

    /// From now on the last so many events are kept in words, up to the one of the number `last`.
    pub fn keep_log(&mut self, lines: usize, last: u64) {
        (self.around.tells, self.told) = (true, self.events);
        let mut log = EventLog::new(lines, last);
        log.begin_after(self.events);
        self.log = Some(log);
    }

    /// The last events in words, if they are kept.
    pub fn log(&self) -> Vec<String> {
        self.log.as_ref().map(EventLog::lines).unwrap_or_default()
    }

    fn at_ms(&self) -> u64 {
        self.elapsed().as_millis() as u64
    }

    /// When something happens next, since the world began; never when nothing ever does again.
    pub fn next_time(&self) -> Option<Duration> {
        let next = [self.agenda.next_time(), self.lottery.next_time()].into_iter().flatten().min();
        next.map(|next| next.since(self.begin))
    }

    /// Lets time pass in which nothing happens.
    pub fn pass(&mut self, until: Duration) {
        self.now = self.now.max(self.begin.saturating_add(until));
    }

    /// Does what is next; says whether there was something.
    ///
    /// # Errors
    /// A breach of what must hold.
    pub fn step(&mut self) -> Result<bool, Violation> {
        let planned = self.agenda.next_time();
        let found = self.lottery.next_time();
        if let Some(found) = found.filter(|found| planned.is_none_or(|planned| *found < planned)) {
            self.now = self.now.max(found);
            if let Some(miner) = self.lottery.take(self.now) {
                self.found(miner)?;
            }
            return Ok(true);
        }
        let Some((now, what)) = self.agenda.take_next() else { return Ok(false) };
        self.now = self.now.max(now);
        self.take(what)?;
        Ok(true)
    }

    fn take(&mut self, what: Occurrence) -> Result<(), Violation> {
        match what {
            Occurrence::PlanStep(index) => self.take_plan_step(index),
            Occurrence::Payment => self.next_payment(),
            Occurrence::ComesOrGoes { at, life } => self.comes_or_goes(at, life),
            Occurrence::Attack(index) => self.attack(index),
            Occurrence::Dialled { from, address } => self.dialled(from, *address),
            Occurrence::DialFailed { at, address } => self.hand(at, Input::DialFailed { address: *address }),
            Occurrence::LinkStands { at, to, number } => self.link_stands(at, to, number),
            Occurrence::LinkGone { at, to, number } => self.link_gone(at, to, number),
            Occurrence::Arrival { to, .. } if self.around.selfish.contains_key(&to) => {
                self.pool_hears(to, what)
            }
            Occurrence::Arrival { to: at, .. }
            | Occurrence::Flush { at, .. }
            | Occurrence::Wake { at, .. } => {
                self.let_node(at, |around, now, host, outbox| around.take(now, host, what, outbox))
            }
        }
    }

    /// Lets one node do something, and carries out what follows for others.
    fn let_node(
        &mut self,
        at: NodeIndex,
        work: impl FnOnce(&Surroundings, Timestamp, &mut Host, &mut Outbox) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        let mut outbox = core::mem::take(&mut self.outbox);
        let outcome = work(&self.around, self.now, &mut self.hosts[at.index()], &mut outbox);
        self.post(&mut outbox);
        let done = outbox.effects.drain(..).try_for_each(|(_, at, effect)| self.carry_out(at, effect));
        self.outbox = outbox;
        done.and(outcome)
    }

    /// Plans what was said, and counts it.
    fn post(&mut self, outbox: &mut Outbox) {
        outbox.plans.drain(..).for_each(|(when, what)| self.agenda.plan(when, what));
        outbox.own.drain(..).for_each(|(when, what)| self.agenda.plan(when, what));
        self.events += core::mem::take(&mut outbox.events);
        let (messages, bytes) = core::mem::take(&mut outbox.traffic);
        self.traffic = (self.traffic.0 + messages, self.traffic.1 + bytes);
    }

    fn start(&mut self, at: NodeIndex) -> Result<(), Violation> {
        let (definition, verifier) = (self.definition.clone(), self.verifier.clone());
        let host = self.host_mut(at);
        host.start(&definition, &verifier).map_err(|error| Violation::Open { at, error })?;
        let Some((node, witness)) = self.host_mut(at).alive() else { return Ok(()) };
        witness.started(at, node.chain())?;
        let tip = node.chain().tip().hash();
        self.recorder.came_up(self.at_ms(), at, tip);
        self.enter_lottery(at);
        self.hand(at, Input::Wake)
    }

    fn hand(&mut self, at: NodeIndex, input: Input) -> Result<(), Violation> {
        self.let_node(at, |around, now, host, outbox| around.hear(now, host, input, outbox))
    }

    fn send(&mut self, from: NodeIndex, to: NodeIndex, message: Message) {
        let mut outbox = core::mem::take(&mut self.outbox);
        self.around.say(self.now, &mut self.hosts[from.index()], to, message, &mut outbox);
        self.post(&mut outbox);
        self.outbox = outbox;
    }

    fn moved(&mut self, at: NodeIndex, tip: BlockHash, height: u32) -> Result<(), Violation> {
        if !self.apart.contains(&at) {
            self.highest = self.highest.max(height);
            self.recorder.tip(self.at_ms(), at, tip);
        }
        self.enter_lottery(at);
        self.look_at_attempt(at)
    }

    fn carry_out(&mut self, at: NodeIndex, effect: Effect) -> Result<(), Violation> {
        match effect {
            Effect::Dials(address) => self.dial(at, address),
            Effect::HangsUp(peer) => self.hang_up(at, peer),
            Effect::Answers(request, answer) => self.answered(at, request, answer)?,
            Effect::Tells(event) => self.heard(at, &event)?,
            Effect::Moves(tip, height) => self.moved(at, tip, height)?,
            Effect::Heard(words) => {
                let since = self.elapsed();
                if let Some(log) = &mut self.log {
                    self.told += 1;
                    log.note(self.told, since, at, &words);
                }
            }
        }
        Ok(())
    }

    fn behaviour_of(&self, node: NodeIndex) -> &Behaviour {
        self.around.behaviour_of(node)
    }

    fn host(&self, node: NodeIndex) -> &Host {
        &self.hosts[node.index()]
    }

    fn host_mut(&mut self, node: NodeIndex) -> &mut Host {
        &mut self.hosts[node.index()]
    }
}
