//! Tips: which one each node had, from when on.

use cairn_core::hash::BlockHash;

use crate::node_index::NodeIndex;
use crate::recorder::blocks::Blocks;
use crate::report::{TipChange, Tips};

/// Changes that are kept: 1,000 nodes and 200 blocks, at some 15 bytes each in a report.
const MOST_CHANGES: usize = 250_000;

/// What is kept of it: the first changes.
#[derive(Clone, Debug, Default)]
pub struct TipChanges {
    kept: Vec<(u64, NodeIndex, Option<BlockHash>)>,
    /// When the first came that is not kept.
    until_ms: Option<u64>,
}

impl TipChanges {
    /// A node has another tip, or none since it is gone.
    pub fn moved(&mut self, at_ms: u64, at: NodeIndex, tip: Option<BlockHash>) {
        if self.until_ms.is_none() && self.kept.len() < MOST_CHANGES {
            self.kept.push((at_ms, at, tip));
        } else {
            self.until_ms.get_or_insert(at_ms);
        }
    }

    /// The same by the numbers of blocks. A node on a block without a known
    /// finder counts as one that has not moved.
    pub fn conclude(self, blocks: &Blocks) -> Tips {
        let number = |tip: BlockHash| {
            let found = blocks.number(&tip).map(|number| number as u32 + 1);
            found.or_else(|| blocks.is_genesis(&tip).then_some(0))
        };
        let change = |(at_ms, at, tip): (u64, NodeIndex, Option<BlockHash>)| match tip.map(number) {
            Some(None) => None,
            known => Some(TipChange(at_ms, at.number(), known.flatten())),
        };
        Tips { changes: self.kept.into_iter().filter_map(change).collect(), until_ms: self.until_ms }
    }
}

#[cfg(test)]
mod tests {
    use crate::recorder::blocks::Found;

    use super::*;

    fn hash(number: u8) -> BlockHash {
        BlockHash::from_bytes([number; 32])
    }

    #[test]
    fn a_node_stands_on_genesis_on_a_block_or_is_gone() {
        let mut blocks = Blocks::new(1, hash(0));
        let (miner, parent) = (NodeIndex::new(0), hash(0));
        blocks.found(Found { hash: hash(7), parent, height: 1, miner, at_ms: 5, transactions: 0, hashes: 1 });
        let mut tips = TipChanges::default();
        for (at_ms, tip) in [(0, Some(hash(0))), (5, Some(hash(7))), (6, Some(hash(9))), (8, None)] {
            tips.moved(at_ms, miner, tip);
        }
        let changes = vec![TipChange(0, 0, Some(0)), TipChange(5, 0, Some(1)), TipChange(8, 0, None)];
        assert_eq!(tips.conclude(&blocks), Tips { changes, until_ms: None });
    }

    #[test]
    fn of_very_many_changes_the_first_are_kept_and_it_is_said_until_when() {
        let blocks = Blocks::new(1, hash(0));
        let mut tips = TipChanges::default();
        (0..MOST_CHANGES as u64 + 5).for_each(|at_ms| tips.moved(at_ms, NodeIndex::new(0), Some(hash(0))));
        let Tips { changes, until_ms } = tips.conclude(&blocks);
        assert_eq!((changes.len(), until_ms), (MOST_CHANGES, Some(MOST_CHANGES as u64)));
    }
}
