//! Connections of the HTTP server: bounded in number, each with deadlines, all closed on one signal.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock;
use crate::log::rate_limit::{Permit, RateLimit};
use crate::web::connection_slots::{Busy, Caller, ConnectionSlot, ConnectionSlots};

/// Connections at once. One more takes the slot of a caller without the secret.
const MAX_CONNECTIONS: usize = 256;
/// Timeout of a request's head and of an idle connection: Bitcoin Core's 30 s.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a write may make no progress: a reader that stopped reading frees its slot, also within an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of an answer that are handed to the HTTP library at once.
const PIECE: usize = 64 * 1024;
/// Bytes of a request's head.
const MAX_HEAD: usize = 64 * 1024;
/// Timeout of responses in progress once the node stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether a request's head has the server's secret.
pub type Knows = Arc<dyn Fn(&HeaderMap) -> bool + Send + Sync>;

/// Serves `app` until `stop`, then waits for responses in progress. Every request has its [`Caller`] in its extensions.
pub async fn serve(listener: TcpListener, app: Router, knows: Knows, stop: CancellationToken) {
    let slots = ConnectionSlots::new(MAX_CONNECTIONS);
    let tasks = TaskTracker::new();
    let mut lines = RateLimit::of_retries();
    loop {
        let next = async {
            match listener.accept().await {
                Ok((stream, _)) => Ok((stream, slots.take().await)),
                Err(error) => Err(error),
            }
        };
        let accepted = tokio::select! {
            next = next => next,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, slot)) => {
                tasks.spawn(connection(stream, slot, app.clone(), knows.clone(), stop.clone()));
                // It reads what has been sent before further ones can take its slot.
                tokio::task::yield_now().await;
            }
            Err(error) => {
                if let Some(Permit { left_out }) = lines.take(clock::now()) {
                    tracing::warn!(%error, left_out, "cannot accept an RPC connection");
                }
                // Out of file descriptors, in all likelihood: one comes back, and trying again at once would
                // only burn the processor.
                slots.evict();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    tasks.close();
    let _ = tokio::time::timeout(STOP_TIMEOUT, tasks.wait()).await;
}

async fn connection(
    stream: TcpStream,
    slot: ConnectionSlot,
    app: Router,
    knows: Knows,
    stop: CancellationToken,
) {
    // Responses are small: they must not wait for the acknowledgement of earlier bytes.
    let _ = stream.set_nodelay(true);
    let stream = TokioIo::new(with_write_timeout(stream, WRITE_TIMEOUT));
    let app = TowerToHyperService::new(app);
    let answer = |mut request: hyper::Request<Incoming>| {
        let caller = if knows(request.headers()) { Caller::Known } else { Caller::Stranger };
        request.extensions_mut().insert(caller);
        let mut busy = slot.begin(caller);
        let answer = app.call(request);
        async move {
            let answer = answer.await?;
            busy.answers(answer.body().size_hint().exact().map_or(0, |bytes| bytes as usize));
            Ok::<_, Infallible>(answer.map(|body| Answering { body, ready: Bytes::new(), _busy: busy }))
        }
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(stream, service_fn(answer));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = slot.evicted().cancelled() => {
            tracing::debug!("an RPC connection gave way to another");
            return;
        }
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an RPC connection ended");
    }
}

/// A stream whose writes time out. Reading has no deadline: a caller may wait for minutes for a response.
fn with_write_timeout<S: AsyncRead + AsyncWrite>(stream: S, timeout: Duration) -> Pin<Box<TimeoutStream<S>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(timeout));
    Box::pin(stream)
}

/// A response's body, in progress until it is dropped. It is handed out in pieces: of a body in one piece the HTTP
/// library would keep all bytes itself, and this would not know whether they are written.
struct Answering {
    body: Body,
    /// The rest of the last piece of the body.
    ready: Bytes,
    _busy: Busy,
}

impl hyper::body::Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.ready.is_empty() {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.ready = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        let piece = self.ready.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.ready.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, ready) = (self.body.size_hint(), self.ready.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + ready);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + ready);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn a_reader_that_takes_nothing_times_out_and_one_that_reads_does_not() {
        let timeout = Duration::from_millis(20);
        let (ours, theirs) = tokio::io::duplex(8);
        let stalled = with_write_timeout(ours, timeout).write_all(&[0; 64]).await;
        assert_eq!(stalled.expect_err("no one reads").kind(), std::io::ErrorKind::TimedOut);
        drop(theirs);

        let (ours, mut theirs) = tokio::io::duplex(8);
        let reader = tokio::spawn(async move { tokio::io::copy(&mut theirs, &mut tokio::io::sink()).await });
        let mut stream = with_write_timeout(ours, timeout);
        assert!(stream.write_all(&[0; 64]).await.is_ok());
        drop(stream);
        assert_eq!(reader.await.expect("no panic").expect("read"), 64);
    }
}
