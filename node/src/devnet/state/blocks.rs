//! Latest blocks of a devnet, and when each reached which node.

use std::collections::{BTreeMap, VecDeque};

use cairn_core::hash::BlockHash;
use cairn_core::work::Work;
use cairn_daemon::api::event::{Arrival, BlockInfo};
use cairn_daemon::api::replies::ViewBlock;

use crate::devnet::plan::miner;
use crate::devnet::view::BlockView;

/// Limit of blocks kept; the oldest go first. About 400 bytes each, and a few for every node.
pub const KEPT: usize = 3_000;

/// Blocks by hash, and the order of their arrival.
#[derive(Debug, Default)]
pub struct Blocks {
    by_hash: BTreeMap<BlockHash, BlockView>,
    order: VecDeque<BlockHash>,
}

impl From<&Arrival> for BlockView {
    fn from(Arrival { block, chainwork, .. }: &Arrival) -> Self {
        Self {
            hash: block.hash,
            previous: block.previous,
            height: block.height,
            time_ms: block.time_ms,
            at_ms: 0,
            chainwork: *chainwork,
            transactions: Some(block.transactions),
            size: Some(block.size),
            miner: miner(block.tag.as_bytes()),
            tag: block.tag.clone(),
            got: Vec::new(),
        }
    }
}

impl From<ViewBlock> for BlockView {
    fn from(block: ViewBlock) -> Self {
        let ViewBlock { hash, previous, height, time_ms, chainwork, tx, size, tag, .. } = block;
        let (transactions, size) = (tx, size.map(|size| size as usize));
        let tag = tag.unwrap_or_default();
        let info = BlockInfo { height, hash, previous, time_ms, transactions: 0, size: 0, tag };
        Self { transactions, size, ..(&Arrival { block: info, chainwork, from: None }).into() }
    }
}

impl Blocks {
    /// Adds a block. Returns whether it is new.
    pub fn add(&mut self, block: BlockView) -> bool {
        let hash = block.hash;
        if self.by_hash.contains_key(&hash) {
            return false;
        }
        self.by_hash.insert(hash, block);
        self.order.push_back(hash);
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_hash.remove(&oldest);
        }
        true
    }

    /// Adds an arrival at a node. Returns whether it is new: a reorganization connects blocks that a node
    /// has had for long.
    pub fn got(&mut self, node: u16, hash: &BlockHash, from: Option<u16>, at: u64) -> bool {
        let Some(block) = self.by_hash.get_mut(hash) else { return false };
        if block.got.iter().any(|(other, ..)| *other == node) {
            return false;
        }
        block.got.push((node, at, from));
        true
    }

    /// A block by its hash.
    pub fn get(&self, hash: &BlockHash) -> Option<&BlockView> {
        self.by_hash.get(hash)
    }

    /// Arrival of the first block that stands on more work, in milliseconds.
    pub fn first_above(&self, work: Work) -> Option<u64> {
        self.by_hash.values().filter(|block| block.chainwork > work).map(|block| block.at_ms).min()
    }

    /// The latest blocks in the order of their arrival, at most `limit`.
    pub fn latest(&self, limit: usize) -> Vec<BlockView> {
        let skipped = self.order.len().saturating_sub(limit);
        self.order.iter().skip(skipped).filter_map(|hash| self.by_hash.get(hash)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::height::Height;

    use super::*;

    fn hash(number: usize) -> BlockHash {
        BlockHash::from_bytes(std::array::from_fn(|at| number.to_le_bytes().get(at).copied().unwrap_or(0)))
    }

    fn block(number: usize) -> BlockView {
        BlockView {
            hash: hash(number),
            previous: hash(0),
            height: Height::from_u32(number as u32),
            time_ms: 0,
            at_ms: 0,
            chainwork: Work::ZERO,
            transactions: None,
            size: None,
            miner: None,
            tag: String::new(),
            got: Vec::new(),
        }
    }

    #[test]
    fn a_block_is_news_once_and_so_is_its_arrival_at_each_node() {
        let mut blocks = Blocks::default();
        assert!(blocks.add(block(7)) && !blocks.add(block(7)));
        assert!(blocks.got(1, &hash(7), Some(3), 8) && !blocks.got(1, &hash(7), None, 9));
        assert!(blocks.got(2, &hash(7), None, 9) && !blocks.got(1, &hash(8), None, 9));
        assert_eq!(blocks.latest(KEPT)[0].got, [(1, 8, Some(3)), (2, 9, None)]);
    }

    #[test]
    fn one_block_too_many_pushes_out_the_oldest() {
        let mut blocks = Blocks::default();
        assert!((0..=KEPT).all(|number| blocks.add(block(number))));
        let latest = blocks.latest(usize::MAX);
        assert_eq!((latest.len(), latest[0].hash), (KEPT, hash(1)));
        assert!(!blocks.got(0, &hash(0), None, 0));
        assert_eq!(blocks.latest(1)[0].hash, hash(KEPT));
    }

    #[test]
    fn a_foreign_tag_names_no_node() {
        assert_eq!((miner(b"node 3"), miner(b"node <b>"), miner(b"\x1b[2Jnode")), (Some(3), None, None));
    }
}
