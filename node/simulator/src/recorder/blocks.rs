//! Blocks: the finder, the parent and the arrivals of each.

use std::collections::BTreeMap;

use cairn_core::hash::BlockHash;

use crate::node_index::NodeIndex;
use crate::recorder::arrivals::Arrivals;
use crate::recorder::reachability::Reachability;

/// A block that was found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub hash: BlockHash,
    pub parent: BlockHash,
    pub height: u32,
    pub miner: NodeIndex,
    pub at_ms: u64,
    /// How many transactions it holds, the coinbase not counted.
    pub transactions: u32,
    /// How many hashes meet its target, on average.
    pub hashes: u64,
}

/// A block and where it has been.
#[derive(Clone, Debug)]
pub struct Known {
    pub found: Found,
    /// The parent's node in the list; none when it is genesis.
    pub parent: Option<usize>,
    /// When nodes had it.
    pub spread: Arrivals,
}

/// Every block, in the order of finding.
#[derive(Clone, Debug)]
pub struct Blocks {
    nodes: usize,
    list: Vec<Known>,
    numbers: BTreeMap<BlockHash, usize>,
    genesis: BlockHash,
    /// Which nodes can receive them.
    pub reachability: Reachability,
}

impl Blocks {
    /// A tree with genesis alone.
    pub fn new(nodes: usize, genesis: BlockHash) -> Self {
        Self {
            nodes,
            list: Vec::new(),
            numbers: BTreeMap::new(),
            genesis,
            reachability: Reachability::new(nodes),
        }
    }

    /// A block was found; says whether it was new.
    pub fn found(&mut self, found: Found) -> bool {
        if self.numbers.contains_key(&found.hash) || found.hash == self.genesis {
            return false;
        }
        let parent = self.numbers.get(&found.parent).copied();
        self.numbers.insert(found.hash, self.list.len());
        self.list.push(Known {
            found,
            parent,
            spread: Arrivals::new(self.nodes, found.miner, &self.reachability),
        });
        true
    }

    /// A node has a block, on whatever branch, perhaps not for the first time.
    pub fn reached(&mut self, at_ms: u64, at: NodeIndex, hash: &BlockHash) {
        if let Some(known) = self.numbers.get(hash).and_then(|number| self.list.get_mut(*number)) {
            known.spread.reached(at, at_ms.saturating_sub(known.found.at_ms), &self.reachability);
        }
    }

    /// All blocks in the order of finding.
    pub fn list(&self) -> &[Known] {
        &self.list
    }

    /// A block's node in the list.
    pub fn number(&self, hash: &BlockHash) -> Option<usize> {
        self.numbers.get(hash).copied()
    }

    /// Whether it is the block before all that are found.
    pub fn is_genesis(&self, hash: &BlockHash) -> bool {
        *hash == self.genesis
    }

    /// Which blocks lie between genesis and this one, itself included.
    pub fn lineage(&self, tip: &BlockHash) -> Vec<bool> {
        let mut is_in_chain = vec![false; self.list.len()];
        let mut next = self.number(tip);
        while let Some(number) = next {
            is_in_chain[number] = true;
            next = self.list[number].parent;
        }
        is_in_chain
    }
}
