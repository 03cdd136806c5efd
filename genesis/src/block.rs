//! The genesis block: computed from a definition, the same on every machine, without proof of work.

use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::encoding::encode;
use cairn_core::hash::{BlockHash, MerkleRoot, Tag, tagged_hash};
use cairn_core::header::{Header, HeaderFields};
use cairn_core::height::Height;
use cairn_core::params::ChainParams;
use cairn_core::transaction::{Coinbase, Output};

/// Digest of the rules of a chain, 32 bytes. It is part of the genesis block, so two chains that differ in any rule
/// differ in their genesis hash, and their nodes disconnect at the handshake.
pub fn rules_digest(params: &ChainParams) -> [u8; 32] {
    // Time, premine and the target of block 1 are not here: the block itself holds them.
    let millis = |duration: core::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut numbers = encode(&(
        params.pow_limit.bits(),
        millis(params.spacing),
        params.half_life.map(millis),
        params.subsidy.units(),
        params.halving_interval,
        params.coinbase_maturity,
        params.max_block_bytes as u64,
        params.median_time_span as u64,
        millis(params.max_future_drift),
    ));
    // Chains without this number keep the digest that they had before it existed.
    numbers.extend(params.longest_gap.map(millis).iter().flat_map(encode));
    let (name, prefix) = (encode(&params.name), encode(&params.address_prefix.to_string()));
    tagged_hash(Tag::Definition, &[&name, &prefix, &numbers])
}

/// The block at height 0. Its header need not meet its target: every node computes the block
/// and accepts no other.
pub fn genesis_block(params: &ChainParams, message: &str, payments: &[(Address, Amount)]) -> Block {
    let outputs = payments.iter().map(|(address, amount)| Output { amount: *amount, lock: address.lock() });
    let tag = [&rules_digest(params)[..], message.as_bytes()].concat();
    let coinbase = Coinbase { height: Height::GENESIS, outputs: outputs.collect(), tag };
    let fields = HeaderFields {
        version: Header::VERSION,
        previous_block_hash: BlockHash::ZERO,
        merkle_root: MerkleRoot::ZERO,
        time: params.genesis_time,
        bits: params.genesis_bits,
        nonce: 0,
    };
    Block::with_root(fields, coinbase, Vec::new())
}
