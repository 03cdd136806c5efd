//! The nodes together: started, stopped, killed, restarted, called.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use cairn_core::hash::BlockHash;
use cairn_daemon::api::client::{LOOK, NodeClient};
use cairn_daemon::api::status::NodeStatus;
use cairn_genesis::Chain;
use cairn_genesis::hashrate::Hashrate;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::devnet::error::DevnetError;
use crate::devnet::event::{DevnetEvent, TimedEvent};
use crate::devnet::groups::Groups;
use crate::devnet::line::short;
use crate::devnet::plan::NodePlan;
use crate::devnet::shared_state::SharedState;
use crate::devnet::state::NetworkState;
use crate::devnet::turns::Turns;
use crate::devnet::view::NodeView;
use crate::devnet::{process, watch};
use cairn_genesis::programs::held::held;

/// Time limit for a node to start, and for links to go.
pub(super) const START_LIMIT: Duration = Duration::from_secs(30);
/// Pause between calls of a node that starts: it sends no event before it replies.
const RETRY: Duration = Duration::from_millis(5);
/// Parameters of a method that takes none.
pub const NONE: [(); 0] = [];

/// A kind of setting of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// The peers of other groups, to which it does not connect.
    Partition,
    Delays,
    Hashrate,
}

/// A node of the devnet.
#[derive(Debug)]
struct Node {
    plan: NodePlan,
    client: NodeClient,
    child: Option<Child>,
    /// Settings that it has missed, which it gets when it replies again.
    missed: BTreeSet<Setting>,
}

/// A running devnet. Steps are carried out one after another; looking does not wait for them.
#[derive(Debug)]
pub struct Network {
    pub chain: Chain,
    pub state: SharedState,
    /// The queue of steps.
    pub turns: Turns,
    chain_argument: String,
    nodes: Vec<Mutex<Node>>,
    stop: Arc<AtomicBool>,
}

impl Network {
    /// Starts every node and waits until all reply; `listener` gets every event.
    ///
    /// # Errors
    /// When one does not start; those that did are stopped.
    pub fn start(
        chain: Chain,
        chain_argument: String,
        plans: Vec<NodePlan>,
        listener: Sender<TimedEvent>,
    ) -> Result<Self, DevnetError> {
        let state = SharedState::new(&chain, plans.len() as u16, Some(listener));
        state.change(|state, _| {
            plans.iter().for_each(|plan| state.set_rate(plan.id, plan.hashrate.unwrap_or(Hashrate::NONE)));
        });
        let node = |plan: NodePlan| {
            let client = NodeClient::new(plan.rpc, &plan.cookie());
            Mutex::new(Node { plan, client, child: None, missed: BTreeSet::new() })
        };
        let nodes = plans.into_iter().map(node).collect();
        let turns = Turns::default();
        let network = Self { chain, state, turns, chain_argument, nodes, stop: Arc::default() };
        for id in network.ids() {
            network.launch(id)?;
        }
        for id in network.ids() {
            network.wait_until_up(id)?;
            watch::follow(id, network.client(id)?, network.state.clone(), network.stop.clone());
        }
        Ok(network)
    }

