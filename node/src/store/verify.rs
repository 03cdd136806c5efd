//! Verifying: every block of a stored chain goes through all rules again, into an empty store in
//! memory; then both stores must agree on every coin, every place and every spender.

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::coin::Coin;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::signature::ParallelVerifier;
use cairn_core::time::Timestamp;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::memory::MemoryStore;
use cairn_protocol::chain::open::OpenError;
use cairn_protocol::chain::store::{ChainStore, StoreError};
use cairn_protocol::chain::{BlockRejection, BlockVerdict, Chain};

/// Why a stored chain is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A block breaks a rule.
    #[error("block {height} ({hash}) is invalid: {error}")]
    Invalid {
        /// Where.
        height: Height,
        /// Which.
        hash: BlockHash,
        /// The rule.
        error: Box<BlockRejection>,
    },
    /// A block is valid by itself and yet does not extend the one before.
    #[error("block {height} ({hash}) does not follow the one before it")]
    Loose {
        /// Where.
        height: Height,
        /// Which.
        hash: BlockHash,
    },
    /// A block cannot be read.
    #[error("block {height} ({hash}) cannot be read: {error}")]
    Unreadable {
        /// Where.
        height: Height,
        /// Which.
        hash: BlockHash,
        /// Why.
        error: StoreError,
    },
    /// The stored coin set differs from the one that the blocks make.
    #[error("output {outpoint} is {}, the blocks make it {}", stated(stored), stated(rebuilt))]
    Coin {
        /// Which.
        outpoint: OutPoint,
        /// As stored.
        stored: Option<Box<Coin>>,
        /// As the blocks have it.
        rebuilt: Option<Box<Coin>>,
    },
    /// The index of transactions is wrong.
    #[error("the index does not say where transaction {txid} of block {height} is, or who spent its inputs")]
    Index {
        /// Which.
        txid: Txid,
        /// The height of its block.
        height: Height,
    },
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain in memory could not be begun.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// What was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Blocks, without genesis.
    pub blocks: u64,
    /// Transactions in them, with coinbases.
    pub transactions: u64,
    /// Unspent coins.
    pub coins: u64,
}

/// Validates the best chain again; `passed` is called after each block.
///
/// # Errors
/// The first thing found that is not as it must be.
pub fn verify<S: ChainStore>(
    stored: &Chain<S>,
    genesis: &Arc<Block>,
    now: Timestamp,
    mut passed: impl FnMut(),
) -> Result<Verified, VerifyError> {
    let verifier = Box::new(ParallelVerifier);
    let mut rebuilt = Chain::open(stored.params().clone(), genesis, MemoryStore::default(), verifier)?;
    let mut transactions = 0;
    let active = (0..).map(Height::from_u32).zip(stored.active()).skip(1);
    for (height, &hash) in active {
        let block = read(stored, height, hash)?;
        // Being ahead of the clock is no fault of a block that was accepted once.
        let now = now.max(block.header().time);
        let accepted = rebuilt.accept_block(now, block.clone())?;
        let accepted =
            accepted.map_err(|error| VerifyError::Invalid { height, hash, error: Box::new(error) })?;
        if accepted.verdict != BlockVerdict::Connected {
            return Err(VerifyError::Loose { height, hash });
        }
        transactions += block.transactions().len() as u64 + 1;
        passed();
    }
    let coins = compare_coins(stored.store(), rebuilt.store())?;
    for (height, &hash) in (0..).map(Height::from_u32).zip(rebuilt.active()) {
        compare_indexes(stored.store(), height, &*read(&rebuilt, height, hash)?)?;
    }
    Ok(Verified { blocks: stored.active().len() as u64 - 1, transactions, coins })
}

fn read<S: ChainStore>(chain: &Chain<S>, height: Height, hash: BlockHash) -> Result<Arc<Block>, VerifyError> {
    let missing = || StoreError::Missing { kind: "body", hash };
    let found = chain.block(&hash).and_then(|found| found.ok_or_else(missing));
    found.map_err(|error| VerifyError::Unreadable { height, hash, error })
}

fn compare_coins(stored: &dyn ChainStore, rebuilt: &dyn ChainStore) -> Result<u64, VerifyError> {
    let mut expected = BTreeMap::new();
    rebuilt.for_each_coin(&mut |outpoint, coin| {
        expected.insert(outpoint, coin);
    })?;
    let count = expected.len() as u64;
    let mut first = None;
    stored.for_each_coin(&mut |outpoint, coin| {
        let rebuilt = expected.remove(&outpoint);
        if rebuilt.as_ref() != Some(&coin) && first.is_none() {
            let (stored, rebuilt) = (Some(Box::new(coin)), rebuilt.map(Box::new));
            first = Some(VerifyError::Coin { outpoint, stored, rebuilt });
        }
    })?;
    let lost = expected.pop_first().map(|(outpoint, coin)| VerifyError::Coin {
        outpoint,
        stored: None,
        rebuilt: Some(Box::new(coin)),
    });
    first.or(lost).map_or(Ok(count), Err)
}

fn compare_indexes(stored: &dyn ChainStore, height: Height, block: &Block) -> Result<(), VerifyError> {
    for (position, txid) in (0..).zip(block.txids()) {
        let place = stored.transaction_place(&txid)?;
        let fits = place.is_some_and(|place| {
            (place.block, place.height, place.position) == (block.hash(), height, position)
        });
        fits.then_some(()).ok_or(VerifyError::Index { txid, height })?;
    }
    for transaction in block.transactions() {
        for outpoint in transaction.inputs() {
            let spender = stored.spender(outpoint)?;
            let fits = spender.is_some_and(|by| (by.txid, by.height) == (transaction.txid(), height));
            fits.then_some(()).ok_or(VerifyError::Index { txid: transaction.txid(), height })?;
        }
    }
    Ok(())
}

fn stated(coin: &Option<Box<Coin>>) -> String {
    match coin {
        Some(coin) => format!("a coin of {} from height {}", coin.output.amount, coin.height),
        None => "not a coin".to_owned(),
    }
}
