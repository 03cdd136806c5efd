//! Peers that only take: sockets without a word, headers without bodies, announcements without transactions.
//! docs/attacks.md, rows 16, 25, 27, 28 and 31.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cairn_core::hash::{BlockHash, Txid};
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::time::Timestamp;
use cairn_core::transaction::Coinbase;
use cairn_genesis::Chain;
use cairn_protocol::message::{Inventory, Message};
use cairn_tests::blocks::mined;
use cairn_tests::hostile::Hostile;
use cairn_tests::patience::wait_until;
use cairn_tests::process::{NodeProcess, Options};
use serde_json::json;

fn regtest() -> Chain {
    Chain::builtin("regtest").expect("built in")
}

fn generate(node: &NodeProcess, count: u32) {
    let address = regtest().definition.premine[0].address.clone();
    node.call("generatetoaddress", json!([count, address]));
}

/// Headers of blocks on genesis whose bodies no peer ever sends; another tag, another branch.
fn withheld_headers(chain: &Chain, count: u32, tag: u32) -> Vec<Header> {
    let (mut parent, mut time): (BlockHash, Timestamp) = (chain.genesis.hash(), chain.params.genesis_time);
    let headers = (1..=count).map(|height| {
        let tag = tag.to_le_bytes().to_vec();
        let coinbase = Coinbase { height: Height::from_u32(height), outputs: Vec::new(), tag };
        time = time.saturating_add(Duration::from_secs(1));
        let block = mined(parent, time, chain.params.pow_limit, coinbase, Vec::new());
        parent = block.hash();
        *block.header()
    });
    headers.collect()
}

/// ATTACKS 16: sixty headers once stopped mining and relay on a whole network.
#[test]
fn withheld_headers_mute_no_network() {
    let chain = regtest();
    let first = NodeProcess::start(Options::default());
    let second = NodeProcess::start(Options::connected_to(&[&first]));
    wait_until("they are connected", || first.peers() == 1);
    generate(&first, 1);
    second.wait_for_tip(&first.tip());
    let headers = withheld_headers(&chain, 200, 0);
    let mut attackers: Vec<Hostile> = [&first, &second]
        .iter()
        .map(|node| Hostile::greet(node.peer_address(), chain.params.genesis_hash))
        .collect();
    for attacker in &mut attackers {
        attacker.say(&Message::Headers(headers.clone()));
    }
    wait_until("the headers are known", || {
        [&first, &second].iter().all(|node| node.call("getblockchaininfo", json!([]))["headers"] == 200)
    });
    for node in [&first, &second, &first] {
        assert_eq!(node.call("getblockchaininfo", json!([]))["initialblockdownload"], false);
        generate(node, 1);
        let tip = node.tip();
        [&first, &second].iter().for_each(|other| other.wait_for_tip(&tip));
    }
    assert_eq!((first.height(), first.call("listbanned", json!([]))), (4, json!([])));
}

