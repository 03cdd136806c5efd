//! Why a stored chain is not as it must be.

use cairn_core::address::Address;
use cairn_core::coin::Coin;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::BlockRejection;
use cairn_protocol::chain::store::StoreError;

use crate::store::address_schema::Summary;

/// What is wrong, and where.
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
    /// A header's record holds another header.
    #[error("the record of block {hash} holds the header of {found}")]
    Header {
        /// Which.
        hash: BlockHash,
        /// Whose header it has.
        found: BlockHash,
    },
    /// A header's record names another height than its ancestors make.
    #[error("block {expected} ({hash}) is recorded at height {found}")]
    Height {
        /// Which.
        hash: BlockHash,
        /// As recorded.
        found: Height,
        /// As many ancestors as it has.
        expected: Height,
    },
    /// The best chain does not end where the tip marker says.
    #[error("the tip marker names block {height} ({tip}), but {}", belies(*height, *found))]
    TipMarker {
        /// As marked.
        tip: BlockHash,
        /// Its height.
        height: Height,
        /// A height above it from which there are coins, or else there is nothing of the tip's own.
        found: Option<Height>,
    },
    /// The stored coin set differs from the one that the blocks make.
    #[error("output {outpoint} is stored as {}, the blocks make it {}", stated(stored), stated(rebuilt))]
    Coin {
        /// Which.
        outpoint: OutPoint,
        /// As stored.
        stored: Option<Box<Coin>>,
        /// As the blocks have it.
        rebuilt: Option<Box<Coin>>,
    },
    /// The index of transactions is wrong.
    #[error(
        "the index does not say that transaction {txid} is number {position} of block {height} ({hash}), or that it spent its inputs"
    )]
    Index {
        /// Which.
        txid: Txid,
        /// Its place in the block; the coinbase is 0.
        position: u32,
        /// The height of its block.
        height: Height,
        /// Its block.
        hash: BlockHash,
    },
    /// The address index lacks a transaction, or has it elsewhere or otherwise.
    #[error(
        "the address index does not say what transaction {txid} of block {height} means as number {number} of {address}"
    )]
    AddressVisit {
        /// Whose history.
        address: Box<Address>,
        /// Its place there, from 0.
        number: u64,
        /// Which.
        txid: Txid,
        /// The height of its block.
        height: Height,
    },
    /// The address index adds up otherwise than the blocks.
    #[error(
        "the address index has {address} with {}, the blocks make it {}",
        summed(stored),
        summed(rebuilt)
    )]
    AddressSums {
        /// Which.
        address: Box<Address>,
        /// As stored.
        stored: Box<Summary>,
        /// As the blocks have it.
        rebuilt: Box<Summary>,
    },
    /// The address index does not know an unspent output.
    #[error("the address index does not know output {outpoint} of {address}")]
    AddressCoin {
        /// Whose.
        address: Box<Address>,
        /// Which.
        outpoint: OutPoint,
    },
    /// The address index has more than the blocks make.
    #[error("the address index has {found} records, the blocks make {expected}")]
    AddressRecords {
        /// As stored.
        found: u64,
        /// As the blocks have it.
        expected: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn summed(summary: &Summary) -> String {
    let Summary { transactions, coins, .. } = summary;
    format!("{transactions} transactions and {coins} coins of {} units", summary.balance())
}

fn belies(height: Height, found: Option<Height>) -> String {
    match found {
        Some(found) => format!("there are coins from block {found}"),
        None => format!("the index does not know the coinbase of block {height}"),
    }
}

fn stated(coin: &Option<Box<Coin>>) -> String {
    match coin {
        Some(coin) => format!("a coin of {} from height {}", coin.output.amount, coin.height),
        None => "no coin".to_owned(),
    }
}
