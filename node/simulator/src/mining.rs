//! Mining: how fast, and which block a miner finds. The wait is drawn, the block is real.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::header::Header;
use cairn_core::lock::Lock;
use cairn_core::time::Timestamp;
use cairn_genesis::hashrate::hashes_of;
use cairn_protocol::chain::Chain;
use cairn_protocol::chain::store::ChainStore;
use cairn_protocol::mempool::Mempool;
use cairn_protocol::template::Template;

pub mod pow_sampler;

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
        found = found.with_nonce(found.nonce.wrapping_add(1));
    }
    found
}
