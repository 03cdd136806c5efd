//! The state of a devnet as its threads share it: followers get each change, marks and waiting threads too.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cairn_daemon::event_log::EventLog;
use cairn_genesis::Chain;
use cairn_genesis::hashrate::Hashrate;
use cairn_simulator::plan::Plan;

use crate::devnet::event::{DevnetEvent, TimedEvent};
use crate::devnet::line::{Line, Narrated};
use crate::devnet::narrator::Narrator;
use crate::devnet::state::NetworkState;
use crate::devnet::view::{DevnetView, Mark};
use cairn_genesis::programs::held::held;

/// The state, the log of its changes, and the narrator. Clones are the same.
#[derive(Clone, Debug)]
pub struct SharedState {
    log: EventLog,
    begun: Instant,
    shared: Arc<(Mutex<Guarded>, Condvar)>,
}

#[derive(Debug)]
struct Guarded {
    state: NetworkState,
    narrator: Narrator,
    /// Time of a simulated world, in milliseconds since it began.
    now_ms: Option<u64>,
    listener: Option<Sender<TimedEvent>>,
}

impl SharedState {
    /// The state of a devnet that starts; `listener` gets every event.
    pub fn new(chain: &Chain, nodes: u16, listener: Option<Sender<TimedEvent>>) -> Self {
        let state = NetworkState::new(nodes, chain);
        let guarded = Guarded { state, narrator: Narrator::default(), now_ms: None, listener };
        let shared = Arc::new((Mutex::new(guarded), Condvar::new()));
        Self { log: EventLog::begin(), begun: Instant::now(), shared }
    }

    /// The state of a simulated world, in the world's own time.
    pub fn of_scenario(plan: &Plan) -> Self {
        let shared = Self::new(&plan.simulated_chain(), plan.nodes(), None);
        shared.change_at(0, |state| {
            for node in plan.indices() {
                state.set_peer_id(node.number(), &node.peer_id().to_string());
                state.set_rate(node.number(), Hashrate::per_second(1));
            }
        });
        shared
    }

    /// The changes from now on, for followers.
    pub const fn log(&self) -> &EventLog {
        &self.log
    }

    /// The view with the latest blocks, at most `blocks`.
    pub fn view(&self, blocks: usize) -> DevnetView {
        let guarded = self.lock();
        let now_ms = guarded.now_ms.unwrap_or_else(|| self.ms(Instant::now()));
        let view = guarded.state.view(blocks, now_ms);
        DevnetView { run: self.log.run().to_owned(), next: self.log.next(), ..view }
    }

    /// Reads something of the state.
    pub fn read<T>(&self, read: impl FnOnce(&NetworkState) -> T) -> T {
        read(&self.lock().state)
    }

    /// Changes the state now, in milliseconds since the devnet started.
    pub fn change<T>(&self, change: impl FnOnce(&mut NetworkState, u64) -> T) -> T {
        let mut guarded = self.lock();
        let changed = change(&mut guarded.state, self.ms(Instant::now()));
        self.publish(&mut guarded);
        changed
    }

    /// Changes the state of a simulated world, whose time this is.
    pub fn change_at(&self, now_ms: u64, change: impl FnOnce(&mut NetworkState)) {
        let mut guarded = self.lock();
        guarded.now_ms = Some(now_ms);
        change(&mut guarded.state);
        self.publish(&mut guarded);
    }

    /// Folds an event, and hands it to the listener with its lines.
    pub fn happened(&self, event: DevnetEvent) {
        let mut guarded = self.lock();
        let (at, now_ms) = (Instant::now(), self.ms(Instant::now()));
        let Guarded { state, narrator, .. } = &mut *guarded;
        // The lines of blocks before a partition are about the network as it was then.
        let mut lines = narrator.narrate(&event, state, now_ms);
        state.fold(&event, now_ms);
        lines.extend(narrator.tick(state, now_ms));
        mark(state, &lines, now_ms);
        let is_tip = matches!(&event, DevnetEvent::Node { node, .. } if state.is_on_whole_branch(*node));
        self.publish(&mut guarded);
        if let Some(listener) = &guarded.listener {
            // With no listener the devnet is about to end.
            let _ = listener.send(TimedEvent { at, event, is_tip, lines });
        }
    }

    /// Lines that are due although no event came.
    pub fn tick(&self) -> Vec<Line> {
        let mut guarded = self.lock();
        let now_ms = self.ms(Instant::now());
        let Guarded { state, narrator, .. } = &mut *guarded;
        let lines = narrator.tick(state, now_ms);
        mark(state, &lines, now_ms);
        self.publish(&mut guarded);
        lines
    }

    /// Waits until the state is as wanted. Returns whether that was in time.
    pub fn wait_until(&self, limit: Duration, is_so: impl Fn(&NetworkState) -> bool) -> bool {
        let (_, changed) = &*self.shared;
        let waited = changed.wait_timeout_while(self.lock(), limit, |guarded| !is_so(&guarded.state));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn ms(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.begun).as_millis() as u64
    }

    fn publish(&self, guarded: &mut Guarded) {
        guarded.state.take_changes().iter().for_each(|change| self.log.push(change));
        self.shared.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Guarded> {
        held(&self.shared.0)
    }
}

fn mark(state: &mut NetworkState, lines: &[Line], at_ms: u64) {
    for line in lines {
        // A node that died says how in many lines; the first is enough here.
        let text = line.text.as_deref().and_then(|text| text.lines().next());
        if let (Some(kind), Some(text)) = (line.event.mark(), text) {
            let (kind, text, took_ms) = (kind.to_owned(), text.to_owned(), line.event.took_ms());
            let groups = matches!(line.event, Narrated::Partitioned { .. } | Narrated::Healed);
            let groups = groups.then(|| state.groups().clone());
            state.mark(Mark { at_ms, kind, text, took_ms, node: line.event.node(), groups });
        }
    }
}
