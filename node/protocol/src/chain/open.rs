//! Opening a chain: from genesis in a new store, or from the content of a store.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::coin::{Coin, CoinChanges, Origin};
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::params::ChainParams;
use cairn_core::transaction::OutPoint;
use cairn_core::work::Work;

use crate::chain::store::{BlockStatus, ChainBlock, ChainStore, Commit, HeaderRecord, StoreError};
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

/// The content of a store.
pub struct StoredChain {
    pub tree: HeaderTree,
    /// The hash of each height.
    pub best_chain: Vec<BlockHash>,
}

/// The headers and the best chain of a store. A new store is given genesis first.
///
/// # Errors
/// When the store fails or belongs to another chain.
pub fn load<S: ChainStore>(
    store: &mut S,
    params: &ChainParams,
    genesis: &Arc<Block>,
) -> Result<StoredChain, OpenError> {
    let mut tree = HeaderTree::new(*genesis.header());
    let Some(tip) = store.tip()? else {
        let commit = genesis_commit(genesis);
        commit.headers.iter().try_for_each(|record| tree.restore(record, params))?;
        store.commit(commit)?;
        store.flush()?;
        return Ok(StoredChain { tree, best_chain: vec![genesis.hash()] });
    };
    let expected = genesis.hash();
    let records = store.headers()?;
    if !records.iter().any(|record| record.header.hash() == expected) {
        return Err(OpenError::OtherChain { expected });
    }
    records.iter().try_for_each(|record| tree.restore(record, params))?;
    let mut best_chain = Vec::new();
    let mut entry = tree.get(&tip).ok_or(StoreError::Missing { kind: "header", hash: tip })?;
    let work = entry.work;
    while entry.height > Height::GENESIS {
        best_chain.push(entry.hash());
        entry = tree.parent(entry).ok_or(StoreError::Missing { kind: "parent", hash: entry.hash() })?;
    }
    best_chain.push(expected);
    best_chain.reverse();
    tree.forget_candidates_up_to(work);
    Ok(StoredChain { tree, best_chain })
}

/// The commit of genesis, which is connected by definition: its outputs are the premine.
pub fn genesis_commit(genesis: &Arc<Block>) -> Commit {
    let header = *genesis.header();
    let record = HeaderRecord { header, height: Height::GENESIS, status: BlockStatus::Validated };
    let txid = genesis.coinbase().txid();
    let outputs = (0..).zip(genesis.coinbase().outputs.iter().cloned());
    let created = outputs.map(|(index, output)| {
        (OutPoint { txid, index }, Coin { output, height: Height::GENESIS, origin: Origin::Premine })
    });
    Commit {
        headers: vec![record],
        bodies: vec![genesis.clone()],
        coins: CoinChanges { spent: Vec::new(), created: created.collect() },
        connected: vec![ChainBlock { height: Height::GENESIS, block: genesis.clone(), work: Work::ZERO }],
        tip: Some(genesis.hash()),
        ..Commit::default()
    }
}
