//! Known blocks: the latest blocks that a peer is known to have. Every new block is looked up here for every
//! peer, so each takes eight bytes and they lie side by side.

use std::collections::VecDeque;

use cairn_core::hash::BlockHash;

use crate::limits::MAX_KNOWN_BLOCKS;

/// Prefixes of the hashes, the latest last. Two hashes have the same prefix once in 2^64: then this peer alone
/// does not get the announcement of one of the two blocks.
#[derive(Clone, Debug, Default)]
pub struct KnownBlocks(VecDeque<u64>);

impl KnownBlocks {
    /// Adds a block; returns whether it was new.
    pub fn insert(&mut self, hash: BlockHash) -> bool {
        if self.contains(&hash) {
            return false;
        }
        if self.0.len() >= MAX_KNOWN_BLOCKS {
            self.0.pop_front();
        }
        self.0.push_back(hash.prefix());
        true
    }

    /// Whether a block is remembered.
    pub fn contains(&self, hash: &BlockHash) -> bool {
        // Most often it is the latest.
        self.0.back() == Some(&hash.prefix()) || self.0.contains(&hash.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_past_the_bound_takes_the_place_of_the_oldest_and_of_no_other() {
        let mut latest = KnownBlocks::default();
        let block = |number: usize| BlockHash::from_bytes([number as u8; 32]);
        for number in 0..=MAX_KNOWN_BLOCKS {
            assert!(latest.insert(block(number)));
            assert!(!latest.insert(block(number)));
        }
        assert!(!latest.contains(&block(0)));
        assert!((1..=MAX_KNOWN_BLOCKS).all(|number| latest.contains(&block(number))));
        assert!(latest.insert(block(0)));
        assert!(!latest.contains(&block(1)) && latest.contains(&block(2)));
    }
}
