//! The handle: how everything else reaches the driver. Every way in is a bounded queue: with too much
//! under way a caller waits. Clones reach the same node.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use cairn_core::block::Block;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::header::Header;
use cairn_core::transaction::Transaction;
use cairn_protocol::action::Answer;
use cairn_protocol::chain::block_overrides::{BlockOverride, OverrideError};
use cairn_protocol::chain::{BlockRejection, BlockVerdict};
use cairn_protocol::event::Event;
use cairn_protocol::input::{PeerCommand, Submission};
use cairn_protocol::mempool::MempoolError;
use cairn_protocol::mempool::fee_rate::FeeRate;
use cairn_protocol::peer::PeerId;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::Machine;
use crate::generate::{Made, Wanted};
use crate::p2p::delays::Delays;
use crate::p2p::peer_handle::ConnectionState;
use crate::p2p::traffic::Traffic;

/// Calls that may wait for the driver; one more waits before it is even queued.
const MAX_CALLS: usize = 256;
/// Events that a slow subscriber may have unread; with more it is told how many it lost. A
/// reorganisation of 8,000 blocks fits.
const MAX_EVENTS: usize = 16_384;

/// The node stops or has stopped: nobody answers any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node is stopping")]
pub struct Stopped;

/// A way of looking at the machine, carried out on its thread.
pub type Query = Box<dyn FnOnce(&Machine) + Send>;

/// What a caller wants of the driver.
pub enum Call {
    /// Take this in, and say how that ended.
    Submit(Submission, oneshot::Sender<Answer>),
    /// Do this with the connections.
    Command(PeerCommand, oneshot::Sender<()>),
    /// Let this look.
    Query(Query),
    /// Make blocks at once.
    Generate(Wanted, oneshot::Sender<Made>),
}

/// Bytes come and gone, by peer.
pub type PeerTraffic = Arc<Mutex<BTreeMap<PeerId, Arc<ConnectionState>>>>;

/// How often templates became stale since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stale {
    /// Because the tip moved: blocks made from older templates are wasted.
    pub by_tip: u64,
    /// For any reason; the others are better fees.
    pub by_anything: u64,
}

/// A way to one running node.
#[derive(Clone)]
pub struct NodeHandle {
    own: PeerId,
    calls: mpsc::Sender<Call>,
    events: broadcast::Sender<Event>,
    stale: watch::Receiver<Stale>,
    traffic: Arc<Traffic>,
    delays: Arc<Delays>,
    peer_traffic: PeerTraffic,
    stop: CancellationToken,
}

/// The driver's ends of what a handle holds.
pub struct Ends {
    /// What callers want.
    pub calls: mpsc::Receiver<Call>,
    /// Where to tell what happened.
    pub events: broadcast::Sender<Event>,
    /// Where to tell that templates are stale.
    pub stale: watch::Sender<Stale>,
    /// Where to note connections.
    pub peer_traffic: PeerTraffic,
    /// Tells that the node is to stop.
    pub stop: CancellationToken,
}

impl NodeHandle {
    /// A handle, and the driver's ends of it.
    pub fn new(
        own: PeerId,
        traffic: Arc<Traffic>,
        delays: Arc<Delays>,
        stop: CancellationToken,
    ) -> (Self, Ends) {
        let (calls, call_receiver) = mpsc::channel(MAX_CALLS);
        let events = broadcast::Sender::new(MAX_EVENTS);
        let (stale_sender, stale) = watch::channel(Stale::default());
        let peer_traffic = PeerTraffic::default();
        let ends = Ends {
            calls: call_receiver,
            events: events.clone(),
            stale: stale_sender,
            peer_traffic: peer_traffic.clone(),
            stop: stop.clone(),
        };
        (Self { own, calls, events, stale, traffic, delays, peer_traffic, stop }, ends)
    }

    /// How long what it says to peers is held back; set at once for all that follows.
    pub fn delays(&self) -> &Delays {
        &self.delays
    }

    /// Who this node is.
    pub fn peer_id(&self) -> PeerId {
        self.own
    }

