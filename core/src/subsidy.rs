//! Subsidies: the coins that a block may make, and those that all blocks have made.

use crate::amount::Amount;
use crate::height::Height;
use crate::params::ChainParams;

/// New coins that the block at this height may make; the premine of genesis is not among them.
pub fn subsidy(params: &ChainParams, height: Height) -> Amount {
    if height == Height::GENESIS {
        return Amount::ZERO;
    }
    let halvings = height.get().saturating_sub(1).checked_div(params.halving_interval).unwrap_or(u32::MAX);
    // A shift by 64 or more is no number in Rust, and nothing is left long before.
    Amount::from_units(params.subsidy.units().checked_shr(halvings).unwrap_or(0))
}

/// All coins made up to and with this height, had every miner claimed the whole subsidy.
pub fn supply(params: &ChainParams, height: Height) -> Amount {
    let (mut total, mut left, mut each) = (params.premine.units(), height.get(), params.subsidy.units());
    while left > 0 && each > 0 {
        let blocks = left.min(params.halving_interval.max(1));
        total = total.saturating_add(each.saturating_mul(u64::from(blocks)));
        left = left.saturating_sub(blocks);
        each >>= 1;
    }
    Amount::from_units(total)
}

#[cfg(test)]
mod tests;
