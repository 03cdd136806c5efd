//! What sled holds of the address index: keys that begin with `A`, in the same tree as everything else,
//! so that one batch moves it together with the tip.
//!
//! A lock's history is a stack: number 0 is the first transaction that paid it. A block that joins
//! puts its transactions on top, one that leaves takes them off, so every page of a long history is
//! found by its numbers without a search.

use std::collections::BTreeMap;

use cairn_core::amount::Amount;
use cairn_core::encoding::{Decode, Encode, decode, encode};
use cairn_core::hash::Txid;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::transaction::OutPoint;

/// What all its keys begin with.
pub const PREFIX: [u8; 1] = [b'A'];
/// The key of the mark, the first of all.
pub const MARK_KEY: &[u8] = b"A";
const SUMMARY: [u8; 2] = *b"As";
const HISTORY: [u8; 2] = *b"Ah";
const COIN: [u8; 2] = *b"Ac";
/// Bytes of a lock in a key.
const LOCK: usize = 36;

/// Whose state the index has. Written with every checkpoint while the index is kept, so one that was
/// not kept for a while is known by its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Mark {
    /// The checkpoint that it goes with.
    pub sequence: u64,
    /// Records of the index without this one: fewer are damage.
    pub records: u64,
    /// The first block that is still missing, while the index is made for an older chain.
    pub next: Option<Height>,
}

/// All about a lock, in sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Summary {
    /// Transactions that pay it or spend from it.
    pub transactions: u64,
    /// Its unspent outputs.
    pub coins: u64,
    /// What outputs ever paid it. Coins that go in circles count each time, so this may exceed the
    /// supply many times.
    pub received: u128,
    /// What inputs ever took from it.
    pub spent: u128,
}

impl Summary {
    /// What its unspent outputs hold.
    pub const fn balance(&self) -> u128 {
        self.received.saturating_sub(self.spent)
    }
}

/// A transaction in a lock's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Visit {
    /// Which.
    pub txid: Txid,
    /// The height of its block.
    pub height: Height,
    /// Its place in the block; the coinbase is 0.
    pub position: u32,
    /// What it paid to the lock.
    pub received: Amount,
    /// What it took from it.
    pub spent: Amount,
}

/// A record that sled does not have as it is now.
#[derive(Clone, Debug)]
pub struct Change {
    /// Whether sled has an older form of it.
    pub was_stored: bool,
    /// Its bytes; none when it is gone.
    pub now: Option<Vec<u8>>,
}

/// Changed records by key.
pub type Changes = BTreeMap<Vec<u8>, Change>;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The mark.
    Mark,
    /// A lock's summary.
    Summary,
    /// A transaction in a lock's history.
    Visit,
    /// An unspent output of a lock: its amount.
    Coin,
}

/// The key of a lock's summary.
pub fn summary_key(lock: &Lock) -> Vec<u8> {
    key(SUMMARY, lock, &[])
}

/// The key of a place in a lock's history.
pub fn visit_key(lock: &Lock, number: u64) -> Vec<u8> {
    key(HISTORY, lock, &number.to_be_bytes())
}

/// The key of an unspent output of a lock.
pub fn coin_key(lock: &Lock, outpoint: &OutPoint) -> Vec<u8> {
    let index = outpoint.index.to_be_bytes();
    key(COIN, lock, &[outpoint.txid.as_bytes().as_slice(), &index].concat())
}

/// What the keys of a lock's history begin with.
pub fn history_prefix(lock: &Lock) -> Vec<u8> {
    key(HISTORY, lock, &[])
}

/// What the keys of all unspent outputs of a lock begin with.
pub fn coin_prefix(lock: &Lock) -> Vec<u8> {
    key(COIN, lock, &[])
}

/// Whose a key is; none for the mark, or when it is no lock.
pub fn read_lock(key: &[u8]) -> Option<Lock> {
    let lock = key.get(SUMMARY.len()..)?.get(..LOCK)?;
    decode(lock, LOCK).ok()
}

/// Reads the key of an unspent output.
pub fn read_coin_key(key: &[u8]) -> Option<OutPoint> {
    let rest = key.get(COIN.len() + LOCK..)?;
    let (txid, index) = rest.split_at_checked(32)?;
    let txid = Txid::from_bytes(txid.try_into().ok()?);
    Some(OutPoint { txid, index: u32::from_be_bytes(index.try_into().ok()?) })
}

/// What a key of the index is for; none when it means nothing.
pub fn kind(key: &[u8]) -> Option<Kind> {
    if key == MARK_KEY {
        return Some(Kind::Mark);
    }
    let (kind, rest) = key.split_at_checked(2)?;
    read_lock(key)?;
    match (<[u8; 2]>::try_from(kind).ok()?, rest.len()) {
        (SUMMARY, LOCK) => Some(Kind::Summary),
        (HISTORY, length) if length == LOCK + 8 => Some(Kind::Visit),
        (COIN, length) if length == LOCK + 36 => Some(Kind::Coin),
        _ => None,
    }
}

fn key(kind: [u8; 2], lock: &Lock, rest: &[u8]) -> Vec<u8> {
    [&kind, encode(lock).as_slice(), rest].concat()
}
