//! One connection's life after its stream is open: one task reads, one writes, until either ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use cairn_protocol::limits::{MAX_FRAME, MAX_FRAME_BEFORE_HELLO};
use cairn_protocol::message::Message;
use cairn_protocol::message::codec::{self, CodecError};
use cairn_protocol::peer::{Direction, PeerAddress, PeerId};
use futures::io::{ReadHalf, WriteHalf};
use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::Stream;
use libp2p::swarm::ConnectionId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use crate::p2p::link::{Link, Outgoing, Shared};
use crate::p2p::stream::{push_frame, read_frame};

/// How long what waits may take to be written once we hang up.
const FAREWELL: Duration = Duration::from_secs(2);
/// Requests of one peer that may wait for it to read earlier answers; one more ends the connection.
pub const MAX_HELD_BACK: usize = 64;
/// Small messages are sent together up to about this many bytes.
const BATCH: usize = 64 * 1024;
/// A buffer that a large message stretched beyond this is given back.
const KEPT_BUFFER: usize = 256 * 1024;

/// What the network tells the driver. Of one connection the order is: `Connected`, what was heard,
/// `Disconnected`; and of one peer's connections each ends before the next is told of.
#[derive(Debug)]
pub enum PeerEvent {
    /// A connection's stream is open.
    Connected {
        /// Its sending end.
        link: Link,
        /// Who dialled.
        direction: Direction,
        /// The remote end.
        address: PeerAddress,
    },
    /// A peer said something.
    Received {
        /// Who.
        peer: PeerId,
        /// On which connection.
        connection: ConnectionId,
        /// What.
        message: Message,
        /// Its place in the budget for what was read and not yet handled.
        room: OwnedSemaphorePermit,
    },
    /// A peer sent bytes that are no message. Nothing more is read from it.
    Garbled {
        /// Who.
        peer: PeerId,
        /// On which connection.
        connection: ConnectionId,
        /// What was wrong.
        fault: CodecError,
    },
    /// A connection is over.
    Disconnected {
        /// Whose.
        peer: PeerId,
        /// Which.
        connection: ConnectionId,
    },
    /// A dial came to nothing.
    DialFailed {
        /// Who was dialled.
        address: PeerAddress,
        /// Why, in words.
        reason: String,
    },
    /// A dial led to this node itself.
    DialledOurselves {
        /// Where.
        address: PeerAddress,
    },
}

/// The reading side of a connection.
pub struct Reader {
    /// The connection.
    pub link: Link,
    /// Where to tell what is heard.
    pub events: mpsc::Sender<PeerEvent>,
    /// Bytes of messages that may be read and not yet handled, over all peers.
    pub budget: Arc<Semaphore>,
}

/// The driver is gone: the node stops.
struct DriverGone;

/// Carries a conversation to its end.
pub async fn converse(
    reader: Reader,
    queue: mpsc::Receiver<Outgoing>,
    stream: Stream,
    (direction, address): (Direction, PeerAddress),
) {
    let (reading, writing) = stream.split();
    let shared = reader.link.shared().clone();
    let Link { peer, connection, .. } = reader.link;
    let connected = PeerEvent::Connected { link: reader.link.clone(), direction, address };
    if reader.events.send(connected).await.is_err() {
        return;
    }
    let events = reader.events.clone();
    tokio::join!(write_until_over(&shared, queue, writing), read_until_over(&shared, reader, reading));
    let _ = events.send(PeerEvent::Disconnected { peer, connection }).await;
}

async fn read_until_over(shared: &Shared, reader: Reader, mut stream: ReadHalf<Stream>) {
    tokio::select! {
        () = shared.over.cancelled() => return,
        () = shared.closing.cancelled() => {}
        ended = reader.read(shared, &mut stream) => {
            if ended.is_ok_and(|end| end == End::Garbled) {
                // The machine decides what follows, usually a farewell; it will not take long.
                let _ = tokio::time::timeout(FAREWELL, shared.over.cancelled()).await;
            }
            shared.over.cancel();
            return;
        }
    }
    let _ = tokio::time::timeout(FAREWELL, shared.over.cancelled()).await;
    shared.over.cancel();
}

async fn write_until_over(shared: &Shared, queue: mpsc::Receiver<Outgoing>, mut stream: WriteHalf<Stream>) {
    tokio::select! {
        () = shared.over.cancelled() => {}
        ended = write(shared, queue, &mut stream) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "cannot write to a peer");
            }
        }
    }
    shared.over.cancel();
}

