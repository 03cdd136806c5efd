//! Blocks ahead of the clock: kept aside and tried again, not held against anyone (ATTACKS 7).

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::check::block::CheckedBlock;
use cairn_core::hash::BlockHash;
use cairn_core::time::Timestamp;

use crate::limits::MAX_KEPT_ASIDE;

/// Blocks by the time from which they may be taken in.
#[derive(Clone, Debug, Default)]
pub struct KeptAside {
    blocks: BTreeMap<(Timestamp, BlockHash), Arc<Block>>,
}

impl KeptAside {
    /// Keeps a block until then. Beyond the bound the one that is furthest ahead gives way.
    pub fn keep(&mut self, due: Timestamp, block: CheckedBlock) {
        let block = block.block().clone();
        self.blocks.insert((due, block.hash()), block);
        if self.blocks.len() > MAX_KEPT_ASIDE {
            self.blocks.pop_last();
        }
    }

    /// Those whose time has come.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Arc<Block>> {
        let mut due = Vec::new();
        while let Some(entry) = self.blocks.first_entry().filter(|entry| entry.key().0 <= now) {
            due.push(entry.remove());
        }
        due
    }

    /// When the next one's time comes.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.blocks.first_key_value().map(|((due, _), _)| *due)
    }
}
