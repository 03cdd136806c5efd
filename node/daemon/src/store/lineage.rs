//! The lineage of a store: the blocks from genesis to its tip.

use std::collections::HashMap;

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_protocol::chain::store::{ChainStore, HeaderRecord, StoreError};

/// A block between genesis and the tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineageBlock {
    pub hash: BlockHash,
    /// The height in its header's record.
    pub recorded_height: Height,
}

/// The blocks from genesis to the tip of a store, by its headers' records.
///
/// # Errors
/// When the store fails, or has no record of a header.
pub fn lineage(stored: &dyn ChainStore, genesis: BlockHash) -> Result<Vec<LineageBlock>, StoreError> {
    let missing = |hash| StoreError::Missing { kind: "header", hash };
    let records = stored.headers()?.into_iter().map(|record| (record.header.hash(), record));
    let records: HashMap<BlockHash, HeaderRecord> = records.collect();
    let mut hash = stored.tip()?.ok_or(missing(genesis))?;
    let mut lineage = Vec::new();
    loop {
        let record = records.get(&hash).ok_or(missing(hash))?;
        lineage.push(LineageBlock { hash, recorded_height: record.height });
        if hash == genesis {
            break;
        }
        hash = record.header.previous_block_hash;
    }
    lineage.reverse();
    Ok(lineage)
}
