//! Access of the methods to the node behind its handle, once it runs; and the list of running calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use cairn_genesis::programs::held::held;
use cairn_protocol::input::PeerCommand;
use tokio::sync::watch;

use crate::Machine;
use crate::event_log::EventLog;
use crate::handle::NodeHandle;
use crate::miner::{Miner, MinerStats, MiningSwitch};
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::scan::ScanSlot;

/// Gives the methods access to the node. The server answers from the first instant; until the node is
/// loaded every method that needs it says so, with the code that clients of Bitcoin Core wait on.
#[derive(Clone)]
pub struct Rpc(Arc<Shared>);

struct Shared {
    node: OnceLock<NodeHandle>,
    events: EventLog,
    mining: MiningSwitch,
    miner: OnceLock<Miner>,
    scan: ScanSlot,
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
    /// Access to a node that is still loading; `tag` is the text in the coinbases of its blocks.
    pub fn loading(tag: Vec<u8>) -> Self {
        let (node, started, active) = (OnceLock::new(), Instant::now(), Mutex::default());
        let events = EventLog::begin();
        let (mining, miner, scan) = (MiningSwitch::new(None), OnceLock::new(), ScanSlot::default());
        Self(Arc::new(Shared { node, events, mining, miner, scan, tag, started, active }))
    }

    /// The node is loaded: from now on methods reach it. The first node stays.
    pub fn open(&self, node: NodeHandle) {
        let _ = self.0.node.set(node);
    }

    /// The handle of the node.
    ///
    /// # Errors
    /// [`Code::InWarmup`] while the node is loading.
    pub fn node(&self) -> Result<&NodeHandle, RpcError> {
        self.0.node.get().ok_or_else(|| Code::InWarmup.error("Loading block index…"))
    }

    /// Looks at the node, between two steps of it.
    pub async fn query<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Machine) -> T + Send + 'static,
    ) -> RpcResult<T> {
        Ok(self.node()?.query(look).await?)
    }

    /// [`Rpc::query`] for a look that can fail.
    pub async fn try_query<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Machine) -> RpcResult<T> + Send + 'static,
    ) -> RpcResult<T> {
        self.query(look).await?
    }

    /// Submits a change of connections; the node has no answer to these.
    pub async fn command(&self, command: PeerCommand) -> RpcResult<()> {
        Ok(self.node()?.command(command).await?)
    }

    /// Holds what the miner is to do.
    pub fn mining(&self) -> &MiningSwitch {
        &self.0.mining
    }

    /// Shows the statistics of this miner from now on. The first one stays.
    pub fn set_miner(&self, miner: Miner) {
        let _ = self.0.miner.set(miner);
    }

    /// Statistics of the node's own miner.
    pub fn mined(&self) -> MinerStats {
        self.0.miner.get().map(Miner::stats).unwrap_or_default()
    }

    /// Hashes per second of the node's own miner lately; none while it does not mine.
    pub fn hashrate(&self) -> Option<f64> {
        self.0.mining.borrow().as_ref().map(|_| self.mined().rate)
    }

    /// The scan for addresses, if one runs.
    pub fn scan(&self) -> &ScanSlot {
        &self.0.scan
    }

    /// The tag in the coinbases of this node's blocks.
    pub fn tag(&self) -> Vec<u8> {
        self.0.tag.clone()
    }

    /// The log of recent events.
    pub fn events(&self) -> &EventLog {
        &self.0.events
    }

    /// Wakes at every new event.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.events.watch()
    }

    /// Time since the server started.
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// Notes a call as running until the returned value is dropped.
    pub fn begin(&self, method: &'static str) -> Active {
        let mut calls = held(&self.0.active);
        let number = calls.next;
        calls.next += 1;
        calls.running.insert(number, (method, Instant::now()));
        Active { shared: self.0.clone(), number }
    }

    /// Running calls and for how long each.
    pub fn running(&self) -> Vec<(&'static str, Duration)> {
        held(&self.0.active).running.values().map(|(method, since)| (*method, since.elapsed())).collect()
    }
}

/// Does something long on a thread of its own: neither the driver nor the tasks of the runtime wait for it.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> RpcResult<T> + Send + 'static) -> RpcResult<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(panicked()))
}

/// The error of a call that panicked.
pub fn panicked() -> RpcError {
    Code::Internal.error("this call panicked, which is a fault of the node: see its log")
}

impl Drop for Active {
    fn drop(&mut self) {
        held(&self.shared.active).running.remove(&self.number);
    }
}
