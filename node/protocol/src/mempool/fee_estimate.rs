//! Fee estimates: the fee rate that gets a transaction confirmed within a number of blocks, and its basis.

use std::collections::VecDeque;

use cairn_core::block::Block;

use crate::limits::FEE_HISTORY_BLOCKS;
use crate::mempool::entries::MempoolEntries;
use crate::mempool::fee_rate::FeeRate;
use crate::mempool::policy::MIN_RELAY_FEE_RATE;

/// The data that an estimate is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Too few blocks were seen: the estimate is the relay fee rate, or that of the mempool.
    NotEnoughBlocks { seen: u32 },
    /// The lowest fee rates of the last blocks, and the mempool.
    Blocks { seen: u32 },
}

/// A fee rate for a confirmation within a number of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    pub rate: FeeRate,
    pub blocks: u32,
    pub basis: Basis,
}

/// The lowest fee rate in each of the last blocks: zero for a block that was not full.
#[derive(Clone, Debug, Default)]
pub struct FeeHistory(VecDeque<FeeRate>);

impl FeeHistory {
    /// Adds a connected block, before its transactions leave the mempool.
    pub fn connected(&mut self, block: &Block, max_block_bytes: usize, entries: &MempoolEntries) {
        // A block that is nine tenths full or less left no transaction out for its fee.
        let is_full = block.size() >= max_block_bytes - max_block_bytes / 10;
        let known = block.transactions().iter().filter_map(|transaction| entries.get(&transaction.txid()));
        // A child in the block may have paid for its parent: only the last of each chain shows the fee
        // rate that was needed.
        let mut rates: Vec<FeeRate> = known
            .filter(|entry| entry.children.is_empty())
            .map(|entry| FeeRate::of(entry.ancestors.fees, entry.ancestors.size))
            .collect();
        rates.sort_unstable();
        // A miner may have included its own transactions: the lowest twentieth is ignored.
        let lowest = if is_full { rates.get(rates.len() / 20).copied() } else { None };
        self.0.push_back(lowest.unwrap_or_default());
        while self.0.len() > FEE_HISTORY_BLOCKS {
            self.0.pop_front();
        }
    }

    /// The rate with which nine of ten transactions would have been confirmed within `blocks`, and that is
    /// above those that do not fit into this number of blocks now.
    pub fn estimate(&self, blocks: u32, max_block_bytes: usize, entries: &MempoolEntries) -> Estimate {
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let blocks = blocks.clamp(1, count(FEE_HISTORY_BLOCKS));
        let seen = count(self.0.len());
        let unconfirmed = rate_within(entries, (blocks as usize).saturating_mul(max_block_bytes));
        // Fewer than two windows say nothing about the next.
        if seen < blocks.saturating_mul(2) {
            let rate = unconfirmed.max(MIN_RELAY_FEE_RATE);
            return Estimate { rate, blocks, basis: Basis::NotEnoughBlocks { seen } };
        }
        let history: Vec<FeeRate> = self.0.iter().copied().collect();
        // A transaction with the lowest rate of any block of a window was confirmed within the window.
        let lowest = history.windows(blocks as usize).map(|window| window.iter().min().copied());
        let mut lowest: Vec<FeeRate> = lowest.map(Option::unwrap_or_default).collect();
        lowest.sort_unstable();
        let ninth = lowest.get(lowest.len() * 9 / 10).copied().unwrap_or_default();
        Estimate {
            rate: ninth.max(unconfirmed).max(MIN_RELAY_FEE_RATE),
            blocks,
            basis: Basis::Blocks { seen },
        }
    }
}

/// The rate above that of the transactions beyond the first `bytes` of the mempool.
fn rate_within(entries: &MempoolEntries, bytes: usize) -> FeeRate {
    if entries.total().size <= bytes {
        return FeeRate::ZERO;
    }
    let mut taken = 0_usize;
    for entry in entries.best_first() {
        taken = taken.saturating_add(entry.size());
        if taken > bytes {
            let package = entry.ancestors;
            return FeeRate::of(package.fees, package.size).plus(MIN_RELAY_FEE_RATE);
        }
    }
    FeeRate::ZERO
}
