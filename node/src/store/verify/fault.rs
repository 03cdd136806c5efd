//! Why a stored chain is not as it must be.

use cairn_core::coin::Coin;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::BlockRejection;
use cairn_protocol::chain::store::StoreError;

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
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
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
