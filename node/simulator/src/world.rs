//! The world: takes what comes next, lets one node do its step, carries out what it asks for.
//!
//! A node's actions wait until its disk has taken what they follow from, as the real driver does;
//! a loss of power in between loses both.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use cairn_core::hash::{BlockHash, Txid};
use cairn_core::time::Timestamp;
use cairn_genesis::Chain as Definition;
use cairn_protocol::action::Action;
use cairn_protocol::input::{Input, RequestId, Submission};
use cairn_protocol::message::Message;
use cairn_protocol::random::Random;

use crate::agenda::{Agenda, Occurrence, Parcel};
use crate::behaviour::Behaviour;
use crate::event_log::EventLog;
use crate::host::Host;
use crate::invariants::{Violation, Witness};
use crate::mining::lottery::Lottery;
use crate::mining::{Hashrate, find_block, hashes_for_next};
use crate::network::Network;
use crate::payments::Purse;
use crate::place::Place;
use crate::plan::Plan;
use crate::recorder::Recorder;
use crate::shared_store::{Digest, Shared};
use crate::strategy::double_spend::DoubleSpender;
use crate::strategy::gate;
use crate::strategy::selfish::Selfish;
use crate::trace::Trace;
use crate::verifier::OncePerWorld;
use crate::weight::bytes_of;

mod attacks;
mod links;
mod paying;
mod steps;

/// Submissions of blocks carry this mark; lower ones are the purses'.
const BLOCK_REQUEST: RequestId = RequestId(u64::MAX);

/// Nodes, what joins them, and what is going to happen to them.
pub struct World {
    definition: Definition,
    plan: Plan,
    begin: Timestamp,
    now: Timestamp,
    agenda: Agenda,
    network: Network,
    hosts: Vec<Host>,
    witnesses: Vec<Witness>,
    /// The plan's group of each node.
    groups: Vec<usize>,
    /// What each group does now.
    behaviours: Vec<Behaviour>,
    selfish: BTreeMap<Place, Selfish>,
    double_spenders: Vec<DoubleSpender>,
    /// Nodes that are no part of the network: secret miners.
    apart: BTreeSet<Place>,
    purses: Vec<Purse>,
    next_purse: usize,
    lottery: Lottery,
    /// The luck of whoever comes and goes.
    comings: Random,
    verifier: OncePerWorld,
    trace: Trace,
    log: Option<EventLog>,
    recorder: Recorder,
    traffic: (u64, u64),
    /// Payments that a block of somebody's best chain held once,
    confirmed_once: BTreeSet<Txid>,
    /// and those blocks, so that each is looked through for the first node only.
    connected_once: BTreeSet<BlockHash>,
    /// Payments that attackers took back.
    taken_back: BTreeSet<Txid>,
    /// Ledgers whose supply was found to be exact.
    exact: BTreeSet<Digest>,
    highest: u32,
}

impl World {
    /// A world whose nodes all start now. The seed decides all its luck.
    ///
    /// # Errors
    /// When a node does not start.
    pub fn new(plan: Plan, seed: u64) -> Result<Self, Violation> {
        let definition = plan.simulated_chain();
        let begin = definition.params.genesis_time;
        let of_world = |index: u64| Random::derive(seed, u64::MAX - index);
        let groups: Vec<usize> = plan.places().map(|place| plan.group_of(place)).collect();
        let nodes = groups.len();
        let mut purses = Purse::all(&definition);
        let double_spenders = attacks::double_spenders(&plan, &mut purses);
        let apart: BTreeSet<Place> = double_spenders.iter().map(|one| one.secret).collect();
        let members: Vec<Vec<Place>> = plan.groups.iter().map(|group| group.places().collect()).collect();
        let dials = plan.topology.dials(&members, &apart, &mut of_world(0));
        let shared = Shared::default();
        let may_lose_power = plan.may_lose_power();
        // Each node's luck comes from (seed, place): one node more changes no other's.
        let hosts = plan.places().zip(dials).map(|(place, dials)| {
            let seed = Random::derive(seed, place.index() as u64).next_u64();
            Host::new(place, dials, seed, shared.store(may_lose_power)).with_pings(plan.ping_every)
        });
        let witness = if may_lose_power { Witness::with_memory() } else { Witness::default() };
        let mut world = Self {
            begin,
            now: begin,
            agenda: Agenda::default(),
            network: Network::new(plan.links.clone(), groups.clone(), seed, of_world(1)),
            hosts: hosts.collect(),
            witnesses: vec![witness; nodes],
            behaviours: plan.groups.iter().map(|group| group.behaviour.clone()).collect(),
            selfish: attacks::selfish(&plan),
            double_spenders,
            apart,
            groups,
            purses,
            next_purse: 0,
            lottery: Lottery::new(nodes, begin, of_world(2)),
            comings: of_world(3),
            verifier: OncePerWorld::default(),
            trace: Trace::default(),
            log: None,
            recorder: Recorder::new(&plan, definition.genesis.hash()),
            traffic: (0, 0),
            confirmed_once: BTreeSet::new(),
            connected_once: BTreeSet::new(),
            taken_back: BTreeSet::new(),
            exact: BTreeSet::new(),
            highest: 0,
            definition,
            plan,
        };
        world.begin()?;
        Ok(world)
    }

