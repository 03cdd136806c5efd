//! `GET /events`: events as a stream that a follower can resume, or one batch at a time as JSON.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{ACCEPT, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event as Line, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::api::event::NodeEvent;
use crate::api::tagged::split;
use crate::event_log::{Entry, EventLog, Found};
use crate::rpc::error::RpcError;
use crate::rpc::json::{json, object};
use crate::web::args::Arguments;
use crate::web::connection_slots::Caller;
use crate::web::reply::{ApiError, for_pages};

/// Streams at once to callers without the secret, which hold a connection each for as long as they like.
const MAX_FREE_FOLLOWERS: usize = 64;
/// Seconds after which a rejected follower may try again.
const RETRY_AFTER_S: &str = "5";

/// Interval of the sign of life of a quiet stream. Scripts of a page do not see comments, so it is an event.
const BEAT: Duration = Duration::from_secs(5);

/// Time in which events are gathered for pages. A block that reaches five nodes is twenty events, and a hundred pages
/// would wake for each of them while nodes relay the block; no person sees the difference.
pub const FOR_PAGES: Duration = Duration::from_millis(40);

/// Advice to a follower that has missed events.
const GAP: &str = "events are missing here: read the best chain again from its tip, then go on with `next`";

/// The query of a request for events.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    /// The number of the first event wanted; without it, what happens from now on.
    pub from: Option<u64>,
}

impl Arguments for Wanted {
    const EXPECTED: &'static str = "from=NUMBER, the number of an event";
}

/// The slots for followers without the secret. Clones are the same.
#[derive(Clone, Debug)]
pub struct Followers(Arc<Semaphore>);

impl Default for Followers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_FREE_FOLLOWERS)))
    }
}

impl Followers {
    /// The stream of events. A browser that reconnects says by itself where it was (`Last-Event-ID`);
    /// that goes before `from`, because its address still holds the number it began with. An event
    /// is held back for `gather`, to be sent with those that follow at once. A caller that accepts JSON gets one answer with
    /// what there is, and keeps no place.
    pub fn follow(
        &self,
        caller: Caller,
        log: EventLog,
        wanted: &Wanted,
        headers: &HeaderMap,
        stop: CancellationToken,
        gather: Duration,
    ) -> Response {
        let from = match headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default()) {
            // The first event has number 1: none before it is missing.
            None => wanted.from.map_or_else(|| log.next(), |from| from.max(1)),
            Some(id) => match resumed(id, log.run()) {
                Some(from) => from,
                None => {
                    let expected = "RUN-NUMBER, as in the id lines of this stream";
                    return ApiError::from(RpcError::malformed("Last-Event-ID", id, expected))
                        .into_response();
                }
            },
        };
        let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        if accepted.contains("application/json") {
            return for_pages(StatusCode::OK, batch(&log, from));
        }
        let place = match caller {
            Caller::Known => None,
            Caller::Stranger => match self.0.clone().try_acquire_owned() {
                Ok(place) => Some(place),
                Err(_) => return too_many(),
            },
        };
        let lines = lines(log, from, gather).take_until(stop.cancelled_owned());
        // The place is held by the stream.
        let lines = lines.map(move |line| (&place, line).1);
        Sse::new(lines)
            .keep_alive(KeepAlive::new().interval(BEAT).event(Line::default().event("beat").data("{}")))
            .into_response()
    }
}

fn too_many() -> Response {
    let message = format!(
        "{MAX_FREE_FOLLOWERS} streams are open, the most without the secret: try again in {RETRY_AFTER_S} s, or read /v1/view"
    );
    let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message);
    ([(RETRY_AFTER, RETRY_AFTER_S)], error).into_response()
}

/// The events from a number on that are there already, as JSON. Every browser opens six connections to a server
/// and no more: a stream for each window would leave none to steer with.
fn batch(log: &EventLog, from: u64) -> String {
    let found = log.since(from);
    let (entries, next, gap) = match &found {
        Found::Entries(entries) => (entries.as_slice(), from + entries.len() as u64, false),
        Found::Gap { next } => ([].as_slice(), *next, true),
    };
    let events: Vec<(&str, Box<RawValue>)> = entries
        .iter()
        .filter_map(|Entry { kind, data, .. }| Some((&**kind, RawValue::from_string(data.to_string()).ok()?)))
        .collect();
    let more = log.next() > next;
    let answer = object! { "run": log.run(), "next": next, "gap": gap, "more": more, "events": events };
    json(&answer).get().to_owned()
}

/// The number after the one last seen; none for what is not an id. Ids of an earlier run of the node count from another
/// beginning: they ask for number 0, which never is, and so get a gap.
fn resumed(id: &str, run: &str) -> Option<u64> {
    let (its_run, number) = id.split_once('-')?;
    let number: u64 = number.parse().ok()?;
    Some(if its_run == run { number.saturating_add(1) } else { 0 })
}

/// A line that is not an event of the log.
fn own_line(event: &NodeEvent, id: Option<String>) -> Line {
    let (kind, data) = split(event);
    let line = Line::default().event(kind);
    let line = match id {
        Some(id) => line.id(id),
        None => line,
    };
    line.data(data)
}

struct Follower {
    log: EventLog,
    newer: watch::Receiver<u64>,
    ready: VecDeque<Line>,
    next: u64,
    gather: Duration,
}