/// Sockets that say nothing, and are opened again as soon as the node closes them.
struct IdleSockets {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl IdleSockets {
    fn open(address: SocketAddr, threads: usize, of_each: usize) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let threads = (0..threads).map(|_| {
            let is_over = is_over.clone();
            std::thread::spawn(move || {
                let mut sockets: Vec<Option<TcpStream>> = (0..of_each).map(|_| None).collect();
                while !is_over.load(Ordering::Relaxed) {
                    for socket in &mut sockets {
                        if !socket.as_mut().is_some_and(is_open) {
                            *socket = TcpStream::connect(address).ok();
                            let quiet = socket.as_ref().map(|socket| socket.set_nonblocking(true));
                            assert!(quiet.is_none_or(|quiet| quiet.is_ok()));
                        }
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            })
        });
        let threads = threads.collect();
        Self { is_over, threads }
    }
}

/// Whether the node has not closed the socket.
fn is_open(socket: &mut TcpStream) -> bool {
    match socket.read(&mut [0; 256]) {
        Ok(read) => read > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

impl Drop for IdleSockets {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// ATTACKS 28: 128 sockets in the handshake once locked every newcomer out.
#[test]
fn a_thousand_idle_sockets_that_renew_themselves_let_newcomers_in_and_keep_none_out() {
    let node = NodeProcess::start(Options::default());
    let first = NodeProcess::start(Options::connected_to(&[&node]));
    wait_until("the first peer is connected", || first.peers() == 1);
    let _flood = IdleSockets::open(node.peer_address(), 4, 250);
    std::thread::sleep(Duration::from_secs(2));
    let newcomer = NodeProcess::start(Options::connected_to(&[&node]));
    wait_until("the newcomer is connected", || newcomer.peers() >= 1);
    generate(&node, 1);
    [&first, &newcomer].iter().for_each(|peer| peer.wait_for_tip(&node.tip()));
    assert!(first.peers() >= 1 && newcomer.peers() >= 1);
}

/// ATTACKS 25: the operator's bans hold after a restart, and are lifted by the operator alone.
#[test]
fn a_ban_by_the_operator_outlives_the_process() {
    let mut node = NodeProcess::start(Options::default());
    let peer = NodeProcess::start(Options::connected_to(&[&node]));
    wait_until("they are connected", || node.peers() == 1);
    let id = node.call("getpeerinfo", json!([]))[0]["peerid"].clone();
    node.call("setban", json!([id, "add"]));
    wait_until("the peer is disconnected", || node.peers() == 0);
    node.stop();
    node.restart();
    let bans = node.call("listbanned", json!([]));
    assert_eq!((&bans[0]["peerid"], &bans[0]["banned_by"]), (&id, &json!("operator")));
    node.call("setban", json!([id, "remove"]));
    wait_until("they are connected again", || node.peers() == 1 && peer.peers() == 1);
    node.kill();
    node.restart();
    assert_eq!(node.call("listbanned", json!([])), json!([]), "the lifting is kept as well");
}

/// ATTACKS 27: a node that knows its network finds it again although no address is named.
#[test]
fn a_node_finds_its_network_again_without_connect() {
    let seed = NodeProcess::start(Options::default());
    let mut node = NodeProcess::start(Options::connected_to(&[&seed]));
    wait_until("they are connected", || node.peers() == 1);
    node.stop();
    node.restart_alone();
    wait_until("it has found the seed", || node.peers() == 1);
    generate(&seed, 1);
    node.wait_for_tip(&seed.tip());
}

/// HOSTILE A11: a million headers of little work once took 340 MB for good. These 240,000 would take 85 MB, beside the
/// 80 MB of a node with this chain.
#[test]
fn headers_of_little_work_take_no_memory() {
    let chain = regtest();
    let node = NodeProcess::start(Options { memory_limit: 140, ..Options::default() });
    let honest = NodeProcess::start(Options::connected_to(&[&node]));
    wait_until("they are connected", || node.peers() == 1);
    generate(&node, 2_200);
    honest.wait_for_tip(&node.tip());
    for connection in 0..4 {
        let mut peer = Hostile::greet(node.peer_address(), chain.params.genesis_hash);
        for branch in 0..30 {
            peer.say(&Message::Headers(withheld_headers(&chain, 2_000, connection * 30 + branch)));
            peer.catch_up();
        }
    }
    assert_eq!(node.call("getchaintips", json!([])).as_array().map(Vec::len), Some(1));
    generate(&node, 1);
    honest.wait_for_tip(&node.tip());
    assert_eq!(node.call("listbanned", json!([])), json!([]), "an honest peer may be behind");
}

/// HOSTILE A12: announcements once took 0.85 of a core, and empty messages a whole one. The messages beyond a rate wait
/// at their sender, whatever time passes: so they take a part of a core (0.27 when this was written), however busy the
/// machine is.
#[test]
fn floods_of_cheap_messages_take_a_part_of_a_core() {
    let chain = regtest();
    let node = NodeProcess::start(Options::default());
    let honest = NodeProcess::start(Options::connected_to(&[&node]));
    wait_until("they are connected", || node.peers() == 1);
    generate(&node, 100);
    honest.wait_for_tip(&node.tip());
    let known = withheld_headers(&chain, 200, 0);
    let ids = |message: u32| {
        let id = move |nth: u32| {
            let mut bytes = [9; 32];
            bytes[..4].copy_from_slice(&message.to_le_bytes());
            bytes[4..8].copy_from_slice(&nth.to_le_bytes());
            Txid::from_bytes(bytes)
        };
        (0..1_000).map(id)
    };
    let kinds: [Box<dyn Fn(u32) -> Message + Send>; 7] = [
        Box::new(move |nth| Message::AnnounceTransactions(ids(nth).collect())),
        Box::new(move |nth| Message::NotFound(ids(nth).map(Inventory::Transaction).collect())),
        Box::new(move |_| Message::Headers(known.clone())),
        Box::new(|_| Message::AnnounceTransactions(Vec::new())),
        Box::new(|_| Message::Transactions(Vec::new())),
        Box::new(|_| Message::Peers(Vec::new())),
        Box::new(|nonce| Message::Pong { nonce: nonce.into() }),
    ];
    let is_over = Arc::new(AtomicBool::new(false));
    let floods = kinds.map(|message| {
        let mut peer = Hostile::greet(node.peer_address(), chain.params.genesis_hash);
        let is_over = is_over.clone();
        std::thread::spawn(move || {
            for number in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                peer.say(&message(number));
            }
        })
    });
    let part_of_a_core = || {
        let (begun, before) = (Instant::now(), node.cpu_seconds());
        std::thread::sleep(Duration::from_secs(2));
        generate(&node, 1);
        honest.wait_for_tip(&node.tip());
        (node.cpu_seconds() - before) / begun.elapsed().as_secs_f64()
    };
    // What each may send at once is handled in the first of these periods.
    part_of_a_core();
    let part = part_of_a_core();
    assert_eq!(node.call("listbanned", json!([])), json!([]), "what is slowed needs no ban");
    is_over.store(true, Ordering::Relaxed);
    // Then no sender waits for it any more.
    drop(node);
    floods.into_iter().for_each(|flood| flood.join().expect("the sender is well"));
    assert!(part < 0.6, "seven floods take {part} of a core");
}
