//! What the chain asks of storage: a few reads, and one write that happens whole or not at all.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::coin::{Coin, CoinChanges, Undo};
use cairn_core::encoding::{Decode, Encode};
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::transaction::OutPoint;

/// Storage failed. The node stops: going on could only lose data.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The medium refused: full disk, lost permission, broken device.
    #[error("cannot {attempt} {place}: {source}")]
    Io { attempt: &'static str, place: String, source: std::io::Error },
    /// What was read is not what was written.
    #[error(
        "{place} is damaged ({what}); start with --reindex to rebuild from what is intact, the rest is fetched again from peers"
    )]
    Damaged { place: String, what: String },
    /// The store contradicts itself: a record that another record promises is missing.
    #[error("the store holds no {kind} for block {hash}, though its index says so; start with --reindex")]
    Missing { kind: &'static str, hash: BlockHash },
}

/// What is stored of every header that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HeaderRecord {
    pub header: Header,
    pub height: Height,
    /// How far its block has come.
    pub status: BlockStatus,
}

/// How far a block has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum BlockStatus {
    /// Only the header is here.
    HeaderOnly,
    /// The body is here and passed the checks that need no context.
    BodyStored,
    /// It was connected once: all rules hold, undo data is here.
    Validated,
    Invalid,
    /// An ancestor breaks a rule.
    DescendsFromInvalid,
}

/// Where a transaction is in the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TransactionPlace {
    pub block: BlockHash,
    pub height: Height,
    /// Place in the block; the coinbase is 0.
    pub position: u32,
}

/// Who spent a coin in the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Spender {
    pub txid: Txid,
    /// The height of its block.
    pub height: Height,
}

/// One step of the chain, written whole or not at all.
///
/// Order of application: `headers`, `bodies`, `undo`; then, as one, `coins`, the index changes and
/// `tip`. A reorganisation of any depth is one commit.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// New header records and changed statuses.
    pub headers: Vec<(BlockHash, HeaderRecord)>,
    pub bodies: Vec<Arc<Block>>,
    /// Undo data of newly connected blocks.
    pub undo: Vec<(BlockHash, Arc<Undo>)>,
    /// Net change of the coin set.
    pub coins: CoinChanges,
    /// Blocks that left the best chain, from the old tip down: their index entries go.
    pub disconnected: Vec<(Height, Arc<Block>)>,
    /// Blocks that joined, upwards: their transactions and spends enter the indexes.
    pub connected: Vec<(Height, Arc<Block>)>,
    /// The new tip, when it moves.
    pub tip: Option<BlockHash>,
}

/// Storage of one chain. Reads see every commit that returned.
pub trait ChainStore {
    /// The tip of the last commit that had one; none in a new store.
    fn tip(&self) -> Result<Option<BlockHash>, StoreError>;
    /// The tip of the last commit that survived, if a crash left the coins at an earlier one: the
    /// chain connects up to there again before anything else, so that of two branches with equal
    /// work the one that peers were told of stays the best.
    fn tip_to_reach(&self) -> Option<BlockHash> {
        None
    }
    /// Every header record, parents before children (by height).
    fn headers(&self) -> Result<Vec<(BlockHash, HeaderRecord)>, StoreError>;
    /// A block's body.
    fn block(&self, hash: &BlockHash) -> Result<Option<Arc<Block>>, StoreError>;
    /// A connected block's undo data.
    fn undo(&self, hash: &BlockHash) -> Result<Option<Arc<Undo>>, StoreError>;
    /// An unspent coin of the best chain.
    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError>;
    /// Where the best chain holds this transaction.
    fn transaction_place(&self, txid: &Txid) -> Result<Option<TransactionPlace>, StoreError>;
    /// Which transaction of the best chain spent this output.
    fn spender(&self, outpoint: &OutPoint) -> Result<Option<Spender>, StoreError>;
    /// Every unspent coin, in the order of outpoints, handed to `visit` one by one.
    fn for_each_coin(&self, visit: &mut dyn FnMut(OutPoint, Coin)) -> Result<(), StoreError>;
    /// Applies one step, whole or not at all.
    fn commit(&mut self, commit: Commit) -> Result<(), StoreError>;
    /// Returns when every commit so far survives kill -9 and power loss.
    fn flush(&mut self) -> Result<(), StoreError>;
}
