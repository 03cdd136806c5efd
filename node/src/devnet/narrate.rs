//! The narrator: happenings in, one line for each thing worth telling out, for people and programs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::devnet::groups::Groups;
use crate::devnet::happening::{Happening, What};

/// A block that not every node has by then is told all the same.
const PATIENCE: Duration = Duration::from_millis(1500);
/// So many blocks told at once are told as one line.
const MANY: usize = 4;
/// Blocks remembered, so that none is told twice.
const REMEMBERED: usize = 20_000;

/// One thing told.
#[derive(Clone, Debug)]
pub struct Line {
    /// In plain words.
    pub text: String,
    /// As one JSON object.
    pub json: Value,
}

/// A block on its way through the network.
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

/// What the narrator remembers.
#[derive(Debug)]
pub struct Narrator {
    running: BTreeSet<u16>,
    groups: Groups,
    tips: BTreeMap<u16, (u64, String)>,
    on_their_way: Vec<OnItsWay>,
    told: BTreeMap<String, u64>,
    transactions: BTreeSet<String>,
    healed: Option<Instant>,
}

impl Narrator {
    /// A narrator of so many nodes, all together and running.
    pub fn new(nodes: u16) -> Self {
        Self {
            running: (0..nodes).collect(),
            groups: Groups::whole(nodes),
            tips: BTreeMap::new(),
            on_their_way: Vec::new(),
            told: BTreeMap::new(),
            transactions: BTreeSet::new(),
            healed: None,
        }
    }

    /// Hears of a happening; returns what is worth telling now.
    pub fn hear(&mut self, happening: &Happening) -> Vec<Line> {
        let at = happening.at;
        match &happening.what {
            What::Told { node, kind, data } => self.event(*node, kind, data, at),
            What::Cut(groups) => vec![self.cut(groups, at)],
            What::Died { node, how } => {
                self.running.remove(node);
                vec![line(
                    format!("node {node} ended by itself: {how}"),
                    json!({ "event": "died", "node": node, "how": how }),
                )]
            }
            What::Killed(node) => {
                self.running.remove(node);
                vec![line(format!("node {node} was killed"), json!({ "event": "killed", "node": node }))]
            }
            What::Restarted(node) => {
                self.running.insert(*node);
                vec![line(format!("node {node} runs again"), json!({ "event": "restarted", "node": node }))]
            }
            What::Hashrate { node, percent } => vec![line(
                format!("node {node} mines at {percent} % of its first rate"),
                json!({ "event": "hashrate", "node": node, "percent": percent }),
            )],
            What::Stop => Vec::new(),
        }
    }

    /// Tells blocks that every node has, and those that were waited for long enough.
    pub fn tick(&mut self, now: Instant) -> Vec<Line> {
        let complete = |block: &OnItsWay| {
            let first = block.nodes.first().copied().unwrap_or(0);
            let group = self.groups.iter().nth(self.groups.of(first));
            let expected = group.into_iter().flatten().filter(|node| self.running.contains(node));
            let expected: BTreeSet<u16> = expected.copied().collect();
            (block.nodes.is_superset(&expected), expected.len())
        };
        let mut ready: Vec<(OnItsWay, bool, usize)> = Vec::new();
        let mut waiting = Vec::new();
        for block in &self.on_their_way {
            let (all, expected) = complete(block);
            if all || now.duration_since(block.first) > PATIENCE {
                ready.push((block.clone(), all, expected));
            } else {
                waiting.push(block.clone());
            }
        }
        self.on_their_way = waiting;
        for (block, ..) in &ready {
            self.told.insert(block.hash.clone(), block.height);
        }
        while self.told.len() > REMEMBERED {
            let lowest = self.told.iter().min_by_key(|(_, height)| **height).map(|(hash, _)| hash.clone());
            lowest.map(|hash| self.told.remove(&hash));
        }
        let mut lines = tell_blocks(&ready, self.groups.is_whole());
        lines.extend(self.tell_agreement(now));
        lines
    }

    fn event(&mut self, node: u16, kind: &str, data: &Value, at: Instant) -> Vec<Line> {
        match kind {
            "block_connected" => {
                self.connected(node, data, at);
                self.tick(at)
            }
            "block_disconnected" => {
                let height = data["height"].as_u64().unwrap_or_default();
                let parent = data["previousblockhash"].as_str().unwrap_or_default().to_owned();
                self.tips.insert(node, (height.saturating_sub(1), parent));
                Vec::new()
            }
            "reorganised" => vec![reorganised(node, data)],
            "transaction_accepted" => self.transaction(node, data),
            "gap" => vec![line(
                format!("node {node}: some events were missed"),
                json!({ "event": "gap", "node": node }),
            )],
            _ => Vec::new(),
        }
    }

