//! What sled holds: one tree, kinds of keys told apart by their first byte. Those of the address index
//! are in `address_schema.rs`.

use std::collections::HashMap;

use cairn_core::coin::{Coin, Origin};
use cairn_core::encoding::{Decode, Encode};
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::transaction::Output;
use cairn_protocol::chain::store::HeaderRecord;

use crate::store::address_schema;
use crate::store::journal::Place;

/// The version of what this file and the journal say.
pub const FORMAT_VERSION: u32 = 2;
/// The key of the checkpoint.
pub const CHECKPOINT_KEY: &[u8] = b"C";
const HEADER: u8 = b'H';
const TRANSACTION: u8 = b'T';

/// Every known header.
pub type Headers = HashMap<BlockHash, StoredHeader>;

/// Up to where sled knows the chain. Written with everything it speaks of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Checkpoint {
    /// Counts checkpoints.
    pub sequence: u64,
    /// Entries of the journal from here on are not in sled yet.
    pub journal_end: u64,
    /// The best chain's tip.
    pub tip: Option<BlockHash>,
    /// Records of headers and transactions: fewer are damage.
    pub records: u64,
}

/// A header, and where the rest of its block is in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StoredHeader {
    /// What the chain knows of it.
    pub record: HeaderRecord,
    /// Its block.
    pub body: Option<Place>,
    /// What takes its block back.
    pub undo: Option<Place>,
}

impl From<HeaderRecord> for StoredHeader {
    fn from(record: HeaderRecord) -> Self {
        Self { record, body: None, undo: None }
    }
}

/// What the journal holds of a block beside its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The block.
    Body,
    /// What takes it back.
    Undo,
}

impl StoredHeader {
    /// Notes where a part of the block is.
    pub fn set(&mut self, part: Part, place: Place) {
        match part {
            Part::Body => self.body = Some(place),
            Part::Undo => self.undo = Some(place),
        }
    }
}

/// A transaction of the best chain: where it is, and what became of each of its outputs. Place,
/// coins and spenders in one record are a third of the writes that an index for each would take.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StoredTransaction {
    /// Its block.
    pub block: BlockHash,
    /// The block's height.
    pub height: Height,
    /// Its place in the block.
    pub position: u32,
    /// Its outputs.
    pub outputs: Vec<Fate>,
}

impl StoredTransaction {
    /// One of its outputs as the coin that it is.
    pub fn coin(&self, output: &Output) -> Coin {
        let origin = match (self.position, self.height) {
            (0, Height::GENESIS) => Origin::Premine,
            (0, _) => Origin::Coinbase,
            _ => Origin::Transaction,
        };
        Coin { output: output.clone(), height: self.height, origin }
    }
}

/// A record that sled does not have as it is now.
#[derive(Clone, Debug)]
pub struct Dirty {
    /// Whether sled has an older form of it.
    pub was_stored: bool,
    /// What it is now; none when it left the chain.
    pub now: Option<StoredTransaction>,
}

/// What became of an output.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Fate {
    /// It is a coin.
    Unspent(Output),
    /// It was spent.
    Spent {
        /// By this transaction.
        by: Txid,
        /// In the block at this height.
        height: Height,
    },
}

/// The key of a header.
pub fn header_key(hash: &BlockHash) -> [u8; 33] {
    key(HEADER, hash.as_bytes())
}

/// The key of a transaction.
pub fn transaction_key(txid: &Txid) -> [u8; 33] {
    key(TRANSACTION, txid.as_bytes())
}

/// What a key is for.
pub enum Key {
    /// The checkpoint.
    Checkpoint,
    /// A header.
    Header(BlockHash),
    /// A transaction.
    Transaction(Txid),
    /// Something of the address index.
    Address(address_schema::Kind),
}

/// Reads a key.
pub fn read_key(bytes: &[u8]) -> Option<Key> {
    if bytes == CHECKPOINT_KEY {
        return Some(Key::Checkpoint);
    }
    if bytes.starts_with(&address_schema::PREFIX) {
        return address_schema::kind(bytes).map(Key::Address);
    }
    let (kind, hash) = bytes.split_first()?;
    let hash = <[u8; 32]>::try_from(hash).ok()?;
    match *kind {
        HEADER => Some(Key::Header(BlockHash::from_bytes(hash))),
        TRANSACTION => Some(Key::Transaction(Txid::from_bytes(hash))),
        _ => None,
    }
}

/// What the keys of all headers begin with.
pub const HEADER_PREFIX: [u8; 1] = [HEADER];
/// What the keys of all transactions begin with.
pub const TRANSACTION_PREFIX: [u8; 1] = [TRANSACTION];

fn key(kind: u8, hash: &[u8; 32]) -> [u8; 33] {
    let mut key = [kind; 33];
    key[1..].copy_from_slice(hash);
    key
}
