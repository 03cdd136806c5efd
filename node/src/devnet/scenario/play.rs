//! Playing a plan on nodes that run: from the first block to the report.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cairn_simulator::conductor::phases::{NoAgreement, Order, Phases};
use cairn_simulator::conductor::schedule::{Due, Schedule};
use cairn_simulator::node_index::NodeIndex;
use cairn_simulator::note::Note;
use cairn_simulator::plan::{Engine, Plan};
use cairn_simulator::recorder::conclude::Ending;
use cairn_simulator::report::{Moment, Report};

use crate::devnet::error::DevnetError;
use crate::devnet::event::{DevnetEvent, TimedEvent};
use crate::devnet::network::Network;
use crate::devnet::scenario::chain_setup;
use crate::devnet::scenario::error::ScenarioError;
use crate::devnet::scenario::event_adapter::EventAdapter;
use crate::devnet::scenario::executor::{Command, Executor};
use crate::devnet::scenario::payments::Payer;
use crate::devnet::scenario::rates::Rates;
use cairn_genesis::programs::held::held;

/// Interval between looks at the clock and at the nodes when nothing happens.
const TICK: Duration = Duration::from_millis(20);
/// Time limit of the nodes to connect at first.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time that blocks may be under way after mining has ended.
const REST: Duration = Duration::from_secs(30);
/// Limit of queued payments; further ones are not made.
const QUEUED_PAYMENTS: usize = 1_000;

/// Gets the moments since it was last called, and the progress in thousandths.
type OnProgress<'a> = &'a mut dyn FnMut(&[Moment], u64);

