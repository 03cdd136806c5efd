//! Five real nodes through everything at once: payments, kills, partitions, and three hostile peers that come back
//! under new names. In the end there is one tip, memory has stayed flat, and the logs hold nothing that a person must
//! read.
//!
//! `SOAK_MINUTES=60 cargo nextest run --release -p cairn-tests --test soak --no-capture` soaks for an hour.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cairn_core::amount::Amount;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::transaction::{
    Coinbase, LockTime, OutPoint, Output, Signature, Transaction, TransactionBody,
};
use cairn_genesis::{Chain, accounts};
use cairn_protocol::limits::MAX_FRAME;
use cairn_protocol::message::Message;
use cairn_protocol::random::Random;
use cairn_tests::blocks::mined;
use cairn_tests::devnet::Devnet;
use cairn_tests::hostile::Hostile;
use cairn_tests::patience::wait_for;
use serde_json::json;

const NODES: usize = 5;
/// The time unless `SOAK_MINUTES` says otherwise.
const BRIEF: Duration = Duration::from_secs(30);
/// Memory of a node in MB that may be added after the first third of the time, for its blocks and indexes.
const GROWTH: u64 = 40;

/// What hostile peers send again and again.
struct Weapons {
    chain: Chain,
    withheld: Vec<Header>,
    forged: Transaction,
}

impl Weapons {
    fn new() -> Self {
        let chain = Chain::builtin("devnet").expect("built in");
        let (mut parent, mut time) = (chain.genesis.hash(), chain.params.genesis_time);
        let withheld = (1..=30).map(|height| {
            let coinbase =
                Coinbase { height: Height::from_u32(height), outputs: Vec::new(), tag: b"withheld".to_vec() };
            time = time.saturating_add(chain.params.spacing);
            let block = mined(parent, time, chain.params.pow_limit, coinbase, Vec::new());
            parent = block.hash();
            *block.header()
        });
        let withheld = withheld.collect();
        let coinbase = chain.genesis.coinbase();
        let output = Output { amount: Amount::from_units(1_000_000), lock: accounts::lock(0) };
        let outpoint = OutPoint { txid: coinbase.txid(), index: 0 };
        let body =
            TransactionBody { inputs: vec![outpoint], outputs: vec![output], lock_time: LockTime::Immediate };
        let forged = Transaction::new(body, vec![Signature::from_bytes([9; 64])]);
        Self { chain, withheld, forged }
    }

    /// One attack on a node, as long as that listens and time is left.
    fn attack(&self, node: SocketAddr, random: &mut Random, goes_on: impl Fn() -> bool) {
        let Some(mut peer) = Hostile::try_greet(node, self.chain.params.genesis_hash) else { return };
        let kind = random.below(8);
        for round in 0..40 {
            if !goes_on() {
                return;
            }
            let id =
                |random: &mut Random| Txid::from_bytes(core::array::from_fn(|_| random.below(256) as u8));
            match kind {
                0 => peer.say(&Message::Headers(self.withheld.clone())),
                1 => peer.say(&Message::AnnounceTransactions((0..1_000).map(|_| id(random)).collect())),
                2 => peer.say(&Message::Transactions(vec![self.forged.clone().into()])),
                3 if round == 0 => {
                    peer.send(&u32::try_from(MAX_FRAME).expect("it fits").to_le_bytes());
                    peer.send(&vec![7; MAX_FRAME - 1]);
                }
                // It keeps silent.
                3 | 4 => {}
                5 => peer.say(&Message::GetBlocks(vec![self.chain.genesis.hash(); 128])),
                6 => {
                    let locator = vec![BlockHash::from_bytes(*id(random).as_bytes())];
                    (0..100).for_each(|_| peer.say(&Message::GetHeaders { locator: locator.clone() }));
                }
                _ => peer.send_frame(&core::array::from_fn::<u8, 100, _>(|_| random.below(256) as u8)),
            }
            std::thread::sleep(Duration::from_millis(random.below(400)));
        }
    }
}

/// Tells the hostile peers to end, also when the test fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn soak_time() -> Duration {
    let minutes = std::env::var("SOAK_MINUTES").ok();
    let minutes = minutes.map(|text| text.parse().expect("SOAK_MINUTES is a whole number"));
    minutes.map_or(BRIEF, |minutes: u64| Duration::from_secs(60 * minutes))
}

/// Resident memory of each process in MB.
fn resident(processes: &[u32]) -> Vec<u64> {
    let of_one = |process: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?.to_owned();
        line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok())
    };
    processes.iter().filter_map(of_one).map(|kilobytes| kilobytes / 1024).collect()
}

