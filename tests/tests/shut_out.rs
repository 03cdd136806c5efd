//! Programs of the same machine that know no secret cannot shut the operator out of nodes and devnet.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_core::encoding::encode;
use cairn_core::signing::sign_spend;
use cairn_core::transaction::{OutPoint, Output};
use cairn_daemon::mempool_file;
use cairn_genesis::{Chain, accounts};
use cairn_tests::devnet::Devnet;
use cairn_tests::patience::{LONG, wait_until};
use cairn_tests::process::{NodeProcess, Options};
use serde_json::json;

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

/// What an operator's call may take beside a crowd.
const PROMPT: Duration = Duration::from_secs(1);

#[test]
fn the_operators_calls_take_less_than_a_second_beside_followers_in_every_place() {
    let mut node = NodeProcess::start(Options::default());
    let address = node.rpc_address().to_string();
    let (_, said) = KINDS[KINDS.len() - 1];
    let held = hold(&address, said);
    for _ in 0..5 {
        let asked = Instant::now();
        node.call("getblockcount", json!([]));
        assert!(asked.elapsed() < PROMPT, "{:?}", asked.elapsed());
    }
    let asked = Instant::now();
    node.call("stop", json!([]));
    assert!(asked.elapsed() < PROMPT, "{:?}", asked.elapsed());
    assert!(node.wait_for_exit().success());
    drop(held);
}

/// Unconfirmed transactions of one coin each.
const UNCONFIRMED: usize = 18_000;

/// A node with a long mempool, which it reads from the file of an earlier run.
fn with_a_long_mempool() -> NodeProcess {
    let chain = Chain::builtin("regtest").expect("built in");
    let genesis = chain.params.genesis_hash;
    let (coinbase, each) = (chain.genesis.coinbase(), UNCONFIRMED / usize::from(accounts::COUNT));
    let mut node = NodeProcess::start(Options { memory_limit: 500, ..Options::default() });
    let mut spends = Vec::new();
    for number in 0..accounts::COUNT {
        let (key, lock) = (accounts::signing_key(number), accounts::lock(number));
        let index = coinbase.outputs.iter().position(|output| output.lock == lock).expect("it is funded");
        let coin = coinbase.outputs[index].clone();
        let from = OutPoint { txid: coinbase.txid(), index: index as u32 };
        let outputs = vec![Output { amount: Amount::COIN, lock }; each];
        let rest = coin.amount.units() - each as u64 * Amount::COIN.units() - 1_000_000;
        let change = Output { amount: Amount::from_units(rest), lock };
        let made = sign_spend(&genesis, &key, &[(from, coin)], [outputs, vec![change]].concat());
        node.call("sendrawtransaction", json!([hex::encode(encode(&made))]));
        for index in 0..each as u32 {
            let coin = made.outputs()[index as usize].clone();
            let paid = Output { amount: Amount::from_units(coin.amount.units() - 1_000), lock };
            let from = OutPoint { txid: made.txid(), index };
            spends.push(Arc::new(sign_spend(&genesis, &key, &[(from, coin)], vec![paid])));
        }
    }
    while node.call("getmempoolinfo", json!([]))["size"] != 0 {
        node.call("generatetoaddress", json!([1, payee(&chain)]));
    }
    assert!(node.stop().success());
    mempool_file::save(&node.data_dir(), genesis, spends.iter()).expect("written");
    node.restart();
    wait_until("the mempool is read", || node.call("getmempoolinfo", json!([]))["size"] == UNCONFIRMED);
    node
}

fn payee(chain: &Chain) -> String {
    Address::new(&chain.params.address_prefix, accounts::lock(0)).to_string()
}

/// HOSTILE A7: the whole mempool in detail, which takes 60 ms to write down, for 100 callers at once.
#[test]
fn blocks_are_not_late_beside_a_hundred_callers_for_a_long_mempool() {
    let node = with_a_long_mempool();
    let payee = payee(&Chain::builtin("regtest").expect("built in"));
    let address = node.rpc_address().to_string();
    let is_enough = AtomicBool::new(false);
    let late = std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| read_on(&address, "/v1/ask/0/getrawmempool?params=[true]", &is_enough));
        }
        let block = |_| {
            let asked = Instant::now();
            // It holds none of them, so that the mempool stays as long.
            node.call("generateblock", json!([payee, []]));
            asked.elapsed()
        };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (0..20).map(block).collect::<Vec<Duration>>()
        }));
        is_enough.store(true, Ordering::Relaxed);
        outcome
    });
    let late = late.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    assert!(late.iter().all(|late| *late < PROMPT), "{late:?}");
    assert_eq!(node.call("getmempoolinfo", json!([]))["size"], UNCONFIRMED);
}
