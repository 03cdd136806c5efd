//! Rules for a block's body that need no context: `Block` -> `CheckedBlock`.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::block::Block;
use crate::check::transaction::{TransactionError, check_transaction_alone};
use crate::hash::{MerkleRoot, Txid};
use crate::params::ChainParams;
use crate::transaction::{Coinbase, OutPoint};

/// A rule that a block's body breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    #[error("the block has {found} bytes, at most {allowed} are allowed")]
    TooLarge { found: usize, allowed: usize },
    /// The body is not the one that the header commits to. The header may yet be valid: the true body can
    /// come from another peer (CVE-2012-2459).
    #[error("the Merkle root of the body is {found}, the header commits to {expected}")]
    MerkleRoot { found: MerkleRoot, expected: MerkleRoot },
    #[error("the coinbase has no outputs")]
    CoinbaseWithoutOutputs,
    #[error("the coinbase's tag has {found} bytes, at most {allowed} are allowed")]
    CoinbaseTag { found: usize, allowed: usize },
    #[error("transaction {txid} is in the block twice")]
    DuplicateTransaction { txid: Txid },
    #[error("transaction {txid}: {error}")]
    Transaction { txid: Txid, error: TransactionError },
    /// Two transactions of the block spend one output (CVE-2018-17144).
    #[error("{outpoint} is spent twice in the block")]
    DoubleSpend { outpoint: OutPoint },
}

/// A block whose body is the one that its header commits to, and breaks no rule on its own.
/// Only [`check_block`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedBlock(Arc<Block>);

impl CheckedBlock {
    /// The block that was checked.
    pub const fn block(&self) -> &Arc<Block> {
        &self.0
    }
}

/// Checks a body without context. The header's own rules are checked before, because that costs less.
///
/// # Errors
/// Every variant of [`BlockError`], in their order.
pub fn check_block(block: Arc<Block>, params: &ChainParams) -> Result<CheckedBlock, BlockError> {
    check_size(&block, params)?;
    check_merkle_root(&block)?;
    check_coinbase(block.coinbase())?;
    check_transactions_differ(&block)?;
    check_transactions_alone(&block, params)?;
    check_inputs_differ(&block)?;
    Ok(CheckedBlock(block))
}

fn check_size(block: &Block, params: &ChainParams) -> Result<(), BlockError> {
    let (found, allowed) = (block.size(), params.max_block_bytes);
    if found > allowed { Err(BlockError::TooLarge { found, allowed }) } else { Ok(()) }
}

fn check_merkle_root(block: &Block) -> Result<(), BlockError> {
    let (found, expected) = (block.merkle_root(), block.header().merkle_root);
    if found == expected { Ok(()) } else { Err(BlockError::MerkleRoot { found, expected }) }
}

fn check_coinbase(coinbase: &Coinbase) -> Result<(), BlockError> {
    if coinbase.outputs.is_empty() {
        return Err(BlockError::CoinbaseWithoutOutputs);
    }
    let (found, allowed) = (coinbase.tag.len(), Coinbase::MAX_TAG);
    if found > allowed { Err(BlockError::CoinbaseTag { found, allowed }) } else { Ok(()) }
}

fn check_transactions_differ(block: &Block) -> Result<(), BlockError> {
    let mut txids = BTreeSet::new();
    let mut all = block.transactions().iter().map(|transaction| transaction.txid());
    all.find(|txid| !txids.insert(*txid))
        .map_or(Ok(()), |txid| Err(BlockError::DuplicateTransaction { txid }))
}

fn check_transactions_alone(block: &Block, params: &ChainParams) -> Result<(), BlockError> {
    block.transactions().iter().try_for_each(|transaction| {
        let txid = transaction.txid();
        check_transaction_alone(transaction, params).map_err(|error| BlockError::Transaction { txid, error })
    })
}

fn check_inputs_differ(block: &Block) -> Result<(), BlockError> {
    let mut spent = BTreeSet::new();
    let mut all = block.transactions().iter().flat_map(|transaction| transaction.inputs()).copied();
    all.find(|outpoint| !spent.insert(*outpoint))
        .map_or(Ok(()), |outpoint| Err(BlockError::DoubleSpend { outpoint }))
}

#[cfg(test)]
mod tests;
