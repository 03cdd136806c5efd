//! The nodes together: started, stopped, killed, restarted, called.

use std::path::PathBuf;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use cairn_core::hash::BlockHash;
use cairn_daemon::api::client::{LOOK, NodeClient, SET, WORK};
use cairn_daemon::api::status::NodeStatus;
use cairn_genesis::Chain;
use cairn_genesis::hashrate::Hashrate;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::devnet::error::DevnetError;
use crate::devnet::event::{DevnetEvent, TimedEvent};
use crate::devnet::groups::Groups;
use crate::devnet::plan::NodePlan;
use crate::devnet::shared_state::SharedState;
use crate::devnet::turns::Turns;
use crate::devnet::view::NodeView;
use crate::devnet::{process, watch};
use cairn_genesis::programs::held::held;

/// Time limit for a node to start, and for links to go.
pub(super) const START_LIMIT: Duration = Duration::from_secs(30);
/// Pause between calls of a node that starts: it sends no event before it replies.
const RETRY: Duration = Duration::from_millis(5);
/// Longest pause between looks at the tips of nodes when no event comes.
const RELOOK: Duration = Duration::from_millis(250);
/// Parameters of a method that takes none.
pub const NONE: [(); 0] = [];

/// A node of the devnet.
#[derive(Debug)]
struct Node {
    plan: NodePlan,
    client: NodeClient,
    child: Option<Child>,
    /// Whether it has missed settings, which it gets when it replies again.
    has_missed: bool,
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
            Mutex::new(Node { plan, client, child: None, has_missed: false })
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

    /// Calls a method that may work for long.
    ///
    /// # Errors
    /// When the node is down, rejects the call or does not reply.
    pub fn call<T: DeserializeOwned>(
        &self,
        id: u16,
        method: &str,
        params: impl Serialize,
    ) -> Result<T, DevnetError> {
        self.call_within(WORK, id, method, params)
    }

    /// Calls a method that changes a setting.
    ///
    /// # Errors
    /// When the node is down, rejects the call or does not reply.
    pub fn set<T: DeserializeOwned>(
        &self,
        id: u16,
        method: &str,
        params: impl Serialize,
    ) -> Result<T, DevnetError> {
        self.call_within(SET, id, method, params)
    }

    /// Calls a method that only looks.
    ///
    /// # Errors
    /// When the node is down, rejects the call or does not reply.
    pub fn look<T: DeserializeOwned>(
        &self,
        id: u16,
        method: &str,
        params: impl Serialize,
    ) -> Result<T, DevnetError> {
        self.call_within(LOOK, id, method, params)
    }

    fn call_within<T: DeserializeOwned>(
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
    /// The same as for [`Self::look`].
    pub fn status(&self, id: u16) -> Result<NodeStatus, DevnetError> {
        self.look(id, "getnodestatus", NONE)
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
    pub fn restart(&self, id: u16) -> Result<(), DevnetError> {
        if self.node(id)?.child.is_some() {
            return Err(DevnetError::Up { node: id });
        }
        self.launch(id)?;
        self.wait_until_up(id)?;
        self.set_up(id)?;
        self.happened(DevnetEvent::Restarted(id));
        Ok(())
    }

    /// Looks whether nodes ended by themselves, and tells.
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

    /// Waits until these nodes have the same tip, and returns it.
    ///
    /// # Errors
    /// When they do not agree in time, or one does not reply.
    pub fn wait_for_agreement(&self, nodes: &[u16], limit: Duration) -> Result<BlockHash, DevnetError> {
        let deadline = Instant::now() + limit;
        loop {
            let seen = self.state.log().next();
            let replies = self.with_each(nodes.iter().copied(), |id| self.tip(id));
            let tips = replies.into_iter().map(|(_, tip)| tip).collect::<Result<Vec<_>, _>>()?;
            if let [first, rest @ ..] = tips.as_slice()
                && rest.iter().all(|tip| tip == first)
            {
                return Ok(*first);
            }
            if Instant::now() > deadline {
                let tips = tips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                return Err(DevnetError::NoAgreement { seconds: limit.as_secs(), tips });
            }
            self.state.wait_until(RELOOK, |_| self.state.log().next() > seen);
        }
    }

    /// The tip of a node's best chain.
    ///
    /// # Errors
    /// The same as for [`Self::look`].
    pub fn tip(&self, id: u16) -> Result<BlockHash, DevnetError> {
        self.look(id, "getbestblockhash", NONE)
    }

    /// Folds an event into the state, and tells the listener.
    pub fn happened(&self, event: DevnetEvent) {
        self.state.happened(event);
    }

    /// Notes whether a node has missed settings.
    pub(super) fn set_missed(&self, id: u16, has_missed: bool) {
        if let Ok(mut node) = self.node(id) {
            node.has_missed = has_missed;
        }
    }

    /// Gives nodes that reply again the settings that they have missed.
    pub fn catch_up(&self) {
        let missed = self.running().into_iter().filter(|id| self.node(*id).is_ok_and(|node| node.has_missed));
        for (id, outcome) in self.with_each(missed, |id| self.set_up(id).and_then(|()| self.set_up_rate(id)))
        {
            self.set_missed(id, outcome.is_err());
        }
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
        node.has_missed = false;
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
