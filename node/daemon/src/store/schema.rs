//! The records that the database holds: one tree, in which the first byte of a key says its kind. Those of
//! the address index are in `address_schema.rs`.

use std::collections::HashMap;

use cairn_core::coin::{Coin, Origin};
use cairn_core::encoding::{Decode, Encode};
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::transaction::Output;
use cairn_protocol::chain::store::{HeaderRecord, StoreError};

use crate::store::address_schema::{self, AddressKey};
use crate::store::database::Database;
use crate::store::journal::Location;

/// The version of the formats of the database and the journal.
pub const FORMAT_VERSION: u32 = 2;
/// The key of the checkpoint record.
pub const CHECKPOINT_KEY: &[u8] = b"C";
const HEADER: u8 = b'H';
const TRANSACTION: u8 = b'T';
/// The prefix of the keys of all headers.
pub const HEADER_PREFIX: [u8; 1] = [HEADER];

/// Every known header by its hash.
pub type Headers = HashMap<BlockHash, StoredHeader>;

/// The state of the chain that the database has, written in one batch with the records of that state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Checkpoint {
    /// Number of the checkpoint; each has one more than the last.
    pub sequence: u64,
    /// Records of the journal from this offset on are not in the database yet.
    pub journal_end: u64,
    pub tip: Option<BlockHash>,
    /// Number of records of headers and transactions. Fewer are damage.
    pub records: u64,
}

/// A header, and the locations of the rest of its block in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StoredHeader {
    pub record: HeaderRecord,
    pub body: Option<Location>,
    pub undo: Option<Location>,
}

impl From<HeaderRecord> for StoredHeader {
    fn from(record: HeaderRecord) -> Self {
        Self { record, body: None, undo: None }
    }
}

/// What the journal holds of a block beside its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Body,
    Undo,
}

/// The location of a part of a block in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartLocation {
    pub part: Part,
    pub location: Location,
}

impl StoredHeader {
    /// Sets the location of a part of the block.
    pub fn set(&mut self, PartLocation { part, location }: PartLocation) {
        match part {
            Part::Body => self.body = Some(location),
            Part::Undo => self.undo = Some(location),
        }
    }
}

/// A transaction of the best chain: its block and the state of each of its outputs. Block, coins and
/// spenders in one record are a third of the writes that an index for each would take.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StoredTransaction {
    pub block: BlockHash,
    /// Height of the block.
    pub height: Height,
    /// Index in the block; the coinbase has 0.
    pub position: u32,
    pub outputs: Vec<OutputState>,
}

impl StoredTransaction {
    /// The coin of one of its unspent outputs.
    pub fn coin(&self, output: &Output) -> Coin {
        let origin = match (self.position, self.height) {
            (0, Height::GENESIS) => Origin::Premine,
            (0, _) => Origin::Coinbase,
            _ => Origin::Transaction,
        };
        Coin { output: output.clone(), height: self.height, origin }
    }
}

/// Whether an output was spent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum OutputState {
    Unspent(Output),
    /// Spent by a transaction in the block at a height.
    Spent {
        by: Txid,
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

fn key(kind: u8, hash: &[u8; 32]) -> [u8; 33] {
    let mut key = [kind; 33];
    key[1..].copy_from_slice(hash);
    key
}

/// The record that a key belongs to.
pub enum Key {
    Checkpoint,
    Header(BlockHash),
    Transaction(Txid),
    Address(AddressKey),
}

/// Reads a key; none when it is malformed.
pub fn read_key(bytes: &[u8]) -> Option<Key> {
    if bytes == CHECKPOINT_KEY {
        return Some(Key::Checkpoint);
    }
    if bytes.starts_with(&address_schema::PREFIX) {
        return address_schema::read_key(bytes).map(Key::Address);
    }
    let (kind, hash) = bytes.split_first()?;
    let hash = <[u8; 32]>::try_from(hash).ok()?;
    match *kind {
        HEADER => Some(Key::Header(BlockHash::from_bytes(hash))),
        TRANSACTION => Some(Key::Transaction(Txid::from_bytes(hash))),
        _ => None,
    }
}

/// Every stored transaction, in the order of ids.
pub fn stored_transactions(
    database: &Database,
) -> impl Iterator<Item = Result<(Txid, StoredTransaction), StoreError>> {
    database.scan(&[TRANSACTION], |key, value| match read_key(key) {
        Some(Key::Transaction(txid)) => Ok((txid, database.decode(value)?)),
        _ => Err(database.damaged("a key is malformed")),
    })
}
