//! Opening a chain: from genesis in a new store, or from what a store holds.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::coin::{Coin, CoinChanges, Origin};
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::params::ChainParams;
use cairn_core::transaction::OutPoint;
use cairn_core::work::Work;

use crate::chain::store::{BlockStatus, ChainStore, Commit, HeaderRecord, StoreError};
use crate::chain::tree::HeaderTree;

/// Why a chain cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store holds another chain.
    #[error("the store holds no block {expected}, the genesis of this chain: it belongs to another")]
    OtherChain { expected: BlockHash },
}

/// The headers that a store holds, and its best chain; a new store is given genesis first.
///
/// # Errors
/// When the store fails or belongs to another chain.
pub fn load<S: ChainStore>(
    store: &mut S,
    params: &ChainParams,
    genesis: &Arc<Block>,
) -> Result<(HeaderTree, Vec<BlockHash>), OpenError> {
    let mut tree = HeaderTree::new(*genesis.header());
    let Some(tip) = store.tip()? else {
        let commit = genesis_commit(genesis);
        for (hash, record) in commit.headers.clone() {
            tree.restore(hash, record, params)?;
        }
        store.commit(commit)?;
        store.flush()?;
        return Ok((tree, vec![genesis.hash()]));
    };
    let expected = genesis.hash();
    let records = store.headers()?;
    if !records.iter().any(|(hash, _)| *hash == expected) {
        return Err(OpenError::OtherChain { expected });
    }
    for (hash, record) in records {
        tree.restore(hash, record, params)?;
    }
    let mut active = Vec::new();
    let mut entry = tree.get(&tip).ok_or(StoreError::Missing { kind: "header", hash: tip })?;
    while entry.height > Height::GENESIS {
        active.push(entry.hash);
        entry = tree.parent(entry).ok_or(StoreError::Missing { kind: "parent", hash: entry.hash })?;
    }
    active.push(expected);
    active.reverse();
    let work = tree.get(&tip).map(|entry| entry.work);
    let work = work.unwrap_or(Work::ZERO);
    tree.forget_candidates_up_to(work);
    Ok((tree, active))
}

/// Genesis is connected by definition: its outputs are the premine.
pub fn genesis_commit(genesis: &Arc<Block>) -> Commit {
    let header = *genesis.header();
    let record = HeaderRecord { header, height: Height::GENESIS, status: BlockStatus::Validated };
    let txid = genesis.coinbase().txid();
    let outputs = (0..).zip(genesis.coinbase().outputs.iter().cloned());
    let created = outputs.map(|(index, output)| {
        (OutPoint { txid, index }, Coin { output, height: Height::GENESIS, origin: Origin::Premine })
    });
    Commit {
        headers: vec![(genesis.hash(), record)],
        bodies: vec![genesis.clone()],
        coins: CoinChanges { spent: Vec::new(), created: created.collect() },
        connected: vec![(Height::GENESIS, genesis.clone())],
        tip: Some(genesis.hash()),
        ..Commit::default()
    }
}
