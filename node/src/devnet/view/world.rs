//! The world in the picture: nodes, links, groups, blocks, and the news of each change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cairn_genesis::Chain;
use serde_json::{Value, json};

use crate::devnet::view::agreement::Agreement;
use crate::devnet::view::blocks::Blocks;

/// Marks kept; the oldest go first.
const MARKS_KEPT: usize = 2_000;

/// A mark on the axis of time.
#[derive(Clone, Debug)]
pub struct Mark {
    /// When, in milliseconds.
    pub at: u64,
    /// What kind.
    pub kind: &'static str,
    /// In plain words.
    pub text: String,
    /// For an agreement: how long it took.
    pub took: Option<u64>,
}

impl Mark {
    fn to_json(&self) -> Value {
        json!({ "at_ms": self.at, "kind": self.kind, "text": self.text, "took_ms": self.took })
    }
}

/// A node, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Node {
    is_up: bool,
    why_down: Option<String>,
    tip: String,
    height: u64,
    percent: u64,
    delay_ms: u64,
    /// What it said when it was asked last; nothing since it was started.
    status: Value,
    /// How often in a row it has not answered.
    unanswered: u32,
    /// Whom it was linked to then.
    links: BTreeSet<u16>,
}

impl Node {
    /// What a node says of itself; nothing when it does not answer.
    pub fn seen(status: Option<&Value>, peers: &BTreeMap<String, u16>) -> Self {
        let Some(status) = status else { return Self::default() };
        let linked = status["peers"].as_array().into_iter().flatten();
        let linked = linked.filter_map(|peer| peers.get(peer.as_str()?).copied());
        Self {
            is_up: true,
            tip: status["tip"].as_str().unwrap_or_default().to_owned(),
            height: status["height"].as_u64().unwrap_or_default(),
            links: linked.collect(),
            status: status.clone(),
            ..Self::default()
        }
    }

    /// What changes from second to second.
    fn pulse(&self, id: usize) -> Value {
        let status = &self.status;
        json!({
            "id": id,
            "phase": status["phase"],
            "mempool": status["mempool"],
            "mempool_bytes": status["mempool_bytes"],
            "mining": !status["mining"].is_null(),
            "percent": self.percent,
            "delay_ms": self.delay_ms,
            "chainwork": status["chainwork"],
            "stuck": status["stuck"],
            "answers": self.answers(),
        })
    }

    /// Whether it answers, as far as it runs: one question may be lost.
    const fn answers(&self) -> bool {
        self.unanswered < 2
    }

    fn picture(&self, id: usize) -> Value {
        json!({
            "id": id,
            "peer_id": self.status["peer_id"],
            "up": self.is_up,
            "why_down": self.why_down,
            "tip": self.tip,
            "height": self.height,
            "mining": !self.status["mining"].is_null(),
            "percent": self.percent,
            "delay_ms": self.delay_ms,
            "answers": self.answers(),
            "status": self.status,
        })
    }
}

/// A chain, as the page gets it.
fn chain_in_json(chain: &Chain) -> Value {
    let params = &chain.params;
    json!({
        "name": params.name,
        "genesis_hash": params.genesis_hash.to_string(),
        "spacing_ms": params.spacing.as_millis() as u64,
        "address_prefix": params.address_prefix.to_string(),
    })
}

/// Everything in the picture.
#[derive(Debug)]
pub struct World {
    nodes: Vec<Node>,
    groups: Vec<Vec<u16>>,
    links: BTreeSet<(u16, u16)>,
    /// Links of which the nodes said otherwise when they were asked last; none before they were asked.
    doubtful: Option<BTreeSet<(u16, u16)>>,
    blocks: Blocks,
    agreement: Agreement,
    marks: VecDeque<Mark>,
    pulse: Vec<Value>,
    /// What was expected of a scenario, and what has become of it.
    expectations: Vec<Value>,
    /// Whether nothing more will happen.
    is_over: bool,
    chain: Value,
    news: Vec<(&'static str, Value)>,
}

impl World {
    /// So many running nodes, all of them at genesis and together.
    pub fn new(nodes: u16, chain: &Chain) -> Self {
        let genesis = &chain.params.genesis_hash.to_string();
        let node = Node { is_up: true, tip: genesis.clone(), percent: 100, ..Node::default() };
        let mut agreement = Agreement::default();
        (0..nodes).for_each(|_| agreement.joins(genesis));
        agreement.look(0);
        Self {
            nodes: vec![node; usize::from(nodes)],
            groups: vec![(0..nodes).collect()],
            links: BTreeSet::new(),
            doubtful: None,
            blocks: Blocks::default(),
            agreement,
            marks: VecDeque::new(),
            pulse: Vec::new(),
            expectations: Vec::new(),
            is_over: false,
            chain: chain_in_json(chain),
            news: Vec::new(),
        }
    }