    fn begin(&mut self) -> Result<(), Violation> {
        for (index, (after, _)) in self.plan.steps.clone().iter().enumerate() {
            self.agenda.plan(self.now.saturating_add(*after), Occurrence::PlanStep(index));
        }
        if let Some(every) = self.plan.workload.payment_every {
            self.agenda.plan(self.now.saturating_add(every), Occurrence::Payment);
        }
        for place in self.plan.places() {
            self.host_mut(place).hashrate = self.plan.hashrate_of(place);
            self.start(place)?;
            if let Behaviour::Intermittent { up, .. } = self.behaviour_of(place).clone() {
                let goes = self.now.saturating_add(self.comings.jitter(up));
                let life = Some(self.host(place).life());
                self.agenda.plan(goes, Occurrence::ComesOrGoes { at: place, life });
            }
        }
        self.begin_attacks();
        Ok(())
    }

    /// What time it is in the world, since it began.
    pub const fn elapsed(&self) -> Duration {
        self.now.since(self.begin)
    }

    /// Every host.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Nodes that live and are part of the network.
    pub fn living(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(|host| host.node().is_some() && !self.apart.contains(&host.place()))
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
        self.trace.events()
    }

    /// Everything that happened as one hash, and how much did.
    pub fn trace(&self) -> (String, u64) {
        (self.trace.to_string(), self.trace.events())
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

    /// Whether an attacker took this payment back.
    pub fn is_taken_back(&self, txid: &Txid) -> bool {
        self.taken_back.contains(txid)
    }

    /// What was recorded; the world ends.
    pub fn into_recorder(self) -> Recorder {
        self.recorder
    }

    /// From now on the last so many events are kept in words.
    pub fn keep_log(&mut self, lines: usize) {
        self.log = Some(EventLog::new(lines));
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

    /// Lets happen whatever comes before that time.
    ///
    /// # Errors
    /// The first breach of what must hold.
    pub fn run_until(&mut self, until: Duration) -> Result<(), Violation> {
        while self.next_time().is_some_and(|next| next < until) {
            self.step()?;
        }
        self.now = self.now.max(self.begin.saturating_add(until));
        Ok(())
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
            Occurrence::Arrival { from, to, number, parcel } => {
                if self.host(to).session(from) == Some(number) {
                    self.arrived(from, to, parcel.unpack())?;
                }
                Ok(())
            }
            Occurrence::Flush { at, life } if life == self.host(at).life() => self.flushed(at),
            // A wake that was planned before a nearer one has nothing left to do.
            Occurrence::Wake { at, life }
                if life == self.host(at).life() && self.host(at).wake_planned == Some(self.now) =>
            {
                self.host_mut(at).wake_planned = None;
                self.hand(at, Input::Wake)
            }
            Occurrence::Flush { .. } | Occurrence::Wake { .. } => Ok(()),
        }
    }

    fn arrived(&mut self, from: Place, to: Place, message: Message) -> Result<(), Violation> {
        let genesis = self.definition.genesis.hash();
        let Some(message) = gate::incoming(self.behaviour_of(to), from, message, genesis) else {
            return Ok(());
        };
        let news = self.news_for_pool(to, &message);
        self.hand(to, Input::Received { peer: from.peer_id(), message })?;
        self.pool_heard(to, &news);
        Ok(())
    }

    fn start(&mut self, place: Place) -> Result<(), Violation> {
        let (definition, verifier) = (self.definition.clone(), self.verifier.clone());
        let host = self.host_mut(place);
        host.start(&definition, &verifier).map_err(|error| Violation::Open { at: place, error })?;
        let Some(node) = self.hosts[place.index()].node() else { return Ok(()) };
        self.witnesses[place.index()].started(place, node.chain())?;
        let tip = node.chain().tip().hash;
        if !self.apart.contains(&place) {
            self.recorder.came_up(self.at_ms(), place, tip);
        }
        self.enter_lottery(place);
        self.hand(place, Input::Wake)
    }

    /// One step of one node. What it asks for waits for its disk.
    fn hand(&mut self, at: Place, input: Input) -> Result<(), Violation> {
        let (now, disk) = (self.now, self.plan.disk);
        let is_wake = matches!(input, Input::Wake);
        self.trace.note(now, at, &input);
        if let Some(log) = &mut self.log {
            log.note(self.trace.events(), now.since(self.begin), at, &input);
        }
        let host = &mut self.hosts[at.index()];
        let life = host.life();
        let Some(node) = host.node_mut() else { return Ok(()) };
        let actions = node.handle(now, input).map_err(|error| Violation::Store { at, error })?;
        let witness = &mut self.witnesses[at.index()];
        witness.stepped(at, node.chain())?;
        if is_wake {
            witness.woke(now, at, actions.len())?;
        }
        let wake = node.next_wake();
        if host.waiting.is_empty() {
            host.waiting = actions;
        } else {
            host.waiting.extend(actions);
        }
        if !host.waiting.is_empty() && !host.is_flushing {
            host.is_flushing = true;
            self.agenda.plan(now.saturating_add(disk), Occurrence::Flush { at, life });
        }
        // What is due already was not done in this step, so it wants time to pass.
        let wake = wake.map(|wake| wake.max(now.saturating_add(Duration::from_millis(1))));
        if let Some(wake) = wake.filter(|wake| host.wake_planned.is_none_or(|planned| *wake < planned)) {
            host.wake_planned = Some(wake);
            self.agenda.plan(wake, Occurrence::Wake { at, life });
        }
        Ok(())
    }

    /// The disk is done: what waited for it is carried out.
    fn flushed(&mut self, at: Place) -> Result<(), Violation> {
        let host = self.host_mut(at);
        let Some(node) = host.node_mut() else { return Ok(()) };
        node.flush().map_err(|error| Violation::Store { at, error })?;
        host.is_flushing = false;
        let actions = core::mem::take(&mut host.waiting);
        let mut tip_moved = false;
        for action in actions {
            tip_moved |= matches!(action, Action::TemplateStale { urgent: true });
            self.carry_out(at, action)?;
        }
        let Some(node) = self.hosts[at.index()].node() else { return Ok(()) };
        self.witnesses[at.index()].told_all(at, node.chain())?;
        if tip_moved {
            let (tip, height) = (node.chain().tip().hash, node.chain().tip().height.get());
            self.moved(at, tip, height)?;
        }
        Ok(())
    }

    fn moved(&mut self, at: Place, tip: BlockHash, height: u32) -> Result<(), Violation> {
        if !self.apart.contains(&at) {
            self.highest = self.highest.max(height);
            self.recorder.tip(self.at_ms(), at, tip);
        }
        self.enter_lottery(at);
        self.look_at_attempt(at)
    }

    fn carry_out(&mut self, at: Place, action: Action) -> Result<(), Violation> {
        match action {
            Action::Send { peer, message } => self.send(at, Place::of_peer(&peer), message),
            Action::Connect { address } => self.dial(at, address),
            Action::Disconnect { peer } => self.hang_up(at, Place::of_peer(&peer)),
            Action::Block { peers } => self.host_mut(at).blocked = peers,
            Action::Reply { request, answer } => self.answered(at, request, answer)?,
            Action::TemplateStale { .. } => {}
            Action::Emit(event) => self.heard(at, &event)?,
        }
        Ok(())
    }

    fn send(&mut self, from: Place, to: Place, message: Message) {
        let Some(number) = self.host(from).session(to) else { return };
        let message = match self.selfish.get(&from) {
            Some(pool) => pool.outgoing(message),
            None => Some(message),
        };
        let genesis = self.definition.genesis.hash();
        let gate = |message| gate::outgoing(self.behaviour_of(from), to, message, genesis);
        let Some(message) = message.and_then(gate) else { return };
        self.witnesses[from.index()].said(&message);
        let bytes = bytes_of(&message);
        let arrival = self.network.carry(self.now, number, from, to, bytes);
        self.traffic = (self.traffic.0 + 1, self.traffic.1 + bytes);
        let parcel = Parcel::pack(message);
        self.agenda.plan(arrival, Occurrence::Arrival { from, to, number, parcel });
    }

    /// From now on this miner has the chance that its rate and its tip give it.
    fn enter_lottery(&mut self, at: Place) {
        let host = &self.hosts[at.index()];
        let hashes = host.node().filter(|_| host.hashrate > Hashrate::NONE);
        match hashes.and_then(|node| hashes_for_next(node.chain())) {
            Some(hashes) => self.lottery.set(self.now, at, host.hashrate, hashes),
            None => self.lottery.set(self.now, at, Hashrate::NONE, 1),
        }
    }

    /// Changes how fast a node mines.
    pub fn set_hashrate(&mut self, place: Place, hashrate: Hashrate) {
        self.host_mut(place).hashrate = hashrate;
        self.enter_lottery(place);
    }

    fn found(&mut self, at: Place) -> Result<(), Violation> {
        let Some(node) = self.host(at).node() else { return Ok(()) };
        let tag = at.to_string();
        let block = find_block(self.now, node.chain(), node.mempool(), self.host(at).payee(), tag.as_bytes());
        let height = node.chain().tip().height.next().get();
        self.recorder.found(self.at_ms(), at, height, &block);
        self.hand(
            at,
            Input::Submit { request: BLOCK_REQUEST, submission: Submission::Block(block.clone()) },
        )?;
        self.pool_found(at, block, height);
        Ok(())
    }

    fn behaviour_of(&self, place: Place) -> &Behaviour {
        &self.behaviours[self.groups[place.index()]]
    }

    fn host(&self, place: Place) -> &Host {
        &self.hosts[place.index()]
    }

    fn host_mut(&mut self, place: Place) -> &mut Host {
        &mut self.hosts[place.index()]
    }
}
