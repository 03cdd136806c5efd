//! The nodes together: started, stopped, cut apart, joined, killed, restarted, made to mine.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cairn_genesis::Chain;
use cairn_genesis::hashrate::Hashrate;
use serde_json::{Value, json};

use crate::devnet::error::DevnetError;
use crate::devnet::groups::Groups;
use crate::devnet::happening::{Happening, What};
use crate::devnet::link_delays::LinkDelays;
use crate::devnet::node_rpc::NodeRpc;
use crate::devnet::plan::NodePlan;
use crate::devnet::turns::Turns;
use crate::devnet::{process, watch};

/// How long a node may take until it answers.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How often a waiting step looks.
const LOOK: Duration = Duration::from_millis(2);

/// A node of the devnet.
#[derive(Debug)]
struct Node {
    plan: NodePlan,
    rpc: NodeRpc,
    child: Option<Child>,
    peer_id: String,
}

/// A running devnet. Steps are done one after another; looking does not wait for them.
#[derive(Debug)]
pub struct Network {
    /// The chain.
    pub chain: Chain,
    chain_argument: String,
    nodes: Vec<Mutex<Node>>,
    groups: Mutex<Groups>,
    /// How long links were made to take.
    pub(super) link_delays: LinkDelays,
    happenings: Sender<Happening>,
    stop: Arc<AtomicBool>,
    /// The queue of steps.
    pub turns: Turns,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded is whole after every statement, so a panic elsewhere spoils nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Network {
    /// Starts every node and waits until all answer.
    ///
    /// # Errors
    /// When one does not start; those that did are stopped.
    pub fn start(
        chain: Chain,
        chain_argument: String,
        plans: Vec<NodePlan>,
        happenings: Sender<Happening>,
    ) -> Result<Self, DevnetError> {
        let groups = Groups::whole(plans.len() as u16);
        let node = |plan: NodePlan| {
            let rpc = NodeRpc::new(plan.rpc, &plan.cookie());
            Mutex::new(Node { plan, rpc, child: None, peer_id: String::new() })
        };
        let nodes = plans.into_iter().map(node).collect();
        let network = Self {
            chain,
            chain_argument,
            nodes,
            groups: Mutex::new(groups),
            link_delays: LinkDelays::default(),
            happenings,
            stop: Arc::default(),
            turns: Turns::default(),
        };
        for node in &network.nodes {
            let mut node = held(node);
            node.child = Some(process::start(&node.plan, &network.chain_argument)?);
        }
        for id in network.ids() {
            network.wait_until_up(id)?;
            watch::follow(id, network.rpc(id)?, network.happenings.clone(), network.stop.clone());
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

    /// Where a node is.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn plan(&self, id: u16) -> Result<NodePlan, DevnetError> {
        Ok(self.node(id)?.plan.clone())
    }

    /// How a running node is asked.
    ///
    /// # Errors
    /// When there is no such node, or it is down.
    pub fn rpc(&self, id: u16) -> Result<NodeRpc, DevnetError> {
        let node = self.node(id)?;
        if node.child.is_none() {
            return Err(DevnetError::Down { node: id });
        }
        Ok(node.rpc.clone())
    }

    /// Calls a method of a running node.
    ///
    /// # Errors
    /// When it is down, refuses or does not answer.
    pub fn call(&self, id: u16, method: &str, params: Value) -> Result<Value, DevnetError> {
        self.rpc(id)?.call(method, params).map_err(|failure| DevnetError::Node { node: id, failure })
    }

    /// Running nodes.
    pub fn running(&self) -> Vec<u16> {
        self.ids().filter(|id| self.rpc(*id).is_ok()).collect()
    }

    /// How the network is cut now.
    pub fn groups(&self) -> Groups {
        held(&self.groups).clone()
    }

    /// The peer identity of a node, as it said when it started.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn peer_id(&self, id: u16) -> Result<String, DevnetError> {
        Ok(self.node(id)?.peer_id.clone())
    }

    /// Which node has this peer identity.
    pub fn by_peer_id(&self, peer: &str) -> Option<u16> {
        self.ids().find(|id| self.peer_id(*id).is_ok_and(|own| own == peer))
    }

    /// Cuts or joins the network: every node refuses the others' nodes, whoever dials.
    /// Returns when no connection crosses a cut.
    ///
    /// # Errors
    /// When a running node does not obey.
    pub fn cut(&self, groups: Groups) -> Result<(), DevnetError> {
        *held(&self.groups) = groups.clone();
        // Told before anything can follow from it: of many nodes the first agree while the last still
        // hear of the healing.
        if groups.is_whole() {
            self.happened(What::Cut(groups.clone()));
        }
        for id in self.running() {
            self.apply_cut(id)?;
        }
        if !groups.is_whole() {
            self.happened(What::Cut(groups.clone()));
        }
        let crosses = |id: u16| -> Result<bool, DevnetError> {
            let status = self.call(id, "getnodestatus", json!([]))?;
            let across: BTreeSet<u16> = groups.across(id).collect();
            let peers = status["peers"].as_array().cloned().unwrap_or_default();
            Ok(peers
                .iter()
                .filter_map(|peer| self.by_peer_id(peer.as_str()?))
                .any(|peer| across.contains(&peer)))
        };
        for id in self.running() {
            self.wait(id, "drop its links", || Ok(!crosses(id)?))?;
        }
        Ok(())
    }

    /// Kills a node as a crash would.
    ///
    /// # Errors
    /// When there is no such node, or it is down.
    pub fn kill(&self, id: u16) -> Result<(), DevnetError> {
        let mut child = self.node(id)?.child.take().ok_or(DevnetError::Down { node: id })?;
        process::kill_now(&mut child);
        self.happened(What::Killed(id));
        Ok(())
    }

    /// Starts a node again on its data, under the cut that is in force.
    ///
    /// # Errors
    /// When it runs, or does not start.
    pub fn restart(&self, id: u16) -> Result<(), DevnetError> {
        {
            let mut node = self.node(id)?;
            if node.child.is_some() {
                return Err(DevnetError::Up { node: id });
            }
            node.child = Some(process::start(&node.plan, &self.chain_argument)?);
        }
        self.wait_until_up(id)?;
        self.apply_cut(id)?;
        self.hold_back_again(id)?;
        self.happened(What::Restarted(id));
        Ok(())
    }

    /// Sets how fast a node mines, in per cent of its first rate; 0 stops it.
    ///
    /// # Errors
    /// When the node is down or refuses.
    pub fn hashrate(&self, id: u16, percent: u64) -> Result<(), DevnetError> {
        self.mine_at(id, percent)?;
        self.happened(What::Hashrate { node: id, percent });
        Ok(())
    }

    /// As [`Self::hashrate`], without telling anybody: for steps that pause the miners.
    ///
    /// # Errors
    /// When the node is down or refuses.
    pub fn mine_at(&self, id: u16, percent: u64) -> Result<(), DevnetError> {
        let plan = self.plan(id)?;
        let rate = plan.hashrate.unwrap_or(Hashrate::NONE).part(percent, 100);
        let params = if rate == Hashrate::NONE { json!([null]) } else { json!([plan.reward, 1, rate]) };
        self.call(id, "setmining", params).map(drop)
    }

    /// Looks whether nodes ended by themselves, and tells.
    pub fn look_after(&self) {
        for id in self.ids() {
            let Ok(mut node) = self.node(id) else { continue };
            let ended = node.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                node.child = None;
                let log = node.plan.log();
                let how = format!(
                    "{}; the last it wrote to {}:\n{}",
                    process::in_words(status),
                    log.display(),
                    process::log_tail(&node.plan)
                );
                drop(node);
                self.happened(What::Died { node: id, how });
            }
        }
    }

