//! The store on disk: blocks in a journal, everything that can be looked up in sled.
//!
//! A commit is appended to the journal (`journal.rs`) and changes the ledger (`ledger.rs`) in
//! memory; a flush makes the journal safe. Now and then a checkpoint writes what has changed to
//! sled, as one batch on one tree, which sled applies whole or not at all. After a crash the tip is
//! that of the last checkpoint and the blocks beyond it are in the journal, so the chain connects
//! them again: nothing that was flushed is lost, and no state between two blocks is ever seen.

pub mod address_build;
pub mod address_schema;
pub mod addresses;
pub mod database;
pub mod directory;
pub mod journal;
pub mod ledger;
pub mod movements;
pub mod rebuild;
pub mod schema;
pub mod seal;
pub mod snapshot;
pub mod state;
pub mod verify;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_core::block::Block;
use cairn_core::coin::{Coin, Undo};
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::open::genesis_commit;
use cairn_protocol::chain::store::{ChainStore, Commit, HeaderRecord, Spender, StoreError, TransactionPlace};

use crate::store::addresses::AddressIndex;
pub use crate::store::addresses::Indexing;
pub use crate::store::directory::Opening;
use crate::store::directory::{Directory, OpenError};
use crate::store::journal::{Entry, Journal, Place};
use crate::store::ledger::Ledger;
use crate::store::schema::{Checkpoint, Headers, Part};
use crate::store::snapshot::Snapshot;
use crate::store::state::State;

/// Changed records and outputs that force a checkpoint: about 30 MB of memory, a few seconds to
/// repeat after a crash.
const MAX_DIRTY: usize = 300_000;
/// A quiet node checkpoints this often, so that a crash never costs it more than seconds.
const QUIET_INTERVAL: Duration = Duration::from_secs(30);
/// Changed records that are written in passing.
const MAX_DIRTY_QUIET: usize = 4096;

/// How much is kept in memory. However little it is, the content is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Changed records and outputs that force a checkpoint.
    pub dirty: usize,
    /// Records and outputs in each generation of the cache.
    pub cached: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { dirty: MAX_DIRTY, cached: ledger::GENERATION }
    }
}

/// A block on disk, to be read beside the driver while it goes on.
pub struct StoredBlock {
    journal: Journal,
    hash: BlockHash,
    body: Place,
    undo: Option<Place>,
}

impl StoredBlock {
    /// The block.
    ///
    /// # Errors
    /// When the medium fails, or it is not as it was written.
    pub fn block(&self) -> Result<Arc<Block>, StoreError> {
        match self.journal.read(self.body)? {
            Entry::Body(block) if block.hash() == self.hash => Ok(block),
            _ => Err(self.journal.damaged(format!("the entry of block {} is another", self.hash))),
        }
    }

    /// What takes it back, if it was ever connected.
    ///
    /// # Errors
    /// As [`Self::block`].
    pub fn undo(&self) -> Result<Option<Arc<Undo>>, StoreError> {
        match self.undo.map(|place| self.journal.read(place)).transpose()? {
            None => Ok(None),
            Some(Entry::Undo(of, undo)) if of == self.hash => Ok(Some(undo)),
            Some(_) => Err(self.journal.damaged(format!("the undo entry of block {} is another", self.hash))),
        }
    }
}

/// Storage of one chain in one directory, which is locked as long as this lives.
pub struct SledStore {
    journal: Journal,
    state: State,
    ledger: Ledger,
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
    /// Opens or begins the store in a directory; the address index stays if it is there.
    ///
    /// # Errors
    /// When another process has it, it belongs to another chain or version, or is damaged.
    pub fn open(path: &Path, genesis: &Arc<Block>, opening: Opening) -> Result<Self, OpenError> {
        let directory = Directory::open(path, genesis.hash().into(), opening)?;
        Self::open_in(directory, genesis, opening, Indexing::Kept)
    }

    /// Opens or begins the store in a directory that was taken for its chain.
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

