//! The handle: access to the driver for everything else. Every queue into it is bounded: when it is full, the caller
//! waits. Clones reach the same node.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use cairn_core::block::Block;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::header::Header;
use cairn_core::transaction::Transaction;
use cairn_genesis::programs::held::held;
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
use crate::mined::NotMined;
use crate::p2p::delays::Delays;
use crate::p2p::peer_handle::{ConnectionState, HeldBytes};
use crate::p2p::traffic::Traffic;

/// Calls queued for the driver; the caller of one more waits until there is room.
const MAX_CALLS: usize = 256;
/// Events that a slow subscriber may have unread; with more it learns how many it lost. A
/// reorganization of 8,000 blocks fits.
const MAX_EVENTS: usize = 16_384;

/// The node stops or has stopped, so there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node is stopping")]
pub struct Stopped;

/// Why a submission failed: the node stopped, or the rule that rejects the transaction, block or header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitError<E> {
    Stopped(Stopped),
    Rejected(E),
}

impl<E> From<Stopped> for SubmitError<E> {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// A look at the machine, carried out on its thread.
pub type Query = Box<dyn FnOnce(&Machine) + Send>;

/// A call of the driver, with the channel of its reply.
pub enum Call {
    Submit(Submission, oneshot::Sender<Answer>),
    Command(PeerCommand, oneshot::Sender<()>),
    Query(Query),
    Generate(Wanted, oneshot::Sender<Made>),
}

/// The state of each connection, by peer.
pub type PeerTraffic = Arc<Mutex<BTreeMap<PeerId, Arc<ConnectionState>>>>;

/// Bytes received from a peer, sent to it, and held in memory for it.
#[derive(Clone, Copy, Debug)]
pub struct ByteCounts {
    pub received: u64,
    pub sent: u64,
    pub held: HeldBytes,
}

impl ByteCounts {
    fn of(state: &ConnectionState) -> Self {
        let (received, sent) = (state.traffic.received(), state.traffic.sent());
        Self { received, sent, held: state.held() }
    }
}

/// How often templates became stale since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stale {
    /// Times that the tip moved: blocks made from older templates are wasted.
    pub by_tip: u64,
    /// Times in all; the others are better fees.
    pub by_anything: u64,
}

/// Access to one running node.
#[derive(Clone)]
pub struct NodeHandle {
    own: PeerId,
    calls: mpsc::Sender<Call>,
    events: broadcast::Sender<Event>,
    stale: watch::Receiver<Stale>,
    traffic: Arc<Traffic>,
    delays: Arc<Delays>,
    peer_traffic: PeerTraffic,
    save_requests: mpsc::Sender<SaveRequest>,
    stop: CancellationToken,
}

/// A request to save the peers; the reply is sent when they are on disk.
pub type SaveRequest = oneshot::Sender<()>;