async fn write(
    shared: &Shared,
    mut queue: mpsc::Receiver<Outgoing>,
    stream: &mut WriteHalf<Stream>,
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    let mut sent = Vec::new();
    let mut held = None;
    loop {
        let mut next = match held.take() {
            Some(outgoing) => Some(outgoing),
            None => queue.recv().await,
        };
        if let Some(Outgoing::Say(_, Some(due))) = &next {
            tokio::time::sleep_until(*due).await;
        }
        let mut hangs_up = next.is_none();
        while let Some(outgoing) = next.take() {
            match outgoing {
                Outgoing::HangUp => hangs_up = true,
                // On a slow link the next one may have to wait longer.
                Outgoing::Say(_, Some(due)) if due > Instant::now() => held = Some(outgoing),
                Outgoing::Say(message, _) => {
                    push_frame(&mut buffer, &message);
                    sent.push(message);
                    next = if buffer.len() < BATCH { queue.try_recv().ok() } else { None };
                }
            }
        }
        stream.write_all(&buffer).await?;
        stream.flush().await?;
        shared.traffic.add_sent(buffer.len());
        sent.drain(..).for_each(|message| shared.written(&message));
        buffer.clear();
        buffer.shrink_to(KEPT_BUFFER);
        if hangs_up {
            return stream.close().await;
        }
    }
}

/// Why reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The other side hung up, or the link broke.
    LinkLost,
    /// It sent what is no message.
    Garbled,
    /// It asks for more than it reads.
    TooManyRequests,
}

impl Reader {
    async fn read(&self, shared: &Shared, stream: &mut ReadHalf<Stream>) -> Result<End, DriverGone> {
        let mut longest = MAX_FRAME_BEFORE_HELLO;
        let mut held_back: VecDeque<(Message, usize)> = VecDeque::new();
        loop {
            // Losing a half-read frame to the other branch would lose our place in the stream, so
            // the frame is pinned outside and only the waiting is shared.
            let frame = {
                let mut frame = std::pin::pin!(read_frame(stream, longest));
                loop {
                    while !shared.is_congested()
                        && let Some((request, bytes)) = held_back.pop_front()
                    {
                        self.hear(request, bytes).await?;
                    }
                    tokio::select! {
                        frame = frame.as_mut() => break frame,
                        () = shared.drained(), if !held_back.is_empty() => {}
                    }
                }
            };
            let frame = match frame {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(End::LinkLost),
                Err(error) => return self.complain(error.fault()).await,
            };
            shared.traffic.add_received(4 + frame.len());
            let message = match codec::decode(&frame) {
                Ok(message) => message,
                Err(fault) => return self.complain(Some(fault)).await,
            };
            longest = MAX_FRAME;
            if is_request(&message) && (shared.is_congested() || !held_back.is_empty()) {
                if held_back.len() == MAX_HELD_BACK {
                    return Ok(End::TooManyRequests);
                }
                held_back.push_back((message, frame.len()));
            } else {
                self.hear(message, frame.len()).await?;
            }
        }
    }

    /// Tells what was heard, once there is room for it.
    async fn hear(&self, message: Message, bytes: usize) -> Result<(), DriverGone> {
        let bytes = u32::try_from(bytes).expect("no frame is as long as 4 GiB");
        let room = self.budget.clone().acquire_many_owned(bytes).await.expect("the budget is never closed");
        let Link { peer, connection, .. } = self.link;
        self.tell(PeerEvent::Received { peer, connection, message, room }).await
    }

    async fn complain(&self, fault: Option<CodecError>) -> Result<End, DriverGone> {
        let Some(fault) = fault else { return Ok(End::LinkLost) };
        let Link { peer, connection, .. } = self.link;
        self.tell(PeerEvent::Garbled { peer, connection, fault }).await?;
        Ok(End::Garbled)
    }

    async fn tell(&self, event: PeerEvent) -> Result<(), DriverGone> {
        self.events.send(event).await.map_err(|_| DriverGone)
    }
}

/// Whether the answer may be large. Such a message waits while the peer does not read; all others
/// are heard, so that two peers that send each other much cannot both wait for ever.
fn is_request(message: &Message) -> bool {
    match message {
        Message::GetBlocks(_)
        | Message::GetTransactions(_)
        | Message::GetHeaders { .. }
        | Message::GetPeers => true,
        Message::Hello(_) | Message::Goodbye(_) | Message::Ping { .. } | Message::Pong { .. } => false,
        Message::Peers(_) | Message::Headers(_) | Message::Block(_) | Message::NotFound(_) => false,
        Message::AnnounceTransactions(_) | Message::Transactions(_) => false,
    }
}
