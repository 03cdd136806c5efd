//! Opening the address index: continuing it, building it for a chain that has none, or removing it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_core::coin::Undo;
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_protocol::chain::store::{ChainStore, StoreError};

use crate::store::address_schema::{INDEX_CHECKPOINT_KEY, IndexCheckpoint, PREFIX};
use crate::store::addresses::{AddressIndex, Indexing};
use crate::store::database::{Batch, Database};
use crate::store::lineage::{LineageBlock, lineage};

/// Changed records that are written at a time, unless the store's limit is lower: about 20 MB of memory. A
/// start that was interrupted continues with the block after the last that was written.
const MAX_CHANGES: usize = 100_000;
/// The interval of progress messages in the log.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// What a missing index is built from.
pub struct IndexSource<'s> {
    pub database: &'s Arc<Database>,
    /// Number of the database's checkpoint.
    pub sequence: u64,
    /// The blocks up to that checkpoint.
    pub stored: &'s dyn ChainStore,
    pub genesis: BlockHash,
    /// The most changed records in memory.
    pub max_changes: usize,
}

/// The index of a store as it is at its last checkpoint.
pub fn open(indexing: Indexing, source: &IndexSource<'_>) -> Result<Option<AddressIndex>, StoreError> {
    // An index that the last checkpoint did not write is of another chain than the one that is stored.
    let found: Option<IndexCheckpoint> = source.database.get(INDEX_CHECKPOINT_KEY)?;
    let found = found.filter(|found| found.sequence == source.sequence);
    let index = |records| AddressIndex::new(source.database.clone(), records);
    match (indexing, found) {
        (Indexing::Kept | Indexing::On, Some(IndexCheckpoint { records, next: None, .. })) => {
            Ok(Some(index(records)))
        }
        (Indexing::Kept, _) => Ok(None),
        (Indexing::On, Some(IndexCheckpoint { records, next: Some(next), .. })) => {
            build(index(records), next, source).map(Some)
        }
        (Indexing::On, None) => {
            remove(source.database, MAX_CHANGES)?;
            build(index(0), Height::GENESIS, source).map(Some)
        }
        (Indexing::Off, _) => {
            remove(source.database, MAX_CHANGES)?;
            Ok(None)
        }
    }
}

/// Removes all records of an index, at most `at_once` in a batch. The index checkpoint goes with the first,
/// so that what a crash leaves does not count as an index.
pub fn remove(database: &Database, at_once: usize) -> Result<(), StoreError> {
    let mut removed = 0;
    loop {
        let keys = database.scan(&PREFIX, |key, _| Ok(key.to_vec())).take(at_once);
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            break;
        }
        let mut batch = Batch::default();
        keys.iter().for_each(|key| batch.remove(key));
        database.write(batch)?;
        removed += keys.len();
    }
    if removed > 0 {
        tracing::info!(records = removed, "the address index is removed");
    }
    Ok(())
}

/// Adds the blocks of the best chain from a height on.
fn build(
    mut index: AddressIndex,
    first: Height,
    source: &IndexSource<'_>,
) -> Result<AddressIndex, StoreError> {
    let IndexSource { stored, genesis, max_changes, .. } = *source;
    if stored.tip()?.is_none() {
        return Ok(index);
    }
    let lineage = lineage(stored, genesis)?;
    let blocks = lineage.len() - 1;
    let begun = Instant::now();
    let mut last_message = begun;
    tracing::info!(height = first.get(), of = blocks, "building the address index");
    for (height, LineageBlock { hash, .. }) in
        (0..).map(Height::from_u32).zip(&lineage).skip(first.get() as usize)
    {
        let missing = |kind| StoreError::Missing { kind, hash: *hash };
        let block = stored.block(hash)?.ok_or_else(|| missing("body"))?;
        match height {
            Height::GENESIS => index.connect(height, &block, &Undo::default())?,
            _ => index.connect(height, &block, &*stored.undo(hash)?.ok_or_else(|| missing("undo data"))?)?,
        }
        if index.changes().len() >= MAX_CHANGES.min(max_changes) {
            write(&mut index, source, Some(height.next()))?;
        }
        if last_message.elapsed() >= PROGRESS_INTERVAL {
            last_message = Instant::now();
            tracing::info!(height = height.get(), of = blocks, "building the address index");
        }
    }
    write(&mut index, source, None)?;
    tracing::info!(height = blocks, ms = begun.elapsed().as_millis() as u64, "the address index is complete");
    Ok(index)
}

fn write(index: &mut AddressIndex, source: &IndexSource<'_>, next: Option<Height>) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    let checkpoint = index.write(&mut batch, source.sequence, next);
    source.database.write(batch)?;
    index.written(&checkpoint);
    Ok(())
}
