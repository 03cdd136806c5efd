//! A connection whose stream is open: one task reads, one writes, until either ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use cairn_protocol::limits::{MAX_FRAME, MAX_FRAME_BEFORE_HELLO};
use cairn_protocol::message::Message;
use cairn_protocol::message::codec::{self, CodecError};
use cairn_protocol::message::rates::MessageRates;
use cairn_protocol::peer::{Direction, PeerAddress, PeerId};
use futures::io::{ReadHalf, WriteHalf};
use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::Stream;
use libp2p::swarm::ConnectionId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use crate::p2p::peer_handle::{ConnectionState, Outgoing, PeerHandle};
use crate::p2p::stream::{push_frame, read_frame};

/// The time to write queued messages once this node disconnects.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(2);
/// The most requests of a peer that are held back until it reads earlier replies. With one more
/// the connection is closed.
pub const MAX_HELD_BACK: usize = 64;
/// Small messages are sent together, up to about this many bytes.
const BATCH: usize = 64 * 1024;
/// A buffer that a large message extended beyond this many bytes is shrunk.
const KEPT_BUFFER: usize = 256 * 1024;

/// An event of the network for the driver. The order of a connection's events is `Connected`, received
/// messages, `Disconnected`; and of one peer's connections each ends before the next begins.
#[derive(Debug)]
pub enum PeerEvent {
    /// A connection's stream is open.
    Connected {
        handle: PeerHandle,
        direction: Direction,
        address: PeerAddress,
    },
    /// A peer sent a message. `permit` is its part of the budget for messages that are read and not handled.
    Received {
        peer: PeerId,
        connection: ConnectionId,
        message: Message,
        permit: OwnedSemaphorePermit,
    },
    /// A peer sent bytes that are not a message. Nothing more is read from it.
    Malformed {
        peer: PeerId,
        connection: ConnectionId,
        error: CodecError,
    },
    /// A connection is closed.
    Disconnected {
        peer: PeerId,
        connection: ConnectionId,
    },
    DialFailed {
        address: PeerAddress,
        reason: String,
    },
    /// A dial reached this node itself.
    DialedSelf {
        address: PeerAddress,
    },
}

/// The reading side of a connection.
pub struct Reader {
    pub handle: PeerHandle,
    pub events: mpsc::Sender<PeerEvent>,
    /// Bytes of messages that may be read and not yet handled, over all peers.
    pub budget: Arc<Semaphore>,
}

/// The driver has stopped, and the node stops.
struct DriverStopped;

/// Reads and writes until the connection ends.
pub async fn run(
    reader: Reader,
    queue: mpsc::Receiver<Outgoing>,
    stream: Stream,
    direction: Direction,
    address: PeerAddress,
) {
    let (reading, writing) = stream.split();
    let (handle, events) = (reader.handle.clone(), reader.events.clone());
    let PeerHandle { peer, connection, .. } = handle;
    let state = handle.state().clone();
    if events.send(PeerEvent::Connected { handle, direction, address }).await.is_err() {
        return;
    }
    tokio::join!(write_until_closed(&state, queue, writing), read_until_closed(&state, reader, reading));
    let _ = events.send(PeerEvent::Disconnected { peer, connection }).await;
}

async fn read_until_closed(state: &ConnectionState, reader: Reader, mut stream: ReadHalf<Stream>) {
    let waits_for_writer = tokio::select! {
        () = state.closed.cancelled() => false,
        () = state.closing.cancelled() => true,
        // The driver decides what follows malformed bytes, usually a last message.
        end = reader.read(state, &mut stream) => end.is_ok_and(|end| end == End::Malformed),
    };
    if waits_for_writer {
        let _ = tokio::time::timeout(CLOSING_TIMEOUT, state.closed.cancelled()).await;
    }
    state.closed.cancel();
}

async fn write_until_closed(
    state: &ConnectionState,
    queue: mpsc::Receiver<Outgoing>,
    mut stream: WriteHalf<Stream>,
) {
    tokio::select! {
        () = state.closed.cancelled() => {}
        ended = write(state, queue, &mut stream) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "cannot write to a peer");
            }
        }
    }
    state.closed.cancel();
}

