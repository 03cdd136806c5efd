//! Chain parameters: the numbers that a chain definition sets. No rule has a number of its own.

use core::time::Duration;

use crate::address::AddressPrefix;
use crate::amount::Amount;
use crate::hash::GenesisHash;
use crate::target::CompactTarget;
use crate::time::Timestamp;
use crate::work::Work;

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
    /// Average time between blocks that the difficulty aims at.
    pub spacing: Duration,
    /// Delay behind the schedule that doubles the target; without it the target is always the limit.
    pub half_life: Option<Duration>,
    /// Limit for the delay of one block that counts for the difficulty; without it all of the delay counts.
    pub longest_gap: Option<Duration>,
    /// Subsidy of the first blocks.
    pub subsidy: Amount,
    /// Number of blocks after which the subsidy halves.
    pub halving_interval: u32,
    /// Number of blocks from a coinbase's own up to the first that may spend it.
    pub coinbase_maturity: u32,
    pub max_block_bytes: usize,
    /// Number of blocks of the median time past (BIP 113).
    pub median_time_span: usize,
    /// Limit for a block time ahead of a node's clock.
    pub max_future_drift: Duration,
    /// Limit for every sum of amounts (CVE-2010-5139).
    pub max_supply: Amount,
    pub premine: Amount,
    /// Chainwork that a branch of headers must show before a node keeps them. It is no rule: it only limits memory.
    pub minimum_work: Work,
}
