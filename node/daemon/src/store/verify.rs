//! Verifying: every block of a stored chain is validated again, block by block; then the store must have
//! the coins, the blocks of transactions and the spenders that the blocks make, and the address index, if it
//! is kept, every transaction of every address.

mod addresses;
pub mod error;
mod replay;

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::coin::Coin;
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::params::ChainParams;
use cairn_core::time::Timestamp;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::store::{ChainStore, StoreError};

use crate::store::addresses::AddressIndex;
use crate::store::lineage::{LineageBlock, lineage};
use crate::store::verify::addresses::AddressReplay;
use crate::store::verify::error::VerifyError;
use crate::store::verify::replay::Replay;

/// A store that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    pub tip: BlockHash,
    /// Number of blocks without genesis.
    pub blocks: u64,
    /// Number of their transactions with coinbases.
    pub transactions: u64,
    /// Number of unspent coins.
    pub coins: u64,
    /// Number of addresses in the address index, if it is kept.
    pub addresses: Option<u64>,
}

/// Validates the chain that ends in the store's tip again, and changes nothing; `passed` is called
/// after each block with the number of valid blocks and of all.
///
/// # Errors
/// The first block that breaks a rule or cannot be read. If there is none: the tip marker,
/// coin or index record that is not as the blocks make it.
pub fn verify<S: ChainStore>(
    stored: &S,
    index: Option<&AddressIndex>,
    params: &ChainParams,
    genesis: &Arc<Block>,
    now: Timestamp,
    mut passed: impl FnMut(u64, u64),
) -> Result<Verified, VerifyError> {
    let lineage = lineage(stored, genesis.hash())?;
    for (expected, &LineageBlock { hash, recorded_height: found }) in
        (0..).map(Height::from_u32).zip(&lineage)
    {
        if found != expected {
            return Err(VerifyError::Height { hash, found, expected });
        }
    }
    let tip = lineage.last().expect("genesis is always part of it").hash;
    let mut replay = Replay::new(params, genesis);
    let (mut transactions, mut misplaced) = (0, index_error(stored, Height::GENESIS, genesis)?);
    let mut addresses = index.map(|index| AddressReplay::new(index, &params.address_prefix));
    if let Some(addresses) = &mut addresses {
        addresses.connect(Height::GENESIS, genesis, |_| None)?;
    }
    for (height, &LineageBlock { hash, .. }) in (0..).map(Height::from_u32).zip(&lineage).skip(1) {
        let block = read(stored, height, hash)?;
        if let Some(addresses) = &mut addresses {
            addresses.connect(height, &block, |outpoint| replay.output(outpoint))?;
        }
        replay.connect(&block, now).map_err(|error| VerifyError::Invalid {
            height,
            hash,
            error: Box::new(error),
        })?;
        if misplaced.is_none() {
            misplaced = index_error(stored, height, &block)?;
        }
        transactions += block.transactions().len() as u64 + 1;
        passed(u64::from(height.get()), lineage.len() as u64 - 1);
    }
    let last = Height::from_u32(lineage.len() as u32 - 1);
    check_tip(stored, last, &*read(stored, last, tip)?)?;
    let addresses = addresses.map(|addresses| addresses.finish(replay.coins()));
    let coins = compare_coins(stored, replay.into_coins(), last, tip)?;
    match misplaced {
        Some(misplaced) => Err(misplaced),
        None => {
            let (blocks, addresses) = (u64::from(last.get()), addresses.transpose()?);
            Ok(Verified { tip, blocks, transactions, coins, addresses })
        }
    }
}

fn read(stored: &dyn ChainStore, height: Height, hash: BlockHash) -> Result<Arc<Block>, VerifyError> {
    let missing = || StoreError::Missing { kind: "body", hash };
    let found = stored.block(&hash).and_then(|found| found.ok_or_else(missing));
    found.map_err(|error| VerifyError::Unreadable { height, hash, error })
}

/// Checks that the tip's coinbase is in the index; if not, its block was never connected.
fn check_tip(stored: &dyn ChainStore, height: Height, tip: &Block) -> Result<(), VerifyError> {
    match stored.transaction_place(&tip.coinbase().txid())? {
        Some(_) => Ok(()),
        None => Err(VerifyError::TipMarker { tip: tip.hash(), height, found: None }),
    }
}

fn compare_coins(
    stored: &dyn ChainStore,
    mut expected: BTreeMap<OutPoint, Coin>,
    height: Height,
    tip: BlockHash,
) -> Result<u64, VerifyError> {
    let count = expected.len() as u64;
    let (mut first, mut above) = (None, None);
    stored.for_each_coin(&mut |outpoint, coin| {
        above = above.max(Some(coin.height).filter(|found| *found > height));
        let rebuilt = expected.remove(&outpoint);
        if rebuilt.as_ref() != Some(&coin) && first.is_none() {
            first = Some((outpoint, Some(coin), rebuilt));
        }
    })?;
    if above.is_some() {
        return Err(VerifyError::TipMarker { tip, height, found: above });
    }
    let lost = expected.pop_first().map(|(outpoint, coin)| (outpoint, None, Some(coin)));
    match first.or(lost) {
        None => Ok(count),
        Some((outpoint, stored, rebuilt)) => {
            Err(VerifyError::Coin { outpoint, stored: stored.map(Box::new), rebuilt: rebuilt.map(Box::new) })
        }
    }
}

/// The first transaction of a block that the index has elsewhere, or whose inputs it has as unspent.
fn index_error(
    stored: &dyn ChainStore,
    height: Height,
    block: &Block,
) -> Result<Option<VerifyError>, StoreError> {
    let hash = block.hash();
    for (position, txid) in (0..).zip(block.txids()) {
        let place = stored.transaction_place(&txid)?;
        let mut fits = place
            .is_some_and(|place| (place.block, place.height, place.position) == (hash, height, position));
        let transaction = position.checked_sub(1).and_then(|index| block.transactions().get(index as usize));
        for outpoint in transaction.iter().flat_map(|transaction| transaction.inputs()) {
            let spender = stored.spender(outpoint)?;
            fits &= spender.is_some_and(|by| (by.txid, by.height) == (txid, height));
        }
        if !fits {
            return Ok(Some(VerifyError::Index { txid, position, height, hash }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
