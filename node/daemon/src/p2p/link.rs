//! A link: the sending end of one connection, in the hands of the driver. Bounded in messages and
//! bytes; a peer that does not read fast enough loses the connection, not our memory.

use std::sync::Arc;

use cairn_protocol::limits::MAX_SERVED_BYTES;
use cairn_protocol::message::Message;
use cairn_protocol::peer::PeerId;
use libp2p::swarm::ConnectionId;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::p2p::backlog::{Backlog, Share};
use crate::p2p::delays::Delays;
use crate::p2p::traffic::Traffic;

/// Messages that may wait for a peer to read.
pub const MAX_WAITING: usize = 4096;
/// Bytes that may wait: one full answer to `GetBlocks` and half as much again. While more than
/// [`PAUSE_ABOVE`] wait, the peer's further requests are not heard, so an honest one never gets here.
pub const MAX_WAITING_BYTES: usize = MAX_SERVED_BYTES + MAX_SERVED_BYTES / 2;
/// While more bytes than this wait, the peer's requests wait too.
pub const PAUSE_ABOVE: usize = 1024 * 1024;

/// What the writing task is to do next.
#[derive(Debug)]
pub enum Outgoing {
    /// Say this, not before then.
    Say(Message, Option<Instant>),
    /// Hang up.
    HangUp,
}

/// The sending end of a connection.
#[derive(Clone, Debug)]
pub struct Link {
    /// Whose connection.
    pub peer: PeerId,
    /// Which connection; one peer may have another soon.
    pub connection: ConnectionId,
    queue: mpsc::Sender<Outgoing>,
    shared: Arc<Shared>,
}

/// What both ends of a link see.
#[derive(Debug)]
pub struct Shared {
    backlog: Share,
    drained: Notify,
    /// The connection is over; nothing more is read or written.
    pub over: CancellationToken,
    /// The driver was told all there is to tell of the connection.
    pub ended: CancellationToken,
    /// We hang up: what waits is still written, nothing more is heard.
    pub closing: CancellationToken,
    /// Bytes come and gone.
    pub traffic: Traffic,
    /// How long what is said is held back.
    delays: Arc<Delays>,
}

impl Link {
    /// A link, and the queue for the task that writes.
    pub fn new(
        peer: PeerId,
        connection: ConnectionId,
        traffic: Traffic,
        delays: Arc<Delays>,
        backlog: &Arc<Backlog>,
    ) -> (Self, mpsc::Receiver<Outgoing>) {
        let (queue, receiver) = mpsc::channel(MAX_WAITING);
        let over = CancellationToken::new();
        let shared = Shared {
            backlog: backlog.share(over.clone()),
            drained: Notify::new(),
            over,
            ended: CancellationToken::new(),
            closing: CancellationToken::new(),
            traffic,
            delays,
        };
        (Self { peer, connection, queue, shared: Arc::new(shared) }, receiver)
    }

    /// Queues a message. If too much waits already, the connection ends.
    pub fn say(&self, message: Message) {
        let weight = memory(&message);
        let waiting = self.shared.backlog.add(weight);
        let due = self.shared.delays.due(&self.peer);
        if waiting > MAX_WAITING_BYTES || self.queue.try_send(Outgoing::Say(message, due)).is_err() {
            if !self.shared.over.is_cancelled() && !self.shared.closing.is_cancelled() {
                // A peer can do this as often as it likes, so it is no warning.
                tracing::debug!(peer = ?self.peer, waiting, "a peer reads too slowly: hanging up");
            }
            self.cut();
        }
    }

    /// Hangs up once everything that waits is written, or after a short while.
    pub fn hang_up(&self) {
        self.shared.closing.cancel();
        if self.queue.try_send(Outgoing::HangUp).is_err() {
            self.cut();
        }
    }

    /// Hangs up at once.
    pub fn cut(&self) {
        self.shared.over.cancel();
    }

    /// What the connection's tasks see of it.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Shared {
    /// Notes that a message was written.
    pub fn written(&self, message: &Message) {
        self.backlog.remove(memory(message));
        self.drained.notify_one();
    }

    /// Whether the peer's requests have to wait until it has read the answers to earlier ones.
    pub fn is_congested(&self) -> bool {
        self.backlog.waiting() > PAUSE_ABOVE
    }

    /// Returns when something was written since this was last called.
    pub async fn drained(&self) {
        self.drained.notified().await;
    }
}

/// Estimate of a queued message's memory in bytes.
fn memory(message: &Message) -> usize {
    const OVERHEAD: usize = 128;
    OVERHEAD + message.weight()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::p2p::backlog::MAX_BACKLOG_BYTES;

    fn link() -> (Link, mpsc::Receiver<Outgoing>) {
        let backlog = Backlog::new(MAX_BACKLOG_BYTES);
        let (peer, connection) = (PeerId::from_bytes([1; 32]), ConnectionId::new_unchecked(1));
        Link::new(peer, connection, Traffic::default(), Arc::default(), &backlog)
    }

    #[test]
    fn a_peer_that_reads_nothing_is_cut_off_one_message_past_the_bound() {
        let (link, _unread) = link();
        (0..MAX_WAITING).for_each(|_| link.say(Message::GetPeers));
        assert!(!link.shared().over.is_cancelled());
        link.say(Message::GetPeers);
        assert!(link.shared().over.is_cancelled());
    }

    #[test]
    fn a_peer_that_reads_nothing_is_cut_off_by_bytes_as_well() {
        let (link, mut unread) = link();
        let long = Message::GetBlocks(vec![cairn_core::hash::BlockHash::ZERO; 100_000]);
        let fit = MAX_WAITING_BYTES / memory(&long);
        (0..fit).for_each(|_| link.say(long.clone()));
        assert!(link.shared().is_congested() && !link.shared().over.is_cancelled());
        link.say(long);
        assert!(link.shared().over.is_cancelled());
        unread.close();
    }

    #[test]
    fn what_is_written_no_longer_counts() {
        let (link, mut queue) = link();
        for _ in 0..10 * MAX_WAITING {
            link.say(Message::Ping { nonce: 1 });
            let Ok(Outgoing::Say(message, _)) = queue.try_recv() else { panic!("it was queued") };
            link.shared().written(&message);
        }
        assert!(!link.shared().over.is_cancelled());
        assert_eq!(link.shared().backlog.waiting(), 0);
    }

    #[test]
    fn hanging_up_lets_what_waits_be_written_first() {
        let (link, mut queue) = link();
        link.say(Message::GetPeers);
        link.hang_up();
        assert!(matches!(queue.try_recv(), Ok(Outgoing::Say(Message::GetPeers, None))));
        assert!(matches!(queue.try_recv(), Ok(Outgoing::HangUp)));
        assert!(!link.shared().over.is_cancelled());
    }
}