/// The driver's ends of the channels that a handle holds.
pub struct Ends {
    pub calls: mpsc::Receiver<Call>,
    pub events: broadcast::Sender<Event>,
    pub stale: watch::Sender<Stale>,
    pub peer_traffic: PeerTraffic,
    /// Requests for the task that saves the peers; dropped if there is none.
    pub save_requests: Option<mpsc::Receiver<SaveRequest>>,
    /// Cancelled when the node is to stop.
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
        let (save_requests, save_receiver) = mpsc::channel(1);
        let ends = Ends {
            calls: call_receiver,
            events: events.clone(),
            stale: stale_sender,
            peer_traffic: peer_traffic.clone(),
            save_requests: Some(save_receiver),
            stop: stop.clone(),
        };
        (Self { own, calls, events, stale, traffic, delays, peer_traffic, save_requests, stop }, ends)
    }

    /// Delays of messages to peers; a change holds for all later messages.
    pub fn delays(&self) -> &Delays {
        &self.delays
    }

    /// The identity of this node.
    pub fn peer_id(&self) -> PeerId {
        self.own
    }

    /// Submits a transaction, which may not pay more than `max_fee_rate`; returns once it is in the mempool.
    pub async fn submit_transaction(
        &self,
        transaction: Arc<Transaction>,
        max_fee_rate: Option<FeeRate>,
    ) -> Result<Txid, SubmitError<MempoolError>> {
        let submission = Submission::Transaction { transaction, max_fee_rate };
        self.submit(submission, |answer| if let Answer::Transaction(it) = answer { Some(it) } else { None })
            .await
    }

    /// Submits a block; returns once it is stored and flushed.
    pub async fn submit_block(&self, block: Arc<Block>) -> Result<BlockVerdict, SubmitError<BlockRejection>> {
        self.submit(
            Submission::Block(block),
            |answer| if let Answer::Block(it) = answer { Some(it) } else { None },
        )
        .await
    }

    /// Submits a block that was made here; returns once it is part of the best chain and flushed.
    pub async fn submit_mined(&self, block: Arc<Block>) -> Result<(), SubmitError<NotMined>> {
        let outcome = match self.submit_block(block).await {
            Ok(verdict) => Ok(verdict),
            Err(SubmitError::Rejected(rejection)) => Err(rejection),
            Err(SubmitError::Stopped(stopped)) => return Err(stopped.into()),
        };
        NotMined::check(outcome).map_err(SubmitError::Rejected)
    }

    /// Submits a header whose block is still to come; returns whether it was new.
    pub async fn submit_header(&self, header: Header) -> Result<bool, SubmitError<BlockRejection>> {
        let submission = Submission::Header(Box::new(header));
        self.submit(submission, |answer| if let Answer::Header(it) = answer { Some(it) } else { None }).await
    }

    /// Marks a block as the operator wants; returns once the best chain is as it must be now, and flushed.
    pub async fn mark(&self, hash: BlockHash, mark: BlockOverride) -> Result<(), SubmitError<OverrideError>> {
        let submission = Submission::Override(hash, mark);
        self.submit(submission, |answer| if let Answer::Override(it) = answer { Some(it) } else { None })
            .await
    }

    /// Changes the connections; returns once the change is under way, and a change of the bans is on disk.
    pub async fn command(&self, command: PeerCommand) -> Result<(), Stopped> {
        use PeerCommand::{Ban, ClearBans, Unban};
        let changes_bans = matches!(command, Ban { .. } | Unban(_) | ClearBans);
        self.call(|reply| Call::Command(command, reply)).await?;
        let (saved, is_saved) = oneshot::channel();
        if changes_bans && self.save_requests.send(saved).await.is_ok() {
            // If they cannot be saved, the log says so.
            let _ = is_saved.await;
        }
        Ok(())
    }

    /// Looks at the machine, between two of its steps. The look must be short: nothing else is done meanwhile.
    pub async fn query<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Machine) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        self.call(|reply| Call::Query(Box::new(move |machine| drop(reply.send(look(machine)))))).await
    }

    /// Makes some of the wanted blocks at once; returns once they are stored and flushed. With
    /// fewer than wanted, ask again for the rest unless that is of no use.
    pub async fn generate(&self, wanted: Wanted) -> Result<Made, Stopped> {
        self.call(|reply| Call::Generate(wanted, reply)).await
    }

    /// All events from now on, in order. A subscriber that falls too far behind loses the oldest and learns of it.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Counts the times that templates built before became stale; a miner follows it.
    pub fn stale(&self) -> watch::Receiver<Stale> {
        self.stale.clone()
    }

    /// Bytes sent and received, over all peers.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Bytes of one peer's connection; none without a connection.
    pub fn peer_traffic(&self, peer: &PeerId) -> Option<ByteCounts> {
        held(&self.peer_traffic).get(peer).map(|state| ByteCounts::of(state))
    }

    /// Bytes that are held in memory for each peer.
    pub fn held_bytes(&self) -> Vec<HeldBytes> {
        held(&self.peer_traffic).values().map(|state| state.held()).collect()
    }

    /// Asks the node to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Cancelled when the node is to stop; tasks beside the driver end with it.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Submits, and takes the outcome out of the reply of its kind.
    async fn submit<T, E>(
        &self,
        submission: Submission,
        outcome: impl FnOnce(Answer) -> Option<Result<T, E>>,
    ) -> Result<T, SubmitError<E>> {
        let answer = self.call(|reply| Call::Submit(submission, reply)).await?;
        outcome(answer).ok_or(Stopped)?.map_err(SubmitError::Rejected)
    }

    /// Calls the driver; returns its reply.
    async fn call<T>(&self, call: impl FnOnce(oneshot::Sender<T>) -> Call) -> Result<T, Stopped> {
        let (sender, reply) = oneshot::channel();
        self.calls.send(call(sender)).await.map_err(|_| Stopped)?;
        reply.await.map_err(|_| Stopped)
    }
}
