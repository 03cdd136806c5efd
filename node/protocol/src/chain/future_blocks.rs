//! Blocks ahead of the clock: kept until their time comes, and no misbehavior of any peer (ATTACKS 7).

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::check::block::CheckedBlock;
use cairn_core::hash::BlockHash;
use cairn_core::time::Timestamp;

use crate::limits::MAX_FUTURE_BLOCKS;

/// Blocks by the time from which the clock allows them.
#[derive(Clone, Debug, Default)]
pub struct FutureBlocks {
    blocks: BTreeMap<(Timestamp, BlockHash), Arc<Block>>,
}

impl FutureBlocks {
    /// Keeps a block until `due`. Beyond the limit, the block that is furthest ahead is dropped.
    pub fn keep(&mut self, due: Timestamp, block: &CheckedBlock) {
        let block = block.block().clone();
        self.blocks.insert((due, block.hash()), block);
        if self.blocks.len() > MAX_FUTURE_BLOCKS {
            self.blocks.pop_last();
        }
    }

    /// The blocks that the clock allows now.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Arc<Block>> {
        let mut due = Vec::new();
        while let Some(entry) = self.blocks.first_entry().filter(|entry| entry.key().0 <= now) {
            due.push(entry.remove());
        }
        due
    }

    /// The time from which the clock allows the next block.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.blocks.first_key_value().map(|((due, _), _)| *due)
    }
}