    /// Opens or begins the store with other bounds than the usual ones.
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
            ledger: Ledger::new(found.state.clone(), found.transactions, bounds.cached),
            journal: found.journal,
            state: found.state,
            addresses: None,
            headers: found.headers,
            dirty_headers: found.dirty_headers,
            checkpoint: found.checkpoint,
            tip_to_reach: found.tip_to_reach,
            checkpointed: Instant::now(),
            bounds,
            _directory: directory,
        };
        let (state, sequence) = (&store.state, store.checkpoint.sequence);
        let ground = address_build::Ground { state, sequence, stored: &store, bound: bounds.dirty };
        store.addresses = address_build::open(indexing, &ground)?;
        if opening == Opening::Reindex {
            store.commit(genesis_commit(genesis))?;
        }
        Ok(store)
    }

    /// Whether the journal has more than the last checkpoint, as after a crash.
    pub fn is_behind(&self) -> bool {
        self.dirty() > 0
    }

    /// Bytes on disk.
    pub fn size_on_disk(&self) -> u64 {
        self.journal.size() + self.state.size_on_disk()
    }

    /// The number of the last checkpoint: sled holds another state once it is another.
    pub const fn sequence(&self) -> u64 {
        self.checkpoint.sequence
    }

    /// The address index, if it is kept.
    pub const fn addresses(&self) -> Option<&AddressIndex> {
        self.addresses.as_ref()
    }

    /// A block's bytes, known without reading it; none without its body.
    pub fn block_size(&self, hash: &BlockHash) -> Option<u32> {
        self.headers.get(hash)?.body.map(|place| place.length)
    }

    /// A block whose body is here.
    pub fn stored_block(&self, hash: &BlockHash) -> Option<StoredBlock> {
        stored_block(&self.journal, &self.headers, hash)
    }

    /// The coins as they are now, to be read elsewhere while this goes on.
    pub fn snapshot(&self) -> Snapshot {
        self.ledger.snapshot()
    }

    /// Writes what has changed to sled, and makes it safe.
    ///
    /// # Errors
    /// When the medium fails.
    pub fn write_checkpoint(&mut self) -> Result<(), StoreError> {
        self.journal.sync()?;
        let mut next = self.checkpoint;
        next.sequence += 1;
        next.journal_end = self.journal.size();
        next.records = self.headers.len() as u64 + self.ledger.records();
        let headers = std::mem::take(&mut self.dirty_headers);
        let headers = headers.iter().filter_map(|hash| Some((hash, self.headers.get(hash)?)));
        self.ledger.keep_for_snapshots()?;
        let mark = self.addresses.as_ref().map(|index| index.mark(next.sequence, None));
        let addresses = self.addresses.as_ref().map(AddressIndex::changes).zip(mark.as_ref());
        self.state.write(headers, self.ledger.dirty(), addresses, &next)?;
        self.ledger.written();
        if let Some((index, mark)) = self.addresses.as_mut().zip(mark.as_ref()) {
            index.written(mark);
        }
        self.journal.append(&Entry::Checkpoint(next.sequence))?;
        self.checkpoint = next;
        self.checkpointed = Instant::now();
        Ok(())
    }

    fn dirty(&self) -> usize {
        self.ledger.dirty().len() + self.dirty_headers.len()
    }

    /// About how much memory changes take that are not written, in records and outputs.
    fn dirty_weight(&self) -> usize {
        let of_addresses = self.addresses.as_ref().map_or(0, |index| index.changes().len());
        self.ledger.dirty_weight() + self.dirty_headers.len() + of_addresses
    }
}

impl ChainStore for SledStore {
    fn tip(&self) -> Result<Option<BlockHash>, StoreError> {
        Ok(self.checkpoint.tip)
    }

    fn tip_to_reach(&self) -> Option<BlockHash> {
        self.tip_to_reach
    }

    /// Of blocks at one height the one that came first is first: its body is earlier in the journal.
    fn headers(&self) -> Result<Vec<HeaderRecord>, StoreError> {
        let mut headers: Vec<_> = self.headers.iter().collect();
        headers.sort_by_key(|(hash, stored)| {
            let came = stored.body.map_or(u64::MAX, |body| body.offset);
            (stored.record.height, came, **hash)
        });
        Ok(headers.into_iter().map(|(_, stored)| stored.record.clone()).collect())
    }

