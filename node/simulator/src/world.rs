//! The world: takes what comes next, lets one node do its step, carries out what it asks for.
//!
//! A node's actions wait until its disk has taken what they follow from, as the real driver does;
//! a loss of power in between loses both.

use core::time::Duration;
use std::collections::BTreeSet;

use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;
use cairn_genesis::Chain as Definition;
use cairn_protocol::action::Action;
use cairn_protocol::chain::Chain;
use cairn_protocol::chain::memory::MemoryStore;
use cairn_protocol::input::{Command, Input, RequestId, Submission};
use cairn_protocol::message::Message;
use cairn_protocol::peer::{Direction, PeerAddress, PeerId};
use cairn_protocol::random::Random;

use crate::agenda::{Agenda, Occurrence};
use crate::host::Host;
use crate::invariants::{Violation, Witness};
use crate::mining::{Hashrate, find_block};
use crate::network::{LinkNumber, Network};
use crate::payments::{FEE, Purse, lock, simulated_chain};
use crate::place::Place;
use crate::plan::{Plan, Step};
use crate::report::Tally;
use crate::trace::Trace;
use crate::verifier::OncePerWorld;
use crate::weight::bytes_of;

/// Submissions of blocks carry this mark; lower ones are the purses'.
const BLOCK_REQUEST: RequestId = RequestId(u64::MAX);

/// Nodes, what joins them, and what is going to happen to them.
pub struct World {
    pub(crate) definition: Definition,
    pub(crate) plan: Plan,
    pub(crate) now: Timestamp,
    pub(crate) agenda: Agenda,
    pub(crate) network: Network,
    pub(crate) hosts: Vec<Host>,
    pub(crate) witnesses: Vec<Witness>,
    pub(crate) purses: Vec<Purse>,
    /// The luck of miners.
    pub(crate) luck: Random,
    pub(crate) verifier: OncePerWorld,
    pub(crate) trace: Trace,
    pub(crate) tally: Tally,
    /// Payments that a node accepted.
    pub(crate) paid: BTreeSet<Txid>,
    /// Payments that a block of somebody's best chain held once.
    pub(crate) confirmed_once: BTreeSet<Txid>,
}

impl World {
    /// A world whose nodes all start now. The seed decides all its luck.
    ///
    /// # Errors
    /// When a node does not start.
    pub fn new(plan: Plan, seed: u64) -> Result<Self, Violation> {
        let definition = simulated_chain();
        let of_world = |index: u64| Random::derive(seed, u64::MAX - index);
        let nodes = usize::from(plan.nodes);
        let dials = plan.topology.dials(plan.nodes, &mut of_world(0));
        // Each node's luck comes from (seed, place): one node more changes no other's.
        let hosts = Place::first(plan.nodes).zip(dials).map(|(place, dials)| {
            let seed = Random::derive(seed, place.index() as u64).next_u64();
            Host::new(place, dials, seed, plan.hashrate)
        });
        let mut world = Self {
            now: definition.params.genesis_time,
            agenda: Agenda::default(),
            network: Network::new(plan.conditions, nodes, seed, of_world(1)),
            hosts: hosts.collect(),
            witnesses: vec![Witness::default(); nodes],
            purses: Purse::all(&definition),
            luck: of_world(2),
            verifier: OncePerWorld::default(),
            trace: Trace::default(),
            tally: Tally::default(),
            paid: BTreeSet::new(),
            confirmed_once: BTreeSet::new(),
            definition,
            plan,
        };
        for (index, (after, _)) in world.plan.steps.clone().iter().enumerate() {
            world.agenda.plan(world.now.saturating_add(*after), Occurrence::PlanStep(index));
        }
        for (index, _) in world.purses.iter().enumerate() {
            let first = world.plan.payments_every * (index as u32 + 1);
            world.agenda.plan(world.now.saturating_add(first), Occurrence::Payment(index));
        }
        for place in Place::first(world.plan.nodes) {
            world.start(place)?;
        }
        Ok(world)
    }