    /// Whether a node answers, as far as it runs.
    pub fn answers(&self, node: u16) -> bool {
        self.nodes.get(usize::from(node)).is_none_or(Node::answers)
    }

    /// All of it, with so many of the latest blocks, as the page gets it.
    pub fn picture(&self, blocks: usize) -> Value {
        json!({
            "kind": "devnet",
            "nodes": self.nodes.iter().enumerate().map(|(id, node)| node.picture(id)).collect::<Vec<_>>(),
            "groups": self.groups,
            "links": self.links,
            "blocks": self.blocks.picture(blocks),
            "agreement": self.agreement.picture(),
            "marks": self.marks.iter().map(Mark::to_json).collect::<Vec<_>>(),
            "expectations": self.expectations,
            "is_over": self.is_over,
            "chain": self.chain,
        })
    }

    /// What has changed since this was asked last.
    pub fn take_news(&mut self) -> Vec<(&'static str, Value)> {
        core::mem::take(&mut self.news)
    }

    /// A block that a node connected.
    pub fn block(&mut self, told: &Value, at: u64) {
        if let Some(values) = self.blocks.add(told, at) {
            self.news.push(("block", values));
        }
    }

    /// A block that was there before. Genesis is in every chain and no news in any.
    pub fn remember(&mut self, told: &Value) {
        if told["height"] != 0 {
            self.blocks.add(told, 0);
        }
    }

    /// A block reached a node.
    pub fn got(&mut self, node: u16, hash: &str, from: Option<u16>, at: u64) {
        if self.blocks.got(node, hash, from, at) {
            self.news.push(("got", json!({ "node": node, "hash": hash, "at_ms": at, "from": from })));
        }
    }

    /// A node has another tip.
    pub fn moves(&mut self, node: u16, hash: &str, height: u64, at: u64) {
        let Some(seen) = self.nodes.get_mut(usize::from(node)) else { return };
        if seen.tip == hash {
            return;
        }
        if seen.is_up {
            self.agreement.leaves(&seen.tip);
            self.agreement.joins(hash);
        }
        (seen.tip, seen.height) = (hash.to_owned(), height);
        self.news.push(("tip", json!({ "node": node, "hash": hash, "height": height, "at_ms": at })));
        self.look(at);
    }

    /// A node went over to another branch.
    pub fn reorganised(&mut self, node: u16, told: &Value, at: u64) {
        let news = json!({
            "node": node,
            "at_ms": at,
            "disconnected": told["disconnected"],
            "connected": told["connected"],
            "fork_height": told["fork_height"],
        });
        self.news.push(("reorganised", news));
    }

    /// A transaction entered a mempool.
    pub fn transaction(&mut self, node: u16, told: &Value, from: Option<u16>, at: u64) {
        let news = json!({
            "node": node,
            "txid": told["txid"],
            "from": from,
            "at_ms": at,
            "fee": told["fee"],
            "size": told["size"],
        });
        self.news.push(("transaction", news));
    }

    /// A link came to stand, or went.
    pub fn link(&mut self, node: u16, other: Option<u16>, is_up: bool, at: u64) {
        let Some(other) = other.filter(|other| *other != node) else { return };
        let (a, b) = (node.min(other), node.max(other));
        let is_news = if is_up { self.links.insert((a, b)) } else { self.links.remove(&(a, b)) };
        if is_news {
            self.news.push(("link", json!({ "a": a, "b": b, "up": is_up, "at_ms": at })));
        }
    }

    /// The network is cut into these groups, or whole again.
    pub fn cut(&mut self, groups: Vec<Vec<u16>>, at: u64) {
        self.news.push(("groups", json!({ "groups": groups, "at_ms": at })));
        self.groups = groups;
    }

    /// A node runs no longer.
    pub fn down(&mut self, node: u16, why: &str, at: u64) {
        let Some(seen) = self.nodes.get_mut(usize::from(node)).filter(|seen| seen.is_up) else { return };
        seen.is_up = false;
        seen.why_down = Some(why.to_owned());
        self.agreement.leaves(&seen.tip);
        self.news.push(("node", json!({ "id": node, "up": false, "why": why, "at_ms": at })));
        let gone: Vec<u16> = (0..self.nodes.len() as u16).collect();
        gone.into_iter().for_each(|other| self.link(node, Some(other), false, at));
        self.look(at);
    }

