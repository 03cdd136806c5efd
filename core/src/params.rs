//! Chain parameters: the numbers that a chain definition sets. No rule has a number of its own.

use core::time::Duration;

use crate::address::AddressPrefix;
use crate::amount::Amount;
use crate::hash::GenesisHash;
use crate::target::CompactTarget;
use crate::time::Timestamp;

/// Every number of a chain. Made by cairn-genesis, which checks that they fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainParams {
    pub name: String,
    pub address_prefix: AddressPrefix,
    pub genesis_hash: GenesisHash,
    pub genesis_time: Timestamp,
    pub pow_limit: CompactTarget,
    /// The target of block 1.
    pub genesis_bits: CompactTarget,
    pub spacing: Duration,
    /// How far behind schedule the target doubles; none: the target is always the limit.
    pub half_life: Option<Duration>,
    /// The most that one block may be late towards the difficulty; none: however late it is.
    pub longest_gap: Option<Duration>,
    /// What a block makes at first.
    pub subsidy: Amount,
    /// After so many blocks the subsidy halves.
    pub halving_interval: u32,
    /// A coinbase may be spent in a block so many above its own.
    pub coinbase_maturity: u32,
    pub max_block_bytes: usize,
    /// Blocks that the median time past looks at.
    pub median_time_span: usize,
    /// How far ahead of the clock a block may be.
    pub max_future_drift: Duration,
    /// No sum of coins is above.
    pub max_supply: Amount,
    pub premine: Amount,
}
