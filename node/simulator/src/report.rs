//! The report of a run: what happened, in figures.

use core::fmt;

use cairn_core::hash::BlockHash;
use cairn_core::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The seed that plays it again.
    pub seed: u64,
    /// How many nodes.
    pub nodes: usize,
    /// The hash of everything that happened.
    pub trace: String,
    /// How much happened.
    pub steps: u64,
    /// How long the world lasted, in its own time.
    pub lasted_ms: u64,
    /// The height that all agree on.
    pub height: u32,
    /// How often blocks were found; what is above the height was in vain.
    pub blocks_found: u64,
    /// Reorganisations, of all nodes together.
    pub reorganisations: u64,
    /// Blocks that left in the deepest of them.
    pub deepest: u32,
    /// Messages carried.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// From finding a block to its being the tip of every node: the median, of those that became it.
    pub spread_ms: Option<u64>,
    /// From the last cut healed, or node restarted, to one tip everywhere.
    pub agreed_after_ms: Option<u64>,
    /// Payments that a node accepted.
    pub payments: u64,
    /// Of these, in a block of the best chain.
    pub confirmed: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_never = |ms: Option<u64>| ms.map_or("never".into(), |ms| format!("{ms} ms"));
        writeln!(
            f,
            "seed {}, {} nodes, {} s of virtual time",
            self.seed,
            self.nodes,
            self.lasted_ms / 1_000
        )?;
        writeln!(f, "height {}, {} blocks found", self.height, self.blocks_found)?;
        writeln!(f, "{} reorganisations, the deepest of {} blocks", self.reorganisations, self.deepest)?;
        writeln!(f, "{} messages, {} bytes", self.messages, self.bytes)?;
        writeln!(f, "a block is everywhere after {} (median)", or_never(self.spread_ms))?;
        writeln!(f, "all agreed {} after the last cut", or_never(self.agreed_after_ms))?;
        writeln!(f, "{} payments, {} confirmed", self.payments, self.confirmed)?;
        write!(f, "{} steps, trace {}", self.steps, self.trace)
    }
}

/// What is counted while the world runs.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How often blocks were found.
    pub blocks_found: u64,
    /// Reorganisations.
    pub reorganisations: u64,
    /// Blocks that left in the deepest.
    pub deepest: u32,
    /// Messages carried.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    found: BTreeMap<BlockHash, (Timestamp, usize)>,
    spread_ms: Vec<u64>,
}

impl Tally {
    /// A block was found.
    pub fn found(&mut self, now: Timestamp, hash: BlockHash) {
        self.blocks_found += 1;
        self.found.insert(hash, (now, 0));
    }

    /// A block became part of one more node's best chain.
    pub fn connected(&mut self, now: Timestamp, hash: BlockHash, nodes: usize) {
        if let Some((found, count)) = self.found.get_mut(&hash) {
            *count += 1;
            if *count == nodes {
                self.spread_ms.push(now.since(*found).as_millis() as u64);
            }
        }
    }

    /// The median time from finding a block to its being everywhere.
    pub fn spread_ms(&self) -> Option<u64> {
        let mut times = self.spread_ms.clone();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }
}
