//! Watching a node: its stream of events, read for as long as the devnet runs.

use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cairn_daemon::api::client::NodeClient;
use cairn_daemon::api::event::NodeEvent;
use cairn_daemon::api::tagged::join;

use crate::devnet::event::DevnetEvent;
use crate::devnet::shared_state::SharedState;

/// Pause before a lost stream is opened again.
const RETRY: Duration = Duration::from_millis(100);

/// An event with its id in the stream.
#[derive(Debug, PartialEq)]
struct StreamEvent {
    id: Option<String>,
    event: NodeEvent,
}

/// Follows a node on a thread of its own, until `stop` is set.
///
/// # Panics
/// When the system has no thread left.
pub fn follow(node: u16, client: NodeClient, state: SharedState, stop: Arc<AtomicBool>) {
    let run = move || {
        let mut last: Option<String> = None;
        'again: while !stop.load(Ordering::Relaxed) {
            if let Ok(stream) = client.events(last.as_deref()) {
                let mut stream = BufReader::new(stream);
                while let Some(StreamEvent { id, event }) = read_event(&mut stream) {
                    if is_of_another_run(last.as_deref(), &event) {
                        // The node was restarted: its events count from their beginning again.
                        last = None;
                        continue 'again;
                    }
                    last = id.or(last);
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    state.happened(DevnetEvent::Node { node, event });
                }
            }
            std::thread::sleep(RETRY);
        }
    };
    let name = format!("watch node {node}");
    std::thread::Builder::new().name(name).spawn(run).expect("a devnet has at most 50 nodes to watch");
}

/// Whether a hello says that the event seen last came from an earlier run of the node.
fn is_of_another_run(last: Option<&str>, event: &NodeEvent) -> bool {
    let last = last.and_then(|id| id.split_once('-')).map(|(run, _)| run);
    matches!((last, event), (Some(last), NodeEvent::Hello { run, .. }) if run != last)
}

/// The next event, or none when the stream ends (WHATWG HTML, server-sent events).
fn read_event(stream: &mut impl BufRead) -> Option<StreamEvent> {
    let (mut id, mut kind, mut data) = (None, String::new(), String::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            match join(&kind, &data) {
                Ok(event) => return Some(StreamEvent { id, event }),
                // A beat.
                Err(_) => (id, kind, data) = (None, String::new(), String::new()),
            }
        } else if let Some((field, value)) = line.split_once(':') {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => id = Some(value.to_owned()),
                "event" => value.clone_into(&mut kind),
                "data" => data += value,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(run: &str) -> NodeEvent {
        NodeEvent::Hello { run: run.into(), next: 3, beat_ms: 5 }
    }

    #[test]
    fn events_are_read_and_beats_passed_over() {
        let mut wire: &[u8] =
            b": keep-alive\n\nevent: hello\ndata: {\"run\":\"r\",\"next\":3,\"beat_ms\":5}\n\n\
            event: beat\ndata: {}\n\nevent: sync_changed\nid: r-3\n\
            data: {\"from\":null,\"headers\":1,\"blocks\":1}\n\nevent: cut";
        assert_eq!(read_event(&mut wire), Some(StreamEvent { id: None, event: hello("r") }));
        let event = read_event(&mut wire).expect("an event");
        assert_eq!(event.id.as_deref(), Some("r-3"));
        assert!(matches!(event.event, NodeEvent::SyncChanged { from: None, .. }));
        assert_eq!(read_event(&mut wire), None);
    }

    #[test]
    fn a_restarted_node_is_followed_from_its_first_event() {
        assert!(is_of_another_run(Some("a-7"), &hello("b")));
        assert!(!is_of_another_run(Some("b-7"), &hello("b")) && !is_of_another_run(None, &hello("b")));
    }
}
