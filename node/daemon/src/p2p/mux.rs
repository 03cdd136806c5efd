//! Yamux with limits: one connection carries few streams, and few bytes of them are unread.
//!
//! libp2p's own wrapper leaves yamux' receive window at 1 GiB per connection and cannot set it; a
//! peer that delays its pongs could extend it so far. Therefore this one, around the same library.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use tokio::time::Sleep;
use yamux::{Connection, ConnectionError, Mode, Stream};

/// The most streams of one connection. The protocol needs one; the others are for what libp2p may add. A peer
/// that opens more loses the connection.
const MAX_STREAMS: usize = 8;
/// The most unread bytes of all streams of one connection. Each stream starts with 256 KiB; the rest lets one
/// of them grow, so that distant peers are not slowed down.
const MAX_UNREAD: usize = 4 * 1024 * 1024;

/// The time to close a connection, in which the peer must read what is not sent yet: one that does not read would
/// keep its place for ever (ATTACKS 28).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The upgrade of a new connection to yamux.
#[derive(Clone, Debug)]
pub struct Yamux;

impl UpgradeInfo for Yamux {
    type Info = &'static str;
    type InfoIter = std::iter::Once<Self::Info>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once("/yamux/1.0.0")
    }
}

impl<C: AsyncRead + AsyncWrite + Send + Unpin + 'static> InboundConnectionUpgrade<C> for Yamux {
    type Output = Muxer<C>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Self::Error>>;

    fn upgrade_inbound(self, socket: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(socket, Mode::Server)))
    }
}

impl<C: AsyncRead + AsyncWrite + Send + Unpin + 'static> OutboundConnectionUpgrade<C> for Yamux {
    type Output = Muxer<C>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Self::Error>>;

    fn upgrade_outbound(self, socket: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(socket, Mode::Client)))
    }
}

/// The streams of one connection.
#[derive(Debug)]
pub struct Muxer<C> {
    connection: Connection<C>,
    /// Streams that arrived between two calls of `poll_inbound`; at most [`MAX_STREAMS`].
    arrived: VecDeque<Stream>,
    waker: Option<Waker>,
    /// The end of the time to close; none before closing begins.
    closing: Option<Pin<Box<Sleep>>>,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    fn new(socket: C, mode: Mode) -> Self {
        let mut config = yamux::Config::default();
        config.set_max_num_streams(MAX_STREAMS).set_max_connection_receive_window(Some(MAX_UNREAD));
        let connection = Connection::new(socket, config, mode);
        Self { connection, arrived: VecDeque::new(), waker: None, closing: None }
    }

    /// Drives the connection until a stream arrives.
    fn drive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        self.connection.poll_next_inbound(context).map(|next| match next {
            Some(stream) => stream.map_err(io_error),
            None => Err(io::ErrorKind::ConnectionAborted.into()),
        })
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> StreamMuxer for Muxer<C> {
    type Substream = Stream;
    type Error = io::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        if let Some(stream) = self.arrived.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        let next = self.drive(context);
        if next.is_pending() {
            self.waker = Some(context.waker().clone());
        }
        next
    }

    fn poll_outbound(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        self.connection.poll_new_outbound(context).map_err(io_error)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(closed) = self.connection.poll_close(context) {
            return Poll::Ready(closed.map_err(io_error));
        }
        let timeout = self.closing.get_or_insert_with(|| Box::pin(tokio::time::sleep(CLOSE_TIMEOUT)));
        timeout.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<StreamMuxerEvent>> {
        while let Poll::Ready(next) = self.drive(context) {
            self.arrived.push_back(next?);
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
        Poll::Pending
    }
}

fn io_error(error: ConnectionError) -> io::Error {
    match error {
        ConnectionError::Io(error) => error,
        other => io::Error::other(other),
    }
}
