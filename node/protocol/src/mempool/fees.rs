//! Estimates: which fee rate gets a transaction confirmed within so many blocks, and how we know.

use std::collections::VecDeque;

use cairn_core::block::Block;

use crate::limits::FEE_HISTORY_BLOCKS;
use crate::mempool::package::Entries;
use crate::mempool::policy::MIN_RELAY_FEE_RATE;
use crate::mempool::rate::FeeRate;

/// What an estimate rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Too few blocks were seen to tell: it is the least that is relayed.
    NotEnoughBlocks { seen: u32 },
    /// What the last blocks left out, and what waits now.
    Blocks { seen: u32 },
}

/// A fee rate for a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    pub rate: FeeRate,
    pub blocks: u32,
    pub basis: Basis,
}

/// For each of the last blocks, the lowest rate that got in: zero when there was room to spare.
#[derive(Clone, Debug, Default)]
pub struct FeeHistory(VecDeque<FeeRate>);

impl FeeHistory {
    /// Looks at a block that was connected, while its transactions still wait.
    pub fn connected(&mut self, block: &Block, max_block_bytes: usize, entries: &Entries) {
        // A block with a tenth of its room left turned nobody away for want of a fee.
        let is_full = block.size() >= max_block_bytes - max_block_bytes / 10;
        let known = block.transactions().iter().filter_map(|transaction| entries.get(&transaction.txid()));
        // One with a child in the block may have been paid for by it: only the last of each chain
        // tells what was needed.
        let mut rates: Vec<FeeRate> = known
            .filter(|entry| entry.children().is_empty())
            .map(|entry| FeeRate::of(entry.ancestors().fees, entry.ancestors().size))
            .collect();
        rates.sort_unstable();
        // A miner's own wish may be among the lowest: the twentieth part is passed over.
        let lowest = if is_full { rates.get(rates.len() / 20).copied() } else { None };
        self.0.push_back(lowest.unwrap_or_default());
        while self.0.len() > FEE_HISTORY_BLOCKS {
            self.0.pop_front();
        }
    }

    /// The rate with which nine of ten transactions would have been confirmed within `blocks`, and
    /// which pays more than what waits beyond the room of so many blocks.
    pub fn estimate(&self, blocks: u32, max_block_bytes: usize, entries: &Entries) -> Estimate {
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let blocks = blocks.clamp(1, count(FEE_HISTORY_BLOCKS));
        let seen = count(self.0.len());
        let waiting = rate_within(entries, (blocks as usize).saturating_mul(max_block_bytes));
        // Fewer than two windows say nothing about the next.
        if seen < blocks.saturating_mul(2) {
            let rate = waiting.max(MIN_RELAY_FEE_RATE);
            return Estimate { rate, blocks, basis: Basis::NotEnoughBlocks { seen } };
        }
        let history: Vec<FeeRate> = self.0.iter().copied().collect();
        // Whoever paid the lowest rate of any block of a window was confirmed within it.
        let lowest = history.windows(blocks as usize).map(|window| window.iter().min().copied());
        let mut lowest: Vec<FeeRate> = lowest.map(Option::unwrap_or_default).collect();
        lowest.sort_unstable();
        let ninth = lowest.get(lowest.len() * 9 / 10).copied().unwrap_or_default();
        Estimate { rate: ninth.max(waiting).max(MIN_RELAY_FEE_RATE), blocks, basis: Basis::Blocks { seen } }
    }
}

/// The rate that outbids whatever waits beyond the first `room` bytes.
fn rate_within(entries: &Entries, room: usize) -> FeeRate {
    if entries.total().size <= room {
        return FeeRate::ZERO;
    }
    let mut taken = 0_usize;
    for entry in entries.best_first() {
        taken = taken.saturating_add(entry.size());
        if taken > room {
            let package = entry.ancestors();
            return FeeRate::of(package.fees, package.size).plus(MIN_RELAY_FEE_RATE);
        }
    }
    FeeRate::ZERO
}
