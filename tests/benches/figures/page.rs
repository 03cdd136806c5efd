//! The page of a devnet in a real browser, and what it costs the nodes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cairn_core::address::Address;
use cairn_genesis::{Chain, accounts};
use cairn_tests::browser::{Browser, Page};
use cairn_tests::devnet::Devnet;
use cairn_tests::patience::wait_until;
use cairn_tests::rpc::Rpc;
use serde_json::{Value, json};

use crate::median::in_words;

/// How often a page is opened.
const OPENED: usize = 10;
/// How long frames are counted.
const WATCHED_MS: u64 = 10_000;
/// After so many blocks at once.
const REST: Duration = Duration::from_secs(40);
/// How many look on at one time.
const PAGES: usize = 100;
/// How often each asks what is new, as the page does.
const EVERY: Duration = Duration::from_millis(100);
/// Blocks that are mined while they do.
const BLOCKS: usize = 200;
/// How often, with them and without.
const ROUNDS: usize = 5;

/// From the beginning of a navigation to the first text on the screen, and the bytes that were loaded.
pub fn paint() -> String {
    let devnet = Devnet::start(21_500, &["--nodes", "5"]);
    let browser = Browser::start();
    let open = |_| {
        let page = browser.open(&address(&devnet));
        page.wait_for(
            "the first paint",
            "performance.getEntriesByName('first-contentful-paint').length === 1",
        );
        let paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime");
        let weight = page.evaluate(
            "performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))\
             .filter((one) => !one.name.includes('/v1/')).reduce((sum, one) => sum + one.decodedBodySize, 0)",
        );
        page.close();
        (Duration::from_secs_f64(paint.as_f64().expect("ms") / 1_000.0), weight.as_u64().expect("bytes"))
    };
    let (paints, weights): (Vec<Duration>, Vec<u64>) = (0..OPENED).map(open).unzip();
    format!("{}; {} kB", in_words(paints), weights[0] / 1_000)
}

/// Frames a second while a block comes every second.
pub fn frames() -> String {
    let devnet = Devnet::start(21_520, &["--nodes", "50", "--mine", "none", "--chain", "regtest"]);
    let (nodes, payee) = (nodes(&devnet), payee());
    let mine = |blocks: u32| nodes[0].call("generatetoaddress", json!([blocks, payee])).expect("it mines");
    (0..40).for_each(|_| drop(mine(50)));
    wait_until("all have the blocks", || devnet.tips().windows(2).all(|pair| pair[0] == pair[1]));
    // Fifty nodes still write down what they took in.
    std::thread::sleep(REST);
    let browser = Browser::start();
    let page = browser.open(&address(&devnet));
    page.wait_for("all nodes", "document.querySelectorAll('.net-svg .node').length === 50");
    let frames = std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..WATCHED_MS / 1_000 {
                mine(1);
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        frames_of(&page)
    });
    format!("{frames:.0} frames/s")
}

fn frames_of(page: &Page<'_>) -> f64 {
    let frames = page.evaluate(&format!(
        "new Promise((done) => {{ let frames = 0; const begin = performance.now(); \
         const next = (now) => now - begin > {WATCHED_MS} ? done(frames) : (frames++, requestAnimationFrame(next)); \
         requestAnimationFrame(next); }})"
    ));
    frames.as_f64().expect("a number") * 1_000.0 / WATCHED_MS as f64
}

/// From the order to mine a block to all five nodes having it, alone and while pages follow.
pub fn followed() -> String {
    let devnet = Devnet::start(21_600, &["--nodes", "5", "--mine", "none", "--chain", "regtest"]);
    let (nodes, payee) = (nodes(&devnet), payee());
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    let heard = Arc::new(AtomicU64::new(0));
    for _ in 0..ROUNDS {
        alone.extend((0..BLOCKS / ROUNDS).map(|_| spread(&nodes, &payee)));
        let following: Vec<Follower> = (0..PAGES).map(|_| Follower::begin(&devnet, heard.clone())).collect();
        together.extend((0..BLOCKS / ROUNDS).map(|_| spread(&nodes, &payee)));
        drop(following);
    }
    let heard = heard.load(Ordering::Relaxed);
    assert!(heard > 0, "nobody followed");
    format!(
        "alone {}; with {PAGES} pages {}; {} MB told",
        in_words(alone),
        in_words(together),
        heard / 1_000_000
    )
}

fn nodes(devnet: &Devnet) -> Vec<Rpc> {
    let rpc = |node: &Value| {
        let text = |key: &str| node[key].as_str().expect("text").to_owned();
        Rpc::new(text("rpc").parse().expect("an address"), Path::new(&text("cookie")))
    };
    devnet.ready["nodes"].as_array().expect("nodes").iter().map(rpc).collect()
}

fn payee() -> String {
    let chain = Chain::builtin("regtest").expect("a chain of ours");
    Address::new(&chain.params.address_prefix, accounts::lock(0)).to_string()
}

fn spread(nodes: &[Rpc], payee: &str) -> Duration {
    let begin = Instant::now();
    let mined = nodes[0].call("generatetoaddress", json!([1, payee])).expect("it mines");
    for node in &nodes[1..] {
        while node.call("getbestblockhash", json!([])).expect("it answers") != mined[0] {}
    }
    begin.elapsed()
}

/// A page as the server sees it: ten times a second it asks what is new.
struct Follower(Arc<AtomicBool>);

impl Follower {
    fn begin(devnet: &Devnet, heard: Arc<AtomicU64>) -> Self {
        let host = address(devnet).split('/').nth(2).expect("a host").to_owned();
        let ended = Arc::new(AtomicBool::new(false));
        let stop = ended.clone();
        std::thread::spawn(move || {
            let agent = ureq::Agent::new_with_defaults();
            let mut next = Value::Null;
            while !stop.load(Ordering::Relaxed) {
                let from = if next.is_null() { String::new() } else { format!("?from={next}") };
                let request = agent.get(format!("http://{host}/v1/events{from}"));
                let mut answer = request.header("Accept", "application/json").call().expect("it answers");
                let text = answer.body_mut().read_to_string().expect("text");
                heard.fetch_add(text.len() as u64, Ordering::Relaxed);
                let news: Value = serde_json::from_str(&text).expect("JSON");
                next = news["next"].clone();
                std::thread::sleep(EVERY);
            }
        });
        Self(ended)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn address(devnet: &Devnet) -> String {
    devnet.ready["page"].as_str().expect("an address").to_owned()
}
