//! Storage for the many nodes of one world: what two nodes hold alike is held once.
//!
//! Every node has its own records of which blocks it has and what it made of them. The coins and
//! indexes at its tip are a [`Ledger`]: a persistent map that nodes with the same content share, and
//! that shares with the ledgers before it whatever did not change. Sharing goes by content, never by
//! what the content ought to be: a node whose own code made other coins has a ledger of its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cairn_core::block::Block;
use cairn_core::coin::{Coin, CoinChanges, Undo};
use cairn_core::encoding::{Encode, encode};
use cairn_core::hash::{BlockHash, Txid, sha256d};
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::store::{
    BlockStatus, ChainBlock, ChainStore, Commit, HeaderRecord, Spender, StoreError, TransactionPlace,
};
use imbl::OrdMap;

/// Changes remembered, so that the next node that makes one need not work out what it leads to.
const REMEMBERED_CHANGES: usize = 64;

/// Stands for the content of a ledger: the sum of its entries' hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u64; 4]);

impl Digest {
    fn hash(kind: u8, key: &impl Encode, value: &impl Encode) -> Self {
        let bytes = sha256d(&[&[kind][..], &encode(key), &encode(value)].concat());
        let mut words = [0; 4];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().expect("chunks of eight bytes"));
        }
        Self(words)
    }

    fn add(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, more)| *word = word.wrapping_add(more));
    }

    fn subtract(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, less)| *word = word.wrapping_sub(less));
    }
}

/// The coins and indexes at some tip.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    digest: Digest,
    coins: OrdMap<OutPoint, Coin>,
    places: OrdMap<Txid, TransactionPlace>,
    spenders: OrdMap<OutPoint, Spender>,
}

impl Ledger {
    fn after(&self, commit: &Commit) -> Self {
        let mut next = self.clone();
        for (outpoint, _) in &commit.coins.spent {
            if let Some(coin) = next.coins.remove(outpoint) {
                next.digest.subtract(Digest::hash(0, outpoint, &coin));
            }
        }
        for (outpoint, coin) in &commit.coins.created {
            if let Some(replaced) = next.coins.insert(*outpoint, coin.clone()) {
                next.digest.subtract(Digest::hash(0, outpoint, &replaced));
            }
            next.digest.add(Digest::hash(0, outpoint, coin));
        }
        for ChainBlock { block, .. } in &commit.disconnected {
            for txid in block.txids() {
                next.remove_place(&txid);
            }
            for outpoint in block.transactions().iter().flat_map(|transaction| transaction.inputs()) {
                next.remove_spender(outpoint);
            }
        }
        for ChainBlock { height, block, .. } in &commit.connected {
            next.index(*height, block);
        }
        next
    }

    fn index(&mut self, height: Height, block: &Block) {
        for (position, txid) in (0..).zip(block.txids()) {
            self.remove_place(&txid);
            let place = TransactionPlace { block: block.hash(), height, position };
            self.digest.add(Digest::hash(1, &txid, &place));
            self.places.insert(txid, place);
        }
        for transaction in block.transactions() {
            let spender = Spender { txid: transaction.txid(), height };
            for outpoint in transaction.inputs() {
                self.remove_spender(outpoint);
                self.digest.add(Digest::hash(2, outpoint, &spender));
                self.spenders.insert(*outpoint, spender);
            }
        }
    }

    fn remove_place(&mut self, txid: &Txid) {
        if let Some(place) = self.places.remove(txid) {
            self.digest.subtract(Digest::hash(1, txid, &place));
        }
    }

    fn remove_spender(&mut self, outpoint: &OutPoint) {
        if let Some(spender) = self.spenders.remove(outpoint) {
            self.digest.subtract(Digest::hash(2, outpoint, &spender));
        }
    }
}

/// A change that some node made, and what it led to.
#[derive(Debug)]
struct Change {
    before: Digest,
    coins: CoinChanges,
    disconnected: Vec<BlockHash>,
    connected: Vec<BlockHash>,
    after: Weak<Ledger>,
}

