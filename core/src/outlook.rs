//! Outlooks: the expected hashes of future blocks by the chain's own difficulty rule. No rule uses them.

use core::time::Duration;

use crate::difficulty::{Anchor, next_bits};
use crate::hash::{BlockHash, MerkleRoot};
use crate::header::{Header, HeaderFields};
use crate::height::Height;
use crate::params::ChainParams;
use crate::time::Timestamp;

/// A chain as the difficulty rule sees it, to which possible blocks are added.
#[derive(Clone, Debug)]
pub struct Outlook<'p> {
    pub params: &'p ChainParams,
    /// Where the difficulty of the next block is anchored.
    pub anchor: Option<Anchor>,
    pub height: Height,
    pub time: Timestamp,
}

/// The effect of mining several blocks at once on the difficulty of the blocks after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Hashes that the next block would take now.
    pub usual_hashes: u64,
    /// Hashes that all blocks of the burst take together.
    pub hashes: u64,
    /// Hashes that the block after them takes.
    pub next_hashes: u64,
    /// Number of blocks, from the first, that stay within the limit of hashes.
    pub possible: u32,
}

impl Outlook<'_> {
    /// Expected hashes of the next block.
    pub fn hashes(&self) -> u64 {
        let bits = next_bits(self.params, self.anchor.as_ref(), self.height, self.time);
        bits.to_target().map_or(u64::MAX, |target| target.work().to_u256().saturating_to())
    }

    /// Adds the next block, with this time.
    pub fn push(&mut self, time: Timestamp) {
        let bits = next_bits(self.params, self.anchor.as_ref(), self.height, self.time);
        let (previous_block_hash, merkle_root) = (BlockHash::ZERO, MerkleRoot::ZERO);
        let version = Header::VERSION;
        let header = HeaderFields { version, previous_block_hash, merkle_root, time, bits, nonce: 0 };
        let height = self.height.next();
        self.anchor = Anchor::after(self.anchor.as_ref(), self.params, &header, height, self.time);
        (self.height, self.time) = (height, time);
    }

    /// Adds blocks that are mined at one moment, if together they may take at most this number of hashes.
    pub fn burst(&mut self, blocks: u32, now: Timestamp, most_hashes: u64) -> Burst {
        let (usual_hashes, mut hashes, mut possible) = (self.hashes(), 0_u64, 0);
        for number in 1..=blocks {
            hashes = hashes.saturating_add(self.hashes());
            if hashes <= most_hashes {
                possible = number;
            }
            self.push(now.max(self.time));
        }
        Burst { usual_hashes, hashes, next_hashes: self.hashes(), possible }
    }

    /// Adds blocks until one takes at most `spacing`, and returns the time until then. None if more than
    /// 100,000 blocks would be needed.
    pub fn time_until(
        &mut self,
        spacing: Duration,
        time_for: impl Fn(u64) -> Option<Duration>,
    ) -> Option<Duration> {
        const MOST_BLOCKS: u32 = 100_000;
        let mut passed = Duration::ZERO;
        for _ in 0..MOST_BLOCKS {
            let next = time_for(self.hashes())?;
            if next <= spacing {
                return Some(passed);
            }
            passed = passed.saturating_add(next);
            self.push(self.time.saturating_add(next));
        }
        None
    }
}
