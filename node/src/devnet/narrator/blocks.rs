//! Blocks on their way through the network: each is reported when every node that can have it has it.
//! People read many at once as one line; programs get an object for every block.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_daemon::api::event::BlockInfo;
use cairn_genesis::format::count;

use crate::devnet::line::{Line, Narrated, NarratedBlock};
use crate::devnet::state::NetworkState;

/// Milliseconds after which a block is reported although not every node has it.
pub const PATIENCE: u64 = 1_500;
/// Blocks within [`BURST`] that are reported one by one; further ones are gathered.
const MANY: usize = 4;
/// See [`MANY`]; in milliseconds.
const BURST: u64 = 500;
/// Limit of blocks remembered, so that none is reported twice.
const REMEMBERED: usize = 20_000;

/// A block that is not reported yet.
#[derive(Clone, Debug)]
struct OnItsWay {
    block: BlockInfo,
    first: u64,
    last: u64,
    nodes: BTreeSet<u16>,
}

/// A block that can be reported.
#[derive(Debug)]
struct Ready {
    block: OnItsWay,
    since: u64,
    /// Number of nodes that could have it.
    expected: usize,
    /// Whether they all have it.
    all: bool,
    /// Whether the network was whole.
    whole: bool,
}

/// Blocks that are not reported yet, and those that were.
#[derive(Debug, Default)]
pub struct Blocks {
    on_their_way: Vec<OnItsWay>,
    ready: Vec<Ready>,
    reported: BTreeMap<BlockHash, Height>,
    reported_at: VecDeque<u64>,
}

impl Blocks {
    /// A node has connected a block.
    pub fn reached(&mut self, node: u16, block: &BlockInfo, at: u64) {
        if self.reported.contains_key(&block.hash) {
            return;
        }
        if let Some(known) = self.on_their_way.iter_mut().find(|known| known.block.hash == block.hash) {
            known.nodes.insert(node);
            known.last = at;
            return;
        }
        let nodes = BTreeSet::from([node]);
        self.on_their_way.push(OnItsWay { block: block.clone(), first: at, last: at, nodes });
    }

    /// Returns lines of blocks that every running node of their group has, and of those that were
    /// waited for long enough.
    pub fn lines(&mut self, now: u64, state: &NetworkState) -> Vec<Line> {
        if self.on_their_way.is_empty() && self.ready.is_empty() {
            return Vec::new();
        }
        let running: BTreeSet<u16> = state.running().map(|node| node.id).collect();
        let groups = state.groups();
        let mut waiting = Vec::new();
        for block in self.on_their_way.drain(..) {
            let first = block.nodes.first().copied().unwrap_or(0);
            let group = groups.iter().nth(groups.of(first)).into_iter().flatten();
            let expected: BTreeSet<u16> = group.filter(|node| running.contains(node)).copied().collect();
            let all = block.nodes.is_superset(&expected);
            if !all && now.saturating_sub(block.first) <= PATIENCE {
                waiting.push(block);
                continue;
            }
            self.reported.insert(block.block.hash, block.block.height);
            let (expected, whole) = (expected.len(), groups.is_whole());
            self.ready.push(Ready { block, since: now, expected, all, whole });
        }
        self.on_their_way = waiting;
        while self.reported.len() > REMEMBERED {
            let lowest = self.reported.iter().min_by_key(|(_, height)| **height).map(|(hash, _)| *hash);
            lowest.map(|hash| self.reported.remove(&hash));
        }
        while self.reported_at.front().is_some_and(|at| now.saturating_sub(*at) > BURST) {
            self.reported_at.pop_front();
        }
        let is_burst = self.reported_at.len() + self.ready.len() > MANY;
        let is_due = self.ready.first().is_some_and(|first| now.saturating_sub(first.since) >= BURST);
        if is_burst && !is_due {
            return Vec::new();
        }
        self.reported_at.extend(self.ready.iter().map(|_| now));
        self.take_lines()
    }

    /// Returns the lines of blocks that can be reported now, because an event comes after them.
    pub fn take_lines(&mut self) -> Vec<Line> {
        let ready = std::mem::take(&mut self.ready);
        let mut lines: Vec<Line> = ready.iter().map(line_of).collect();
        if ready.len() > MANY {
            lines.iter_mut().for_each(|line| line.text = None);
            if let Some(last) = lines.last_mut() {
                last.text = Some(line_of_many(&ready));
            }
        }
        lines
    }
}

impl Ready {
    fn payments(&self) -> usize {
        self.block.block.transactions.saturating_sub(1)
    }

