//! The reasons why a stored chain is not as it must be.

use cairn_core::address::Address;
use cairn_core::coin::Coin;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::BlockRejection;
use cairn_protocol::chain::store::StoreError;

use crate::store::address_schema::LockSummary;

/// What is wrong with a stored chain, and where.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A block breaks a rule.
    #[error("block {height} ({hash}) is invalid: {error}")]
    Invalid { height: Height, hash: BlockHash, error: Box<BlockRejection> },
    /// A block cannot be read.
    #[error("block {height} ({hash}) cannot be read: {error}")]
    Unreadable { height: Height, hash: BlockHash, error: StoreError },
    /// A header's record names another height than its ancestors make.
    #[error("block {expected} ({hash}) is recorded at height {found}")]
    Height { hash: BlockHash, found: Height, expected: Height },
    /// The best chain does not end where the tip marker says.
    #[error("the tip marker names block {height} ({tip}), but {}", contradiction(*height, *found))]
    TipMarker { tip: BlockHash, height: Height, found: Option<Height> },
    /// The stored coin set differs from the one that the blocks make.
    #[error(
        "output {outpoint} is stored as {}, the blocks make it {}",
        coin_text(stored),
        coin_text(rebuilt)
    )]
    Coin { outpoint: OutPoint, stored: Option<Box<Coin>>, rebuilt: Option<Box<Coin>> },
    /// The index of transactions is wrong.
    #[error(
        "the index does not have transaction {txid} as number {position} of block {height} ({hash}), or its inputs as spent by it"
    )]
    Index { txid: Txid, position: u32, height: Height, hash: BlockHash },
    /// The address index lacks a transaction, or has it elsewhere or otherwise.
    #[error(
        "the address index does not have transaction {txid} of block {height} as number {number} of {address}"
    )]
    AddressHistory { address: Box<Address>, number: u64, txid: Txid, height: Height },
    /// The address index adds up otherwise than the blocks.
    #[error(
        "the address index has {address} with {}, the blocks make it {}",
        sums_text(stored),
        sums_text(rebuilt)
    )]
    AddressSums { address: Box<Address>, stored: Box<LockSummary>, rebuilt: Box<LockSummary> },
    /// The address index does not know an unspent output.
    #[error("the address index does not have output {outpoint} of {address}")]
    AddressCoin { address: Box<Address>, outpoint: OutPoint },
    /// The address index has more than the blocks make.
    #[error("the address index has {found} records, the blocks make {expected}")]
    AddressRecords { found: u64, expected: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn sums_text(summary: &LockSummary) -> String {
    let LockSummary { transactions, coins, .. } = summary;
    format!("{transactions} transactions and {coins} coins of {} units", summary.balance())
}

fn contradiction(height: Height, found: Option<Height>) -> String {
    match found {
        Some(found) => format!("there are coins from block {found}"),
        None => format!("the index does not have the coinbase of block {height}"),
    }
}

fn coin_text(coin: &Option<Box<Coin>>) -> String {
    match coin {
        Some(coin) => format!("a coin of {} from height {}", coin.output.amount, coin.height),
        None => "no coin".to_owned(),
    }
}