    /// Hands in a transaction; returns once it is in the mempool, or refused.
    ///
    /// # Errors
    /// [`Stopped`]; the inner error is the transaction's.
    pub async fn submit_transaction(
        &self,
        transaction: Arc<Transaction>,
        max_fee_rate: Option<FeeRate>,
    ) -> Result<Result<Txid, MempoolError>, Stopped> {
        match self.submit(Submission::Transaction { transaction, max_fee_rate }).await? {
            Answer::Transaction(outcome) => Ok(outcome),
            _ => Err(Stopped),
        }
    }

    /// Hands in a block; returns once it is stored and flushed, or refused.
    ///
    /// # Errors
    /// [`Stopped`]; the inner error is the block's.
    pub async fn submit_block(
        &self,
        block: Arc<Block>,
    ) -> Result<Result<BlockVerdict, BlockRejection>, Stopped> {
        match self.submit(Submission::Block(block)).await? {
            Answer::Block(outcome) => Ok(outcome),
            _ => Err(Stopped),
        }
    }

    /// Hands in a header whose block is still to come; returns whether it was new, or why it is
    /// refused.
    ///
    /// # Errors
    /// [`Stopped`]; the inner error is the header's.
    pub async fn submit_header(&self, header: Header) -> Result<Result<bool, BlockRejection>, Stopped> {
        match self.submit(Submission::Header(Box::new(header))).await? {
            Answer::Header(outcome) => Ok(outcome),
            _ => Err(Stopped),
        }
    }

    /// Says something of a block; returns once the best chain is as it must be now, and flushed.
    ///
    /// # Errors
    /// [`Stopped`]; the inner error is the caller's.
    pub async fn mark(
        &self,
        hash: BlockHash,
        mark: BlockOverride,
    ) -> Result<Result<(), OverrideError>, Stopped> {
        match self.submit(Submission::Override(hash, mark)).await? {
            Answer::Override(outcome) => Ok(outcome),
            _ => Err(Stopped),
        }
    }

    /// Does something with the connections; returns once it is under way.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn command(&self, command: PeerCommand) -> Result<(), Stopped> {
        let (reply, done) = oneshot::channel();
        self.calls.send(Call::Command(command, reply)).await.map_err(|_| Stopped)?;
        done.await.map_err(|_| Stopped)
    }

    /// Looks at the machine, between two of its steps. The look must be short: everything waits.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn query<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Machine) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        let query = move |machine: &Machine| drop(reply.send(look(machine)));
        self.calls.send(Call::Query(Box::new(query))).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// [`NodeHandle::query`] for threads outside the runtime, as the miner's.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn query_blocking<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Machine) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        let query = move |machine: &Machine| drop(reply.send(look(machine)));
        self.calls.blocking_send(Call::Query(Box::new(query))).map_err(|_| Stopped)?;
        answer.blocking_recv().map_err(|_| Stopped)
    }

    /// Makes some of the wanted blocks on the spot; returns once they are stored and flushed. With
    /// fewer than wanted, ask again for the rest unless that is of no use.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn generate(&self, wanted: Wanted) -> Result<Made, Stopped> {
        let (reply, made) = oneshot::channel();
        self.calls.send(Call::Generate(wanted, reply)).await.map_err(|_| Stopped)?;
        made.await.map_err(|_| Stopped)
    }

    /// Everything that happens from now on, in order. A subscriber that falls too far behind is
    /// told so and loses the oldest; it holds up nobody.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Tells whoever mines that templates built before are stale.
    pub fn stale(&self) -> watch::Receiver<Stale> {
        self.stale.clone()
    }

    /// Bytes come and gone, over all peers.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Bytes (received, sent) of one peer's connection; none without one.
    pub fn peer_traffic(&self, peer: &PeerId) -> Option<(u64, u64)> {
        let peers = self.peer_traffic.lock().unwrap_or_else(PoisonError::into_inner);
        peers.get(peer).map(|state| (state.traffic.received(), state.traffic.sent()))
    }

    /// Asks the node to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Tells when the node is to stop; whatever runs beside the driver ends with it.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    async fn submit(&self, submission: Submission) -> Result<Answer, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(Call::Submit(submission, reply)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}