    /// What time it is in the world.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The node at a place, if it lives.
    pub fn chain(&self, place: Place) -> Option<&Chain<MemoryStore>> {
        self.host(place).node().map(|node| node.chain())
    }

    /// Every host.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// What was counted so far.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Everything that happened so far, as one hash.
    pub const fn trace(&self) -> Trace {
        self.trace
    }

    /// Whose judgement of signatures all nodes share.
    pub const fn verifier(&self) -> &OncePerWorld {
        &self.verifier
    }

    /// Lets happen whatever comes before that time.
    ///
    /// # Errors
    /// The first breach of what must hold.
    pub fn run_until(&mut self, until: Timestamp) -> Result<(), Violation> {
        while self.agenda.next_time().is_some_and(|next| next < until) {
            self.step()?;
        }
        self.now = self.now.max(until);
        Ok(())
    }

    /// Does what is next, and says whether a tip moved by it; none when nothing ever happens again.
    ///
    /// # Errors
    /// A breach of what must hold.
    pub fn step(&mut self) -> Result<Option<bool>, Violation> {
        let Some((now, what)) = self.agenda.take_next() else { return Ok(None) };
        self.now = now;
        let mut tip_moved = false;
        match what {
            Occurrence::PlanStep(index) => self.take_plan_step(index)?,
            Occurrence::Payment(index) => self.pay(index)?,
            Occurrence::Dialled { from, address } => self.dialled(from, address)?,
            Occurrence::DialFailed { at, address } => self.hand(at, Input::DialFailed { address })?,
            Occurrence::LinkStands { at, to, number } => self.link_stands(at, to, number)?,
            Occurrence::LinkGone { at, to, number } => self.link_gone(at, to, number)?,
            Occurrence::Arrival { from, to, number, message } => {
                if self.host(to).sessions.get(&from) == Some(&number) {
                    self.hand(to, Input::Received { peer: from.peer_id(), message: *message })?;
                }
            }
            Occurrence::Flush { at, life } if life == self.host(at).life() => tip_moved = self.flushed(at)?,
            Occurrence::Wake { at, life } if life == self.host(at).life() => {
                self.host_mut(at).wake_planned = None;
                self.hand(at, Input::Wake)?;
            }
            Occurrence::Found { at, round } if round == self.host(at).search => self.found(at)?,
            Occurrence::Flush { .. } | Occurrence::Wake { .. } | Occurrence::Found { .. } => {}
        }
        Ok(Some(tip_moved))
    }

    /// Changes how fast a node mines.
    pub fn set_hashrate(&mut self, place: Place, hashrate: Hashrate) {
        self.host_mut(place).hashrate = hashrate;
        self.search(place);
    }

    fn take_plan_step(&mut self, index: usize) -> Result<(), Violation> {
        let Some((_, step)) = self.plan.steps.get(index).cloned() else { return Ok(()) };
        match step {
            Step::Partition(groups) => {
                let broken = self.network.partition(&groups);
                self.tell_of(broken);
            }
            Step::Refuse(groups) => {
                for group in &groups {
                    let others = groups.iter().filter(|other| *other != group).flatten();
                    let others: BTreeSet<PeerId> = others.map(|place| place.peer_id()).collect();
                    for place in group {
                        self.hand(*place, Input::Command(Command::SetBlocked(others.clone())))?;
                    }
                }
            }
            Step::Heal => {
                self.network.heal();
                for place in Place::first(self.plan.nodes) {
                    if !self.host(place).blocked.is_empty() {
                        self.hand(place, Input::Command(Command::SetBlocked(BTreeSet::new())))?;
                    }
                }
            }
            Step::Kill(place) => {
                self.host_mut(place).kill();
                self.purses_at(place).for_each(Purse::gave_up);
                let broken = self.network.isolate(place);
                self.tell_of(broken);
            }
            Step::Restart(place) => self.start(place)?,
            Step::SetHashrate(place, hashrate) => self.set_hashrate(place, hashrate),
        }
        Ok(())
    }

