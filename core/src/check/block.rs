//! Rules for a block's body that need no context: `Block` -> `CheckedBlock`.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::block::Block;
use crate::check::transaction::{TransactionError, check_transaction_alone};
use crate::hash::{MerkleRoot, Txid};
use crate::params::ChainParams;
use crate::transaction::{Coinbase, OutPoint};

/// A rule that a body breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The body is not the one that the header commits to.
    #[error("the Merkle root of the body is {found}, the header commits to {expected}")]
    MerkleRoot { found: MerkleRoot, expected: MerkleRoot },
    #[error("the block has {found} bytes, at most {allowed} are allowed")]
    TooLarge { found: usize, allowed: usize },
    #[error("the coinbase has no outputs")]
    CoinbaseWithoutOutputs,
    /// The miner's text is too long.
    #[error("the coinbase's tag has {found} bytes, at most {allowed} are allowed")]
    CoinbaseTag { found: usize, allowed: usize },
    #[error("transaction {txid} is in the block twice")]
    DuplicateTransaction { txid: Txid },
    /// One output spent twice (CVE-2018-17144).
    #[error("{outpoint} is spent twice in the block")]
    DoubleSpend { outpoint: OutPoint },
    /// A transaction breaks a rule on its own.
    #[error("transaction {txid}: {error}")]
    Transaction { txid: Txid, error: TransactionError },
}

/// A block whose body is the one that its header commits to, and breaks no rule on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedBlock(Arc<Block>);

impl CheckedBlock {
    /// The block.
    pub const fn block(&self) -> &Arc<Block> {
        &self.0
    }
}

/// Checks a body without context. The header's own rules are checked before, being cheaper.
///
/// # Errors
/// Every variant of [`BlockError`].
pub fn check_block(block: Arc<Block>, params: &ChainParams) -> Result<CheckedBlock, BlockError> {
    if block.size() > params.max_block_bytes {
        return Err(BlockError::TooLarge { found: block.size(), allowed: params.max_block_bytes });
    }
    let (found, expected) = (block.merkle_root(), block.header().merkle_root);
    if found != expected {
        return Err(BlockError::MerkleRoot { found, expected });
    }
    check_coinbase(block.coinbase())?;
    let (mut txids, mut spent) = (BTreeSet::new(), BTreeSet::new());
    for transaction in block.transactions() {
        let txid = transaction.txid();
        if !txids.insert(txid) {
            return Err(BlockError::DuplicateTransaction { txid });
        }
        check_transaction_alone(transaction, params)
            .map_err(|error| BlockError::Transaction { txid, error })?;
        if let Some(outpoint) = transaction.inputs().iter().find(|outpoint| !spent.insert(**outpoint)) {
            return Err(BlockError::DoubleSpend { outpoint: *outpoint });
        }
    }
    Ok(CheckedBlock(block))
}

fn check_coinbase(coinbase: &Coinbase) -> Result<(), BlockError> {
    if coinbase.outputs.is_empty() {
        return Err(BlockError::CoinbaseWithoutOutputs);
    }
    if coinbase.tag.len() > Coinbase::MAX_TAG {
        return Err(BlockError::CoinbaseTag { found: coinbase.tag.len(), allowed: Coinbase::MAX_TAG });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
