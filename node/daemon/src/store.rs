//! The store on disk: blocks in a journal, everything that can be looked up in sled.
//!
//! A commit is appended to the journal (`journal.rs`) and changes the transaction index (`tx_index.rs`) in
//! memory; a flush writes the journal to the disk. From time to time a checkpoint writes what has changed to
//! sled, as one batch on one tree, which sled applies as a whole or not at all. After a crash the tip is
//! that of the last checkpoint and the blocks beyond it are in the journal, so the chain connects
//! them again: nothing that was flushed is lost, and no state between two blocks is ever visible.

pub mod address_build;
pub mod address_schema;
pub mod addresses;
pub mod changes;
pub mod checksum;
pub mod database;
pub mod directory;
pub mod journal;
pub mod lineage;
pub mod lock_deltas;
pub mod rebuild;
pub mod schema;
pub mod snapshot;
pub mod tx_index;
pub mod verify;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_core::block::Block;
use cairn_core::coin::{Coin, Undo};
use cairn_core::encoding::encode;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::open::genesis_commit;
use cairn_protocol::chain::store::{ChainStore, Commit, HeaderRecord, Spender, StoreError, TransactionPlace};

use crate::store::addresses::AddressIndex;
pub use crate::store::addresses::Indexing;
use crate::store::database::{Batch, Database};
pub use crate::store::directory::Opening;
use crate::store::directory::{Directory, OpenError};
use crate::store::journal::{Journal, JournalRecord, Location};
use crate::store::schema::{
    CHECKPOINT_KEY, Checkpoint, Headers, Part, PartLocation, header_key, transaction_key,
};
use crate::store::snapshot::Snapshot;
use crate::store::tx_index::TxIndex;

/// Changed records and outputs that force a checkpoint: about 30 MB of memory, a few seconds to
/// repeat after a crash.
const MAX_DIRTY: usize = 300_000;
/// The interval of checkpoints of a quiet node, so that a crash never costs it more than seconds.
const QUIET_INTERVAL: Duration = Duration::from_secs(30);
/// The most changed records that a flush writes as a checkpoint.
const MAX_DIRTY_QUIET: usize = 4096;

/// Limits to what is kept in memory. They change no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Changed records and outputs that force a checkpoint.
    pub dirty: usize,
    /// Records and outputs in each generation of the cache.
    pub cached: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { dirty: MAX_DIRTY, cached: tx_index::GENERATION }
    }
}

/// A block on disk, to be read beside the driver while it continues.
pub struct StoredBlock {
    journal: Journal,
    hash: BlockHash,
    body: Location,
    undo: Option<Location>,
}

impl StoredBlock {
    /// Reads the block from the disk.
    ///
    /// # Errors
    /// When the medium fails, or the block is not as it was written.
    pub fn block(&self) -> Result<Arc<Block>, StoreError> {
        match self.journal.read(self.body)? {
            JournalRecord::Body(block) if block.hash() == self.hash => Ok(block),
            _ => Err(self.journal.damaged(format!("the record of block {} is another", self.hash))),
        }
    }

    /// Reads the block's undo data; none if it was never connected.
    ///
    /// # Errors
    /// As [`Self::block`].
    pub fn undo(&self) -> Result<Option<Arc<Undo>>, StoreError> {
        match self.undo.map(|location| self.journal.read(location)).transpose()? {
            None => Ok(None),
            Some(JournalRecord::Undo(of, undo)) if of == self.hash => Ok(Some(undo)),
            Some(_) => {
                Err(self.journal.damaged(format!("the undo record of block {} is another", self.hash)))
            }
        }
    }
}

/// Storage of one chain in one directory, which is locked as long as this lives.
pub struct SledStore {
    journal: Journal,
    database: Arc<Database>,
    transactions: TxIndex,
    addresses: Option<AddressIndex>,
    headers: Headers,
    dirty_headers: BTreeSet<BlockHash>,
    checkpoint: Checkpoint,
    tip_to_reach: Option<BlockHash>,
    checkpointed: Instant,
    bounds: Bounds,
    _directory: Directory,
}

impl SledStore {
    /// Opens or makes the store in a directory; the address index stays if it is there.
    ///
    /// # Errors
    /// When the directory is in use, belongs to another chain or version, or is damaged.
    pub fn open(path: &Path, genesis: &Arc<Block>, opening: Opening) -> Result<Self, OpenError> {
        let directory = Directory::open(path, genesis.hash().into(), opening)?;
        Self::open_in(directory, genesis, opening, Indexing::Kept)
    }