fn lines(log: EventLog, from: u64, gather: Duration) -> impl Stream<Item = Result<Line, Infallible>> {
    let hello =
        NodeEvent::Hello { run: log.run().to_owned(), next: log.next(), beat_ms: BEAT.as_millis() as u64 };
    let first = own_line(&hello, None);
    let newer = log.watch();
    let follower = Follower { log, newer, ready: VecDeque::from([first]), next: from, gather };
    stream::unfold(follower, |mut follower| async move {
        while follower.ready.is_empty() {
            follower.read().await;
        }
        follower.ready.pop_front().map(|line| (Ok(line), follower))
    })
}

impl Follower {
    /// Takes what comes next; with nothing there, waits until there may be.
    async fn read(&mut self) {
        self.newer.mark_unchanged();
        match self.log.since(self.next) {
            Found::Entries(entries) if entries.is_empty() => {
                // The log is as long-lived as this follower, so there is nothing to fail.
                let _ = self.newer.changed().await;
                if !self.gather.is_zero() {
                    tokio::time::sleep(self.gather).await;
                }
            }
            Found::Entries(entries) => {
                self.next += entries.len() as u64;
                let lines = entries.iter().map(|entry| self.line(entry));
                self.ready = lines.collect();
            }
            Found::Gap { next } => {
                let gap = NodeEvent::Gap { wanted: self.next, next, message: GAP.into() };
                let id = format!("{}-{}", self.log.run(), next - 1);
                self.ready.push_back(own_line(&gap, Some(id)));
                self.next = next;
            }
        }
    }

    fn line(&self, entry: &Entry) -> Line {
        let id = format!("{}-{}", self.log.run(), entry.number);
        Line::default().event(&*entry.kind).id(id).data(&*entry.data)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde_json::json;

    use super::*;

    /// The first `count` lines of a stream, as they go over the wire.
    async fn wire(log: &EventLog, from: u64, count: usize) -> String {
        let lines = lines(log.clone(), from, Duration::ZERO).take(count);
        let body = Sse::new(lines).into_response().into_body();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.expect("a whole body");
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    fn log() -> EventLog {
        let log = EventLog::new("run7");
        log.push(&json!({ "first": { "x": 1 } }));
        log.push(&json!({ "second": { "x": 2 } }));
        log
    }

    #[tokio::test]
    async fn a_follower_gets_every_event_from_the_number_it_names() {
        let text = wire(&log(), 1, 3).await;
        let expected = "event: hello\ndata: {\"run\":\"run7\",\"next\":3,\"beat_ms\":5000}\n\n\
                        event: first\nid: run7-1\ndata: {\"x\":1}\n\n\
                        event: second\nid: run7-2\ndata: {\"x\":2}\n\n";
        assert_eq!(text, expected);
    }

    #[tokio::test]
    async fn a_number_that_is_gone_is_answered_with_a_gap_and_then_the_next_event() {
        let log = log();
        log.forget();
        log.push(&json!({ "third": { "x": 3 } }));
        let text = wire(&log, 2, 2).await;
        assert!(text.contains("event: gap\nid: run7-4\ndata: {\"wanted\":2,\"next\":5,"), "{text}");
    }

    #[tokio::test]
    async fn a_waiting_follower_receives_an_event_that_comes_later() {
        let log = log();
        let later = tokio::spawn({
            let log = log.clone();
            async move { wire(&log, 3, 2).await }
        });
        tokio::task::yield_now().await;
        log.push(&json!({ "third": { "x": 3 } }));
        assert!(later.await.expect("no panic").ends_with("event: third\nid: run7-3\ndata: {\"x\":3}\n\n"));
    }

    #[tokio::test]
    async fn a_caller_that_accepts_json_gets_what_there_is_and_keeps_no_connection() {
        let accepts = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let ask = async |log: &EventLog, from| {
            let wanted = Wanted { from };
            let stop = CancellationToken::new();
            let followers = Followers::default();
            let answer = followers.follow(Caller::Stranger, log.clone(), &wanted, &accepts, stop, FOR_PAGES);
            let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.expect("a whole body");
            String::from_utf8(body.to_vec()).expect("text")
        };
        let log = log();
        assert_eq!(
            ask(&log, Some(2)).await,
            r#"{"run":"run7","next":3,"gap":false,"more":false,"events":[["second",{"x":2}]]}"#
        );
        let nothing = r#"{"run":"run7","next":3,"gap":false,"more":false,"events":[]}"#;
        assert_eq!((ask(&log, Some(3)).await, ask(&log, None).await), (nothing.into(), nothing.into()));
        assert_eq!(
            ask(&log, Some(0)).await,
            ask(&log, Some(1)).await,
            "no event before the first is missing"
        );
        assert!(ask(&log, Some(0)).await.contains("\"gap\":false"));
        assert_eq!(ask(&log, Some(9)).await, nothing.replace("\"gap\":false", "\"gap\":true"));
        (0..300).for_each(|_| log.push(&json!({ "one": 1 })));
        let many = ask(&log, Some(3)).await;
        assert!(many.starts_with(r#"{"run":"run7","next":259,"gap":false,"more":true,"#), "{many}");
    }

    #[test]
    fn an_id_of_an_earlier_run_is_never_taken_for_one_of_this_run() {
        assert_eq!(resumed("run7-5", "run7"), Some(6));
        assert_eq!(resumed("run6-5", "run7"), Some(0));
        assert_eq!(resumed("5", "run7"), None);
        assert_eq!(resumed("run7-x", "run7"), None);
    }
}
