//! Programs of the same machine that know no secret cannot shut the operator out of nodes and devnet.

use std::io::{Read, Write};
use std::net::TcpStream;

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