    /// Opens or makes the store in a directory that is locked for its chain.
    ///
    /// # Errors
    /// When it is damaged or cannot be read.
    pub fn open_in(
        directory: Directory,
        genesis: &Arc<Block>,
        opening: Opening,
        indexing: Indexing,
    ) -> Result<Self, OpenError> {
        Self::open_within(Bounds::default(), directory, genesis, opening, indexing)
    }

    /// Opens or makes the store with other bounds than the default.
    ///
    /// # Errors
    /// As [`Self::open_in`].
    pub fn open_within(
        bounds: Bounds,
        directory: Directory,
        genesis: &Arc<Block>,
        opening: Opening,
        indexing: Indexing,
    ) -> Result<Self, OpenError> {
        let found = match opening {
            Opening::Resume => rebuild::resume(&directory)?,
            Opening::Reindex => rebuild::salvage(&directory, genesis.hash())?,
        };
        let mut store = Self {
            transactions: TxIndex::new(found.database.clone(), found.transactions, bounds.cached),
            journal: found.journal,
            database: found.database,
            addresses: None,
            headers: found.headers,
            dirty_headers: found.dirty_headers,
            checkpoint: found.checkpoint,
            tip_to_reach: found.tip_to_reach,
            checkpointed: Instant::now(),
            bounds,
            _directory: directory,
        };
        let source = address_build::IndexSource {
            database: &store.database,
            sequence: store.checkpoint.sequence,
            stored: &store,
            genesis: genesis.hash(),
            max_changes: bounds.dirty,
        };
        store.addresses = address_build::open(indexing, &source)?;
        if opening == Opening::Reindex {
            store.commit(genesis_commit(genesis))?;
        }
        Ok(store)
    }

    /// Whether the journal has more than the last checkpoint, as after a crash.
    pub fn is_behind(&self) -> bool {
        self.dirty() > 0
    }

    /// Its size on the disk, in bytes.
    pub fn size_on_disk(&self) -> u64 {
        self.journal.size() + self.database.size_on_disk()
    }

    /// The number of the last checkpoint. The database holds another state once it changes.
    pub const fn sequence(&self) -> u64 {
        self.checkpoint.sequence
    }

    /// The address index, if it is kept.
    pub const fn addresses(&self) -> Option<&AddressIndex> {
        self.addresses.as_ref()
    }

    /// The size of a block in bytes, known without reading it; none without its body.
    pub fn block_size(&self, hash: &BlockHash) -> Option<u32> {
        self.headers.get(hash)?.body.map(|location| location.length)
    }

    /// A block whose body is stored.
    pub fn stored_block(&self, hash: &BlockHash) -> Option<StoredBlock> {
        let stored = self.headers.get(hash)?;
        let (journal, hash) = (self.journal.clone(), *hash);
        Some(StoredBlock { journal, hash, body: stored.body?, undo: stored.undo })
    }

    /// The coins as they are now, to be read beside the driver while it continues.
    pub fn snapshot(&self) -> Snapshot {
        self.transactions.snapshot()
    }

    /// Writes what has changed to the database, and flushes it to the disk.
    pub fn write_checkpoint(&mut self) -> Result<(), StoreError> {
        self.journal.sync()?;
        let next = Checkpoint {
            sequence: self.checkpoint.sequence + 1,
            journal_end: self.journal.size(),
            records: self.headers.len() as u64 + self.transactions.records(),
            tip: self.checkpoint.tip,
        };
        self.transactions.keep_for_snapshots()?;
        let mut batch = Batch::default();
        for hash in std::mem::take(&mut self.dirty_headers) {
            if let Some(header) = self.headers.get(&hash) {
                batch.insert(&header_key(&hash), &encode(header));
            }
        }
        for (txid, change) in self.transactions.changes() {
            match &change.now {
                Some(transaction) => batch.insert(&transaction_key(txid), &encode(transaction)),
                None => batch.remove(&transaction_key(txid)),
            }
        }
        let index = self.addresses.as_ref().map(|index| index.write(&mut batch, next.sequence, None));
        batch.insert(CHECKPOINT_KEY, &encode(&next));
        self.database.write(batch)?;
        self.transactions.written();
        if let Some((addresses, index)) = self.addresses.as_mut().zip(index.as_ref()) {
            addresses.written(index);
        }
        self.journal.append(&JournalRecord::Checkpoint(next.sequence))?;
        self.checkpoint = next;
        self.checkpointed = Instant::now();
        Ok(())
    }

    fn dirty(&self) -> usize {
        self.transactions.changes().len() + self.dirty_headers.len()
    }

