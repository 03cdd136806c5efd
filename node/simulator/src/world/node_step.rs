//! A node's own work: it handles an input, its disk takes what was written, its messages are sent.
//!
//! Nothing here reads or writes another node, or anything that changes while nodes are at work.
//! What concerns others goes into an [`Outbox`], so that many nodes can be at work at one time.

use core::time::Duration;
use std::collections::BTreeMap;

use cairn_core::hash::BlockHash;
use cairn_core::time::Timestamp;
use cairn_protocol::action::{Action, Answer};
use cairn_protocol::event::Event;
use cairn_protocol::input::{Input, RequestId};
use cairn_protocol::message::Message;
use cairn_protocol::peer::PeerAddress;

use crate::agenda::{Occurrence, Payload};
use crate::behaviour::Behaviour;
use crate::event_log::in_words;
use crate::host::Host;
use crate::invariants::Violation;
use crate::network::Network;
use crate::node_index::NodeIndex;
use crate::strategy::gate;
use crate::strategy::selfish::Selfish;

/// Something that is due within a window.
pub type Due = (Timestamp, NodeIndex, Occurrence);

/// What is around every node and stays as it is while nodes are at work.
pub struct Surroundings {
    pub network: Network,
    /// What each group does now.
    pub behaviours: Vec<Behaviour>,
    /// The plan's group of each node.
    pub groups: Vec<usize>,
    /// Pools that mine selfishly.
    pub selfish: BTreeMap<NodeIndex, Selfish>,
    /// The chain's first block.
    pub genesis: BlockHash,
    /// How long a disk takes for what is written at one time.
    pub disk: Duration,
    /// Whether the inputs of nodes are logged in words.
    pub logs_inputs: bool,
}

/// What follows from a node's work for others.
#[derive(Default)]
pub struct Outbox {
    /// What the same node does later.
    pub own: Vec<(Timestamp, Occurrence)>,
    /// Messages to others, with their times of arrival.
    pub plans: Vec<(Timestamp, Occurrence)>,
    /// Everything else, in the order of happening.
    pub effects: Vec<(Timestamp, NodeIndex, Effect)>,
    /// Messages sent, and their bytes.
    pub traffic: (u64, u64),
    pub events: u64,
}

/// What a node's work does to the world beside messages.
pub enum Effect {
    Dials(PeerAddress),
    HangsUp(NodeIndex),
    /// It answers a submission.
    Answers(RequestId, Answer),
    /// It has an event.
    Emits(Event),
    /// It has a new tip.
    Moves(BlockHash, u32),
    /// Its input in words, for the log.
    Logs(String),
}

impl Surroundings {
    /// What a node does.
    pub fn behaviour_of(&self, node: NodeIndex) -> &Behaviour {
        &self.behaviours[self.groups[node.index()]]
    }

    /// Something happens to one node and to no other: a message arrives, its disk is done, it wakes.
    pub fn take(
        &self,
        now: Timestamp,
        host: &mut Host,
        what: Occurrence,
        outbox: &mut Outbox,
    ) -> Result<(), Violation> {
        match what {
            Occurrence::Arrival { from, number, payload, .. } if host.session(from) == Some(number) => {
                let behaviour = self.behaviour_of(host.index());
                match gate::incoming(behaviour, from, payload.unpack(), self.genesis) {
                    Some(message) => {
                        self.handle(now, host, Input::Received { peer: from.peer_id(), message }, outbox)
                    }
                    None => Ok(()),
                }
            }
            Occurrence::Flush { life, .. } if life == host.life() => self.flush(now, host, outbox),
            // A wake that was planned before a nearer one has nothing left to do.
            Occurrence::Wake { life, .. } if life == host.life() && host.wake_planned == Some(now) => {
                host.wake_planned = None;
                self.handle(now, host, Input::Wake, outbox)
            }
            // Meant for a link or a life that is over.
            _ => Ok(()),
        }
    }

