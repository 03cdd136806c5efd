//! Playing a plan on nodes that run: from the first block to the report.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cairn_simulator::node_index::NodeIndex;
use cairn_simulator::plan::{Engine, Plan};
use cairn_simulator::recorder::conclude::Ending;
use cairn_simulator::report::{Moment, Report};
use cairn_simulator::settling::Settlement;

use crate::devnet::error::DevnetError;
use crate::devnet::event::{DevnetEvent, TimedEvent};
use crate::devnet::network::Network;
use crate::devnet::scenario::agenda::{Agenda, Due};
use crate::devnet::scenario::chain_setup;
use crate::devnet::scenario::error::ScenarioError;
use crate::devnet::scenario::event_adapter::EventAdapter;
use crate::devnet::scenario::executor::{Command, Executor};
use crate::devnet::scenario::payments::Payer;
use crate::devnet::scenario::rates::Rates;

/// How often somebody looks at the clock and at the nodes when nothing happens.
const TICK: Duration = Duration::from_millis(20);
/// How long the nodes may take to connect at first.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long blocks may be under way when nobody mines any more.
const REST: Duration = Duration::from_secs(30);
/// Payments that wait because a node is slow to answer; beyond it people do not pay.
const WAITING_PAYMENTS: usize = 1_000;

/// Hears what happened since it was last called, and how many thousandths are done.
type Tell<'a> = &'a mut dyn FnMut(&[Moment], u64);

/// Plays a plan and reports; `tell` gets every moment as it is recorded, and time and again how many
/// thousandths are done. A run that somebody stops reports what was seen so far. In the end, whatever it is,
/// every node is stopped.
///
/// # Errors
/// [`ScenarioError`], but for what is said before nodes start.
///
/// # Panics
/// When the system has no thread left.
pub fn play(
    plan: &Plan,
    rates: &Rates,
    network: &Arc<Network>,
    happenings: &Receiver<TimedEvent>,
    tell: Tell<'_>,
) -> Result<Report, ScenarioError> {
    let stop = AtomicBool::new(false);
    let (orders, to_do) = channel();
    let (payments, to_pay) = sync_channel::<()>(WAITING_PAYMENTS);
    let payer = Arc::new(Mutex::new(Payer::new(network.clone())));
    let hands = Executor::new(plan.clone(), rates.clone(), network.clone(), payer.clone());
    let outcome = std::thread::scope(|scope| {
        let named = |name: &str| std::thread::Builder::new().name(name.into());
        let stop = &stop;
        let started = named("hands").spawn_scoped(scope, move || hands.work(&to_do, stop));
        started.expect("a scenario has two threads of its own");
        let pay = move || {
            while to_pay.recv().is_ok() && !stop.load(Ordering::Relaxed) {
                payer.lock().unwrap_or_else(PoisonError::into_inner).pay();
            }
        };
        let started = named("payer").spawn_scoped(scope, pay);
        started.expect("a scenario has two threads of its own");
        let outcome = connect(plan, network, happenings).and_then(|()| {
            let adapter = EventAdapter::new(plan.clone(), network.clone());
            let agenda = Agenda::new(plan);
            Run { plan, network, adapter, agenda, orders, payments, steps_taken: 0, phase: Phase::Mining }
                .play_out(happenings, tell)
        });
        stop.store(true, Ordering::Relaxed);
        // Whatever the threads wait for ends with the nodes.
        network.stop();
        outcome
    });
    // A node that was just being started again.
    network.stop();
    outcome
}

/// Waits until everybody has a connection to whom the topology says.
fn connect(plan: &Plan, network: &Network, happenings: &Receiver<TimedEvent>) -> Result<(), ScenarioError> {
    let until = Instant::now() + PATIENCE;
    for (node, dialled) in (0..).zip(chain_setup::dials(plan)) {
        let wanted = dialled.iter().map(|other| network.peer_id(*other)).collect::<Result<Vec<_>, _>>()?;
        loop {
            // Nobody mines yet: of all that is told now only this matters.
            while let Ok(happening) = happenings.try_recv() {
                match happening.event {
                    DevnetEvent::Stop => return Err(ScenarioError::Interrupted),
                    DevnetEvent::Died { node, how } => return Err(ScenarioError::Died { node, how }),
                    _ => {}
                }
            }
            let peers = network.status(node)?.peers;
            if wanted.iter().all(|wanted| peers.contains(wanted)) {
                break;
            }
            if Instant::now() > until {
                let (what, seconds) = ("connect to the nodes that it dials", PATIENCE.as_secs());
                let log = network.plan(node)?.log();
                return Err(DevnetError::TooSlow { node, what, seconds, log }.into());
            }
            std::thread::sleep(TICK);
        }
    }
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// All miners mine.
    Mining,
    /// What is left of the plan is mended, and miners are stopped.
    Ending,
    /// One on each side mines until all of it agree.
    Settling {
        until: Duration,
        settlement: Settlement,
    },
    /// Nobody mines any more: what is under way arrives at those who must agree.
    Resting {
        until: Duration,
        must_agree: Vec<Vec<NodeIndex>>,
    },
    Over,
}

/// A scenario under way.
struct Run<'a> {
    plan: &'a Plan,
    network: &'a Network,
    adapter: EventAdapter,
    agenda: Agenda,
    orders: Sender<Command>,
    payments: SyncSender<()>,
    steps_taken: usize,
    phase: Phase,
}

