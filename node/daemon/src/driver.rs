//! The driver: the thread that owns the machine. Inputs in, actions out, wakes on time.
//!
//! Validation and storage block, so they have a thread of their own, off the runtime's workers.
//! Queued inputs are handled as a group with one flush of the store, and only then are the actions
//! carried out: nothing is announced or confirmed that a crash could take back.

use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::Duration;

use cairn_core::time::Timestamp;
use cairn_genesis::programs::held::held;
use cairn_protocol::action::{Action, Answer};
use cairn_protocol::chain::store::StoreError;
use cairn_protocol::event::{DisconnectReason, Event};
use cairn_protocol::input::{Input, RequestId};
use cairn_protocol::message::{Goodbye, Message};
use cairn_protocol::node::clock::behind;
use cairn_protocol::peer::{Direction, PeerAddress, PeerId};
use tokio::sync::{mpsc, oneshot};

use crate::Machine;
use crate::clock;
use crate::driver::step_times::{StepKind, StepStart, StepTimes};
use crate::generate::{self, Made};
use crate::handle::{Call, Ends, Query};
use crate::log::{EventLog, in_words};
use crate::p2p::connection::PeerEvent;
use crate::p2p::peer_handle::PeerHandle;
use crate::p2p::{Network, NetworkCommand};

pub mod step_times;

/// Inputs that are handled before the store is flushed and actions are carried out: enough to share the cost of a
/// flush, few enough to keep the delay short.
const GROUP: usize = 64;

/// Everything that may wake the driver.
enum Woken {
    Called(Call),
    Network(PeerEvent),
    TimeCame,
    Stopped,
}

/// State of the driver's thread.
pub struct Driver {
    machine: Machine,
    ends: Ends,
    events: mpsc::Receiver<PeerEvent>,
    commands: mpsc::Sender<NetworkCommand>,
    own: PeerId,
    handles: BTreeMap<PeerId, PeerHandle>,
    replies: BTreeMap<RequestId, oneshot::Sender<Answer>>,
    next_request: u64,
    /// Collected while a group is handled, carried out after the flush.
    actions: Vec<Action>,
    queries: Vec<Query>,
    done: Vec<oneshot::Sender<()>>,
    made: Vec<(oneshot::Sender<Made>, Made)>,
    log: EventLog,
    steps: StepTimes,
}

impl Driver {
    /// Starts the thread. It ends when the handle's stop is asked for, or the store fails; either
    /// way everything else stops too. It returns the machine, flushed.
    pub fn spawn(
        machine: Machine,
        mut ends: Ends,
        network: Network,
        runtime: tokio::runtime::Handle,
    ) -> std::io::Result<JoinHandle<Result<Machine, StoreError>>> {
        let Network { own, events, commands, .. } = network;
        let stop = ends.stop.clone();
        // Requests for a task that was not started get no reply.
        ends.save_requests = None;
        let driver = Self {
            machine,
            ends,
            events,
            commands,
            own,
            handles: BTreeMap::new(),
            replies: BTreeMap::new(),
            next_request: 0,
            actions: Vec::new(),
            queries: Vec::new(),
            done: Vec::new(),
            made: Vec::new(),
            log: EventLog::default(),
            steps: StepTimes::default(),
        };
        std::thread::Builder::new().name("driver".into()).spawn(move || {
            // However the thread ends, the rest of the node does not go on without it.
            let _stop = stop.drop_guard();
            driver.run(&runtime)
        })
    }

    fn run(mut self, runtime: &tokio::runtime::Handle) -> Result<Machine, StoreError> {
        loop {
            let was_forwarded = self.machine.has_rebuilt_block();
            let mut woken = runtime.block_on(self.wait());
            let mut handled = 0;
            loop {
                match woken {
                    Woken::Stopped => return self.finish(),
                    Woken::Called(call) => self.called(call)?,
                    Woken::Network(event) => self.peer_event(event)?,
                    Woken::TimeCame => {}
                }
                handled += 1;
                // Inputs beyond this group must stay in their queue.
                let may_go_on = handled < GROUP && !self.machine.has_rebuilt_block();
                let next = if may_go_on { self.queued() } else { None };
                match next {
                    Some(next) => woken = next,
                    None => break,
                }
            }
            // A block that was rebuilt is forwarded first, and validated in the next round, whatever else that does.
            let is_due = self.machine.next_wake().is_some_and(|due| due <= clock::now());
            if is_due && (was_forwarded || !self.machine.has_rebuilt_block()) {
                self.handle(Input::Wake)?;
            }
            self.machine.flush()?;
            let now = clock::now();
            self.log.clock(behind(now, self.machine.chain(), self.machine.sync()), now);
            self.carry_out();
        }
    }

    /// Waits for the first of: a call, something from a peer, a time to wake, the end.
    async fn wait(&mut self) -> Woken {
        let due = self.machine.next_wake();
        tokio::select! {
            () = self.ends.stop.cancelled() => Woken::Stopped,
            call = self.ends.calls.recv() => call.map_or(Woken::Stopped, Woken::Called),
            event = self.events.recv() => event.map_or(Woken::Stopped, Woken::Network),
            () = sleep_until(due) => Woken::TimeCame,
        }
    }

    /// Takes the next input from the queues, without waiting.
    fn queued(&mut self) -> Option<Woken> {
        let received = self.events.try_recv().ok().map(Woken::Network);
        received.or_else(|| self.ends.calls.try_recv().ok().map(Woken::Called))
    }