async fn write(
    state: &ConnectionState,
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
        if let Some(Outgoing::Send { due: Some(due), .. }) = &next {
            tokio::time::sleep_until(*due).await;
        }
        let mut is_last = next.is_none();
        while let Some(outgoing) = next.take() {
            match outgoing {
                Outgoing::Disconnect => is_last = true,
                // On a slow link the next one may have to wait longer.
                Outgoing::Send { due: Some(due), .. } if due > Instant::now() => held = Some(outgoing),
                Outgoing::Send { message, .. } => {
                    push_frame(&mut buffer, &message);
                    sent.push(message);
                    next = if buffer.len() < BATCH { queue.try_recv().ok() } else { None };
                }
            }
        }
        for piece in buffer.chunks(BATCH) {
            stream.write_all(piece).await?;
            state.has_read();
        }
        stream.flush().await?;
        state.traffic.add_sent(buffer.len());
        sent.drain(..).for_each(|message| state.written(&message));
        buffer.clear();
        buffer.shrink_to(KEPT_BUFFER);
        if is_last {
            return stream.close().await;
        }
    }
}

/// The reason why reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The peer disconnected, or the network failed.
    Disconnected,
    /// The peer sent bytes that are not a message.
    Malformed,
    /// The peer requests more than it reads.
    TooManyRequests,
}

/// A request that waits until the peer reads earlier replies.
struct HeldBack {
    request: Message,
    /// Length of its frame.
    bytes: usize,
}

impl Reader {
    async fn read(
        &self,
        state: &ConnectionState,
        stream: &mut ReadHalf<Stream>,
    ) -> Result<End, DriverStopped> {
        let mut longest = MAX_FRAME_BEFORE_HELLO;
        let mut held_back: VecDeque<HeldBack> = VecDeque::new();
        let (mut rates, begun) = (MessageRates::default(), Instant::now());
        loop {
            // Losing a half-read frame to the other branch would lose the position in the stream, so
            // the frame is pinned outside and only the waiting is shared.
            let frame = {
                let mut frame = std::pin::pin!(read_frame(stream, longest, |bytes| state.reading(bytes)));
                loop {
                    while !state.is_congested()
                        && let Some(HeldBack { request, bytes }) = held_back.pop_front()
                    {
                        self.received(request, bytes).await?;
                    }
                    tokio::select! {
                        frame = frame.as_mut() => break frame,
                        () = state.drained(), if !held_back.is_empty() => {}
                    }
                }
            };
            let frame = match frame {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(End::Disconnected),
                Err(error) => match error.codec_error() {
                    Some(error) => return self.malformed(error).await,
                    None => return Ok(End::Disconnected),
                },
            };
            let bytes = frame.len();
            state.traffic.add_received(4 + bytes);
            let message = match codec::decode(&frame) {
                Ok(message) => message,
                Err(error) => return self.malformed(error).await,
            };
            drop(frame);
            state.answered(&message);
            longest = MAX_FRAME;
            let wait = rates.take(begun.elapsed(), &message);
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            if is_request(&message) && (state.is_congested() || !held_back.is_empty()) {
                if held_back.len() == MAX_HELD_BACK {
                    return Ok(End::TooManyRequests);
                }
                held_back.push_back(HeldBack { request: message, bytes });
            } else {
                self.received(message, bytes).await?;
            }
            state.handed_on();
        }
    }

    /// Notifies the driver of a message, once the budget permits.
    async fn received(&self, message: Message, bytes: usize) -> Result<(), DriverStopped> {
        let bytes = u32::try_from(bytes).expect("no frame is as long as 4 GiB");
        let permit = self.budget.clone().acquire_many_owned(bytes).await.expect("the budget is never closed");
        let PeerHandle { peer, connection, .. } = self.handle;
        self.notify(PeerEvent::Received { peer, connection, message, permit }).await
    }

    async fn malformed(&self, error: CodecError) -> Result<End, DriverStopped> {
        let PeerHandle { peer, connection, .. } = self.handle;
        self.notify(PeerEvent::Malformed { peer, connection, error }).await?;
        Ok(End::Malformed)
    }

    async fn notify(&self, event: PeerEvent) -> Result<(), DriverStopped> {
        self.events.send(event).await.map_err(|_| DriverStopped)
    }
}

/// Whether the reply may be large. Such a message is held back while the peer does not read; all others
/// are handled, so that two peers that send each other much cannot both wait for ever.
fn is_request(message: &Message) -> bool {
    match message {
        Message::GetBlocks(_)
        | Message::GetCompactBlock(_)
        | Message::GetBlockTransactions { .. }
        | Message::GetTransactions(_)
        | Message::GetHeaders { .. }
        | Message::GetPeers => true,
        Message::Hello(_) | Message::Goodbye(_) | Message::Ping { .. } | Message::Pong { .. } => false,
        Message::Peers(_) | Message::Headers(_) | Message::Block(_) | Message::NotFound(_) => false,
        Message::AnnounceTransactions(_) | Message::Transactions(_) => false,
        Message::SendCompact(_) | Message::CompactBlock(_) | Message::BlockTransactions { .. } => false,
    }
}