    /// Stops every node cleanly, all at once.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        let mut children: Vec<Child> = self.nodes.iter().filter_map(|node| held(node).child.take()).collect();
        children.iter_mut().for_each(process::ask_to_stop);
        children.iter_mut().for_each(process::wait_for_stop);
    }

    /// Numbers of all nodes.
    pub fn ids(&self) -> std::ops::Range<u16> {
        0..self.nodes.len() as u16
    }

    /// The plan of a node.
    ///
    /// # Errors
    /// [`DevnetError::NoSuchNode`], with the last number.
    pub fn plan(&self, id: u16) -> Result<NodePlan, DevnetError> {
        Ok(self.node(id)?.plan.clone())
    }

    /// The client of a running node.
    ///
    /// # Errors
    /// When there is no such node, or it is down.
    pub fn client(&self, id: u16) -> Result<NodeClient, DevnetError> {
        let node = self.node(id)?;
        if node.child.is_none() {
            return Err(DevnetError::Down { nodes: vec![id] });
        }
        Ok(node.client.clone())
    }

    /// Calls a method, with the time limit of its kind: [`LOOK`], `SET` or `WORK`.
    ///
    /// # Errors
    /// When the node is down, rejects the call or does not reply.
    pub fn call<T: DeserializeOwned>(
        &self,
        limit: Duration,
        id: u16,
        method: &str,
        params: impl Serialize,
    ) -> Result<T, DevnetError> {
        let reply = self.client(id)?.call_within(limit, method, params);
        reply.map_err(|error| DevnetError::Node { node: id, error })
    }

    /// The status of a node.
    ///
    /// # Errors
    /// The same as for [`Self::call`].
    pub fn status(&self, id: u16) -> Result<NodeStatus, DevnetError> {
        self.call(LOOK, id, "getnodestatus", NONE)
    }

    /// Does something with each of these nodes, all at once: one that does not reply holds up no other.
    pub fn with_each<T: Send>(
        &self,
        ids: impl IntoIterator<Item = u16>,
        act: impl Fn(u16) -> Result<T, DevnetError> + Sync,
    ) -> Vec<(u16, Result<T, DevnetError>)> {
        let act = &act;
        std::thread::scope(|scope| {
            let started: Vec<_> = ids.into_iter().map(|id| (id, scope.spawn(move || act(id)))).collect();
            let join = |(id, one): (u16, std::thread::ScopedJoinHandle<'_, Result<T, DevnetError>>)| {
                (id, one.join().expect("calls do not panic"))
            };
            started.into_iter().map(join).collect()
        })
    }

    /// Asks all nodes for their status at once; none from a node that is down or does not reply.
    pub fn statuses(&self) -> Vec<Option<NodeStatus>> {
        let replies = self.with_each(self.ids(), |id| self.status(id));
        replies.into_iter().map(|(_, reply)| reply.ok()).collect()
    }

    /// Asks all nodes for their status, and folds the replies into the state.
    pub fn poll(&self) {
        let before = self.state.read(|state| state.changes_of_tips());
        let replies = self.statuses();
        self.state.change(|state, at| state.fold_statuses(&before, replies, at));
    }

    /// Numbers of the nodes that run.
    pub fn running(&self) -> Vec<u16> {
        self.ids().filter(|id| self.client(*id).is_ok()).collect()
    }

    /// The groups of the network.
    pub fn groups(&self) -> Groups {
        self.state.read(|state| state.groups().clone())
    }

    /// The peer identity of a node.
    ///
    /// # Errors
    /// [`DevnetError::NoSuchNode`], with the last number.
    pub fn peer_id(&self, id: u16) -> Result<String, DevnetError> {
        drop(self.node(id)?);
        let peer_id = |node: &NodeView| node.peer_id.clone().unwrap_or_default();
        Ok(self.state.read(|state| state.node(id).map(peer_id).unwrap_or_default()))
    }

    /// The node with this peer identity.
    pub fn by_peer_id(&self, peer: &str) -> Option<u16> {
        self.state.read(|state| state.by_peer_id(peer))
    }

    /// Kills a node as a crash would.
    ///
    /// # Errors
    /// When there is no such node, or it is down.
    pub fn kill(&self, id: u16) -> Result<(), DevnetError> {
        let mut child = self.node(id)?.child.take().ok_or_else(|| DevnetError::Down { nodes: vec![id] })?;
        process::kill_now(&mut child);
        self.happened(DevnetEvent::Killed(id));
        Ok(())
    }

    /// Starts a node again on its data, with the settings that are in force.
    ///
    /// # Errors
    /// When it runs already, or ends while starting; when it runs and does not reply: it gets the settings as soon as
    /// it does.
    pub fn restart(&self, id: u16) -> Result<(), DevnetError> {
        if self.is_running(id)? {
            return Err(DevnetError::Up { node: id });
        }
        self.launch(id)?;
        let mut outcome = self.wait_until_up(id);
        for setting in [Setting::Partition, Setting::Delays] {
            outcome =
                outcome.and_then(|()| self.apply(id, setting)).inspect_err(|_| self.note_missed(id, setting));
        }
        if self.is_running(id)? {
            self.happened(DevnetEvent::Restarted(id));
        }
        outcome
    }

    /// Looks for nodes that ended by themselves, and reports them.
    pub fn look_after(&self) {
        for id in self.ids() {
            let Ok(mut node) = self.node(id) else { continue };
            let ended = node.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                node.child = None;
                let how = format!(
                    "{}; the last it wrote to {}:\n{}",
                    process::in_words(status),
                    node.plan.log().display(),
                    process::log_tail(&node.plan)
                );
                drop(node);
                self.happened(DevnetEvent::Died { node: id, how });
            }
        }
    }

    /// Waits until these nodes have the same tip, and returns it; `wanted` is the tip that it must be, if it is known.
    ///
    /// # Errors
    /// When they do not agree in time, or one of them does not reply.
    pub fn wait_for_agreement(
        &self,
        nodes: &[u16],
        wanted: Option<BlockHash>,
        limit: Duration,
    ) -> Result<BlockHash, DevnetError> {
        let tip = |state: &NetworkState, id: u16| state.node(id).map(|node| node.tip);
        let agreed = |state: &NetworkState| {
            let first = wanted.or(tip(state, *nodes.first()?))?;
            nodes.iter().all(|id| tip(state, *id) == Some(first)).then_some(first)
        };
        let silent = |state: &NetworkState| nodes.iter().copied().filter(|id| !state.answers(*id)).collect();
        self.state.wait_until(limit, |state| {
            let silent: Vec<u16> = silent(state);
            agreed(state).is_some() || !silent.is_empty()
        });
        self.state.read(|state| match (agreed(state), silent(state)) {
            (Some(tip), _) => Ok(tip),
            (None, nodes) if !nodes.is_empty() => Err(DevnetError::NotAnswering { nodes }),
            (None, _) => {
                let text = |id: &u16| {
                    let tip = tip(state, *id).map_or_else(String::new, |tip| short(&tip, 8));
                    format!("node {id} has {tip}")
                };
                let tips = nodes.iter().map(text).collect::<Vec<_>>().join(", ");
                Err(DevnetError::NoAgreement { seconds: limit.as_secs(), tips })
            }
        })
    }

    /// Folds an event into the state, and hands it to the listener.
    pub fn happened(&self, event: DevnetEvent) {
        self.state.happened(event);
    }

    /// Whether the process of a node runs.
    ///
    /// # Errors
    /// [`DevnetError::NoSuchNode`], with the last number.
    pub fn is_running(&self, id: u16) -> Result<bool, DevnetError> {
        Ok(self.node(id)?.child.is_some())
    }

    /// Notes that a node has missed a setting.
    pub(super) fn note_missed(&self, id: u16, setting: Setting) {
        if let Ok(mut node) = self.node(id) {
            node.missed.insert(setting);
        }
    }

    /// Whether some node has missed a setting of this kind.
    pub fn is_missed(&self, setting: Setting) -> bool {
        self.nodes.iter().any(|node| held(node).missed.contains(&setting))
    }

    /// Gives nodes that reply again the settings that they have missed, and no other: a fork has stopped miners
    /// on purpose. Steps come first.
    pub fn catch_up(&self) {
        let Some(_turn) = self.turns.take_if_free("catching up") else { return };
        let replied: Vec<u16> =
            self.state.read(|state| self.ids().filter(|id| state.has_just_replied(*id)).collect());
        self.with_each(replied, |id| {
            let missed = std::mem::take(&mut self.node(id)?.missed);
            let failed = missed.into_iter().filter(|setting| self.apply(id, *setting).is_err());
            failed.for_each(|setting| self.note_missed(id, setting));
            Ok(())
        });
    }

    fn node(&self, id: u16) -> Result<MutexGuard<'_, Node>, DevnetError> {
        let last = (self.nodes.len() - 1) as u16;
        self.nodes.get(usize::from(id)).map(held).ok_or(DevnetError::NoSuchNode { node: id, last })
    }

    /// Starts the process of a node at the hash rate that was asked of it.
    fn launch(&self, id: u16) -> Result<(), DevnetError> {
        let (rate, _) = self.state.read(|state| state.rates(id));
        let mut node = self.node(id)?;
        let hashrate = Some(rate).filter(|rate| *rate > Hashrate::NONE);
        node.child = Some(process::start(&node.plan, hashrate, &self.chain_argument)?);
        node.missed.clear();
        Ok(())
    }

    fn wait_until_up(&self, id: u16) -> Result<(), DevnetError> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let mut node = self.node(id)?;
            if node.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None))) {
                node.child = None;
                return Err(DevnetError::EndedAtStart { node: id, log: process::log_tail(&node.plan) });
            }
            let (client, log): (NodeClient, PathBuf) = (node.client.clone(), node.plan.log());
            drop(node);
            if let Ok(status) = client.look::<NodeStatus>("getnodestatus", NONE) {
                self.state.change(|state, _| state.set_peer_id(id, &status.peer_id));
                return Ok(());
            }
            if Instant::now() > deadline {
                let (what, seconds) = ("reply", START_LIMIT.as_secs());
                return Err(DevnetError::TooSlow { node: id, what, seconds, log });
            }
            std::thread::sleep(RETRY);
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.stop();
    }
}
