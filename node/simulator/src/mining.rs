//! Mining: how fast, and which block a miner finds. The wait is drawn, the block is real.

use core::time::Duration;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::header::Header;
use cairn_core::lock::Lock;
use cairn_core::target::CompactTarget;
use cairn_core::time::Timestamp;
use cairn_protocol::chain::Chain;
use cairn_protocol::chain::store::ChainStore;
use cairn_protocol::mempool::Mempool;
use cairn_protocol::template::Template;

pub mod lottery;

/// How fast a miner hashes, in hashes per 10^9 seconds: simulated targets are so easy and miners so
/// many that whole hashes per second would be too coarse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hashrate(pub u64);

impl Hashrate {
    /// Does not mine.
    pub const NONE: Self = Self(0);

    /// The rate that meets a target every so often.
    pub fn for_spacing(bits: CompactTarget, spacing: Duration) -> Self {
        let hashes = u128::from(hashes_of(bits).unwrap_or(0));
        let rate = hashes.saturating_mul(1_000_000_000_000).checked_div(spacing.as_millis());
        Self(rate.and_then(|rate| u64::try_from(rate).ok()).unwrap_or(u64::MAX))
    }

    /// So many parts of a whole of it.
    pub fn part(self, parts: u64, whole: u64) -> Self {
        let rate = u128::from(self.0) * u128::from(parts) / u128::from(whole.max(1));
        Self(u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

/// How many hashes meet a target, on average.
pub fn hashes_of(bits: CompactTarget) -> Option<u64> {
    Some(bits.to_target().ok()?.work().to_u256().saturating_to::<u64>())
}

/// How many hashes the next block of a chain takes, on average.
pub fn hashes_for_next<S: ChainStore>(chain: &Chain<S>) -> Option<u64> {
    let context = chain.next_context();
    let params = chain.params();
    let bits =
        cairn_core::difficulty::next_bits(params, context.anchor.as_ref(), context.height, context.time);
    hashes_of(bits)
}

/// The block that a miner finds now on the tip it knows.
pub fn find_block<S: ChainStore>(
    now: Timestamp,
    chain: &Chain<S>,
    mempool: &Mempool,
    payee: Lock,
    tag: &[u8],
) -> Arc<Block> {
    let draft = Template::new(now, chain, mempool).to_block(payee, tag.to_vec());
    let header = search(*draft.header());
    Arc::new(Block::new(header, draft.coinbase().clone(), draft.transactions().to_vec()))
}

fn search(header: Header) -> Header {
    let target = header.bits.to_target().expect("the chain asks for valid bits");
    let mut found = header;
    while !target.is_met_by(found.hash()) {
        found.nonce += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_meets_its_target_once_a_spacing() {
        // 0x2007ffff stands for 32 hashes: 16 a second for a block every two.
        let rate = Hashrate::for_spacing(CompactTarget::from_bits(0x2007_ffff), Duration::from_secs(2));
        assert_eq!(rate, Hashrate(16_000_000_000));
        assert_eq!(rate.part(1, 4), Hashrate(4_000_000_000));
    }
}
