//! Peer handles: the sending end of one connection, held by the driver. Its queue is limited in messages and
//! bytes; a peer that does not read fast enough loses the connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant as Time};

use cairn_core::hash::BlockHash;
use cairn_genesis::programs::held::held;
use cairn_protocol::limits::MAX_SERVED_BYTES;
use cairn_protocol::message::{Inventory, Message};
use cairn_protocol::peer::PeerId;
use libp2p::swarm::ConnectionId;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::p2p::delays::Delays;
use crate::p2p::memory_budget::{MemoryBudget, PeerBudget};
use crate::p2p::traffic::Traffic;

/// The most messages that are queued for a peer.
pub const MAX_QUEUED: usize = 4096;
/// The most bytes that are queued for a peer: one full reply to `GetBlocks`, which its last block may exceed by half,
/// and as much again. While more than [`PAUSE_ABOVE`] are queued, the peer's further requests are held back, so an
/// honest peer stays below.
pub const MAX_QUEUED_BYTES: usize = 3 * MAX_SERVED_BYTES;
/// Time in which a frame may be the reply to a request for blocks: a peer that is silent for longer has timed out.
const LONGEST_REPLY: Duration = Duration::from_secs(60);
/// While more bytes than this are queued, the peer's requests are held back.
pub const PAUSE_ABOVE: usize = 1024 * 1024;

/// An entry of the queue of the task that writes.
#[derive(Debug)]
pub enum Outgoing {
    /// Send a message, not before a time.
    Send {
        message: Message,
        due: Option<Instant>,
    },
    Disconnect,
}

/// The sending end of a connection.
#[derive(Clone, Debug)]
pub struct PeerHandle {
    pub peer: PeerId,
    /// The connection of the peer; it may soon have another.
    pub connection: ConnectionId,
    queue: mpsc::Sender<Outgoing>,
    state: Arc<ConnectionState>,
}

/// The budgets of all connections.
#[derive(Clone, Debug)]
pub struct Budgets {
    pub sending: Arc<MemoryBudget>,
    pub reading: Arc<MemoryBudget>,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { sending: MemoryBudget::for_sending(), reading: MemoryBudget::for_reading() }
    }
}

/// Bytes that are held for a peer.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeldBytes {
    /// Messages that wait until it reads them.
    pub sending: usize,
    /// The frame that it is sending, unless a block was requested of it.
    pub reading: usize,
}

impl HeldBytes {
    /// All of them.
    pub const fn total(self) -> usize {
        self.sending + self.reading
    }
}

/// The state of a connection, which the driver and the connection's tasks share.
#[derive(Debug)]
pub struct ConnectionState {
    sending: PeerBudget,
    reading: PeerBudget,
    /// Blocks that were requested of the peer and not answered, by the time of the request.
    requested: Mutex<BTreeMap<BlockHash, Time>>,
    drained: Notify,
    /// The connection is closed; nothing more is read or written.
    pub closed: CancellationToken,
    /// The driver was notified of every event of the connection.
    pub reported: CancellationToken,
    /// This node disconnects: queued messages are still written, nothing more is read.
    pub closing: CancellationToken,
    pub traffic: Traffic,
    delays: Arc<Delays>,
}

impl PeerHandle {
    /// A handle, and the queue for the task that writes.
    pub fn new(
        peer: PeerId,
        connection: ConnectionId,
        traffic: Traffic,
        delays: Arc<Delays>,
        budgets: &Budgets,
    ) -> (Self, mpsc::Receiver<Outgoing>) {
        let (queue, receiver) = mpsc::channel(MAX_QUEUED);
        let closed = CancellationToken::new();
        let state = ConnectionState {
            sending: budgets.sending.peer_budget(peer, closed.clone()),
            reading: budgets.reading.peer_budget(peer, closed.clone()),
            requested: Mutex::default(),
            drained: Notify::new(),
            closed,
            reported: CancellationToken::new(),
            closing: CancellationToken::new(),
            traffic,
            delays,
        };
        (Self { peer, connection, queue, state: Arc::new(state) }, receiver)
    }

    /// Queues a message. If too much is queued already, the connection is closed.
    pub fn send(&self, message: Message) {
        match &message {
            Message::GetBlocks(hashes) => self.state.request(hashes),
            Message::GetBlockTransactions { block: hash, .. } | Message::GetCompactBlock(hash) => {
                self.state.request(&[*hash]);
            }
            _ => {}
        }
        let queued = self.state.sending.add(weight(&message));
        let due = self.state.delays.due(&self.peer);
        if queued > MAX_QUEUED_BYTES || self.queue.try_send(Outgoing::Send { message, due }).is_err() {
            if !self.state.closed.is_cancelled() && !self.state.closing.is_cancelled() {
                // A peer can cause this as often as it likes, so it is not a warning.
                tracing::debug!(peer = ?self.peer, queued, "a peer reads too slowly: disconnecting");
            }
            self.state.closed.cancel();
        }
    }

    /// Disconnects once all queued messages are written, or after a timeout.
    pub fn disconnect(&self) {
        self.state.closing.cancel();
        if self.queue.try_send(Outgoing::Disconnect).is_err() {
            self.state.closed.cancel();
        }
    }

    /// The state that the connection's tasks share.
    pub fn state(&self) -> &Arc<ConnectionState> {
        &self.state
    }
}

impl ConnectionState {
    /// Releases the budget of a message that was written.
    pub fn written(&self, message: &Message) {
        self.sending.remove(weight(message));
        self.drained.notify_one();
    }