impl Run<'_> {
    fn play_out(
        mut self,
        happenings: &Receiver<TimedEvent>,
        tell: Tell<'_>,
    ) -> Result<Report, ScenarioError> {
        self.order(Command::Mine);
        let mut looked = Instant::now();
        while self.phase != Phase::Over {
            let wait = self.agenda.next_time().map(|next| next.saturating_sub(self.elapsed()));
            match happenings.recv_timeout(wait.unwrap_or(TICK).min(TICK)) {
                Ok(happening) => self.hear(happening)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(ScenarioError::Interrupted),
            }
            if looked.elapsed() >= TICK {
                looked = Instant::now();
                self.network.look_after();
            }
            while let Some(due) = self.agenda.take_due(self.elapsed()) {
                self.see_to(due);
            }
            let progress = self.progress();
            tell(self.adapter.news(), progress);
            self.go_on()?;
        }
        // What ended it.
        tell(self.adapter.news(), 1_000);
        let ending = Ending {
            engine: Engine::Devnet,
            seed: None,
            lasted_ms: self.elapsed().as_millis() as u64,
            trace: None,
            confirmed: self.adapter.confirmed(),
            dropped: None,
            traffic: (0, 0),
        };
        Ok(self.adapter.conclude(ending))
    }

    /// Whoever comes and goes, and has just come, goes again; whether its time or a step started it.
    fn hear(&mut self, happening: TimedEvent) -> Result<(), ScenarioError> {
        let restarted = match &happening.event {
            DevnetEvent::Restarted(node) => Some(NodeIndex::new(*node)),
            _ => None,
        };
        match &happening.event {
            DevnetEvent::Stop => self.phase = Phase::Over,
            DevnetEvent::Settling(settlement) if self.phase == Phase::Ending => {
                let patience = self.plan.stop.agreement_within.unwrap_or_default();
                let until = self.elapsed() + patience;
                self.phase = Phase::Settling { until, settlement: settlement.clone() };
            }
            _ => {}
        }
        self.adapter.hear(happening)?;
        if let Some(at) = restarted {
            let life = Some(self.adapter.life(at));
            self.agenda.plan_coming_or_going(self.elapsed(), self.plan, at, life);
        }
        Ok(())
    }

    fn elapsed(&self) -> Duration {
        self.adapter.begin().elapsed()
    }

    fn progress(&self) -> u64 {
        match self.phase {
            Phase::Mining => self.plan.stop.progress(self.elapsed(), self.adapter.highest()),
            Phase::Ending | Phase::Settling { .. } | Phase::Resting { .. } | Phase::Over => 1_000,
        }
    }

    fn order(&self, order: Command) {
        // The hands end after this.
        let _ = self.orders.send(order);
    }

    fn pay(&self) {
        // Whoever finds the queue full goes home.
        let _ = self.payments.try_send(());
    }

    fn see_to(&mut self, due: Due) {
        let now = self.elapsed();
        match due {
            Due::Payment => self.pay(),
            Due::Step(number) => {
                self.steps_taken = number + 1;
                self.order(Command::Step(number));
            }
            Due::ComesOrGoes { at, life: Some(life) } => {
                // It may have been killed and started again since, by a step of the plan.
                if self.adapter.life(at) == life {
                    self.order(Command::Kill(at));
                    self.agenda.plan_coming_or_going(now, self.plan, at, None);
                }
            }
            Due::ComesOrGoes { at, life: None } => self.order(Command::Restart(at)),
        }
    }

    /// From one phase to the next, as in the simulator.
    fn go_on(&mut self) -> Result<(), ScenarioError> {
        let stop = &self.plan.stop;
        match &self.phase {
            Phase::Mining => {
                let is_high = stop.height.is_some_and(|stop| self.adapter.highest() >= stop);
                if !is_high && self.elapsed() < stop.after {
                    return Ok(());
                }
                if stop.agreement_within.is_none() {
                    self.adapter.ends_as_it_stands(self.plan.steps.len() - self.steps_taken);
                    self.phase = Phase::Over;
                    return Ok(());
                }
                self.agenda.end_steps();
                // The hands say when that is done.
                self.order(Command::Settle(self.steps_taken));
                self.phase = Phase::Ending;
            }
            Phase::Settling { settlement, .. } if self.adapter.agrees_within(&settlement.sides) => {
                self.end();
            }
            Phase::Settling { until, settlement } if self.elapsed() >= *until => {
                let must_agree = settlement.must_agree(&self.adapter.ways());
                self.order(Command::Rest);
                self.phase = Phase::Resting { until: self.elapsed() + REST, must_agree };
            }
            Phase::Resting { must_agree, .. } if self.adapter.agree(must_agree) => self.end(),
            Phase::Resting { until, must_agree } if self.elapsed() >= *until => {
                if self.adapter.are_even(must_agree) {
                    self.adapter.ends_even();
                    self.phase = Phase::Over;
                    return Ok(());
                }
                let seconds = (stop.agreement_within.unwrap_or_default() + REST).as_secs();
                return Err(ScenarioError::NoAgreement { seconds, tips: self.adapter.tips() });
            }
            Phase::Ending | Phase::Settling { .. } | Phase::Resting { .. } | Phase::Over => {}
        }
        Ok(())
    }

    fn end(&mut self) {
        self.adapter.settled();
        self.phase = Phase::Over;
    }
}
