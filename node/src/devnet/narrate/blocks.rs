//! Blocks on their way through the network: each is told when every node that can have it has it.
//! People read many at once as one line; programs get an object for every block.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::devnet::groups::Groups;
use crate::devnet::narrate::line::{Line, line};

/// A block that not every node has by then is told all the same.
pub const PATIENCE: Duration = Duration::from_millis(1500);
/// So many blocks within this time are read one by one; what follows is gathered.
const MANY: usize = 4;
/// See [`MANY`].
const BURST: Duration = Duration::from_millis(500);
/// Blocks remembered, so that none is told twice.
const REMEMBERED: usize = 20_000;

/// A block on its way.
#[derive(Clone, Debug)]
struct OnItsWay {
    hash: String,
    height: u64,
    tag: String,
    transactions: u64,
    first: Instant,
    last: Instant,
    nodes: BTreeSet<u16>,
}

/// A block that can be told.
#[derive(Debug)]
struct Ready {
    block: OnItsWay,
    since: Instant,
    /// Nodes that could have it.
    expected: usize,
    /// Whether they all have it.
    all: bool,
    /// Whether the network was whole.
    whole: bool,
}

/// Every block that is not told yet, and which ones are.
#[derive(Debug, Default)]
pub struct Blocks {
    on_their_way: Vec<OnItsWay>,
    ready: Vec<Ready>,
    told: BTreeMap<String, u64>,
    told_at: VecDeque<Instant>,
}

impl Blocks {
    /// A node has connected a block.
    pub fn reached(&mut self, node: u16, hash: &str, height: u64, data: &Value, at: Instant) {
        if self.told.contains_key(hash) {
            return;
        }
        if let Some(block) = self.on_their_way.iter_mut().find(|block| block.hash == hash) {
            block.nodes.insert(node);
            block.last = at;
            return;
        }
        self.on_their_way.push(OnItsWay {
            hash: hash.to_owned(),
            height,
            tag: data["tag"].as_str().unwrap_or_default().to_owned(),
            transactions: data["nTx"].as_u64().unwrap_or(1).saturating_sub(1),
            first: at,
            last: at,
            nodes: BTreeSet::from([node]),
        });
    }

    /// Tells blocks that every running node of their group has, and those waited for long enough.
    pub fn tell(&mut self, now: Instant, running: &BTreeSet<u16>, groups: &Groups) -> Vec<Line> {
        let mut waiting = Vec::new();
        for block in self.on_their_way.drain(..) {
            let first = block.nodes.first().copied().unwrap_or(0);
            let group = groups.iter().nth(groups.of(first)).into_iter().flatten();
            let expected: BTreeSet<u16> = group.filter(|node| running.contains(node)).copied().collect();
            let all = block.nodes.is_superset(&expected);
            if !all && now.duration_since(block.first) <= PATIENCE {
                waiting.push(block);
                continue;
            }
            self.told.insert(block.hash.clone(), block.height);
            let (expected, whole) = (expected.len(), groups.is_whole());
            self.ready.push(Ready { block, since: now, expected, all, whole });
        }
        self.on_their_way = waiting;
        while self.told.len() > REMEMBERED {
            let lowest = self.told.iter().min_by_key(|(_, height)| **height).map(|(hash, _)| hash.clone());
            lowest.map(|hash| self.told.remove(&hash));
        }
        while self.told_at.front().is_some_and(|at| now.duration_since(*at) > BURST) {
            self.told_at.pop_front();
        }
        let is_burst = self.told_at.len() + self.ready.len() > MANY;
        let is_due = self.ready.first().is_some_and(|first| now.duration_since(first.since) >= BURST);
        if is_burst && !is_due {
            return Vec::new();
        }
        self.told_at.extend(self.ready.iter().map(|_| now));
        self.tell_at_once()
    }

    /// Tells what is ready without waiting for more, because something else is to be told after it.
    pub fn tell_at_once(&mut self) -> Vec<Line> {
        let ready = std::mem::take(&mut self.ready);
        let mut lines: Vec<Line> = ready.iter().map(tell_one).collect();
        if ready.len() > MANY {
            lines.iter_mut().for_each(|line| line.text = None);
            if let Some(last) = lines.last_mut() {
                last.text = Some(tell_many(&ready));
            }
        }
        lines
    }
}