/// Plays a plan and reports; `on_progress` gets every moment as it is recorded, and the progress in thousandths. A run that
/// a signal stops reports the moments until then. At the end of any kind every node is stopped.
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
    on_progress: OnProgress<'_>,
) -> Result<Report, ScenarioError> {
    let stop = AtomicBool::new(false);
    let plan = Arc::new(plan.clone());
    let (commands, to_do) = channel();
    let (payments, to_pay) = sync_channel::<()>(QUEUED_PAYMENTS);
    let payer = Arc::new(Mutex::new(Payer::new(network.clone())));
    let executor = Executor::new(plan.clone(), rates.clone(), network.clone(), payer.clone());
    let outcome = std::thread::scope(|scope| {
        let named = |name: &str| std::thread::Builder::new().name(name.into());
        let stop = &stop;
        let started = named("executor").spawn_scoped(scope, move || executor.work(&to_do, stop));
        started.expect("a scenario has two threads of its own");
        let pay = move || {
            while to_pay.recv().is_ok() && !stop.load(Ordering::Relaxed) {
                held(&payer).pay();
            }
        };
        let started = named("payer").spawn_scoped(scope, pay);
        started.expect("a scenario has two threads of its own");
        let outcome = connect(&plan, network, happenings).and_then(|()| {
            let adapter = EventAdapter::new(plan.clone(), network.clone());
            let phases = Phases::new(plan.clone(), REST);
            let schedule = Schedule::new(plan.clone(), plan.seed);
            let queue = BTreeMap::new();
            Run {
                plan: plan.clone(),
                network,
                adapter,
                schedule,
                queue,
                planned: 0,
                commands,
                payments,
                phases,
            }
            .play_out(happenings, on_progress)
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

/// Waits until every node is connected to the nodes that the topology names.
fn connect(plan: &Plan, network: &Network, happenings: &Receiver<TimedEvent>) -> Result<(), ScenarioError> {
    let until = Instant::now() + PATIENCE;
    for (node, dialled) in (0..).zip(chain_setup::dials(plan)) {
        let wanted = dialled.iter().map(|other| network.peer_id(*other)).collect::<Result<Vec<_>, _>>()?;
        loop {
            // No node mines yet: no other event matters.
            while let Ok(happening) = happenings.try_recv() {
                match happening.event {
                    DevnetEvent::Stop => return Err(ScenarioError::Interrupted),
                    DevnetEvent::Died { node, how } => return Err(ScenarioError::Died { node, how }),
                    _ => {}
                }
            }
            // One that is busy with its start is asked again.
            let peers = network.status(node).map(|status| status.peers).unwrap_or_default();
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

/// A scenario under way.
struct Run<'a> {
    plan: Arc<Plan>,
    network: &'a Network,
    adapter: EventAdapter,
    schedule: Schedule,
    /// What is due when; of two things at one time the one planned first.
    queue: BTreeMap<(Duration, u64), Due>,
    planned: u64,
    commands: Sender<Command>,
    payments: SyncSender<()>,
    phases: Phases,
}

impl Run<'_> {
    fn play_out(
        mut self,
        happenings: &Receiver<TimedEvent>,
        on_progress: OnProgress<'_>,
    ) -> Result<Report, ScenarioError> {
        self.command(Command::Begin);
        self.schedule.steps().into_iter().for_each(|due| self.plan_due(Some(due)));
        let payment = self.schedule.next_payment();
        self.plan_due(payment);
        self.plan.clone().indices().for_each(|node| self.plan_churn(Duration::ZERO, node, Some(1)));
        let mut looked = Instant::now();
        while !self.phases.is_over() {
            let next = self.queue.keys().next().map(|(next, _)| next.saturating_sub(self.elapsed()));
            match happenings.recv_timeout(next.unwrap_or(TICK).min(TICK)) {
                Ok(happening) => self.take(happening)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(ScenarioError::Interrupted),
            }
            if looked.elapsed() >= TICK {
                looked = Instant::now();
                self.network.look_after();
            }
            self.carry_out_due();
            let progress = self.phases.progress(self.elapsed(), self.adapter.highest());
            on_progress(self.adapter.news(), progress);
            self.go_on()?;
        }
        // What ended it.
        on_progress(self.adapter.news(), 1_000);
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

    /// An intermittent node that has just come goes again, whether its time or a step started it.
    fn take(&mut self, happening: TimedEvent) -> Result<(), ScenarioError> {
        let restarted = match &happening.event {
            DevnetEvent::Restarted(node) => Some(NodeIndex::new(*node)),
            _ => None,
        };
        match &happening.event {
            DevnetEvent::Stop => self.phases.stop(),
            DevnetEvent::Conductor(Note::MiningEnds(settlement)) => {
                self.phases.settled(self.elapsed(), settlement.clone());
            }
            _ => {}
        }
        self.adapter.take(happening)?;
        if let Some(node) = restarted {
            self.plan_churn(self.elapsed(), node, Some(self.adapter.life(node)));
        }
        Ok(())
    }

    fn elapsed(&self) -> Duration {
        self.adapter.begin().elapsed()
    }

    fn command(&self, command: Command) {
        // The executor ends after this.
        let _ = self.commands.send(command);
    }

    fn plan_due(&mut self, due: Option<(Duration, Due)>) {
        if let Some((at, due)) = due {
            self.planned += 1;
            self.queue.insert((at, self.planned), due);
        }
    }

    fn plan_churn(&mut self, now: Duration, node: NodeIndex, life: Option<u32>) {
        let Some(group) = self.plan.groups.get(self.plan.group_of(node)) else { return };
        let due = self.schedule.churn(now, &group.behaviour, node, life);
        self.plan_due(due);
    }

    fn carry_out_due(&mut self) {
        let now = self.elapsed();
        while let Some(first) = self.queue.first_entry().filter(|first| first.key().0 <= now) {
            match first.remove() {
                Due::Payment => {
                    // A payment that finds the queue full is not made.
                    let _ = self.payments.try_send(());
                    let next = self.schedule.next_payment();
                    self.plan_due(next);
                }
                Due::Step(index) => {
                    self.adapter.steps_taken = index as usize + 1;
                    self.command(Command::Step(index as usize));
                }
                // The node may have been killed and started again since, by a step of the plan.
                Due::Churn { node, life: Some(life) } if self.adapter.life(node) == life => {
                    self.command(Command::Kill(node));
                    self.plan_churn(now, node, None);
                }
                Due::Churn { life: Some(_), .. } => {}
                Due::Churn { node, life: None } => self.command(Command::Restart(node)),
            }
        }
    }

    fn go_on(&mut self) -> Result<(), ScenarioError> {
        match self.phases.advance(self.elapsed(), &mut self.adapter) {
            Ok(Some(Order::Settle)) => {
                self.queue.retain(|_, due| !matches!(due, Due::Step(_)));
                // The executor notes when that is done.
                self.command(Command::Settle(self.adapter.steps_taken));
            }
            Ok(Some(Order::EndMining)) => self.command(Command::EndMining),
            Ok(None) => {}
            Err(NoAgreement { waited }) => {
                let (seconds, tips) = (waited.as_secs(), self.adapter.tips());
                return Err(ScenarioError::NoAgreement { seconds, tips });
            }
        }
        Ok(())
    }
}
