//! The latest blocks that a peer is known to have. They are asked for with every block, for every
//! peer, so that they stand side by side and take eight bytes each.

use cairn_core::hash::BlockHash;

use crate::limits::MAX_KNOWN_BLOCKS;

/// The beginnings of their hashes. Two blocks begin alike once in 2^64; and whoever took that much
/// work to make two would be told of one of them less, and nobody else would.
#[derive(Clone, Debug, Default)]
pub struct LatestBlocks {
    beginnings: Vec<u64>,
    /// Where the next one goes; when all places are taken the oldest is there.
    next: usize,
}

impl LatestBlocks {
    /// Notes a block; says whether it was new.
    pub fn insert(&mut self, hash: BlockHash) -> bool {
        if self.contains(&hash) {
            return false;
        }
        match self.beginnings.get_mut(self.next) {
            Some(oldest) => *oldest = beginning(&hash),
            None => self.beginnings.push(beginning(&hash)),
        }
        self.next = (self.next + 1) % MAX_KNOWN_BLOCKS;
        true
    }

    /// Whether a block is remembered.
    pub fn contains(&self, hash: &BlockHash) -> bool {
        let beginning = beginning(hash);
        // Most often it is the one that came last.
        let last = self.next.checked_sub(1).unwrap_or(MAX_KNOWN_BLOCKS - 1);
        self.beginnings.get(last) == Some(&beginning) || self.beginnings.contains(&beginning)
    }
}

/// The end of a hash is zero for the work's sake, the beginning is as good as random.
fn beginning(hash: &BlockHash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_past_the_bound_takes_the_place_of_the_oldest_and_of_no_other() {
        let mut latest = LatestBlocks::default();
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
