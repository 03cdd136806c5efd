//! The records of the address index: keys that begin with `A`, in the same tree as everything else, so that
//! one batch writes them together with the tip.
//!
//! A lock's history is a stack: number 0 is the first transaction that paid it. A connected block pushes its
//! transactions, a disconnected one pops them, so every page of a long history is found by its numbers
//! without a search.

use cairn_core::amount::Amount;
use cairn_core::encoding::{Decode, Encode, decode, encode};
use cairn_core::hash::Txid;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::transaction::OutPoint;

use crate::store::changes;
use crate::store::lock_deltas::{LockDelta, TransactionDelta};

/// The prefix of all keys of the index.
pub const PREFIX: [u8; 1] = [b'A'];
/// The key of the index checkpoint, the first key of the index.
pub const INDEX_CHECKPOINT_KEY: &[u8] = b"A";
const SUMMARY: [u8; 2] = *b"As";
const HISTORY: [u8; 2] = *b"Ah";
const COIN: [u8; 2] = *b"Ac";
/// The length of a lock in a key, in bytes.
const LOCK: usize = 36;

/// The checkpoint whose state the index has. It is written with every checkpoint while the index is kept, so
/// an index that was not kept for a while is recognized by its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct IndexCheckpoint {
    /// Number of the store's checkpoint.
    pub sequence: u64,
    /// Number of records of the index without this one. Fewer are damage.
    pub records: u64,
    /// The first block that is missing, while the index of an older chain is built.
    pub next: Option<Height>,
}

/// The sums of a lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct LockSummary {
    /// Number of transactions that pay it or spend from it.
    pub transactions: u64,
    /// Number of its unspent outputs.
    pub coins: u64,
    /// Units that outputs ever paid it. Coins that go in circles count each time, so this may exceed the supply.
    pub received: u128,
    /// Units that inputs ever spent from it.
    pub spent: u128,
}

impl LockSummary {
    /// The units that its unspent outputs hold.
    pub const fn balance(&self) -> u128 {
        self.received.saturating_sub(self.spent)
    }

    /// The sums after one more transaction; none if it spends more coins than there are.
    pub fn add(&self, delta: &LockDelta) -> Option<Self> {
        Some(Self {
            transactions: self.transactions.checked_add(1)?,
            coins: (self.coins + delta.created).checked_sub(delta.consumed)?,
            received: self.received + u128::from(delta.received.units()),
            spent: self.spent + u128::from(delta.spent.units()),
        })
    }

    /// The sums before the last transaction; none if it is more than the sums.
    pub fn subtract(&self, delta: &LockDelta) -> Option<Self> {
        Some(Self {
            transactions: self.transactions.checked_sub(1)?,
            coins: (self.coins + delta.consumed).checked_sub(delta.created)?,
            received: self.received.checked_sub(delta.received.units().into())?,
            spent: self.spent.checked_sub(delta.spent.units().into())?,
        })
    }
}

/// A transaction in a lock's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HistoryEntry {
    pub txid: Txid,
    /// Height of its block.
    pub height: Height,
    /// Index in the block; the coinbase has 0.
    pub position: u32,
    /// What its outputs pay to the lock.
    pub received: Amount,
    /// What its inputs spend from the lock.
    pub spent: Amount,
}

impl HistoryEntry {
    /// The entry of a transaction in a block at this height.
    pub const fn new(transaction: &TransactionDelta<'_>, height: Height, delta: &LockDelta) -> Self {
        let &TransactionDelta { txid, position, .. } = transaction;
        let &LockDelta { received, spent, .. } = delta;
        Self { txid, height, position, received, spent }
    }
}

/// Changed records by key, encoded.
pub type AddressChanges = changes::Changes<Vec<u8>, Vec<u8>>;

/// The record that a key of the index belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKey {
    IndexCheckpoint,
    Summary,
    HistoryEntry,
    /// The amount of an unspent output of a lock.
    Coin,
}

/// The key of a lock's summary.
pub fn summary_key(lock: &Lock) -> Vec<u8> {
    key(SUMMARY, lock, &[])
}

/// The key of an entry of a lock's history, by its number.
pub fn history_key(lock: &Lock, number: u64) -> Vec<u8> {
    key(HISTORY, lock, &number.to_be_bytes())
}

/// The key of an unspent output of a lock.
pub fn coin_key(lock: &Lock, outpoint: &OutPoint) -> Vec<u8> {
    let index = outpoint.index.to_be_bytes();
    key(COIN, lock, &[outpoint.txid.as_bytes().as_slice(), &index].concat())
}

/// The prefix of the keys of a lock's history.
pub fn history_prefix(lock: &Lock) -> Vec<u8> {
    key(HISTORY, lock, &[])
}

/// The prefix of the keys of a lock's unspent outputs.
pub fn coin_prefix(lock: &Lock) -> Vec<u8> {
    key(COIN, lock, &[])
}

/// The lock in a key; none in that of the index checkpoint, or when it is malformed.
pub fn read_lock(key: &[u8]) -> Option<Lock> {
    let lock = key.get(SUMMARY.len()..)?.get(..LOCK)?;
    decode(lock, LOCK).ok()
}

/// The output in the key of an unspent output.
pub fn read_coin_key(key: &[u8]) -> Option<OutPoint> {
    let rest = key.get(COIN.len() + LOCK..)?;
    let (txid, index) = rest.split_at_checked(32)?;
    let txid = Txid::from_bytes(txid.try_into().ok()?);
    Some(OutPoint { txid, index: u32::from_be_bytes(index.try_into().ok()?) })
}

/// Reads a key of the index; none when it is malformed.
pub fn read_key(key: &[u8]) -> Option<AddressKey> {
    if key == INDEX_CHECKPOINT_KEY {
        return Some(AddressKey::IndexCheckpoint);
    }
    let (kind, rest) = key.split_at_checked(2)?;
    read_lock(key)?;
    match (<[u8; 2]>::try_from(kind).ok()?, rest.len()) {
        (SUMMARY, LOCK) => Some(AddressKey::Summary),
        (HISTORY, length) if length == LOCK + 8 => Some(AddressKey::HistoryEntry),
        (COIN, length) if length == LOCK + 36 => Some(AddressKey::Coin),
        _ => None,
    }
}

fn key(kind: [u8; 2], lock: &Lock, rest: &[u8]) -> Vec<u8> {
    [&kind, encode(lock).as_slice(), rest].concat()
}
