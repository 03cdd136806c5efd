//! The world: takes what comes next, lets one node do its step, carries out what it asks for.
//!
//! A node's actions are carried out once its disk has taken what they follow from, as in the real driver; a loss of
//! power in between loses both.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use cairn_core::hash::{BlockHash, Txid};
use cairn_core::time::Timestamp;
use cairn_genesis::Chain as Definition;
use cairn_protocol::action::Answer;
use cairn_protocol::chain::BlockVerdict;
use cairn_protocol::event::Event;
use cairn_protocol::input::{Input, RequestId};
use cairn_protocol::message::Message;
use cairn_protocol::random::Random;

use crate::agenda::{Agenda, Occurrence};
use crate::behaviour::Behaviour;
use crate::conductor::payments::{self, Wallets};
use crate::conductor::schedule::Schedule;
use crate::event_log::EventLog;
use crate::host::Host;
use crate::invariants::{Violation, Witness, supply_is_exact};
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
use crate::world::event_tap::{EventTap, TappedEvent};
use crate::world::node_step::{Due, Effect, Outbox, Surroundings};

use crate::world::workers::Workers;

/// What is known of payments and ledgers, so that the end of a run can be checked.
#[derive(Debug, Default)]
pub struct Seen {
    /// Payments that a block of some best chain held once.
    pub confirmed: BTreeSet<Txid>,
    /// Those blocks: each is looked through for the first node only.
    connected: BTreeSet<BlockHash>,
    /// Payments that an attacker or a second payment may have taken back.
    pub taken_back: BTreeSet<Txid>,
    /// Ledgers whose supply was found to be exact.
    exact: BTreeSet<Digest>,
    /// Whether a node lost its power.
    pub lost_power: bool,
}

/// The traffic of a world, and its events as far as anyone wants them.
#[derive(Debug, Default)]
pub struct Traffic {
    pub messages: u64,
    pub bytes: u64,
    /// Inputs that nodes were given.
    pub events: u64,
    log: Option<EventLog>,
    tap: EventTap,
}

/// Simulated computers, their network, and what is going to happen to them.
pub struct World {
    pub(super) definition: Definition,
    pub(super) plan: Arc<Plan>,
    pub(super) begin: Timestamp,
    pub(super) now: Timestamp,
    pub(super) agenda: Agenda,
    pub(super) around: Surroundings,
    pub(super) hosts: Vec<Host>,
    pub(super) double_spenders: Vec<DoubleSpender>,
    /// Secret miners, which are no part of the network.
    pub(super) apart: BTreeSet<NodeIndex>,
    pub(super) wallets: Wallets,
    pub(super) sampler: PowSampler,
    pub(super) schedule: Schedule,
    pub(super) steps_taken: usize,
    /// Sides whose nodes block peers of the others; a node that is started again does so, too.
    pub(super) blocked_sides: Vec<Vec<NodeIndex>>,
    pub(super) highest: u32,
    pub verifier: OncePerWorld,
    pub recorder: Recorder,
    pub seen: Seen,
    pub traffic: Traffic,
    pub(super) workers: Workers,
    /// Buffers that are used again.
    pub(super) buffers: (Outbox, Vec<Due>),
}

