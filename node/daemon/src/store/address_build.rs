//! Opening the address index: going on with it, making it for a chain that has none, or removing it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cairn_core::coin::Undo;
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_protocol::chain::store::{ChainStore, HeaderRecord, StoreError};

use crate::store::addresses::{AddressIndex, Indexing};
use crate::store::state::State;

/// Changed records that are written at a time, unless the store's bound is lower: about 20 MB of
/// memory. A start that is broken off begins with the block after those that were written.
const PART: usize = 100_000;
/// How often is told how far it is.
const TELL_EACH: Duration = Duration::from_secs(5);

/// What the index is to be made of, if it is missing.
pub struct Ground<'s> {
    /// The database.
    pub state: &'s State,
    /// The number of its checkpoint.
    pub sequence: u64,
    /// The blocks up to that.
    pub stored: &'s dyn ChainStore,
    /// Changed records that may be in memory.
    pub bound: usize,
}

/// The index of a store as it is at its last checkpoint.
///
/// # Errors
/// When the store fails or contradicts itself.
pub fn open(indexing: Indexing, ground: &Ground<'_>) -> Result<Option<AddressIndex>, StoreError> {
    let state = ground.state;
    // The index that a checkpoint did not write is of another chain than the one that is stored.
    let mark = state.address_mark()?.filter(|mark| mark.sequence == ground.sequence);
    let is_wanted = match indexing {
        Indexing::Kept => mark.is_some_and(|mark| mark.next.is_none()),
        Indexing::On => true,
        Indexing::Off => false,
    };
    match (is_wanted, mark) {
        (true, Some(mark)) if mark.next.is_none() => Ok(Some(AddressIndex::new(state.clone(), mark.records))),
        (true, Some(mark)) => {
            let index = AddressIndex::new(state.clone(), mark.records);
            make(index, mark.next.unwrap_or(Height::GENESIS), ground).map(Some)
        }
        (true, None) => {
            remove(state)?;
            let index = AddressIndex::new(state.clone(), 0);
            make(index, Height::GENESIS, ground).map(Some)
        }
        (false, _) if indexing == Indexing::Off => remove(state).map(|()| None),
        (false, _) => Ok(None),
    }
}

/// Takes away whatever there is of an index, in parts: the mark goes with the first, so that what a
/// crash leaves is taken for no index.
fn remove(state: &State) -> Result<(), StoreError> {
    let mut records = 0;
    loop {
        match state.remove_addresses(PART)? {
            0 => break,
            removed => records += removed,
        }
    }
    if records > 0 {
        tracing::info!(records, "the address index is removed");
    }
    Ok(())
}

/// Goes through the best chain from a height on.
fn make(mut index: AddressIndex, first: Height, ground: &Ground<'_>) -> Result<AddressIndex, StoreError> {
    let Ground { stored, bound, .. } = *ground;
    let lineage = lineage(stored)?;
    let blocks = lineage.len().saturating_sub(1);
    let begun = Instant::now();
    let mut told = begun;
    if !lineage.is_empty() {
        tracing::info!(height = first.get(), of = blocks, "making the address index");
    }
    for (height, hash) in (0..).map(Height::from_u32).zip(&lineage).skip(first.get() as usize) {
        let missing = |kind| StoreError::Missing { kind, hash: *hash };
        let block = stored.block(hash)?.ok_or_else(|| missing("body"))?;
        match height {
            Height::GENESIS => index.connect(height, &block, &Undo::default())?,
            _ => index.connect(height, &block, &*stored.undo(hash)?.ok_or_else(|| missing("undo data"))?)?,
        }
        if index.changes().len() >= PART.min(bound) {
            write(&mut index, ground, Some(height.next()))?;
        }
        if told.elapsed() >= TELL_EACH {
            told = Instant::now();
            tracing::info!(height = height.get(), of = blocks, "making the address index");
        }
    }
    if !lineage.is_empty() {
        write(&mut index, ground, None)?;
        let ms = begun.elapsed().as_millis() as u64;
        tracing::info!(height = blocks, ms, "the address index is complete");
    }
    Ok(index)
}

fn write(index: &mut AddressIndex, ground: &Ground<'_>, next: Option<Height>) -> Result<(), StoreError> {
    let mark = index.mark(ground.sequence, next);
    ground.state.write_addresses(index.changes(), &mark)?;
    index.written(&mark);
    Ok(())
}

/// The best chain from genesis to the stored tip; nothing of a new store.
fn lineage(stored: &dyn ChainStore) -> Result<Vec<BlockHash>, StoreError> {
    let Some(mut next) = stored.tip()? else { return Ok(Vec::new()) };
    let parents: HashMap<BlockHash, (BlockHash, Height)> = (stored.headers()?.into_iter())
        .map(|HeaderRecord { header, height, .. }| (header.hash(), (header.previous_block_hash, height)))
        .collect();
    let mut lineage = Vec::new();
    loop {
        let (parent, height) =
            parents.get(&next).ok_or(StoreError::Missing { kind: "header", hash: next })?;
        lineage.push(next);
        if *height == Height::GENESIS {
            break;
        }
        next = *parent;
    }
    lineage.reverse();
    Ok(lineage)
}
