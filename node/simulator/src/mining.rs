//! Mining: when a node finds a block, and which. The wait is drawn, the block is real.

use core::time::Duration;
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::difficulty::next_bits;
use cairn_core::hash::MerkleRoot;
use cairn_core::header::Header;
use cairn_core::lock::Lock;
use cairn_core::subsidy::subsidy;
use cairn_core::target::CompactTarget;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{Coinbase, Output};
use cairn_protocol::chain::Chain;
use cairn_protocol::chain::store::ChainStore;
use cairn_protocol::mempool::Mempool;
use cairn_protocol::random::Random;

/// Transactions per block: more would only slow the test down.
const MAX_TRANSACTIONS: usize = 50;

/// How fast a miner hashes, in hashes per 1,000 seconds: simulated targets are so easy that whole
/// hashes per second would be too coarse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hashrate(pub u64);

impl Hashrate {
    /// Does not mine.
    pub const NONE: Self = Self(0);

    /// How long this miner searches for a block on this chain; none if it does not search.
    ///
    /// Waits are exponential, and have no memory: when the tip changes, drawing anew is exact.
    pub fn draw_wait<S: ChainStore>(self, chain: &Chain<S>, random: &mut Random) -> Option<Duration> {
        let hashes = u128::from(bits(chain).to_target().ok()?.work().to_u256().saturating_to::<u64>());
        let mean_ms = (hashes * 1_000_000).checked_div(u128::from(self.0))?;
        let wait_ms = (mean_ms * u128::from(exponential(random))) >> 32;
        Some(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(u64::MAX / 4)))
    }
}

/// A draw from the exponential distribution of mean 1, in units of 2^-32.
///
/// Von Neumann's method (1951): comparisons of uniform numbers and no logarithm, so that every
/// machine draws the same.
fn exponential(random: &mut Random) -> u64 {
    let mut whole = 0;
    loop {
        let first = random.next_u64();
        let (mut previous, mut falling) = (first, 1_u32);
        loop {
            let next = random.next_u64();
            if next >= previous {
                break;
            }
            (previous, falling) = (next, falling + 1);
        }
        if falling % 2 == 1 {
            return (whole << 32) | (first >> 32);
        }
        whole += 1;
    }
}

/// The block that a miner finds now on the tip it knows.
pub fn find_block<S: ChainStore>(
    now: Timestamp,
    chain: &Chain<S>,
    mempool: &Mempool,
    fee: Amount,
    payee: Lock,
    tag: &[u8],
) -> Arc<Block> {
    let context = chain.next_context();
    let height = context.height.next();
    let transactions: Vec<_> = mempool.iter().take(MAX_TRANSACTIONS).cloned().collect();
    let fees = Amount::from_units(fee.units() * transactions.len() as u64);
    let amount = subsidy(chain.params(), height).checked_add(fees).expect("simulated fees are small");
    let coinbase = Coinbase { height, outputs: vec![Output { amount, lock: payee }], tag: tag.to_vec() };
    let earliest = context.median_time_past.saturating_add(Duration::from_millis(1));
    let header = Header {
        version: Header::VERSION,
        previous_block_hash: context.hash,
        merkle_root: MerkleRoot::ZERO,
        time: now.max(earliest),
        bits: bits(chain),
        nonce: 0,
    };
    let draft = Block::new(header, coinbase, transactions);
    let header = search(Header { merkle_root: draft.merkle_root(), ..header });
    Arc::new(Block::new(header, draft.coinbase().clone(), draft.transactions().to_vec()))
}

fn bits<S: ChainStore>(chain: &Chain<S>) -> CompactTarget {
    let context = chain.next_context();
    next_bits(chain.params(), context.anchor.as_ref(), context.height, context.time)
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
    fn waits_are_exponential() {
        let mut random = Random::derive(1, 0);
        let draws: Vec<u64> = (0..100_000).map(|_| exponential(&mut random)).collect();
        let one = 1_u64 << 32;
        let mean_thousandths = draws.iter().sum::<u64>() / 100_000 * 1_000 / one;
        assert!((990..1_010).contains(&mean_thousandths), "mean {mean_thousandths}");
        // e^-1 of the waits are longer than the mean, e^-3 longer than thrice.
        let longer = |than: u64| draws.iter().filter(|draw| **draw > than).count();
        assert!((36_300..37_300).contains(&longer(one)), "{}", longer(one));
        assert!((4_750..5_210).contains(&longer(3 * one)), "{}", longer(3 * one));
    }
}
