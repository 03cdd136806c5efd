//! Watching a node: its stream of events, read for as long as the devnet runs.

use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use serde_json::Value;

use crate::devnet::happening::{Happening, What};
use crate::devnet::node_rpc::NodeRpc;

/// How soon a lost stream is asked for again.
const AGAIN: Duration = Duration::from_millis(100);

/// One event as it came over the wire.
#[derive(Debug, PartialEq)]
struct Told {
    id: Option<String>,
    kind: String,
    data: Value,
}

/// Follows a node on a thread of its own; ends when nobody listens or `stop` is set.
///
/// # Panics
/// When the system has no thread left.
pub fn follow(node: u16, rpc: NodeRpc, happenings: Sender<Happening>, stop: Arc<AtomicBool>) {
    let run = move || {
        let mut last: Option<String> = None;
        'again: while !stop.load(Ordering::Relaxed) {
            if let Ok(stream) = rpc.events(last.as_deref()) {
                let mut stream = BufReader::new(stream);
                while let Some(told) = read_event(&mut stream) {
                    if told.kind == "hello" && is_of_another_run(last.as_deref(), &told.data) {
                        // It was restarted: its events count from their beginning again.
                        last = None;
                        continue 'again;
                    }
                    last = told.id.or(last);
                    let what = What::Told { node, kind: told.kind, data: told.data };
                    if stop.load(Ordering::Relaxed) || happenings.send(Happening::now(what)).is_err() {
                        return;
                    }
                }
            }
            std::thread::sleep(AGAIN);
        }
    };
    let name = format!("watch node {node}");
    std::thread::Builder::new().name(name).spawn(run).expect("a devnet has at most 50 nodes to watch");
}

/// Whether the event seen last came from a run of the node that has ended.
fn is_of_another_run(last: Option<&str>, hello: &Value) -> bool {
    let run = last.and_then(|id| id.split_once('-')).map(|(run, _)| run);
    run.is_some_and(|run| hello["run"].as_str() != Some(run))
}

/// The next event, or none when the stream ends (WHATWG HTML, server-sent events).
fn read_event(stream: &mut impl BufRead) -> Option<Told> {
    let (mut id, mut kind, mut data) = (None, String::new(), String::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            match serde_json::from_str(&data) {
                Ok(data) => return Some(Told { id, kind, data }),
                Err(_) => data.clear(),
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

    #[test]
    fn events_are_read_and_keep_alives_passed_over() {
        let mut wire: &[u8] = b": keep-alive\n\nevent: hello\ndata: {\"next\":3}\n\nevent: a\nid: r-3\ndata: {\"x\":1}\n\nevent: cut";
        let hello = read_event(&mut wire).expect("hello");
        assert_eq!((hello.kind.as_str(), hello.id), ("hello", None));
        let event = read_event(&mut wire).expect("event");
        assert_eq!(
            event,
            Told { id: Some("r-3".into()), kind: "a".into(), data: serde_json::json!({"x": 1}) }
        );
        assert_eq!(read_event(&mut wire), None);
    }

    #[test]
    fn a_restarted_node_is_followed_from_its_first_event() {
        let hello = serde_json::json!({ "run": "b", "next": 3 });
        assert!(is_of_another_run(Some("a-7"), &hello));
        assert!(!is_of_another_run(Some("b-7"), &hello) && !is_of_another_run(None, &hello));
    }
}
