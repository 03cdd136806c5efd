//! Verifying: every block of a stored chain goes through all rules again, block by block; then the
//! store must agree on every coin, every place and every spender, and the address index, if it is kept,
//! on every transaction of every address.

mod addresses;
pub mod fault;
mod replay;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::coin::Coin;
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::params::ChainParams;
use cairn_core::time::Timestamp;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::store::{ChainStore, HeaderRecord, StoreError};

use crate::store::addresses::AddressIndex;
use crate::store::verify::addresses::AddressReplay;
use crate::store::verify::fault::VerifyError;
use crate::store::verify::replay::Replay;

/// What was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The last block.
    pub tip: BlockHash,
    /// Blocks, without genesis.
    pub blocks: u64,
    /// Transactions in them, with coinbases.
    pub transactions: u64,
    /// Unspent coins.
    pub coins: u64,
    /// Addresses in the address index, if it is kept.
    pub addresses: Option<u64>,
}

/// Validates the chain that ends in the store's tip again, and changes nothing; `passed` is told
/// after each block how many of how many have passed.
///
/// # Errors
/// The first block that breaks a rule or cannot be read. If there is none: where the tip marker, a
/// coin or an index is not as the blocks make it.
pub fn verify<S: ChainStore>(
    stored: &S,
    index: Option<&AddressIndex>,
    params: &ChainParams,
    genesis: &Arc<Block>,
    now: Timestamp,
    mut passed: impl FnMut(u64, u64),
) -> Result<Verified, VerifyError> {
    let lineage = lineage(stored, genesis)?;
    let tip = *lineage.last().expect("genesis is always part of it");
    let mut replay = Replay::new(params, genesis);
    let (mut transactions, mut misplaced) = (0, index_fault(stored, Height::GENESIS, genesis)?);
    let mut addresses = index.map(|index| AddressReplay::new(index, &params.address_prefix));
    if let Some(addresses) = &mut addresses {
        addresses.follow(Height::GENESIS, genesis, |_| None)?;
    }
    for (height, &hash) in (0..).map(Height::from_u32).zip(&lineage).skip(1) {
        let block = read(stored, height, hash)?;
        if let Some(addresses) = &mut addresses {
            addresses.follow(height, &block, |outpoint| replay.output(outpoint))?;
        }
        replay.connect(&block, now).map_err(|error| VerifyError::Invalid {
            height,
            hash,
            error: Box::new(error),
        })?;
        if misplaced.is_none() {
            misplaced = index_fault(stored, height, &block)?;
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

/// The hashes from genesis to the stored tip, if every header's record fits.
fn lineage(stored: &dyn ChainStore, genesis: &Block) -> Result<Vec<BlockHash>, VerifyError> {
    let missing = |hash| StoreError::Missing { kind: "header", hash };
    let records: HashMap<BlockHash, HeaderRecord> =
        stored.headers()?.into_iter().map(|record| (record.header.hash(), record)).collect();
    let mut next = stored.tip()?.ok_or(missing(genesis.hash()))?;
    let mut lineage = Vec::new();
    while next != genesis.hash() {
        lineage.push(next);
        let header = &records.get(&next).ok_or(missing(next))?.header;
        if header.hash() != next {
            return Err(VerifyError::Header { hash: next, found: header.hash() });
        }
        next = header.previous_block_hash;
    }
    lineage.push(next);
    lineage.reverse();
    for (expected, &hash) in (0..).map(Height::from_u32).zip(&lineage) {
        let found = records.get(&hash).ok_or(missing(hash))?.height;
        if found != expected {
            return Err(VerifyError::Height { hash, found, expected });
        }
    }
    Ok(lineage)
}

fn read(stored: &dyn ChainStore, height: Height, hash: BlockHash) -> Result<Arc<Block>, VerifyError> {
    let missing = || StoreError::Missing { kind: "body", hash };
    let found = stored.block(&hash).and_then(|found| found.ok_or_else(missing));
    found.map_err(|error| VerifyError::Unreadable { height, hash, error })
}

/// The tip's own coinbase is in the index, or else its block was never connected.
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

/// The first transaction of a block that the index has elsewhere, or whose spending it does not know.
fn index_fault(
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