    fn block(&self, hash: &BlockHash) -> Result<Option<Arc<Block>>, StoreError> {
        self.stored_block(hash).map(|stored| stored.block()).transpose()
    }

    fn undo(&self, hash: &BlockHash) -> Result<Option<Arc<Undo>>, StoreError> {
        read_undo(&self.journal, &self.headers, hash)
    }

    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        self.ledger.coin(outpoint)
    }

    fn transaction_place(&self, txid: &Txid) -> Result<Option<TransactionPlace>, StoreError> {
        self.ledger.place(txid)
    }

    fn spender(&self, outpoint: &OutPoint) -> Result<Option<Spender>, StoreError> {
        self.ledger.spender(outpoint)
    }

    fn for_each_coin(&self, visit: &mut dyn FnMut(OutPoint, Coin)) -> Result<(), StoreError> {
        self.ledger.for_each_coin(visit)
    }

    /// The journal first; a failure there leaves memory as it was, and the node stops. A header's
    /// record comes after the block that it speaks of, so that a crash between the two leaves no
    /// promise that the journal does not keep.
    fn commit(&mut self, commit: Commit) -> Result<(), StoreError> {
        let mut places: Vec<(BlockHash, Part, Place)> = Vec::new();
        for block in &commit.bodies {
            places.push((block.hash(), Part::Body, self.journal.append(&Entry::Body(block.clone()))?));
        }
        for (hash, undo) in &commit.undo {
            places.push((*hash, Part::Undo, self.journal.append(&Entry::Undo(*hash, undo.clone()))?));
        }
        for record in &commit.headers {
            let hash = record.header.hash();
            self.journal.append(&Entry::Header(hash, record.clone()))?;
            let stored = self.headers.entry(hash).or_insert_with(|| record.clone().into());
            stored.record = record.clone();
            self.dirty_headers.insert(hash);
        }
        for (hash, part, place) in places {
            let missing = StoreError::Missing { kind: "header", hash };
            self.headers.get_mut(&hash).ok_or(missing)?.set(part, place);
            self.dirty_headers.insert(hash);
        }
        if let Some(tip) = commit.tip {
            self.journal.append(&Entry::Tip(tip))?;
        }
        self.ledger.apply(&commit)?;
        if let Some(addresses) = &mut self.addresses {
            addresses.apply(&commit, |hash| read_undo(&self.journal, &self.headers, hash))?;
        }
        let is_first = self.checkpoint.tip.is_none();
        self.checkpoint.tip = commit.tip.or(self.checkpoint.tip);
        if is_first || self.dirty_weight() >= self.bounds.dirty {
            self.write_checkpoint()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let is_little = (1..=MAX_DIRTY_QUIET).contains(&self.dirty());
        let is_quiet = is_little && self.checkpointed.elapsed() >= QUIET_INTERVAL;
        if is_quiet { self.write_checkpoint() } else { self.journal.sync() }
    }
}

impl Drop for SledStore {
    /// A clean stop leaves nothing to repeat. Failing here loses nothing: the journal has it.
    fn drop(&mut self) {
        if self.checkpoint.tip.is_some()
            && self.dirty() > 0
            && let Err(error) = self.write_checkpoint()
        {
            tracing::warn!(%error, "the last checkpoint failed; the next start repeats some blocks");
        }
    }
}

fn stored_block(journal: &Journal, headers: &Headers, hash: &BlockHash) -> Option<StoredBlock> {
    let stored = headers.get(hash)?;
    Some(StoredBlock { journal: journal.clone(), hash: *hash, body: stored.body?, undo: stored.undo })
}

fn read_undo(
    journal: &Journal,
    headers: &Headers,
    hash: &BlockHash,
) -> Result<Option<Arc<Undo>>, StoreError> {
    stored_block(journal, headers, hash).map_or(Ok(None), |stored| stored.undo())
}

#[cfg(test)]
mod tests;