#[derive(Debug, Default)]
struct Shelves {
    ledgers: BTreeMap<Digest, Weak<Ledger>>,
    changes: VecDeque<Change>,
    undo: BTreeMap<BlockHash, Weak<Undo>>,
    /// The number of entries that leads to a sweep of those that no store holds any more.
    sweep_at: usize,
}

/// What the nodes of one world share.
#[derive(Clone, Debug, Default)]
pub struct Shared(Arc<Mutex<Shelves>>);

impl Shared {
    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        // What is guarded is whole after every statement, so a panic elsewhere spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty store of one more node. One that is `forgetful` can lose what was not flushed.
    pub fn store(&self, forgetful: bool) -> SharedStore {
        let flushed = forgetful.then(Flushed::default);
        SharedStore {
            shared: self.clone(),
            tip: None,
            ledger: Arc::default(),
            records: BTreeMap::new(),
            flushed,
        }
    }
}

impl Shelves {
    fn ledger_after(&mut self, before: &Arc<Ledger>, commit: &Commit) -> Arc<Ledger> {
        let hashes =
            |blocks: &[ChainBlock]| -> Vec<BlockHash> { blocks.iter().map(|one| one.block.hash()).collect() };
        let (disconnected, connected) = (hashes(&commit.disconnected), hashes(&commit.connected));
        let same = self.changes.iter().rev().find(|change| {
            change.before == before.digest
                && change.connected == connected
                && change.disconnected == disconnected
                && change.coins == commit.coins
        });
        if let Some(after) = same.and_then(|change| change.after.upgrade()) {
            return after;
        }
        let after = before.after(commit);
        let held = self.ledgers.get(&after.digest).and_then(Weak::upgrade);
        let after = held.unwrap_or_else(|| Arc::new(after));
        self.ledgers.insert(after.digest, Arc::downgrade(&after));
        if self.changes.len() == REMEMBERED_CHANGES {
            self.changes.pop_front();
        }
        let (before, coins, weak) = (before.digest, commit.coins.clone(), Arc::downgrade(&after));
        self.changes.push_back(Change { before, coins, disconnected, connected, after: weak });
        self.sweep();
        after
    }

    fn undo(&mut self, hash: BlockHash, undo: Arc<Undo>) -> Arc<Undo> {
        let held = self.undo.get(&hash).and_then(Weak::upgrade).filter(|held| *held == undo);
        let undo = held.unwrap_or(undo);
        self.undo.insert(hash, Arc::downgrade(&undo));
        undo
    }

    fn sweep(&mut self) {
        let entries = self.ledgers.len() + self.undo.len();
        if entries >= self.sweep_at {
            self.ledgers.retain(|_, ledger| ledger.strong_count() > 0);
            self.undo.retain(|_, undo| undo.strong_count() > 0);
            self.sweep_at = 2 * (self.ledgers.len() + self.undo.len()) + 64;
        }
    }
}

/// What a node holds of a block. Of a header without body the header itself.
#[derive(Clone, Debug)]
struct Record {
    height: Height,
    status: BlockStatus,
    header: Option<Box<Header>>,
    block: Option<Arc<Block>>,
    undo: Option<Arc<Undo>>,
}

/// The store of one node.
#[derive(Debug, Default)]
pub struct SharedStore {
    shared: Shared,
    tip: Option<BlockHash>,
    ledger: Arc<Ledger>,
    records: BTreeMap<BlockHash, Record>,
    flushed: Option<Flushed>,
}

/// What a loss of power would leave, as the difference to what is there.
#[derive(Debug, Default)]
struct Flushed {
    tip: Option<BlockHash>,
    ledger: Arc<Ledger>,
    /// Records as they were, of those that changed since; in the order of change.
    before: Vec<(BlockHash, Option<Record>)>,
}