    /// The approximate memory of changes that are not written, in records and outputs.
    fn dirty_weight(&self) -> usize {
        let of_addresses = self.addresses.as_ref().map_or(0, |index| index.changes().len());
        self.transactions.weight() + self.dirty_headers.len() + of_addresses
    }
}

impl ChainStore for SledStore {
    fn tip(&self) -> Result<Option<BlockHash>, StoreError> {
        Ok(self.checkpoint.tip)
    }

    fn tip_to_reach(&self) -> Option<BlockHash> {
        self.tip_to_reach
    }

    /// Of blocks at one height the one that arrived first is first: its body is earlier in the journal.
    fn headers(&self) -> Result<Vec<HeaderRecord>, StoreError> {
        let mut headers: Vec<_> = self.headers.iter().collect();
        headers.sort_by_key(|(hash, stored)| {
            let arrival = stored.body.map_or(u64::MAX, |body| body.offset);
            (stored.record.height, arrival, **hash)
        });
        Ok(headers.into_iter().map(|(_, stored)| stored.record.clone()).collect())
    }

    fn block(&self, hash: &BlockHash) -> Result<Option<Arc<Block>>, StoreError> {
        self.stored_block(hash).map(|stored| stored.block()).transpose()
    }

    fn undo(&self, hash: &BlockHash) -> Result<Option<Arc<Undo>>, StoreError> {
        self.stored_block(hash).map_or(Ok(None), |stored| stored.undo())
    }

    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        self.transactions.coin(outpoint)
    }

    fn transaction_place(&self, txid: &Txid) -> Result<Option<TransactionPlace>, StoreError> {
        self.transactions.place(txid)
    }

    fn spender(&self, outpoint: &OutPoint) -> Result<Option<Spender>, StoreError> {
        self.transactions.spender(outpoint)
    }

    fn for_each_coin(&self, visit: &mut dyn FnMut(OutPoint, Coin)) -> Result<(), StoreError> {
        self.transactions.for_each_coin(visit)
    }

    /// The journal first; a failure there leaves memory as it was, and the node stops. A header's
    /// record comes after its block, so that a crash between the two leaves no record of a block that the
    /// journal does not have.
    fn commit(&mut self, commit: Commit) -> Result<(), StoreError> {
        let mut parts: Vec<(BlockHash, PartLocation)> = Vec::new();
        for block in &commit.bodies {
            let location = self.journal.append(&JournalRecord::Body(block.clone()))?;
            parts.push((block.hash(), PartLocation { part: Part::Body, location }));
        }
        for (hash, undo) in &commit.undo {
            let location = self.journal.append(&JournalRecord::Undo(*hash, undo.clone()))?;
            parts.push((*hash, PartLocation { part: Part::Undo, location }));
        }
        for record in &commit.headers {
            let hash = record.header.hash();
            self.journal.append(&JournalRecord::Header(hash, record.clone()))?;
            let stored = self.headers.entry(hash).or_insert_with(|| record.clone().into());
            stored.record = record.clone();
            self.dirty_headers.insert(hash);
        }
        for (hash, part) in parts {
            let missing = StoreError::Missing { kind: "header", hash };
            self.headers.get_mut(&hash).ok_or(missing)?.set(part);
            self.dirty_headers.insert(hash);
        }
        if let Some(tip) = commit.tip {
            self.journal.append(&JournalRecord::Tip(tip))?;
        }
        self.transactions.apply(&commit)?;
        if let Some(mut addresses) = self.addresses.take() {
            let applied = addresses.apply(&commit, |hash| self.undo(hash));
            self.addresses = Some(addresses);
            applied?;
        }
        let is_first = self.checkpoint.tip.is_none();
        self.checkpoint.tip = commit.tip.or(self.checkpoint.tip);
        if is_first || self.dirty_weight() >= self.bounds.dirty {
            self.write_checkpoint()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let are_few = (1..=MAX_DIRTY_QUIET).contains(&self.dirty());
        let is_quiet = are_few && self.checkpointed.elapsed() >= QUIET_INTERVAL;
        if is_quiet { self.write_checkpoint() } else { self.journal.sync() }
    }
}

impl Drop for SledStore {
    /// After a clean stop the next start has no block to connect again. A failure here loses nothing.
    fn drop(&mut self) {
        if self.checkpoint.tip.is_some()
            && self.dirty() > 0
            && let Err(error) = self.write_checkpoint()
        {
            tracing::warn!(%error, "the last checkpoint failed; the next start connects some blocks again");
        }
    }
}

#[cfg(test)]
mod tests;