    fn handle(&mut self, input: Input) -> Result<(), StoreError> {
        let validates = self.machine.has_rebuilt_block();
        let kind = if validates { StepKind::Block } else { StepKind::of(&input) };
        let begun = StepStart::now();
        self.actions.extend(self.machine.handle(clock::now(), input)?);
        self.steps.ended(kind, begun);
        Ok(())
    }

    fn called(&mut self, call: Call) -> Result<(), StoreError> {
        match call {
            Call::Query(query) => self.queries.push(query),
            Call::Command(command, done) => {
                self.done.push(done);
                self.handle(Input::Command(command))?;
            }
            Call::Generate(wanted, reply) => {
                let (made, actions) = generate::generate(&mut self.machine, &wanted)?;
                self.actions.extend(actions);
                self.made.push((reply, made));
            }
            Call::Submit(submission, reply) => {
                let request = RequestId(self.next_request);
                self.next_request += 1;
                self.replies.insert(request, reply);
                self.handle(Input::Submit { request, submission })?;
            }
        }
        Ok(())
    }

    fn peer_event(&mut self, event: PeerEvent) -> Result<(), StoreError> {
        match event {
            PeerEvent::Connected { handle, direction, address } => {
                let peer = handle.peer;
                self.forget_actions_for(peer);
                held(&self.ends.peer_traffic).insert(peer, handle.state().clone());
                self.handles.insert(peer, handle);
                self.handle(Input::Connected { peer, direction, address })
            }
            // A connection that was replaced meanwhile has no say any more, not even by its end.
            PeerEvent::Received { peer, connection, .. }
            | PeerEvent::Malformed { peer, connection, .. }
            | PeerEvent::Disconnected { peer, connection }
                if self.handles.get(&peer).is_none_or(|handle| handle.connection != connection) =>
            {
                Ok(())
            }
            PeerEvent::Received { peer, message, .. } => self.handle(Input::Received { peer, message }),
            PeerEvent::Malformed { peer, error, .. } => self.handle(Input::Malformed { peer, error }),
            PeerEvent::Disconnected { peer, .. } => {
                self.forget_actions_for(peer);
                self.handles.remove(&peer);
                held(&self.ends.peer_traffic).remove(&peer);
                self.handle(Input::Disconnected { peer })
            }
            PeerEvent::DialFailed { address, reason } => {
                self.not_connected(address, reason);
                self.handle(Input::DialFailed { address })
            }
            PeerEvent::DialedSelf { address } => {
                let peer = self.own;
                self.handle(Input::Connected { peer, direction: Direction::Outbound, address })?;
                self.handle(Input::Disconnected { peer })
            }
        }
    }

    /// Messages for a connection that is over must not be sent on the next one of the same peer: it would take them
    /// for a second handshake or for messages before it.
    fn forget_actions_for(&mut self, peer: PeerId) {
        self.actions.retain(|action| match action {
            Action::Send { peer: to, .. } | Action::Disconnect { peer: to } => *to != peer,
            _ => true,
        });
    }

    /// Carries out what was decided, in order; then lets callers look.
    fn carry_out(&mut self) {
        for action in core::mem::take(&mut self.actions) {
            match action {
                Action::Send { peer, message } => {
                    if let Some(handle) = self.handles.get(&peer) {
                        handle.send(message);
                    }
                }
                Action::Disconnect { peer } => {
                    if let Some(handle) = self.handles.get(&peer) {
                        handle.disconnect();
                    }
                }
                Action::Connect { address } => self.command(NetworkCommand::Dial(address)),
                Action::Block { peers } => self.command(NetworkCommand::Block(peers)),
                Action::Reply { request, answer } => {
                    if let Some(reply) = self.replies.remove(&request) {
                        // The caller may have disconnected meanwhile.
                        let _ = reply.send(answer);
                    }
                }
                Action::TemplateStale { urgent } => self.ends.stale.send_modify(|stale| {
                    stale.by_tip += u64::from(urgent);
                    stale.by_anything += 1;
                }),
                Action::Emit(event) => {
                    self.log.event(&event, clock::now());
                    if let Event::PeerRejected { address, reason, .. } = &event
                        && *reason != DisconnectReason::Duplicate
                    {
                        self.not_connected(*address, in_words(reason));
                    }
                    // It fails without subscribers, which is not an error.
                    let _ = self.ends.events.send(event);
                }
            }
        }
        for done in self.done.drain(..) {
            let _ = done.send(());
        }
        for (reply, made) in self.made.drain(..) {
            let _ = reply.send(made);
        }
        for query in core::mem::take(&mut self.queries) {
            query(&self.machine);
        }
    }

    /// Logs why there is no connection to a node that the operator named.
    fn not_connected(&mut self, address: PeerAddress, reason: String) {
        if self.machine.peers().dialer.kept().any(|(kept, _)| *kept == address) {
            self.log.not_connected(address, reason, clock::now());
        }
    }

    /// Sends a command to the swarm, which never waits for the driver, so this waits briefly at most.
    fn command(&self, command: NetworkCommand) {
        if self.commands.blocking_send(command).is_err() {
            tracing::debug!("the network has stopped");
        }
    }

    fn finish(mut self) -> Result<Machine, StoreError> {
        for handle in self.handles.values() {
            handle.send(Message::Goodbye(Goodbye::Leaving));
            handle.disconnect();
        }
        self.machine.flush()?;
        Ok(self.machine)
    }
}

/// Sleeps until a time of our clock; for ever if there is none.
async fn sleep_until(due: Option<Timestamp>) {
    match due {
        // The timer rounds up to whole milliseconds, so this does not wake just before. At least every hour it looks
        // again, because the clock may have been set.
        Some(due) => tokio::time::sleep(due.since(clock::now()).min(Duration::from_secs(3600))).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