impl SharedStore {
    /// Loses every commit since the last flush. A store that is not forgetful loses nothing.
    pub fn lose_unflushed(&mut self) {
        let Some(flushed) = &mut self.flushed else { return };
        (self.tip, self.ledger) = (flushed.tip, flushed.ledger.clone());
        for (hash, before) in flushed.before.drain(..).rev() {
            match before {
                Some(record) => self.records.insert(hash, record),
                None => self.records.remove(&hash),
            };
        }
    }

    /// Stands for the coins and indexes: two nodes with the same have the same.
    pub fn digest(&self) -> Digest {
        self.ledger.digest
    }

    fn change(&mut self, hash: BlockHash, change: impl FnOnce(&mut Option<Record>)) {
        let mut record = self.records.remove(&hash);
        if let Some(flushed) = &mut self.flushed {
            flushed.before.push((hash, record.clone()));
        }
        change(&mut record);
        if let Some(record) = record {
            self.records.insert(hash, record);
        }
    }
}

impl ChainStore for SharedStore {
    fn tip(&self) -> Result<Option<BlockHash>, StoreError> {
        Ok(self.tip)
    }

    fn headers(&self) -> Result<Vec<HeaderRecord>, StoreError> {
        let record = |record: &Record| {
            let of_block = || record.block.as_ref().map(|block| *block.header());
            let header = record.header.as_deref().copied().or_else(of_block)?;
            Some(HeaderRecord { header, height: record.height, status: record.status })
        };
        let mut headers: Vec<_> = self.records.values().filter_map(record).collect();
        headers.sort_by_key(|record| record.height);
        Ok(headers)
    }

    fn block(&self, hash: &BlockHash) -> Result<Option<Arc<Block>>, StoreError> {
        Ok(self.records.get(hash).and_then(|record| record.block.clone()))
    }

    fn undo(&self, hash: &BlockHash) -> Result<Option<Arc<Undo>>, StoreError> {
        Ok(self.records.get(hash).and_then(|record| record.undo.clone()))
    }

    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        Ok(self.ledger.coins.get(outpoint).cloned())
    }

    fn transaction_place(&self, txid: &Txid) -> Result<Option<TransactionPlace>, StoreError> {
        Ok(self.ledger.places.get(txid).copied())
    }

    fn spender(&self, outpoint: &OutPoint) -> Result<Option<Spender>, StoreError> {
        Ok(self.ledger.spenders.get(outpoint).copied())
    }

    fn for_each_coin(&self, visit: &mut dyn FnMut(OutPoint, Coin)) -> Result<(), StoreError> {
        self.ledger.coins.iter().for_each(|(outpoint, coin)| visit(*outpoint, coin.clone()));
        Ok(())
    }

    fn commit(&mut self, commit: Commit) -> Result<(), StoreError> {
        let shared = self.shared.clone();
        let mut shelves = shared.shelves();
        if commit.tip.is_some() {
            self.ledger = shelves.ledger_after(&self.ledger, &commit);
            self.tip = commit.tip;
        }
        for HeaderRecord { header, height, status } in commit.headers {
            self.change(header.hash(), |record| match record {
                Some(record) => record.status = status,
                None => {
                    let header = Some(Box::new(header));
                    *record = Some(Record { height, status, header, block: None, undo: None });
                }
            });
        }
        for block in commit.bodies {
            self.change(block.hash(), |record| {
                if let Some(record) = record {
                    // The body has the header in it.
                    (record.block, record.header) = (Some(block), None);
                }
            });
        }
        for (hash, undo) in commit.undo {
            let undo = shelves.undo(hash, undo);
            self.change(hash, |record| {
                if let Some(record) = record {
                    record.undo = Some(undo);
                }
            });
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if let Some(flushed) = &mut self.flushed {
            *flushed = Flushed { tip: self.tip, ledger: self.ledger.clone(), before: Vec::new() };
        }
        Ok(())
    }
}