    /// Whether the peer's requests are held back until it has read the replies to earlier ones.
    pub fn is_congested(&self) -> bool {
        self.sending.held() > PAUSE_ABOVE
    }

    /// Holds bytes of a frame that the peer is sending. Those of requested blocks count towards no limit but that of
    /// the requests.
    pub fn reading(&self, bytes: usize) {
        let is_recent = |time: &Time| time.elapsed() < LONGEST_REPLY;
        if !held(&self.requested).values().any(is_recent) {
            self.reading.add(bytes);
        }
    }

    /// Releases the bytes of a frame whose message was handed on.
    pub fn handed_on(&self) {
        self.reading.remove(self.reading.held());
    }

    fn request(&self, blocks: &[BlockHash]) {
        let (mut requested, now) = (held(&self.requested), Time::now());
        requested.retain(|_, time| now.duration_since(*time) < LONGEST_REPLY);
        requested.extend(blocks.iter().map(|hash| (*hash, now)));
    }

    /// Notes which requests a message answers.
    pub fn answered(&self, message: &Message) {
        let mut requested = held(&self.requested);
        match message {
            _ if requested.is_empty() => {}
            Message::Block(block) => {
                requested.remove(&block.hash());
            }
            Message::CompactBlock(compact) => {
                requested.remove(&compact.header.hash());
            }
            Message::BlockTransactions { block, .. } => {
                requested.remove(block);
            }
            Message::NotFound(items) => items.iter().for_each(|item| match item {
                Inventory::Block(hash) => {
                    requested.remove(hash);
                }
                Inventory::Transaction(_) => {}
            }),
            _ => {}
        }
    }

    /// Notes that the peer has read a part of what is queued.
    pub fn has_read(&self) {
        self.sending.progressed();
    }

    /// The bytes that are held for the peer.
    pub fn held(&self) -> HeldBytes {
        HeldBytes { sending: self.sending.held(), reading: self.reading.held() }
    }

    /// Returns when a message was written since this was last called.
    pub async fn drained(&self) {
        self.drained.notified().await;
    }
}

/// The approximate memory of a queued message, in bytes.
fn weight(message: &Message) -> usize {
    const OVERHEAD: usize = 128;
    OVERHEAD + message.weight()
}

#[cfg(test)]
mod tests {
    use cairn_core::hash::Txid;

    use super::*;

    fn handle() -> (PeerHandle, mpsc::Receiver<Outgoing>) {
        let (peer, connection) = (PeerId::from_bytes([1; 32]), ConnectionId::new_unchecked(1));
        PeerHandle::new(peer, connection, Traffic::default(), Arc::default(), &Budgets::default())
    }

    #[test]
    fn a_peer_that_reads_nothing_is_disconnected_one_message_past_the_bound() {
        let (handle, _unread) = handle();
        (0..MAX_QUEUED).for_each(|_| handle.send(Message::GetPeers));
        assert!(!handle.state().closed.is_cancelled());
        handle.send(Message::GetPeers);
        assert!(handle.state().closed.is_cancelled());
    }

    #[test]
    fn a_peer_that_reads_nothing_is_disconnected_by_bytes_as_well() {
        let (handle, mut unread) = handle();
        let long = Message::GetBlocks(vec![cairn_core::hash::BlockHash::ZERO; 100_000]);
        let fit = MAX_QUEUED_BYTES / weight(&long);
        (0..fit).for_each(|_| handle.send(long.clone()));
        assert!(handle.state().is_congested() && !handle.state().closed.is_cancelled());
        handle.send(long);
        assert!(handle.state().closed.is_cancelled());
        unread.close();
    }

    #[test]
    fn what_is_written_no_longer_counts() {
        let (handle, mut queue) = handle();
        for _ in 0..10 * MAX_QUEUED {
            handle.send(Message::Ping { nonce: 1 });
            let Ok(Outgoing::Send { message, .. }) = queue.try_recv() else { panic!("it was queued") };
            handle.state().written(&message);
        }
        assert!(!handle.state().closed.is_cancelled());
        assert_eq!(handle.state().held().sending, 0);
    }

    #[test]
    fn disconnecting_lets_queued_messages_be_written_first() {
        let (handle, mut queue) = handle();
        handle.send(Message::GetPeers);
        handle.disconnect();
        assert!(matches!(queue.try_recv(), Ok(Outgoing::Send { message: Message::GetPeers, due: None })));
        assert!(matches!(queue.try_recv(), Ok(Outgoing::Disconnect)));
        assert!(!handle.state().closed.is_cancelled());
    }

    #[test]
    fn only_the_answers_to_requests_for_blocks_end_them() {
        let (handle, _queue) = handle();
        let (first, second) = (BlockHash::ZERO, BlockHash::from_bytes([1; 32]));
        handle.send(Message::GetBlocks(vec![first, second]));
        let held = || {
            handle.state().reading(1);
            let held = handle.state().held().reading;
            handle.state().handed_on();
            held
        };
        assert_eq!(held(), 0, "a requested block");
        let lacks = |hash| Message::NotFound(vec![Inventory::Block(hash)]);
        handle.state().answered(&lacks(first));
        handle.state().answered(&Message::NotFound(vec![Inventory::Transaction(Txid::ZERO)]));
        handle.state().answered(&lacks(first));
        assert_eq!(held(), 0, "the other is not answered");
        handle.state().answered(&lacks(second));
        assert_eq!(held(), 1);
    }
}