    /// The miner by its tag, which is foreign text: only what a node of ours would write is repeated.
    fn miner(&self) -> String {
        let number = self.block.block.tag.strip_prefix("node ").and_then(|number| number.parse::<u16>().ok());
        number.map_or_else(|| "a stranger".to_owned(), |number| format!("node {number}"))
    }
}

fn line_of(ready: &Ready) -> Line {
    let Ready { block: OnItsWay { block, first, last, nodes }, expected, all, whole, .. } = ready;
    let (ms, miner, transactions) = (last - first, ready.miner(), ready.payments());
    let agree = match (all, whole) {
        (true, true) => format!("all {expected} nodes agree after {ms} ms"),
        (true, false) if *expected == 1 => "the one node on this side has it".to_owned(),
        (true, false) => format!("{expected} nodes on this side agree after {ms} ms"),
        (false, _) => format!("{} of {expected} nodes have it", nodes.len()),
    };
    let (height, transactions_text) = (block.height.get(), count(transactions as u64, "transaction"));
    let text = format!("block {height} by {miner}, {transactions_text}, {agree}");
    let (height, hash, nodes, all) = (block.height, block.hash, nodes.clone(), *all);
    Narrated::Block(NarratedBlock { height, hash, miner, transactions, nodes, all, ms }).line(text)
}

fn line_of_many(ready: &[Ready]) -> String {
    let heights = ready.iter().map(|ready| ready.block.block.height.get());
    let (lowest, highest) = (heights.clone().min().unwrap_or(0), heights.max().unwrap_or(0));
    let miners: BTreeSet<String> = ready.iter().map(Ready::miner).collect();
    let miners = miners.into_iter().collect::<Vec<_>>().join(", ");
    let transactions = ready.iter().map(Ready::payments).sum::<usize>() as u64;
    let nodes = ready.iter().map(|ready| ready.expected).min().unwrap_or(0);
    let agree = match ready.iter().all(|ready| ready.all) {
        true => format!("all {nodes} nodes that can reach each other have them"),
        false => "not every node has all of them".to_owned(),
    };
    format!(
        "{} blocks, heights {lowest} to {highest}, by {miners}, {}, {agree}",
        ready.len(),
        count(transactions, "transaction")
    )
}

#[cfg(test)]
mod tests {
    use cairn_genesis::Chain;

    use super::*;
    use crate::devnet::tests::block;

    fn state(nodes: u16) -> NetworkState {
        NetworkState::new(nodes, &Chain::builtin("devnet").expect("devnet"))
    }

    fn texts(lines: Vec<Line>) -> Vec<String> {
        lines.into_iter().filter_map(|line| line.text).collect()
    }

    #[test]
    fn a_foreign_tag_never_reaches_the_terminal() {
        let mut blocks = Blocks::default();
        let foreign = BlockInfo { tag: "\u{1b}[2Jnode".into(), ..block(1, 1, 0).block };
        blocks.reached(0, &foreign, 0);
        let lines = texts(blocks.lines(0, &state(1)));
        assert!(lines[0].starts_with("block 1 by a stranger, "), "{lines:?}");
    }

    #[test]
    fn a_block_that_some_node_never_gets_is_reported_after_a_while() {
        let (mut blocks, state) = (Blocks::default(), state(2));
        blocks.reached(0, &block(5, 1, 0).block, 0);
        assert!(blocks.lines(PATIENCE, &state).is_empty());
        let lines = texts(blocks.lines(PATIENCE + BURST, &state));
        assert_eq!(lines, ["block 5 by node 3, 2 transactions, 1 of 2 nodes have it"]);
    }

    #[test]
    fn a_hundred_blocks_at_once_are_a_few_lines_for_people_and_a_hundred_objects_for_programs() {
        let (mut blocks, state) = (Blocks::default(), state(1));
        let mut lines = Vec::new();
        for number in 0..100 {
            blocks.reached(0, &block(number, number as u8 + 1, 0).block, number.into());
            lines.extend(blocks.lines(number.into(), &state));
        }
        lines.extend(blocks.lines(BURST * 2, &state));
        assert_eq!(lines.len(), 100);
        assert!(lines.iter().all(|line| matches!(line.event, Narrated::Block { .. })));
        let texts = texts(lines);
        assert_eq!(texts.len(), MANY + 1);
        let last = "96 blocks, heights 4 to 99, by node 3, 192 transactions, all 1 nodes that can reach each other have them";
        assert_eq!(texts[MANY], last);
    }
}
