//! A store in memory, for tests and simulation. It can lose what was not flushed, as a power failure would.

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::coin::{Coin, Undo};
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::transaction::OutPoint;

use crate::chain::store::{
    ChainBlock, ChainStore, Commit, HeaderRecord, Spender, StoreError, TransactionPlace,
};

/// A store in memory, and its commits since the last flush.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    content: Content,
    /// The content at the last flush; later commits are applied to it at the next flush.
    flushed: Option<Box<Content>>,
    since_flush: Vec<Commit>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    tip: Option<BlockHash>,
    headers: BTreeMap<BlockHash, HeaderRecord>,
    blocks: BTreeMap<BlockHash, Arc<Block>>,
    undo: BTreeMap<BlockHash, Arc<Undo>>,
    coins: BTreeMap<OutPoint, Coin>,
    places: BTreeMap<Txid, TransactionPlace>,
    spenders: BTreeMap<OutPoint, Spender>,
}

impl MemoryStore {
    /// A store that also keeps its content at the last flush, at twice the cost.
    pub fn forgetful() -> Self {
        Self { flushed: Some(Box::default()), ..Self::default() }
    }

    /// Loses every commit since the last flush, if the store is forgetful.
    pub fn lose_unflushed(&mut self) {
        if let Some(flushed) = &self.flushed {
            self.content = Content::clone(flushed);
            self.since_flush.clear();
        }
    }
}

impl Content {
    fn apply(&mut self, commit: Commit) {
        self.headers.extend(commit.headers.into_iter().map(|record| (record.header.hash(), record)));
        self.blocks.extend(commit.bodies.into_iter().map(|block| (block.hash(), block)));
        self.undo.extend(commit.undo);
        for (outpoint, _) in &commit.coins.spent {
            self.coins.remove(outpoint);
        }
        self.coins.extend(commit.coins.created);
        for ChainBlock { block, .. } in &commit.disconnected {
            for txid in block.txids() {
                self.places.remove(&txid);
            }
            for outpoint in block.transactions().iter().flat_map(|transaction| transaction.inputs()) {
                self.spenders.remove(outpoint);
            }
        }
        for ChainBlock { height, block, .. } in &commit.connected {
            self.index(*height, block);
        }
        self.tip = commit.tip.or(self.tip);
    }

    fn index(&mut self, height: Height, block: &Block) {
        for (position, txid) in (0..).zip(block.txids()) {
            self.places.insert(txid, TransactionPlace { block: block.hash(), height, position });
        }
        for transaction in block.transactions() {
            let spender = Spender { txid: transaction.txid(), height };
            self.spenders.extend(transaction.inputs().iter().map(|outpoint| (*outpoint, spender)));
        }
    }
}

impl ChainStore for MemoryStore {
    fn tip(&self) -> Result<Option<BlockHash>, StoreError> {
        Ok(self.content.tip)
    }

    fn headers(&self) -> Result<Vec<HeaderRecord>, StoreError> {
        let mut headers: Vec<HeaderRecord> = self.content.headers.values().cloned().collect();
        headers.sort_by_key(|record| record.height);
        Ok(headers)
    }

    fn block(&self, hash: &BlockHash) -> Result<Option<Arc<Block>>, StoreError> {
        Ok(self.content.blocks.get(hash).cloned())
    }

    fn undo(&self, hash: &BlockHash) -> Result<Option<Arc<Undo>>, StoreError> {
        Ok(self.content.undo.get(hash).cloned())
    }

    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        Ok(self.content.coins.get(outpoint).cloned())
    }

    fn transaction_place(&self, txid: &Txid) -> Result<Option<TransactionPlace>, StoreError> {
        Ok(self.content.places.get(txid).copied())
    }

    fn spender(&self, outpoint: &OutPoint) -> Result<Option<Spender>, StoreError> {
        Ok(self.content.spenders.get(outpoint).copied())
    }

    fn for_each_coin(&self, visit: &mut dyn FnMut(OutPoint, Coin)) -> Result<(), StoreError> {
        self.content.coins.iter().for_each(|(outpoint, coin)| visit(*outpoint, coin.clone()));
        Ok(())
    }

    fn commit(&mut self, commit: Commit) -> Result<(), StoreError> {
        if self.flushed.is_some() {
            self.since_flush.push(commit.clone());
        }
        self.content.apply(commit);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if let Some(flushed) = &mut self.flushed {
            self.since_flush.drain(..).for_each(|commit| flushed.apply(commit));
        }
        Ok(())
    }
}