    fn start(&mut self, place: Place) -> Result<(), Violation> {
        let (definition, verifier) = (self.definition.clone(), self.verifier.clone());
        let host = self.host_mut(place);
        host.start(&definition, &verifier).map_err(|error| Violation::Open { at: place, error })?;
        let Some(node) = self.hosts[place.index()].node() else { return Ok(()) };
        self.witnesses[place.index()].started(place, node.chain())?;
        self.search(place);
        self.hand(place, Input::Wake)
    }

    /// One step of one node. What it asks for waits for its disk.
    pub(crate) fn hand(&mut self, at: Place, input: Input) -> Result<(), Violation> {
        let (now, disk) = (self.now, self.plan.disk);
        let is_wake = matches!(input, Input::Wake);
        self.trace.note(now, at, 0, &crate::weight::mark_of(&input));
        let host = &mut self.hosts[at.index()];
        let life = host.life();
        let Some(node) = host.node_mut() else { return Ok(()) };
        let actions = node.handle(now, input).map_err(|error| Violation::Store { at, error })?;
        let witness = &mut self.witnesses[at.index()];
        witness.stepped(at, node.chain())?;
        if is_wake {
            witness.woke(at, actions.len())?;
        }
        let wake = node.next_wake();
        host.waiting.extend(actions);
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

    /// The disk is done: what waited for it is carried out. Says whether the tip moved.
    fn flushed(&mut self, at: Place) -> Result<bool, Violation> {
        let host = self.host_mut(at);
        let Some(node) = host.node_mut() else { return Ok(false) };
        node.flush().map_err(|error| Violation::Store { at, error })?;
        host.is_flushing = false;
        let actions = core::mem::take(&mut host.waiting);
        let mut tip_moved = false;
        for action in actions {
            tip_moved |= matches!(action, Action::TemplateStale { urgent: true });
            self.carry_out(at, action)?;
        }
        if let Some(node) = self.hosts[at.index()].node() {
            self.witnesses[at.index()].told_all(at, node.chain())?;
        }
        Ok(tip_moved)
    }

    fn carry_out(&mut self, at: Place, action: Action) -> Result<(), Violation> {
        match action {
            Action::Send { peer, message } => self.send(at, Place::of_peer(&peer), message),
            Action::Connect { address } => {
                let there = Place::listening_at(&address);
                let wait = there.map_or(Duration::from_millis(1), |there| self.network.latency(at, there));
                let when = self.now.saturating_add(wait);
                self.agenda.plan(when, Occurrence::Dialled { from: at, address });
            }
            Action::Disconnect { peer } => self.hang_up(at, Place::of_peer(&peer)),
            Action::Block { peers } => self.host_mut(at).blocked = peers,
            Action::Reply { request, answer } => self.answered(at, request, answer)?,
            Action::TemplateStale { urgent: true } => self.search(at),
            Action::TemplateStale { urgent: false } => {}
            Action::Emit(event) => self.heard(at, &event)?,
        }
        Ok(())
    }

    fn send(&mut self, from: Place, to: Place, message: Message) {
        let Some(session) = self.host(from).sessions.get(&to).copied() else { return };
        if self.network.link(from, to) != Some(session) {
            return;
        }
        self.witnesses[from.index()].said(&message);
        let bytes = bytes_of(&message);
        if let Some((number, arrival)) = self.network.carry(self.now, from, to, bytes) {
            self.tally.messages += 1;
            self.tally.bytes += bytes;
            let message = Box::new(message);
            self.agenda.plan(arrival, Occurrence::Arrival { from, to, number, message });
        }
    }

    fn dialled(&mut self, from: Place, address: PeerAddress) -> Result<(), Violation> {
        let there = Place::listening_at(&address).filter(|there| self.may_join(from, *there));
        let joined = there.and_then(|to| Some((to, self.network.join(self.now, to, from)?)));
        let Some((to, (number, heard))) = joined else {
            let wait = there.map_or(Duration::from_millis(1), |there| self.network.latency(from, there));
            let when = self.now.saturating_add(wait);
            self.agenda.plan(when, Occurrence::DialFailed { at: from, address });
            return Ok(());
        };
        self.agenda.plan(heard, Occurrence::LinkStands { at: from, to, number });
        self.host_mut(to).sessions.insert(from, number);
        let (peer, address) = (from.peer_id(), from.dials_from());
        self.hand(to, Input::Connected { peer, direction: Direction::Inbound, address })
    }

    fn may_join(&self, from: Place, to: Place) -> bool {
        let (Some(dialler), Some(dialled)) = (self.hosts.get(from.index()), self.hosts.get(to.index()))
        else {
            return false;
        };
        dialled.node().is_some()
            && !dialled.sessions.contains_key(&from)
            && !dialler.sessions.contains_key(&to)
            && !dialled.blocked.contains(&from.peer_id())
            && !dialler.blocked.contains(&to.peer_id())
    }

    fn link_stands(&mut self, at: Place, to: Place, number: LinkNumber) -> Result<(), Violation> {
        let address = to.listens_at();
        if self.network.link(at, to) != Some(number) {
            return self.hand(at, Input::DialFailed { address });
        }
        self.host_mut(at).sessions.insert(to, number);
        self.hand(at, Input::Connected { peer: to.peer_id(), direction: Direction::Outbound, address })
    }

    fn link_gone(&mut self, at: Place, to: Place, number: LinkNumber) -> Result<(), Violation> {
        self.network.part(at, to, number);
        if self.host(at).sessions.get(&to) != Some(&number) {
            return Ok(());
        }
        self.host_mut(at).sessions.remove(&to);
        self.hand(at, Input::Disconnected { peer: to.peer_id() })
    }

    /// What was sent before still arrives; then the other end hears that it is over.
    fn hang_up(&mut self, at: Place, to: Place) {
        let Some(number) = self.host(at).sessions.get(&to).copied() else { return };
        self.agenda.plan(self.now, Occurrence::LinkGone { at, to, number });
        // The link goes when the other end hears: until then nobody can dial anew.
        let arrival = self.network.carry(self.now, at, to, 0).map_or(self.now, |(_, arrival)| arrival);
        self.agenda.plan(arrival, Occurrence::LinkGone { at: to, to: at, number });
    }

    fn tell_of(&mut self, broken: Vec<(Place, Place, LinkNumber)>) {
        for (one, other, number) in broken {
            let when = self.now.saturating_add(self.network.latency(one, other));
            self.agenda.plan(when, Occurrence::LinkGone { at: one, to: other, number });
            self.agenda.plan(when, Occurrence::LinkGone { at: other, to: one, number });
        }
    }

    /// Begins to search for a block anew.
    fn search(&mut self, at: Place) {
        let host = &mut self.hosts[at.index()];
        host.search += 1;
        let (round, hashrate) = (host.search, host.hashrate);
        let Some(node) = host.node() else { return };
        if let Some(wait) = hashrate.draw_wait(node.chain(), &mut self.luck) {
            self.agenda.plan(self.now.saturating_add(wait), Occurrence::Found { at, round });
        }
    }

    fn found(&mut self, at: Place) -> Result<(), Violation> {
        let Some(node) = self.host(at).node() else { return Ok(()) };
        let tag = at.to_string();
        let payee = lock(100 + (at.index() % 100) as u8);
        let block = find_block(self.now, node.chain(), node.mempool(), FEE, payee, tag.as_bytes());
        self.tally.found(self.now, block.hash());
        let submission = Submission::Block(block);
        self.hand(at, Input::Submit { request: BLOCK_REQUEST, submission })?;
        self.search(at);
        Ok(())
    }

    pub(crate) fn host(&self, place: Place) -> &Host {
        &self.hosts[place.index()]
    }

    pub(crate) fn host_mut(&mut self, place: Place) -> &mut Host {
        &mut self.hosts[place.index()]
    }
}
