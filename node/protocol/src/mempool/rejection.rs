//! Reasons in detail: a coin that never existed, is spent, or is spent too early.

use cairn_core::check::transaction::TransactionError;
use cairn_core::transaction::{OutPoint, Transaction};

use crate::chain::Chain;
use crate::chain::store::{ChainStore, StoreError};
use crate::mempool::policy::MempoolError;

/// The reason why the best chain has no such coin.
pub fn of_missing_coin<S: ChainStore>(
    transaction: &Transaction,
    outpoint: &OutPoint,
    chain: &Chain<S>,
) -> Result<MempoolError, StoreError> {
    let (outpoint, txid) = (*outpoint, transaction.txid());
    if let Some(place) = chain.store().transaction_place(&txid)? {
        return Ok(MempoolError::Confirmed { txid, height: place.height });
    }
    if let Some(spender) = chain.store().spender(&outpoint)? {
        return Ok(MempoolError::SpentInChain { outpoint, by: spender.txid, height: spender.height });
    }
    let Some(place) = chain.store().transaction_place(&outpoint.txid)? else {
        return Ok(MempoolError::UnknownOutput { outpoint });
    };
    let block = chain.block(&place.block)?;
    let outputs = block.map_or(0, |block| match (place.position as usize).checked_sub(1) {
        None => block.coinbase().outputs.len(),
        Some(index) => block.transactions().get(index).map_or(0, |found| found.outputs().len()),
    });
    Ok(MempoolError::NoSuchOutput { outpoint, outputs })
}

/// The rejection for a broken rule; rules that depend on the tip have variants of their own.
pub fn in_detail(error: TransactionError) -> MempoolError {
    match error {
        TransactionError::ImmatureCoinbase { outpoint, made_at, spendable_at, height } => {
            let missing = spendable_at.saturating_sub(u64::from(height.get()));
            MempoolError::Immature { outpoint, made_at, spendable_at, missing }
        }
        TransactionError::Locked { lock_time, height, median_time_past } => {
            MempoolError::NotFinal { lock_time, height, median_time_past }
        }
        rule => MempoolError::Rule(rule),
    }
}