    /// Waits until every running node has the same tip; returns it and how long that took.
    ///
    /// # Errors
    /// When they do not agree in time.
    pub fn wait_for_agreement(
        &self,
        nodes: &[u16],
        patience: Duration,
    ) -> Result<(String, Duration), DevnetError> {
        let begun = Instant::now();
        loop {
            let tips = nodes.iter().map(|id| self.tip(*id)).collect::<Result<Vec<String>, _>>()?;
            if let [first, rest @ ..] = tips.as_slice()
                && rest.iter().all(|tip| tip == first)
            {
                return Ok((first.clone(), begun.elapsed()));
            }
            if begun.elapsed() > patience {
                return Err(DevnetError::NoAgreement { seconds: patience.as_secs(), tips: tips.join(", ") });
            }
            std::thread::sleep(LOOK);
        }
    }

    /// A node's tip.
    ///
    /// # Errors
    /// When the node is down or does not answer.
    pub fn tip(&self, id: u16) -> Result<String, DevnetError> {
        Ok(self.call(id, "getbestblockhash", json!([]))?.as_str().unwrap_or_default().to_owned())
    }

    /// A node's height.
    ///
    /// # Errors
    /// When the node is down or does not answer.
    pub fn height(&self, id: u16) -> Result<u64, DevnetError> {
        Ok(self.call(id, "getblockcount", json!([]))?.as_u64().unwrap_or_default())
    }

    /// Tells whoever listens.
    pub fn happened(&self, what: What) {
        // With nobody listening the devnet is about to end.
        let _ = self.happenings.send(Happening::now(what));
    }

    fn node(&self, id: u16) -> Result<MutexGuard<'_, Node>, DevnetError> {
        let last = (self.nodes.len() - 1) as u16;
        self.nodes.get(usize::from(id)).map(held).ok_or(DevnetError::NoSuchNode { node: id, last })
    }

    fn apply_cut(&self, id: u16) -> Result<(), DevnetError> {
        let across =
            self.groups().across(id).map(|other| self.peer_id(other)).collect::<Result<Vec<_>, _>>()?;
        self.call(id, "setblockedpeers", json!([across])).map(drop)
    }

    fn wait_until_up(&self, id: u16) -> Result<(), DevnetError> {
        let rpc = self.rpc(id)?;
        let mut status = Value::Null;
        self.wait(id, "answer", || {
            let mut node = self.node(id)?;
            let ended = node.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if ended {
                node.child = None;
                return Err(DevnetError::EndedAtStart { node: id, log: process::log_tail(&node.plan) });
            }
            drop(node);
            status = rpc.call("getnodestatus", json!([])).unwrap_or_default();
            Ok(!status.is_null())
        })?;
        status["peer_id"].as_str().unwrap_or_default().clone_into(&mut self.node(id)?.peer_id);
        Ok(())
    }

    fn wait(
        &self,
        id: u16,
        what: &'static str,
        mut done: impl FnMut() -> Result<bool, DevnetError>,
    ) -> Result<(), DevnetError> {
        let until = Instant::now() + START_PATIENCE;
        while !done()? {
            if Instant::now() > until {
                let log: PathBuf = self.plan(id)?.log();
                return Err(DevnetError::TooSlow { node: id, what, seconds: START_PATIENCE.as_secs(), log });
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.stop();
    }
}