    fn connected(&mut self, node: u16, data: &Value, at: Instant) {
        let hash = data["hash"].as_str().unwrap_or_default().to_owned();
        let height = data["height"].as_u64().unwrap_or_default();
        self.tips.insert(node, (height, hash.clone()));
        if self.told.contains_key(&hash) {
            return;
        }
        if let Some(block) = self.on_their_way.iter_mut().find(|block| block.hash == hash) {
            block.nodes.insert(node);
            block.last = at;
            return;
        }
        self.on_their_way.push(OnItsWay {
            hash,
            height,
            tag: data["tag"].as_str().unwrap_or_default().to_owned(),
            transactions: data["nTx"].as_u64().unwrap_or(1).saturating_sub(1),
            first: at,
            last: at,
            nodes: BTreeSet::from([node]),
        });
    }

    fn transaction(&mut self, node: u16, data: &Value) -> Vec<Line> {
        let txid = data["txid"].as_str().unwrap_or_default().to_owned();
        if self.transactions.len() >= REMEMBERED {
            self.transactions.clear();
        }
        if !self.transactions.insert(txid.clone()) {
            return Vec::new();
        }
        let short = txid.get(..12).unwrap_or(&txid);
        vec![line(
            format!("transaction {short}… reached node {node}, fee {}", data["fee"]),
            json!({ "event": "transaction", "txid": txid, "node": node, "fee": data["fee"] }),
        )]
    }

    fn cut(&mut self, groups: &Groups, at: Instant) -> Line {
        self.groups = groups.clone();
        if groups.is_whole() {
            self.healed = Some(at);
            return line(
                "healed: all nodes may reach each other again".to_owned(),
                json!({ "event": "healed" }),
            );
        }
        self.healed = None;
        line(
            format!("cut: {groups} no longer reach each other"),
            json!({ "event": "partitioned", "groups": groups.to_string() }),
        )
    }

    /// After healing: the moment at which every running node has the same tip.
    fn tell_agreement(&mut self, now: Instant) -> Option<Line> {
        let healed = self.healed?;
        let mut tips = self.running.iter().map(|node| self.tips.get(node));
        let first = tips.next()??;
        if !tips.all(|tip| tip == Some(first)) {
            return None;
        }
        self.healed = None;
        let ms = now.duration_since(healed).as_millis() as u64;
        Some(line(
            format!(
                "all {} nodes agree on block {} again, {ms} ms after healing",
                self.running.len(),
                first.0
            ),
            json!({ "event": "agreement", "height": first.0, "hash": first.1, "ms": ms }),
        ))
    }
}

fn line(text: String, json: Value) -> Line {
    Line { text, json }
}

fn miner(tag: &str) -> String {
    // A tag is a stranger's text: only what a node of ours would write is repeated.
    match tag.strip_prefix("node ").and_then(|number| number.parse::<u16>().ok()) {
        Some(number) => format!("node {number}"),
        None => "a stranger".to_owned(),
    }
}

fn tell_blocks(ready: &[(OnItsWay, bool, usize)], whole: bool) -> Vec<Line> {
    let tell = |(block, all, expected): &(OnItsWay, bool, usize)| {
        let ms = block.last.duration_since(block.first).as_millis() as u64;
        let miner = miner(&block.tag);
        let plural = if block.transactions == 1 { "" } else { "s" };
        let agree = match (all, whole) {
            (true, true) => format!("all {expected} nodes agree after {ms} ms"),
            (true, false) => format!("{expected} nodes on this side agree after {ms} ms"),
            (false, _) => format!("{} of {expected} nodes have it", block.nodes.len()),
        };
        let text =
            format!("block {} by {miner}, {} transaction{plural}, {agree}", block.height, block.transactions);
        let json = json!({
            "event": "block", "height": block.height, "hash": block.hash, "miner": miner,
            "transactions": block.transactions, "nodes": block.nodes, "all": all, "ms": ms,
        });
        line(text, json)
    };
    let (Some((first, ..)), Some((last, all, expected))) = (ready.first(), ready.last()) else {
        return Vec::new();
    };
    if ready.len() < MANY {
        return ready.iter().map(tell).collect();
    }
    let many = ready.len();
    let agree =
        if *all { format!("all {expected} nodes have them") } else { "not every node has them".to_owned() };
    let text = format!("{many} blocks up to {}, the first {}, {agree}", last.height, first.height);
    let blocks: Vec<Value> = ready.iter().map(|ready| tell(ready).json).collect();
    vec![line(text, json!({ "event": "blocks", "blocks": blocks }))]
}

fn reorganised(node: u16, data: &Value) -> Line {
    let (left, joined, fork) = (&data["disconnected"], &data["connected"], &data["fork_height"]);
    line(
        format!("reorganisation on node {node}: {left} blocks left, {joined} joined, fork point {fork}"),
        json!({
            "event": "reorganisation", "node": node, "left": left, "joined": joined, "fork_height": fork,
            "old_chainwork": data["old_chainwork"], "new_chainwork": data["new_chainwork"],
        }),
    )
}

#[cfg(test)]
mod tests;
