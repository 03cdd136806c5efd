//! The narrator: events in, lines out for people and programs.

use std::collections::BTreeSet;

use cairn_core::hash::Txid;
use cairn_daemon::api::decimal::Coins;
use cairn_daemon::api::event::NodeEvent;
use cairn_genesis::format::count;

use crate::devnet::event::DevnetEvent;
use crate::devnet::line::{Line, Narrated, NarratedReorganization};
use crate::devnet::narrator::blocks::Blocks;
use crate::devnet::state::NetworkState;

mod blocks;

/// Limit of transactions remembered, so that none is reported twice.
const REMEMBERED: usize = 20_000;

/// Blocks that are not reported yet, and transactions that must not be reported again.
#[derive(Debug, Default)]
pub struct Narrator {
    blocks: Blocks,
    transactions: BTreeSet<Txid>,
    /// Set from healing or a restart until the running nodes agree.
    mended: Option<Mended>,
}

/// The time at which the network was mended, in milliseconds, and the way.
#[derive(Clone, Copy, Debug)]
struct Mended {
    at: u64,
    by: &'static str,
}

impl Narrator {
    /// Returns the lines of an event that is not yet folded into the state.
    pub fn narrate(&mut self, event: &DevnetEvent, state: &NetworkState, at: u64) -> Vec<Line> {
        let is_up = |node: u16| state.node(node).is_none_or(|node| node.up);
        let line = match event {
            DevnetEvent::Node { node, event } => return self.node_event(*node, event, at),
            DevnetEvent::Partitioned(groups) => {
                let mut lines = self.blocks.take_lines();
                self.mended = groups.is_whole().then_some(Mended { at, by: "healing" });
                lines.push(match groups.is_whole() {
                    true => Narrated::Healed.line("healed: all nodes may reach each other again".to_owned()),
                    false => Narrated::Partitioned { groups: groups.to_string() }
                        .line(format!("cut: {groups} no longer reach each other")),
                });
                return lines;
            }
            DevnetEvent::Died { node, how } => Narrated::Died { node: *node, how: how.clone() }
                .line(format!("node {node} ended by itself: {how}")),
            DevnetEvent::Killed(node) => {
                Narrated::Killed { node: *node }.line(format!("node {node} was killed"))
            }
            DevnetEvent::Restarted(node) => {
                if state.groups().is_whole() {
                    self.mended = Some(Mended { at, by: "the restart" });
                }
                Narrated::Restarted { node: *node }.line(format!("node {node} runs again"))
            }
            DevnetEvent::Hashrate { node, percent, .. } => {
                let text = hashrate_in_words(*node, *percent, is_up(*node));
                Narrated::Hashrate { node: *node, percent: *percent }.line(text)
            }
            DevnetEvent::Slowed { node, delay_ms } => {
                let text = slow_in_words(*node, *delay_ms, is_up(*node));
                Narrated::Slowed { node: *node, delay_ms: *delay_ms }.line(text)
            }
            // A scenario has its own timeline.
            _ => return Vec::new(),
        };
        vec![line]
    }

    /// Returns lines of blocks that every node has, of those that were waited for long
    /// enough, and of agreement.
    pub fn tick(&mut self, state: &NetworkState, now: u64) -> Vec<Line> {
        let mut lines = self.blocks.lines(now, state);
        lines.extend(self.agreement(state, now));
        lines
    }

    fn node_event(&mut self, node: u16, event: &NodeEvent, at: u64) -> Vec<Line> {
        match event {
            NodeEvent::BlockConnected(arrival) => {
                self.blocks.reached(node, &arrival.block, at);
                Vec::new()
            }
            NodeEvent::Reorganized(change) => {
                let mut lines = self.blocks.take_lines();
                let text = format!(
                    "reorganization on node {node}: {} left, {} joined, fork point {}",
                    count(change.disconnected.into(), "block"),
                    change.connected,
                    change.fork_height.get()
                );
                let change = NarratedReorganization {
                    node,
                    left: change.disconnected,
                    joined: change.connected,
                    fork_height: change.fork_height,
                    old_chainwork: change.old_chainwork,
                    new_chainwork: change.new_chainwork,
                };
                lines.push(Narrated::Reorganization(change).line(text));
                lines
            }
            NodeEvent::TransactionAccepted { txid, fee: Coins(fee), .. } => {
                if self.transactions.len() >= REMEMBERED {
                    self.transactions.clear();
                }
                let is_new = self.transactions.insert(*txid);
                let short: String = txid.to_string().chars().take(12).collect();
                let text = format!("transaction {short}… reached node {node}, fee {fee}");
                is_new
                    .then(|| Narrated::Transaction { txid: *txid, node, fee: Coins(*fee) }.line(text))
                    .into_iter()
                    .collect()
            }
            NodeEvent::Gap { .. } => {
                vec![Narrated::Gap { node }.line(format!("node {node}: some events were missed"))]
            }
            _ => Vec::new(),
        }
    }

    /// After healing or a restart: the moment at which every running node has the same tip.
    fn agreement(&mut self, state: &NetworkState, now: u64) -> Option<Line> {
        let Mended { at, by } = self.mended?;
        let mut running = state.running();
        let first = running.next()?;
        if !running.all(|node| node.tip == first.tip) {
            return None;
        }
        self.mended = None;
        let nodes = state.running().count();
        let (height, hash, ms) = (first.height, first.tip, now.saturating_sub(at));
        let text = format!("all {nodes} nodes agree on block {} again, {ms} ms after {by}", height.get());
        // One node alone agrees with no other.
        (nodes > 1).then(|| Narrated::Agreement { height, hash, ms }.line(text))
    }
}

/// The hash rate that a node was given, for people.
pub fn hashrate_in_words(node: u16, percent: u64, in_force: bool) -> String {
    match in_force {
        true => format!("node {node} mines at {percent} % of its first rate"),
        false => {
            format!("node {node} is down: from its restart on it mines at {percent} % of its first rate")
        }
    }
}

/// The delay that the links of a node were given, for people.
pub fn slow_in_words(node: u16, delay_ms: u64, in_force: bool) -> String {
    let delay = match delay_ms {
        0 => format!("the delay of the links of node {node} is removed"),
        _ => format!("the links of node {node} are slower by {delay_ms} ms each way"),
    };
    if in_force { delay } else { format!("{delay}, from its restart on: node {node} is down") }
}

#[cfg(test)]
mod tests;
