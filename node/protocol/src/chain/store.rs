//! The chain's storage: a few reads, and one write that happens whole or not at all.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::coin::{Coin, CoinChanges, Undo};
use cairn_core::encoding::{Decode, Encode};
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::transaction::OutPoint;
use cairn_core::work::Work;

/// Storage failed. The node stops: going on could only lose data.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full or broken, or a permission is missing.
    #[error("cannot {attempt} {place}: {source}")]
    Io { attempt: &'static str, place: String, source: std::io::Error },
    /// The bytes read are not those that were written.
    #[error(
        "{place} is damaged ({what}); start with --reindex to rebuild from what is intact, the rest is fetched again from peers"
    )]
    Damaged { place: String, what: String },
    /// The store contradicts itself: a record that another record promises is missing.
    #[error("the store holds no {kind} for block {hash}, though its index says so; start with --reindex")]
    Missing { kind: &'static str, hash: BlockHash },
}

/// The stored form of an accepted header.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HeaderRecord {
    pub header: Header,
    pub height: Height,
    pub status: BlockStatus,
}

/// The stage of validation that a block has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum BlockStatus {
    /// The header is stored and the body is not.
    HeaderOnly,
    /// The body is stored and passed the checks that need no context.
    BodyStored,
    /// The block was connected once: it breaks no rule, and its undo data is stored.
    Validated,
    /// The block breaks a rule, or the operator invalidated it.
    Invalid,
    /// An ancestor is invalid.
    DescendsFromInvalid,
}

/// The position of a transaction in the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TransactionPlace {
    pub block: BlockHash,
    pub height: Height,
    /// Index in the block; the coinbase has 0.
    pub position: u32,
}

/// The transaction of the best chain that spent an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Spender {
    pub txid: Txid,
    /// The height of its block.
    pub height: Height,
}

/// A block with its height and the chainwork up to it.
#[derive(Clone, Debug)]
pub struct ChainBlock {
    pub height: Height,
    pub block: Arc<Block>,
    pub work: Work,
}

/// One change of the stored chain, written whole or not at all.
///
/// Order of application: `headers`, `bodies`, `undo`; then, as one, `coins`, the index changes and `tip`. A
/// reorganization of any depth is one commit.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// New header records and changed statuses.
    pub headers: Vec<HeaderRecord>,
    pub bodies: Vec<Arc<Block>>,
    /// Undo data of newly connected blocks.
    pub undo: Vec<(BlockHash, Arc<Undo>)>,
    /// Net change of the coin set.
    pub coins: CoinChanges,
    /// From the old tip down: their transactions and spends leave the indexes.
    pub disconnected: Vec<ChainBlock>,
    /// From the fork point up: their transactions and spends enter the indexes.
    pub connected: Vec<ChainBlock>,
    /// The new tip, when it moves.
    pub tip: Option<BlockHash>,
}

/// Storage of one chain. Reads see every commit that returned.
pub trait ChainStore {
    /// The tip of the last commit that had one; none in a new store.
    fn tip(&self) -> Result<Option<BlockHash>, StoreError>;
    /// The tip of the last commit that survived, if a crash left the coins at an earlier one. The chain
    /// first connects up to there again, so that of two branches with equal work the one that peers
    /// know stays the best.
    fn tip_to_reach(&self) -> Option<BlockHash> {
        None
    }
    /// Every header record, parents before children (by height).
    fn headers(&self) -> Result<Vec<HeaderRecord>, StoreError>;
    /// A block of any branch.
    fn block(&self, hash: &BlockHash) -> Result<Option<Arc<Block>>, StoreError>;
    /// The undo data of a block that was connected once.
    fn undo(&self, hash: &BlockHash) -> Result<Option<Arc<Undo>>, StoreError>;
    /// An unspent coin of the best chain.
    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError>;
    /// The position of a transaction in the best chain.
    fn transaction_place(&self, txid: &Txid) -> Result<Option<TransactionPlace>, StoreError>;
    /// The transaction of the best chain that spent an output.
    fn spender(&self, outpoint: &OutPoint) -> Result<Option<Spender>, StoreError>;
    /// Every unspent coin, in the order of outpoints, handed to `visit` one by one.
    fn for_each_coin(&self, visit: &mut dyn FnMut(OutPoint, Coin)) -> Result<(), StoreError>;
    /// Applies one change, whole or not at all.
    fn commit(&mut self, commit: Commit) -> Result<(), StoreError>;
    /// Returns when every commit so far survives kill -9 and power loss.
    fn flush(&mut self) -> Result<(), StoreError>;
}