    /// One step of one node. Its actions are carried out once its disk has taken what they follow from.
    pub fn handle(
        &self,
        now: Timestamp,
        host: &mut Host,
        input: Input,
        outbox: &mut Outbox,
    ) -> Result<(), Violation> {
        let (at, life) = (host.index(), host.life());
        let is_wake = matches!(input, Input::Wake);
        outbox.events += 1;
        host.trace.note(now, at, &input);
        if self.logs_inputs {
            outbox.effects.push((now, at, Effect::Logs(in_words(&input))));
        }
        let clock = host.clock;
        let Some((node, witness)) = host.alive() else { return Ok(()) };
        let actions = node.handle(clock.shows(now), input).map_err(|error| Violation::Store { at, error })?;
        witness.stepped(at, node.chain())?;
        if is_wake {
            witness.woke(now, at, actions.len())?;
        }
        let wake = node.next_wake();
        if host.pending.is_empty() {
            host.pending = actions;
        } else {
            host.pending.extend(actions);
        }
        if !host.pending.is_empty() && !host.is_flushing {
            host.is_flushing = true;
            outbox.own.push((now.saturating_add(self.disk), Occurrence::Flush { at, life }));
        }
        // What is due already was not done in this step, so it wants time to pass.
        let wake = wake.map(|wake| clock.true_time(wake).max(now.saturating_add(Duration::from_millis(1))));
        if let Some(wake) = wake.filter(|wake| host.wake_planned.is_none_or(|planned| *wake < planned)) {
            host.wake_planned = Some(wake);
            outbox.own.push((wake, Occurrence::Wake { at, life }));
        }
        Ok(())
    }

    /// The disk is done: what waited for it is carried out.
    fn flush(&self, now: Timestamp, host: &mut Host, outbox: &mut Outbox) -> Result<(), Violation> {
        let at = host.index();
        let Some((node, _)) = host.alive() else { return Ok(()) };
        node.flush().map_err(|error| Violation::Store { at, error })?;
        host.is_flushing = false;
        let mut tip_moved = false;
        for action in core::mem::take(&mut host.pending) {
            let effect = match action {
                Action::Send { peer, message } => {
                    self.send(now, host, NodeIndex::of_peer(&peer), message, outbox);
                    continue;
                }
                Action::Block { peers } => {
                    host.blocked = peers;
                    continue;
                }
                Action::TemplateStale { urgent } => {
                    tip_moved |= urgent;
                    continue;
                }
                Action::Connect { address } => Effect::Dials(address),
                Action::Disconnect { peer } => Effect::HangsUp(NodeIndex::of_peer(&peer)),
                Action::Reply { request, answer } => Effect::Answers(request, answer),
                Action::Emit(event) => {
                    if let Some((_, witness)) = host.alive()
                        && !self.is_deserved(&event)
                    {
                        witness.check_event(at, &event)?;
                    }
                    Effect::Emits(event)
                }
            };
            outbox.effects.push((now, at, effect));
        }
        let Some((node, witness)) = host.alive() else { return Ok(()) };
        let tip = node.chain().tip();
        witness.check_tip(at, node.chain())?;
        if tip_moved {
            outbox.effects.push((now, at, Effect::Moves(tip.hash(), tip.height.get())));
        }
        Ok(())
    }

    /// A node sends a message to another, as far as its behaviour lets it.
    pub fn send(
        &self,
        now: Timestamp,
        host: &mut Host,
        to: NodeIndex,
        message: Message,
        outbox: &mut Outbox,
    ) {
        let from = host.index();
        let Some(number) = host.session(to) else { return };
        let message = match self.selfish.get(&from) {
            Some(pool) => pool.outgoing(message),
            None => Some(message),
        };
        let gate = |message| gate::outgoing(self.behaviour_of(from), to, message, self.genesis);
        let Some(message) = message.and_then(gate) else { return };
        host.witness.sent(&message);
        let bytes = message.weight() as u64;
        let arrival = host.carry(&self.network, now, to, bytes);
        outbox.traffic = (outbox.traffic.0 + 1, outbox.traffic.1 + bytes);
        outbox
            .plans
            .push((arrival, Occurrence::Arrival { from, to, number, payload: Payload::pack(message) }));
    }

    /// Whether the node that was disconnected for misbehavior does misbehave.
    fn is_deserved(&self, event: &Event) -> bool {
        use cairn_protocol::event::DisconnectReason;
        let (Event::PeerDisconnected { peer, reason } | Event::PeerRejected { peer, reason, .. }) = event
        else {
            return false;
        };
        let is_rude = !self.behaviour_of(NodeIndex::of_peer(peer)).is_mannerly();
        is_rude && matches!(reason, DisconnectReason::Misbehavior(_))
    }
}