    /// A node runs again.
    pub fn up(&mut self, node: u16, at: u64) {
        let Some(seen) = self.nodes.get_mut(usize::from(node)).filter(|seen| !seen.is_up) else { return };
        seen.is_up = true;
        seen.why_down = None;
        (seen.status, seen.unanswered) = (Value::Null, 0);
        self.agreement.joins(&seen.tip);
        self.news.push(("node", json!({ "id": node, "up": true, "why": null, "at_ms": at })));
        self.look(at);
    }

    /// A node mines at so many per cent of its first rate.
    pub fn mines_at(&mut self, node: u16, percent: u64) {
        if let Some(seen) = self.nodes.get_mut(usize::from(node)) {
            seen.percent = percent;
        }
    }

    /// A node of a scenario begins to mine, or ends it.
    pub fn mining(&mut self, node: u16, mines: bool, at: u64) {
        let Some(seen) = self.nodes.get_mut(usize::from(node)) else { return };
        if seen.status["mining"].is_null() == mines {
            seen.status["mining"] = if mines { json!(true) } else { Value::Null };
            let pulse = seen.pulse(usize::from(node));
            self.news.push(("status", json!({ "at_ms": at, "nodes": [pulse] })));
        }
    }

    /// All links of a node are slower by so much.
    pub fn slowed(&mut self, node: u16, delay_ms: u64) {
        if let Some(seen) = self.nodes.get_mut(usize::from(node)) {
            seen.delay_ms = delay_ms;
        }
    }

    /// What all nodes say of themselves now. Who does not answer is left as it was: whether it
    /// runs is for the one who started it to say, and who was killed meanwhile says nothing. Events may be under way that an answer is ahead of or
    /// behind, so that one of another tip or link counts only when it is given twice.
    pub fn asked(&mut self, seen: Vec<Node>, at: u64) {
        let mut links: BTreeSet<(u16, u16)> = BTreeSet::new();
        let lives: Vec<bool> = self.nodes.iter().map(|node| node.is_up).collect();
        let lives = |id: u16| lives.get(usize::from(id)).copied().unwrap_or_default();
        for (id, new) in (0..).zip(seen).filter(|(id, _)| lives(*id)) {
            let Some(node) = self.nodes.get_mut(usize::from(id)) else { continue };
            if !new.is_up {
                node.unanswered = node.unanswered.saturating_add(1);
                // What is not told of its links leaves them as they were.
                links.extend(self.links.iter().filter(|(one, other)| *one == id || *other == id));
                continue;
            }
            node.unanswered = 0;
            let linked = new.links.iter().filter(|other| lives(**other));
            links.extend(linked.map(|other| (id.min(*other), id.max(*other))));
            let before = core::mem::replace(&mut node.status, new.status);
            if before.is_null() || before["tip"] == new.tip.as_str() {
                self.moves(id, &new.tip, new.height, at);
            }
        }
        let doubtful: BTreeSet<(u16, u16)> = self.links.symmetric_difference(&links).copied().collect();
        let before = self.doubtful.replace(doubtful.clone());
        for (a, b) in doubtful.into_iter().filter(|link| before.as_ref().is_none_or(|old| old.contains(link)))
        {
            self.link(a, Some(b), links.contains(&(a, b)), at);
        }
        let pulse: Vec<Value> = self.nodes.iter().enumerate().map(|(id, node)| node.pulse(id)).collect();
        if pulse != self.pulse {
            self.news.push(("status", json!({ "at_ms": at, "nodes": pulse })));
            self.pulse = pulse;
        }
    }

    /// What has become of a scenario's expectations; with `is_over`, for good.
    pub fn judge(&mut self, verdicts: Vec<Value>, is_over: bool) {
        for (number, verdict) in verdicts.iter().enumerate() {
            if self.expectations.get(number) != Some(verdict) {
                let mut news = verdict.clone();
                news["number"] = json!(number);
                self.news.push(("expectation", news));
            }
        }
        self.expectations = verdicts;
        if is_over && !self.is_over {
            self.is_over = true;
            self.news.push(("over", json!({})));
        }
    }

    /// Something worth a mark.
    pub fn mark(&mut self, mark: Mark) {
        self.news.push(("mark", mark.to_json()));
        self.marks.push_back(mark);
        if self.marks.len() > MARKS_KEPT {
            self.marks.pop_front();
        }
    }

    fn look(&mut self, at: u64) {
        if let Some(point) = self.agreement.look(at) {
            self.news.push(("agreement", point.to_json()));
        }
    }
}
