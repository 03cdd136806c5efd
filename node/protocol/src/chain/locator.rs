//! Locators: hashes by which a peer finds the last block that its chain shares with ours (Bitcoin Core's
//! `CBlockLocator`).
//!
//! ```
//! use cairn_core::hash::BlockHash;
//! use cairn_protocol::chain::locator::locator;
//!
//! // A chain whose hashes hold their heights.
//! let chain: Vec<BlockHash> = (0..=100).map(|height| BlockHash::from_bytes([height; 32])).collect();
//! let heights: Vec<u8> = locator(&chain).iter().map(|hash| hash.as_bytes()[0]).collect();
//! assert_eq!(heights, [100, 99, 98, 97, 96, 95, 94, 93, 92, 91, 89, 85, 77, 61, 29, 0]);
//! ```

use cairn_core::hash::BlockHash;
use cairn_core::header::Header;

use crate::chain::tree::{BlockIndexEntry, HeaderTree};
use crate::limits::MAX_LOCATOR;

/// Hashes of a chain from its tip down: ten in a row, then at doubling distances, and genesis at the end.
/// `chain` holds the hash of each height.
pub fn locator(chain: &[BlockHash]) -> Vec<BlockHash> {
    let mut hashes = Vec::new();
    let (mut from_end, mut step) = (0, 1);
    while let Some(hash) = chain.len().checked_sub(from_end + 1).and_then(|height| chain.get(height)) {
        hashes.push(*hash);
        if hashes.len() >= 10 {
            step *= 2;
        }
        from_end += step;
    }
    if let (Some(genesis), Some(last)) = (chain.first(), hashes.last())
        && genesis != last
    {
        hashes.push(*genesis);
    }
    // One more hash fits: the header that a sender may put in front.
    debug_assert!(hashes.len() < MAX_LOCATOR, "doubling steps through 2^32 heights are 42 hashes");
    hashes
}

/// At most `count` headers of a chain after the first hash of a locator that is part of it.
/// `chain` holds the hash of each height.
pub fn headers_after(
    tree: &HeaderTree,
    chain: &[BlockHash],
    locator: &[BlockHash],
    count: usize,
) -> Vec<Header> {
    let height = |entry: &BlockIndexEntry| entry.height.get() as usize;
    let mut known = locator.iter().filter_map(|hash| tree.get(hash));
    let shared = known.find(|entry| chain.get(height(entry)) == Some(&entry.hash()));
    let following = chain.iter().skip(shared.map_or(0, height) + 1).take(count);
    following.filter_map(|hash| tree.get(hash)).map(|entry| entry.header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(length: u32) -> Vec<BlockHash> {
        let hash = |height: u32| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&height.to_be_bytes());
            BlockHash::from_bytes(bytes)
        };
        (0..length).map(hash).collect()
    }

    #[test]
    fn a_locator_begins_at_the_tip_and_ends_in_genesis() {
        for length in [1, 2, 9, 10, 11, 12, 100, 100_000] {
            let chain = chain(length);
            let locator = locator(&chain);
            assert_eq!((locator.first(), locator.last()), (chain.last(), chain.first()), "length {length}");
        }
    }

    #[test]
    fn a_locator_of_a_long_chain_is_short() {
        assert_eq!(locator(&chain(1_000_000)).len(), 29);
    }

    #[test]
    fn a_locator_names_no_block_twice() {
        for length in 1..200 {
            let mut locator = locator(&chain(length));
            let count = locator.len();
            locator.sort();
            locator.dedup();
            assert_eq!(locator.len(), count, "length {length}");
        }
    }
}
