//! Connecting a block to the coins of its parent (`CheckedBlock` -> `ConnectedBlock`), and disconnecting it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::amount::Amount;
use crate::block::Block;
use crate::check::block::CheckedBlock;
use crate::check::transaction::{SpendContext, TransactionError, check_transaction_on_coins};
use crate::coin::{Coin, CoinChanges, CoinView, Origin, Undo};
use crate::hash::Txid;
use crate::height::Height;
use crate::params::ChainParams;
use crate::signature::Verifier;
use crate::subsidy::subsidy;
use crate::time::Timestamp;
use crate::transaction::{OutPoint, Output};

/// A rule that a block breaks at its height in the chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The coinbase names another height, so that its id could be that of an older one (BIP 34).
    #[error("the coinbase says height {found}, the block is at {expected}")]
    CoinbaseHeight { found: Height, expected: Height },
    #[error("transaction {txid}: {error}")]
    Transaction { txid: Txid, error: TransactionError },
    /// The sum overflows, or is more than all coins there can be (CVE-2010-5139).
    #[error("the fees exceed the maximum supply of {maximum}")]
    FeesExceedSupply { maximum: Amount },
    /// The coinbase makes more coins than the subsidy and the fees.
    #[error("the coinbase claims {claimed}, subsidy and fees are {allowed}")]
    CoinbaseClaimsTooMuch { claimed: Amount, allowed: Amount },
}

/// A block that breaks no rule at its height in the chain, and what connecting it changes.
/// Only [`connect_block`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectedBlock {
    changes: CoinChanges,
    undo: Arc<Undo>,
    fees: Amount,
}

impl ConnectedBlock {
    /// The net change of the coin set.
    pub const fn changes(&self) -> &CoinChanges {
        &self.changes
    }

    /// The net change of the coin set, to be applied.
    pub fn into_changes(self) -> CoinChanges {
        self.changes
    }

    /// The coins that [`disconnect_block`] brings back.
    pub const fn undo(&self) -> &Arc<Undo> {
        &self.undo
    }

    /// The sum of the fees of all transactions.
    pub const fn fees(&self) -> Amount {
        self.fees
    }
}

/// Coins after some of a block's transactions.
struct CoinsInBlock<'v> {
    before: &'v dyn CoinView,
    made: BTreeMap<OutPoint, Coin>,
    spent: BTreeSet<OutPoint>,
}

impl CoinView for CoinsInBlock<'_> {
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin> {
        if self.spent.contains(outpoint) {
            return None;
        }
        self.made.get(outpoint).cloned().or_else(|| self.before.coin(outpoint))
    }
}

/// Coins from before the block that [`connect_block`] looks up: the caller fetches them beforehand.
pub fn needed_outpoints(block: &Block) -> Vec<OutPoint> {
    let made: BTreeSet<Txid> = block.transactions().iter().map(|transaction| transaction.txid()).collect();
    let inputs = block.transactions().iter().flat_map(|transaction| transaction.inputs());
    inputs.filter(|outpoint| !made.contains(&outpoint.txid)).copied().collect()
}

/// Connects a block to the coins as they are after its parent.
///
/// # Errors
/// Every variant of [`ConnectError`].
pub fn connect_block(
    checked: &CheckedBlock,
    height: Height,
    median_time_past: Timestamp,
    coins: &dyn CoinView,
    verifier: &dyn Verifier,
    params: &ChainParams,
) -> Result<ConnectedBlock, ConnectError> {
    let block = checked.block();
    if block.coinbase().height != height {
        return Err(ConnectError::CoinbaseHeight { found: block.coinbase().height, expected: height });
    }
    let maximum = params.max_supply;
    let context = SpendContext { height, median_time_past };
    let mut inside = CoinsInBlock { before: coins, made: BTreeMap::new(), spent: BTreeSet::new() };
    let (mut fees, mut signatures, mut owners) = (Amount::ZERO, Vec::new(), Vec::new());
    let mut undo = Undo::default();
    for transaction in block.transactions() {
        let txid = transaction.txid();
        let rejected = |error| ConnectError::Transaction { txid, error };
        let spend = check_transaction_on_coins(transaction, &inside, context, params).map_err(rejected)?;
        fees = fees.checked_add(spend.fee).ok_or(ConnectError::FeesExceedSupply { maximum })?;
        owners.extend((0..spend.signatures.len()).map(|index| (txid, index)));
        signatures.extend(spend.signatures);
        for (outpoint, coin) in transaction.inputs().iter().zip(spend.spent) {
            if inside.made.remove(outpoint).is_none() {
                inside.spent.insert(*outpoint);
                undo.spent.push((*outpoint, coin));
            }
        }
        inside.made.extend(coins_of(txid, transaction.outputs(), height, Origin::Transaction));
    }
    check_coinbase_claim(block, fees, height, params)?;
    verifier.verify(&signatures).map_err(|bad| {
        let (txid, index) = owners.get(bad).copied().unwrap_or((Txid::ZERO, bad));
        ConnectError::Transaction { txid, error: TransactionError::BadSignature { index } }
    })?;
    let coinbase = block.coinbase();
    inside.made.extend(coins_of(coinbase.txid(), &coinbase.outputs, height, Origin::Coinbase));
    let changes = CoinChanges { spent: undo.spent.clone(), created: inside.made.into_iter().collect() };
    Ok(ConnectedBlock { changes, undo: Arc::new(undo), fees })
}

/// The change that restores the coins as they were before the block.
pub fn disconnect_block(block: &Block, height: Height, undo: &Undo) -> CoinChanges {
    let mut made: BTreeMap<OutPoint, Coin> = BTreeMap::new();
    for transaction in block.transactions() {
        for outpoint in transaction.inputs() {
            made.remove(outpoint);
        }
        made.extend(coins_of(transaction.txid(), transaction.outputs(), height, Origin::Transaction));
    }
    let coinbase = block.coinbase();
    made.extend(coins_of(coinbase.txid(), &coinbase.outputs, height, Origin::Coinbase));
    CoinChanges { spent: made.into_iter().collect(), created: undo.spent.clone() }
}

fn coins_of(txid: Txid, outputs: &[Output], height: Height, origin: Origin) -> Vec<(OutPoint, Coin)> {
    let coin = |output: &Output| Coin { output: output.clone(), height, origin };
    (0..).zip(outputs).map(|(index, output)| (OutPoint { txid, index }, coin(output))).collect()
}

fn check_coinbase_claim(
    block: &Block,
    fees: Amount,
    height: Height,
    params: &ChainParams,
) -> Result<(), ConnectError> {
    let maximum = params.max_supply;
    let allowed =
        subsidy(params, height).checked_add(fees).ok_or(ConnectError::FeesExceedSupply { maximum })?;
    let claims = block.coinbase().outputs.iter().map(|output| output.amount);
    let claimed = Amount::checked_sum(claims).unwrap_or(Amount::from_units(u64::MAX));
    if claimed > allowed {
        return Err(ConnectError::CoinbaseClaimsTooMuch { claimed, allowed });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
