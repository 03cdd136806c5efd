//! The lineage of a store: the blocks from genesis to its tip.

use std::collections::HashMap;

use cairn_core::hash::BlockHash;
use cairn_protocol::chain::store::{ChainStore, HeaderRecord, StoreError};

/// The hashes from genesis to the tip of a store, by its headers' records.
///
/// # Errors
/// When the store fails, or has no record of a header.
pub fn lineage(stored: &dyn ChainStore, genesis: BlockHash) -> Result<Vec<BlockHash>, StoreError> {
    let missing = |hash| StoreError::Missing { kind: "header", hash };
    let records = stored.headers()?.into_iter();
    let parents: HashMap<BlockHash, BlockHash> =
        records.map(|HeaderRecord { header, .. }| (header.hash(), header.previous_block_hash)).collect();
    let mut next = stored.tip()?.ok_or(missing(genesis))?;
    let mut lineage = Vec::new();
    while next != genesis {
        lineage.push(next);
        next = *parents.get(&next).ok_or(missing(next))?;
    }
    lineage.push(genesis);
    lineage.reverse();
    Ok(lineage)
}
