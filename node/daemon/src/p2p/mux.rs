//! Yamux within bounds: one connection carries few streams and holds little that nobody reads.
//!
//! libp2p's own wrapper leaves yamux' receive window at 1 GiB per connection and cannot set it; a
//! peer that delays its pongs could make it grow so far. Hence this one, around the same library.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use yamux::{Connection, ConnectionError, Mode, Stream};

/// Streams of one connection. Ours needs one; the rest is for what libp2p may add. A peer that
/// opens more loses the connection.
const MAX_STREAMS: usize = 8;
/// Bytes of all streams of one connection that may wait unread. Each stream starts with 256 KiB;
/// what is above lets one of them grow, so that distant peers are not slowed down.
const MAX_UNREAD: usize = 4 * 1024 * 1024;

/// Offers yamux to a new connection.
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

/// One connection's streams.
#[derive(Debug)]
pub struct Muxer<C> {
    connection: Connection<C>,
    /// Streams that arrived while nobody asked for one; as few as yamux admits at all.
    arrived: VecDeque<Stream>,
    asking: Option<Waker>,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    fn new(socket: C, mode: Mode) -> Self {
        let mut config = yamux::Config::default();
        config.set_max_num_streams(MAX_STREAMS).set_max_connection_receive_window(Some(MAX_UNREAD));
        Self { connection: Connection::new(socket, config, mode), arrived: VecDeque::new(), asking: None }
    }

    /// Lets the connection do its work until a stream arrives.
    fn work(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        self.connection.poll_next_inbound(context).map(|next| match next {
            Some(stream) => stream.map_err(in_words),
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
        let next = self.work(context);
        if next.is_pending() {
            self.asking = Some(context.waker().clone());
        }
        next
    }

    fn poll_outbound(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        self.connection.poll_new_outbound(context).map_err(in_words)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.poll_close(context).map_err(in_words)
    }

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<StreamMuxerEvent>> {
        while let Poll::Ready(next) = self.work(context) {
            self.arrived.push_back(next?);
            if let Some(asking) = self.asking.take() {
                asking.wake();
            }
        }
        Poll::Pending
    }
}

fn in_words(error: ConnectionError) -> io::Error {
    match error {
        ConnectionError::Io(error) => error,
        other => io::Error::other(other),
    }
}
