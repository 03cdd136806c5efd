//! What a method may use: the node behind its handle, once it runs, and what is being called now.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use cairn_protocol::input::PeerCommand;
use tokio::sync::watch;

use crate::Machine;
use crate::event_log::EventLog;
use crate::handle::NodeHandle;
use crate::miner::{Miner, MinerStats, MiningSwitch};
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::json;
use crate::rpc::scan::ScanPlace;

/// The methods' way to the node. The server answers from the first instant; until the node is
/// loaded every method that needs it says so, with the code that clients of Bitcoin Core wait on.
#[derive(Clone)]
pub struct Rpc(Arc<Shared>);

struct Shared {
    node: OnceLock<NodeHandle>,
    events: EventLog,
    mining: MiningSwitch,
    miner: OnceLock<Miner>,
    scan: ScanPlace,
    tag: Vec<u8>,
    started: Instant,
    active: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    next: u64,
    running: BTreeMap<u64, (&'static str, Instant)>,
}

/// One running call, as long as this lives.
pub struct Active {
    shared: Arc<Shared>,
    number: u64,
}

impl Rpc {
    /// Access to a node that is still loading; `tag` is what the coinbases of its blocks say.
    pub fn loading(tag: Vec<u8>) -> Self {
        let (node, started, active) = (OnceLock::new(), Instant::now(), Mutex::default());
        let events = EventLog::begin();
        let (mining, miner, scan) = (MiningSwitch::new(None), OnceLock::new(), ScanPlace::default());
        Self(Arc::new(Shared { node, events, mining, miner, scan, tag, started, active }))
    }

    /// The node is loaded: from now on methods reach it. The first node stays.
    pub fn open(&self, node: NodeHandle) {
        let _ = self.0.node.set(node);
    }

    /// The node.
    ///
    /// # Errors
    /// [`Code::InWarmup`] while it is loading.
    pub fn node(&self) -> Result<&NodeHandle, RpcError> {
        self.0.node.get().ok_or_else(|| RpcError::new(Code::InWarmup, "Loading block index…"))
    }

    /// Looks at the node, between two steps of it.
    ///
    /// # Errors
    /// [`Code::InWarmup`] while it is loading or once it stops.
    pub async fn query<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Machine) -> T + Send + 'static,
    ) -> Result<T, RpcError> {
        self.node()?.query(look).await.map_err(|_| stopping())
    }

    /// Hands something in that changes connections; these commands have nothing to answer.
    ///
    /// # Errors
    /// [`Code::InWarmup`] while the node is loading or once it stops.
    pub async fn command(&self, command: PeerCommand) -> RpcResult {
        self.node()?.command(command).await.map_err(|_| stopping())?;
        Ok(json(&()))
    }

    /// Where is said what is to be mined.
    pub fn mining(&self) -> &MiningSwitch {
        &self.0.mining
    }

    /// This miner mines for the node. The first one stays.
    pub fn mines(&self, miner: Miner) {
        let _ = self.0.miner.set(miner);
    }

    /// What the node's own miner has done so far.
    pub fn mined(&self) -> MinerStats {
        self.0.miner.get().map(Miner::stats).unwrap_or_default()
    }

    /// Hashes per second of the node's own miner lately; none while it rests.
    pub fn hashrate(&self) -> Option<f64> {
        self.0.mining.borrow().as_ref().map(|_| self.mined().rate)
    }

    /// The scan for addresses, if one runs.
    pub fn scan(&self) -> &ScanPlace {
        &self.0.scan
    }

    /// What the coinbases of this node's blocks say.
    pub fn tag(&self) -> Vec<u8> {
        self.0.tag.clone()
    }

    /// What happened lately.
    pub fn events(&self) -> &EventLog {
        &self.0.events
    }

    /// Wakes whenever anything happened.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.events.watch()
    }

    /// How long this process has served.
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// Notes a call as running until what is returned is dropped.
    pub fn begin(&self, method: &'static str) -> Active {
        let mut calls = self.calls();
        let number = calls.next;
        calls.next += 1;
        calls.running.insert(number, (method, Instant::now()));
        Active { shared: self.0.clone(), number }
    }

    /// Running calls and for how long each.
    pub fn running(&self) -> Vec<(&'static str, Duration)> {
        self.calls().running.values().map(|(method, since)| (*method, since.elapsed())).collect()
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Calls> {
        self.0.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does something long on a thread of its own: neither the driver nor the tasks of the runtime wait for it.
///
/// # Errors
/// What it fails with; [`Code::Internal`] when it panics.
pub async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
) -> Result<T, RpcError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| {
        Err(RpcError::new(Code::Internal, "this call met a fault of the node; its log says more"))
    })
}

/// The error of every call once the node stops.
pub fn stopping() -> RpcError {
    RpcError::new(Code::InWarmup, "the node is stopping")
}

impl Drop for Active {
    fn drop(&mut self) {
        let mut calls = self.shared.active.lock().unwrap_or_else(PoisonError::into_inner);
        calls.running.remove(&self.number);
    }
}
