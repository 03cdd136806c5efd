//! The narrator: happenings in, one line for each thing worth telling out, for people and programs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::{Value, json};

use crate::devnet::groups::Groups;
use crate::devnet::happening::{Happening, What};
use crate::devnet::narrate::blocks::Blocks;
use crate::devnet::narrate::line::{Line, line};

mod blocks;
pub mod line;

/// Transactions remembered, so that none is told twice.
const REMEMBERED: usize = 20_000;

/// What the narrator remembers.
#[derive(Debug)]
pub struct Narrator {
    running: BTreeSet<u16>,
    groups: Groups,
    tips: BTreeMap<u16, (u64, String)>,
    blocks: Blocks,
    transactions: BTreeSet<String>,
    /// When the network was mended last, and how, while its nodes do not agree yet.
    mended: Option<(Instant, &'static str)>,
}

impl Narrator {
    /// A narrator of so many nodes, all together and running.
    pub fn new(nodes: u16) -> Self {
        Self {
            running: (0..nodes).collect(),
            groups: Groups::whole(nodes),
            tips: BTreeMap::new(),
            blocks: Blocks::default(),
            transactions: BTreeSet::new(),
            mended: None,
        }
    }

    /// Hears of a happening; returns what is worth telling now.
    pub fn hear(&mut self, happening: &Happening) -> Vec<Line> {
        let at = happening.at;
        match &happening.what {
            What::Told { node, kind, data } => self.event(*node, kind, data, at),
            What::Cut(groups) => {
                let mut lines = self.blocks.tell_at_once();
                lines.push(self.cut(groups, at));
                lines
            }
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
                if self.groups.is_whole() {
                    self.mended = Some((at, "the restart"));
                }
                vec![line(format!("node {node} runs again"), json!({ "event": "restarted", "node": node }))]
            }
            What::Hashrate { node, percent } => vec![line(
                format!("node {node} mines at {percent} % of its first rate"),
                json!({ "event": "hashrate", "node": node, "percent": percent }),
            )],
            What::Slowed { node, delay_ms } => vec![line(
                match delay_ms {
                    0 => format!("the links of node {node} are as fast as at first"),
                    _ => format!("the links of node {node} are slower by {delay_ms} ms each way"),
                },
                json!({ "event": "slowed", "node": node, "delay_ms": delay_ms }),
            )],
            // A scenario tells its own timeline.
            What::Conductor(_) | What::StepFailed { .. } | What::Stop => Vec::new(),
        }
    }

    /// Tells blocks that every node has, and those that were waited for long enough.
    pub fn tick(&mut self, now: Instant) -> Vec<Line> {
        let mut lines = self.blocks.tell(now, &self.running, &self.groups);
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
            "reorganised" => {
                let mut lines = self.blocks.tell_at_once();
                lines.push(reorganised(node, data));
                lines
            }
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
        self.blocks.reached(node, &hash, height, data, at);
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
            format!("transaction {short}… reached node {node}, fee {}", coins(&data["fee"])),
            json!({ "event": "transaction", "txid": txid, "node": node, "fee": data["fee"] }),
        )]
    }

    fn cut(&mut self, groups: &Groups, at: Instant) -> Line {
        self.groups = groups.clone();
        if groups.is_whole() {
            self.mended = Some((at, "healing"));
            return line(
                "healed: all nodes may reach each other again".to_owned(),
                json!({ "event": "healed" }),
            );
        }
        self.mended = None;
        line(
            format!("cut: {groups} no longer reach each other"),
            json!({ "event": "partitioned", "groups": groups.to_string() }),
        )
    }

    /// After healing or a restart: the moment at which every running node has the same tip.
    fn tell_agreement(&mut self, now: Instant) -> Option<Line> {
        let (since, what) = self.mended?;
        let mut tips = self.running.iter().map(|node| self.tips.get(node));
        let first = tips.next()??;
        if !tips.all(|tip| tip == Some(first)) {
            return None;
        }
        self.mended = None;
        // One node alone agrees with nobody.
        if self.running.len() < 2 {
            return None;
        }
        let ms = now.duration_since(since).as_millis() as u64;
        Some(line(
            format!(
                "all {} nodes agree on block {} again, {ms} ms after {what}",
                self.running.len(),
                first.0
            ),
            json!({ "event": "agreement", "height": first.0, "hash": first.1, "ms": ms }),
        ))
    }
}

/// An amount as people write it; JSON may write a small one with an exponent.
fn coins(amount: &Value) -> String {
    let text = format!("{:.8}", amount.as_f64().unwrap_or_default());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn reorganised(node: u16, data: &Value) -> Line {
    let (left, joined, fork) = (&data["disconnected"], &data["connected"], &data["fork_height"]);
    let plural = if left == 1 { "" } else { "s" };
    line(
        format!(
            "reorganisation on node {node}: {left} block{plural} left, {joined} joined, fork point {fork}"
        ),
        json!({
            "event": "reorganisation", "node": node, "left": left, "joined": joined, "fork_height": fork,
            "old_chainwork": data["old_chainwork"], "new_chainwork": data["new_chainwork"],
        }),
    )
}

#[cfg(test)]
mod tests;