impl World {
    /// A world whose nodes all start now. Everything random in it comes from the seed.
    pub fn new(plan: impl Into<Arc<Plan>>, seed: u64) -> Result<Self, Violation> {
        let plan = plan.into();
        let definition = plan.simulated_chain();
        let begin = definition.params.genesis_time;
        let groups: Vec<usize> = plan.indices().map(|node| plan.group_of(node)).collect();
        let nodes = groups.len();
        let mut wallets = SimWallet::all(&definition);
        let double_spenders = attackers::double_spenders(&plan, &mut wallets);
        let apart: BTreeSet<NodeIndex> = double_spenders.iter().map(|one| one.secret).collect();
        let dials = plan.dials(seed, &apart);
        let shared = Shared::default();
        let may_lose_power = plan.may_lose_power();
        let witness = if may_lose_power { Witness::with_memory() } else { Witness::default() };
        // Each node's random generator comes from (seed, node): one node more changes no other's.
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
            logs_inputs: false,
        };
        let mut world = Self {
            begin,
            now: begin,
            agenda: Agenda::default(),
            around,
            hosts: hosts.collect(),
            double_spenders,
            apart,
            wallets: Wallets::new(definition.params.genesis_hash, wallets),
            sampler: PowSampler::new(nodes, begin, rng_streams::mining(seed)),
            schedule: Schedule::new(plan.clone(), seed),
            steps_taken: 0,
            blocked_sides: Vec::new(),
            highest: 0,
            verifier: OncePerWorld::default(),
            recorder: Recorder::new(plan.clone(), definition.genesis.hash()),
            seen: Seen::default(),
            traffic: Traffic::default(),
            workers: Workers::default(),
            buffers: (Outbox::default(), Vec::new()),
            definition,
            plan,
        };
        world.begin()?;
        Ok(world)
    }

    pub(super) fn begin(&mut self) -> Result<(), Violation> {
        self.schedule.steps().into_iter().for_each(|due| self.plan_due(Some(due)));
        let payment = self.schedule.next_payment();
        self.plan_due(payment);
        let plan = self.plan.clone();
        for node in plan.indices() {
            self.host_mut(node).hashrate = plan.hashrate_of(node);
            self.start(node)?;
            self.plan_churn(node, Some(self.host(node).life()));
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

    /// Everything that happened as one hash, and how much did.
    pub fn trace(&self) -> (String, u64) {
        (trace::of_all(self.hosts.iter().map(|host| &host.trace)), self.traffic.events)
    }

    /// Sets the number of threads that work off what happens at one time; the result does not depend on it.
    pub fn set_threads(&mut self, threads: usize) {
        self.workers = Workers::new(threads);
    }

    /// Keeps the last events in words from now on, up to the one with the number `last`.
    pub fn keep_log(&mut self, lines: usize, last: u64) {
        self.around.logs_inputs = true;
        self.traffic.log = Some(EventLog::new(lines, last, self.traffic.events));
    }

    /// The last events in words, if they are kept.
    pub fn log(&self) -> Vec<String> {
        self.traffic.log.as_ref().map(EventLog::lines).unwrap_or_default()
    }

    pub(super) fn at_ms(&self) -> u64 {
        self.elapsed().as_millis() as u64
    }

    /// When something happens next, since the world began; never when nothing ever does again.
    pub fn next_time(&self) -> Option<Duration> {
        let next = [self.agenda.next_time(), self.sampler.next_time()].into_iter().flatten().min();
        next.map(|next| next.since(self.begin))
    }

    /// Lets time pass in which nothing happens.
    pub fn pass(&mut self, until: Duration) {
        self.now = self.now.max(self.begin.saturating_add(until));
    }

    /// Does what is next; says whether there was something.
    pub fn step(&mut self) -> Result<bool, Violation> {
        let planned = self.agenda.next_time();
        let found = self.sampler.next_time();
        if let Some(found) = found.filter(|found| planned.is_none_or(|planned| *found < planned)) {
            self.now = self.now.max(found);
            if let Some(miner) = self.sampler.take(self.now) {
                self.found(miner)?;
            }
            return Ok(true);
        }
        let Some((now, what)) = self.agenda.take_next() else { return Ok(false) };
        self.now = self.now.max(now);
        self.take(what)?;
        Ok(true)
    }

    pub(super) fn take(&mut self, what: Occurrence) -> Result<(), Violation> {
        match what {
            Occurrence::Due(due) => self.take_due(due),
            Occurrence::Attack(index) => self.attack(index),
            Occurrence::Dialled { from, address } => self.dialled(from, *address),
            Occurrence::DialFailed { at, address } => self.hand(at, Input::DialFailed { address: *address }),
            Occurrence::LinkStands { at, to, number } => self.link_stands(at, to, number),
            Occurrence::LinkGone { at, to, number } => self.link_gone(at, to, number),
            Occurrence::Arrival { to, .. } if self.around.selfish.contains_key(&to) => {
                self.pool_receives(to, what)
            }
            Occurrence::Arrival { to: at, .. }
            | Occurrence::Flush { at, .. }
            | Occurrence::Wake { at, .. } => {
                self.let_node(at, |around, now, host, outbox| around.take(now, host, what, outbox))
            }
        }
    }

    /// Lets one node do something, and carries out what follows for others.
    pub(super) fn let_node(
        &mut self,
        at: NodeIndex,
        work: impl FnOnce(&Surroundings, Timestamp, &mut Host, &mut Outbox) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        let mut outbox = core::mem::take(&mut self.buffers.0);
        let outcome = work(&self.around, self.now, &mut self.hosts[at.index()], &mut outbox);
        self.post(&mut outbox);
        let done = outbox.effects.drain(..).try_for_each(|(_, at, effect)| self.carry_out(at, effect));
        self.buffers.0 = outbox;
        done.and(outcome)
    }

    /// Plans what was said, and counts it.
    pub(super) fn post(&mut self, outbox: &mut Outbox) {
        outbox.plans.drain(..).for_each(|(when, what)| self.agenda.plan(when, what));
        outbox.own.drain(..).for_each(|(when, what)| self.agenda.plan(when, what));
        self.traffic.events += core::mem::take(&mut outbox.events);
        let (messages, bytes) = core::mem::take(&mut outbox.traffic);
        self.traffic.messages += messages;
        self.traffic.bytes += bytes;
    }

    pub(super) fn start(&mut self, at: NodeIndex) -> Result<(), Violation> {
        let (definition, verifier) = (self.definition.clone(), self.verifier.clone());
        let host = self.host_mut(at);
        host.start(&definition, &verifier).map_err(|error| Violation::Open { at, error })?;
        let Some((node, witness)) = self.host_mut(at).alive() else { return Ok(()) };
        witness.started(at, node.chain())?;
        let tip = node.chain().tip().hash();
        self.recorder.came_up(self.at_ms(), at, tip);
        self.update_sampler(at);
        self.hand(at, Input::Wake)
    }

    pub(super) fn hand(&mut self, at: NodeIndex, input: Input) -> Result<(), Violation> {
        self.let_node(at, |around, now, host, outbox| around.handle(now, host, input, outbox))
    }

    pub(super) fn send(&mut self, from: NodeIndex, to: NodeIndex, message: Message) {
        let mut outbox = core::mem::take(&mut self.buffers.0);
        self.around.send(self.now, &mut self.hosts[from.index()], to, message, &mut outbox);
        self.post(&mut outbox);
        self.buffers.0 = outbox;
    }

    pub(super) fn moved(&mut self, at: NodeIndex, tip: BlockHash, height: u32) -> Result<(), Violation> {
        if !self.apart.contains(&at) {
            self.highest = self.highest.max(height);
            self.recorder.tip(self.at_ms(), at, tip);
        }
        self.update_sampler(at);
        self.look_at_attempt(at)
    }

    pub(super) fn carry_out(&mut self, at: NodeIndex, effect: Effect) -> Result<(), Violation> {
        match effect {
            Effect::Dials(address) => self.dial(at, address),
            Effect::HangsUp(peer) => self.hang_up(at, peer),
            Effect::Answers(request, answer) => self.answered(at, request, answer)?,
            Effect::Emits(event) => self.record_event(at, &event)?,
            Effect::Moves(tip, height) => self.moved(at, tip, height)?,
            Effect::Logs(words) => {
                let since = self.elapsed();
                if let Some(log) = &mut self.traffic.log {
                    log.note(since, at, &words);
                }
            }
        }
        Ok(())
    }

    pub(super) fn behaviour_of(&self, node: NodeIndex) -> &Behaviour {
        self.around.behaviour_of(node)
    }

    pub(super) fn host(&self, node: NodeIndex) -> &Host {
        &self.hosts[node.index()]
    }

    pub(super) fn host_mut(&mut self, node: NodeIndex) -> &mut Host {
        &mut self.hosts[node.index()]
    }

    pub(super) fn answered(
        &mut self,
        at: NodeIndex,
        request: RequestId,
        answer: Answer,
    ) -> Result<(), Violation> {
        match answer {
            Answer::Block(Err(error)) => Err(Violation::OwnBlockRejected { at, error: error.to_string() }),
            Answer::Block(Ok(BlockVerdict::TooEarly(ahead))) => {
                Err(Violation::OwnBlockRejected { at, error: ahead.to_string() })
            }
            // A secret miner hands in conflicting blocks and children first: that is no fault.
            Answer::Block(Ok(
                BlockVerdict::Connected
                | BlockVerdict::Duplicate
                | BlockVerdict::SideBranch
                | BlockVerdict::AncestorMissing,
            ))
            | Answer::Header(_)
            | Answer::Override(_) => Ok(()),
            Answer::Transaction(outcome) => {
                payments::answered(self, at, request, outcome.map(drop).map_err(|why| why.to_string()));
                Ok(())
            }
        }
    }

    /// The events since the last call; the first call begins to keep them.
    pub fn take_events(&mut self) -> Vec<TappedEvent> {
        self.traffic.tap.take()
    }

    pub(super) fn record_event(&mut self, at: NodeIndex, event: &Event) -> Result<(), Violation> {
        if self.apart.contains(&at) {
            return Ok(());
        }
        let at_ms = self.at_ms();
        self.traffic.tap.note(at_ms, at, event);
        match event {
            Event::Reorganized { fork_point, disconnected, connected, .. } => {
                self.recorder.changes_branch(at, fork_point.get(), *disconnected, *connected);
                if let Some(node) = self.hosts[at.index()].node()
                    && self.seen.exact.insert(node.chain().store().digest())
                {
                    supply_is_exact(at, node.chain())?;
                }
            }
            Event::BlockOnSideBranch { block, .. } => self.recorder.has(at_ms, at, &block.hash()),
            Event::BlockDisconnected { block, .. } => self.recorder.disconnected(at, block),
            Event::BlockConnected { block, .. } => {
                self.recorder.connected(at_ms, at, block);
                if self.seen.connected.insert(block.hash()) {
                    let txids = block.transactions().iter().map(|transaction| transaction.txid());
                    self.seen.confirmed.extend(txids);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