fn tell_one(ready: &Ready) -> Line {
    let Ready { block, expected, all, whole, .. } = ready;
    let ms = block.last.duration_since(block.first).as_millis() as u64;
    let miner = miner(&block.tag);
    let plural = if block.transactions == 1 { "" } else { "s" };
    let agree = match (all, whole) {
        (true, true) => format!("all {expected} nodes agree after {ms} ms"),
        (true, false) if *expected == 1 => "the one node on this side has it".to_owned(),
        (true, false) => format!("{expected} nodes on this side agree after {ms} ms"),
        (false, _) => format!("{} of {expected} nodes have it", block.nodes.len()),
    };
    line(
        format!("block {} by {miner}, {} transaction{plural}, {agree}", block.height, block.transactions),
        json!({
            "event": "block", "height": block.height, "hash": block.hash, "miner": miner,
            "transactions": block.transactions, "nodes": block.nodes, "all": all, "ms": ms,
        }),
    )
}

fn tell_many(ready: &[Ready]) -> String {
    let heights = ready.iter().map(|ready| ready.block.height);
    let (lowest, highest) = (heights.clone().min().unwrap_or(0), heights.max().unwrap_or(0));
    let miners: BTreeSet<String> = ready.iter().map(|ready| miner(&ready.block.tag)).collect();
    let miners = miners.into_iter().collect::<Vec<_>>().join(", ");
    let transactions: u64 = ready.iter().map(|ready| ready.block.transactions).sum();
    let plural = if transactions == 1 { "" } else { "s" };
    let nodes = ready.iter().map(|ready| ready.expected).min().unwrap_or(0);
    let agree = match ready.iter().all(|ready| ready.all) {
        true => format!("all {nodes} nodes that can reach each other have them"),
        false => "not every node has all of them".to_owned(),
    };
    let many = ready.len();
    format!(
        "{many} blocks, heights {lowest} to {highest}, by {miners}, {transactions} transaction{plural}, {agree}"
    )
}

/// A tag is a stranger's text: only what a node of ours would write is repeated.
fn miner(tag: &str) -> String {
    match tag.strip_prefix("node ").and_then(|number| number.parse::<u16>().ok()) {
        Some(number) => format!("node {number}"),
        None => "a stranger".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Value {
        json!({ "nTx": 3, "tag": "node 3" })
    }

    fn texts(lines: Vec<Line>) -> Vec<String> {
        lines.into_iter().filter_map(|line| line.text).collect()
    }

    #[test]
    fn a_strangers_tag_never_reaches_the_terminal() {
        assert_eq!(miner("node 3"), "node 3");
        assert_eq!(miner("\u{1b}[2Jnode"), "a stranger");
    }

    #[test]
    fn a_block_that_some_node_never_gets_is_told_after_a_while() {
        let (mut blocks, running, groups) = (Blocks::default(), BTreeSet::from([0, 1]), Groups::whole(2));
        let begin = Instant::now();
        blocks.reached(0, "aa", 5, &data(), begin);
        assert!(blocks.tell(begin + PATIENCE, &running, &groups).is_empty());
        let lines = texts(blocks.tell(begin + PATIENCE + BURST, &running, &groups));
        assert_eq!(lines, ["block 5 by node 3, 2 transactions, 1 of 2 nodes have it"]);
    }

    #[test]
    fn a_hundred_blocks_at_once_are_a_few_lines_for_people_and_a_hundred_objects_for_programs() {
        let (mut blocks, running, groups) = (Blocks::default(), BTreeSet::from([0]), Groups::whole(1));
        let begin = Instant::now();
        let mut lines = Vec::new();
        for number in 0..100 {
            let at = begin + Duration::from_millis(number);
            blocks.reached(0, &number.to_string(), number, &data(), at);
            lines.extend(blocks.tell(at, &running, &groups));
        }
        lines.extend(blocks.tell(begin + BURST * 2, &running, &groups));
        assert_eq!(lines.len(), 100);
        assert!(lines.iter().all(|line| line.json["event"] == "block"));
        let texts = texts(lines);
        assert_eq!(texts.len(), MANY + 1);
        let last = "96 blocks, heights 4 to 99, by node 3, 192 transactions, all 1 nodes that can reach each other have them";
        assert_eq!(texts[MANY], last);
    }
}
