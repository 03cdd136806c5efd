//! Coins during a reorganization: those of the store, and over them the changes so far.

use std::collections::BTreeMap;

use cairn_core::coin::{Coin, CoinChanges};
use cairn_core::transaction::OutPoint;

use crate::chain::store::{ChainStore, StoreError};

/// Coins after some blocks of a reorganization; the store is not changed.
pub struct CoinOverlay<'s, S> {
    store: &'s S,
    touched: BTreeMap<OutPoint, Touched>,
}

struct Touched {
    before: Option<Coin>,
    now: Option<Coin>,
}

impl<'s, S: ChainStore> CoinOverlay<'s, S> {
    /// The coins of the store, without any change.
    pub fn new(store: &'s S) -> Self {
        Self { store, touched: BTreeMap::new() }
    }

    /// The coins of these outpoints that are unspent now.
    pub fn fetch(&self, outpoints: &[OutPoint]) -> Result<BTreeMap<OutPoint, Coin>, StoreError> {
        let mut found = BTreeMap::new();
        for outpoint in outpoints {
            let coin = match self.touched.get(outpoint) {
                Some(touched) => touched.now.clone(),
                None => self.store.coin(outpoint)?,
            };
            if let Some(coin) = coin {
                found.insert(*outpoint, coin);
            }
        }
        Ok(found)
    }

    /// Applies the changes of one block.
    pub fn apply(&mut self, changes: CoinChanges) {
        for (outpoint, coin) in changes.spent {
            let touched = self.touched.entry(outpoint);
            touched.or_insert_with(|| Touched { before: Some(coin), now: None }).now = None;
        }
        for (outpoint, coin) in changes.created {
            self.touched.entry(outpoint).or_insert(Touched { before: None, now: None }).now = Some(coin);
        }
    }

    /// The net change of all blocks. A coin whose height alone has changed is in both lists.
    pub fn into_changes(self) -> CoinChanges {
        let mut changes = CoinChanges::default();
        for (outpoint, Touched { before, now }) in self.touched {
            if before == now {
                continue;
            }
            changes.spent.extend(before.map(|coin| (outpoint, coin)));
            changes.created.extend(now.map(|coin| (outpoint, coin)));
        }
        changes
    }
}
