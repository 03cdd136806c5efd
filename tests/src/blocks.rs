//! Blocks made without a node, from core alone.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::hash::{BlockHash, MerkleRoot};
use cairn_core::header::{Header, HeaderFields};
use cairn_core::target::CompactTarget;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{Coinbase, Transaction};

/// A block whose root fits what it holds and whose work meets its target.
///
/// # Panics
/// When `bits` encodes no target.
pub fn mined(
    parent: BlockHash,
    time: Timestamp,
    bits: CompactTarget,
    coinbase: Coinbase,
    transactions: Vec<Arc<Transaction>>,
) -> Block {
    let header = Header::from(HeaderFields {
        version: Header::VERSION,
        previous_block_hash: parent,
        merkle_root: MerkleRoot::ZERO,
        time,
        bits,
        nonce: 0,
    });
    let draft = Block::new(header, coinbase, transactions);
    let header = Header::from(HeaderFields { merkle_root: draft.merkle_root(), ..*header });
    let target = bits.to_target().expect("a target");
    let nonces = (0..).map(|nonce| Header::from(HeaderFields { nonce, ..*header }));
    let header =
        nonces.into_iter().find(|header| target.is_met_by(header.hash())).expect("some nonce meets it");
    Block::new(header, draft.coinbase().clone(), draft.transactions().to_vec())
}
