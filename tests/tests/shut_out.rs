//! Programs of the same machine that know no secret cannot shut the operator out of nodes and devnet.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use cairn_tests::devnet::Devnet;
use cairn_tests::patience::LONG;

/// More connections than a server has places.
const CROWD: usize = 300;
/// What each of them says; then it holds on.
const KINDS: [(&str, &str); 5] = [
    ("idle", ""),
    ("slow head", "GET / HTT"),
    ("slow body", "POST /v1/mine HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"),
    ("kept", "GET /v1/view HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ("follower", "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"),
];

fn hold(address: &str, said: &str) -> Vec<TcpStream> {
    let connect = |_| {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(LONG)).expect("a deadline can be set");
        let _ = stream.write_all(said.as_bytes());
        if said.contains("\r\n\r\n") && !said.starts_with("POST") {
            // So that it is certain to have been served; what had to give way meanwhile is closed.
            let _ = stream.read(&mut [0; 12]);
        }
        stream
    };
    (0..CROWD).map(connect).collect()
}

/// Whether an answer came whole; the connection is kept for more.
fn read_answer(reader: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(found) = line.to_lowercase().strip_prefix("content-length:") {
            length = found.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).map(drop)
}

/// Reads a page again and again until it is enough; whoever had to give way comes again.
fn read_on(address: &str, path: &str, is_enough: &AtomicBool) {
    while !is_enough.load(Ordering::Relaxed) {
        let Ok(stream) = TcpStream::connect(address) else { continue };
        stream.set_read_timeout(Some(LONG)).expect("a deadline can be set");
        let mut reader = BufReader::new(stream);
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        while !is_enough.load(Ordering::Relaxed)
            && reader.get_mut().write_all(request.as_bytes()).is_ok()
            && read_answer(&mut reader).is_ok()
        {}
    }
}

/// Asks for a page many times, and reads none of the answers.
fn pipelined(address: &str, path: &str) -> Vec<TcpStream> {
    hold(address, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(200))
}

#[test]
fn the_operator_gets_through_beside_a_crowd_that_keeps_the_server_busy() {
    let devnet = Devnet::start(21_930, &["--nodes", "2", "--mine", "none"]);
    devnet.net(&["mine", "0", "200"]);
    let control = devnet.ready["control"].as_str().expect("an address");
    let gets_through = || {
        for _ in 0..5 {
            assert_eq!(devnet.net(&["status"])["nodes"].as_array().map(Vec::len), Some(2));
        }
    };
    for path in ["/v1/view", "/v1/scenarios"] {
        let is_enough = AtomicBool::new(false);
        std::thread::scope(|scope| {
            (0..CROWD).for_each(|_| drop(scope.spawn(|| read_on(control, path, &is_enough))));
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(gets_through));
            is_enough.store(true, Ordering::Relaxed);
            outcome
        })
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let held = pipelined(control, path);
        gets_through();
        drop(held);
    }
}

#[test]
fn the_operator_gets_through_beside_every_kind_of_crowd() {
    let devnet = Devnet::start(21_900, &["--nodes", "2", "--mine", "none"]);
    devnet.wallet(&["-w", "three", "restore", "--devnet", "3"]);
    let control = devnet.ready["control"].as_str().expect("an address");
    let node = devnet.ready["nodes"][0]["rpc"].as_str().expect("an address");
    for (kind, said) in KINDS {
        for address in [control, node] {
            let held = hold(address, said);
            assert_eq!(devnet.net(&["status"])["nodes"].as_array().map(Vec::len), Some(2), "{kind}");
            assert!(devnet.wallet(&["-w", "three", "balance"])["spendable"].is_string(), "{kind}");
            drop(held);
        }
    }
}