/// Lines of the log files below a directory that warn or tell of an error.
fn warnings_below(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("it is there").flatten();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    let found = paths.iter().flat_map(|path| {
        if path.is_dir() {
            return warnings_below(path);
        }
        let is_log = path.file_name().is_some_and(|name| name == "log");
        let text = if is_log { std::fs::read_to_string(path).expect("text") } else { String::new() };
        let warns = |line: &&str| [" WARN ", " ERROR ", "panicked"].iter().any(|word| line.contains(word));
        // Nodes are killed, and the others say that they cannot connect to them.
        let of_killed = |line: &&str| line.contains(" WARN cannot connect; trying again ");
        text.lines().filter(warns).filter(|line| !of_killed(line)).map(str::to_owned).collect()
    });
    found.collect()
}

#[test]
fn after_a_soak_with_hostile_peers_all_nodes_agree_and_memory_is_flat() {
    let time = soak_time();
    let devnet = Devnet::start(22_500, &["--nodes", "5", "--mine", "0,1,2"]);
    let nodes: Vec<SocketAddr> = (0..NODES)
        .map(|node| {
            let told = devnet.rpc(node).call("getnetworkinfo", json!([])).expect("it runs");
            let local = &told["localaddresses"][0];
            let address = format!("{}:{}", local["address"].as_str().expect("text"), local["port"]);
            address.parse().expect("an address")
        })
        .collect();
    let (weapons, is_over, begun) = (Weapons::new(), AtomicBool::new(false), Instant::now());
    let mut memory: Vec<Vec<u64>> = Vec::new();
    let (mut payments, mut kills, mut partitions) = (0, 0, 0);
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let (weapons, is_over, nodes) = (&weapons, &is_over, &nodes);
            scope.spawn(move || {
                let mut random = Random::derive(seed, 0);
                while !is_over.load(Ordering::Relaxed) {
                    let node = nodes[random.index(nodes.len())];
                    weapons.attack(node, &mut random, || !is_over.load(Ordering::Relaxed));
                }
            });
        }
        let mut random = Random::derive(3, 0);
        let address = devnet.net(&["accounts"])[1]["address"].as_str().expect("an address").to_owned();
        let mut step = 0;
        let _ended = Ending(&is_over);
        // At least two rounds, however slow the machine is.
        while begun.elapsed() < time || step < 24 {
            step += 1;
            match step % 12 {
                3 => {
                    let node = random.below(NODES as u64).to_string();
                    devnet.net(&["kill", &node]);
                    std::thread::sleep(Duration::from_millis(random.below(3_000)));
                    devnet.net(&["restart", &node]);
                    kills += 1;
                }
                8 => {
                    devnet.net(&["partition", "0,1", "/", "2,3,4"]);
                    partitions += 1;
                }
                11 => drop(devnet.net(&["heal"])),
                _ => {
                    let node = random.below(NODES as u64).to_string();
                    devnet.net(&["faucet", &address, "1", "--node", &node]);
                    payments += 1;
                }
            }
            std::thread::sleep(Duration::from_millis(500));
            if step % 12 == 0 {
                memory.push(resident(&devnet.node_ids()));
                println!("{:?}: {:?} MB", begun.elapsed(), memory.last());
            }
        }
    });
    devnet.net(&["heal"]);
    ["0", "1", "2"].iter().for_each(|node| drop(devnet.net(&["hashrate", node, "0%"])));
    let tip = wait_for("one tip", || {
        let tips = devnet.tips();
        tips.iter().all(|tip| *tip == tips[0]).then(|| tips[0].clone())
    });
    println!("{payments} payments, {kills} kills, {partitions} partitions; one tip: {tip}");
    assert!(payments > 0 && kills > 0 && partitions > 0);
    for node in 0..NODES {
        let bans = devnet.rpc(node).call("listbanned", json!([])).expect("it runs");
        let honest: Vec<_> = (0..NODES)
            .map(|other| {
                devnet.rpc(other).call("getnetworkinfo", json!([])).expect("it runs")["peerid"].clone()
            })
            .collect();
        let banned = bans.as_array().expect("a list").iter().filter(|ban| honest.contains(&ban["peerid"]));
        assert_eq!(banned.count(), 0, "node {node} banned an honest one: {bans}");
    }
    let third = memory.len() / 3;
    let most = |samples: &[Vec<u64>]| samples.iter().flatten().copied().max().unwrap_or(0);
    let (first, last) = (most(&memory[..=third]), most(&memory[memory.len() - 1..]));
    assert!(last <= first + GROWTH, "{first} MB in the first third, {last} MB in the end");
    assert_eq!(warnings_below(devnet.home()), Vec::<String>::new());
}
