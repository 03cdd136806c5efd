//! The mempool: transactions that wait for a block.

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::check::transaction::{TransactionError, check_transaction_alone, check_transaction_on_coins};
use cairn_core::coin::{Coin, CoinView, Origin};
use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{OutPoint, Transaction};

use crate::chain::store::{ChainStore, StoreError};
use crate::chain::{Chain, ChainChange};
use crate::event::RemovalReason;

/// Why a transaction is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MempoolError {
    /// It waits already.
    #[error("transaction {txid} is in the mempool already")]
    Known {
        /// Which.
        txid: Txid,
    },
    /// It breaks a rule of the chain.
    #[error(transparent)]
    Rule(#[from] TransactionError),
    /// Another that waits spends the same output.
    #[error("{outpoint} is spent by {by}, which waits for a block")]
    Conflict {
        /// The output.
        outpoint: OutPoint,
        /// Who spends it.
        by: Txid,
    },
}

/// A transaction that was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Which.
    pub txid: Txid,
    /// What it pays.
    pub fee: Amount,
    /// Its bytes.
    pub size: usize,
    /// Those that had to leave for it.
    pub removed: Vec<(Txid, RemovalReason)>,
}

/// What a change of the chain did to the mempool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Those that left without being confirmed.
    pub removed: Vec<(Txid, RemovalReason)>,
    /// Those of disconnected blocks that wait again, parents before children.
    pub returned: Vec<Admitted>,
}

/// Transactions that wait.
#[derive(Clone, Debug, Default)]
pub struct Mempool {
    entries: BTreeMap<Txid, Entry>,
    spent: BTreeMap<OutPoint, Txid>,
    next_turn: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    transaction: Arc<Transaction>,
    turn: u64,
}

impl Mempool {
    /// Takes in a transaction that fits the chain's tip and what waits already. The inner error is
    /// the transaction's, the outer the store's.
    ///
    /// # Errors
    /// When the store fails.
    pub fn accept<S: ChainStore>(
        &mut self,
        _now: Timestamp,
        transaction: Arc<Transaction>,
        chain: &Chain<S>,
    ) -> Result<Result<Admitted, MempoolError>, StoreError> {
        let txid = transaction.txid();
        if self.entries.contains_key(&txid) {
            return Ok(Err(MempoolError::Known { txid }));
        }
        if let Err(error) = check_transaction_alone(&transaction, chain.params()) {
            return Ok(Err(error.into()));
        }
        let mut coins: BTreeMap<OutPoint, Coin> = BTreeMap::new();
        for outpoint in transaction.inputs() {
            if let Some(by) = self.spent.get(outpoint) {
                return Ok(Err(MempoolError::Conflict { outpoint: *outpoint, by: *by }));
            }
            let coin = match self.coin(outpoint, chain) {
                Some(coin) => Some(coin),
                None => chain.coin(outpoint)?,
            };
            coins.extend(coin.map(|coin| (*outpoint, coin)));
        }
        let view: &dyn CoinView = &coins;
        let spend = match check_transaction_on_coins(
            &transaction,
            view,
            chain.next_spend_context(),
            chain.params(),
        ) {
            Ok(spend) => spend,
            Err(error) => return Ok(Err(error.into())),
        };
        if let Err(index) = chain.verifier().verify(&spend.signatures) {
            return Ok(Err(TransactionError::BadSignature { index }.into()));
        }
        let size = transaction.size();
        self.spent.extend(transaction.inputs().iter().map(|outpoint| (*outpoint, txid)));
        self.entries.insert(txid, Entry { transaction, turn: self.next_turn });
        self.next_turn += 1;
        Ok(Ok(Admitted { txid, fee: spend.fee, size, removed: Vec::new() }))
    }

    /// Follows a change of the best chain: what was confirmed leaves, what was disconnected returns.
    ///
    /// # Errors
    /// When the store fails.
    pub fn follow<S: ChainStore>(
        &mut self,
        now: Timestamp,
        change: &ChainChange,
        chain: &Chain<S>,
    ) -> Result<Followed, StoreError> {
        let mut followed = Followed::default();
        for (_, block, _) in &change.connected {
            for transaction in block.transactions() {
                self.remove(&transaction.txid());
                for outpoint in transaction.inputs() {
                    if let Some(other) = self.spent.get(outpoint).copied() {
                        self.remove_with_children(&other, RemovalReason::Conflict, &mut followed.removed);
                    }
                }
            }
        }
        if change.disconnected.is_empty() {
            return Ok(followed);
        }
        let returning = change.disconnected.iter().rev().flat_map(|(_, block)| block.transactions());
        let returning: Vec<Arc<Transaction>> = returning.cloned().collect();
        let waiting: Vec<Arc<Transaction>> = self.iter().cloned().collect();
        let before: Vec<Txid> = waiting.iter().map(|transaction| transaction.txid()).collect();
        (self.entries, self.spent) = (BTreeMap::new(), BTreeMap::new());
        for transaction in returning.into_iter().chain(waiting) {
            let txid = transaction.txid();
            match self.accept(now, transaction, chain)? {
                Ok(admitted) if !before.contains(&txid) => followed.returned.push(admitted),
                Err(_) if before.contains(&txid) => followed.removed.push((txid, RemovalReason::Reorganised)),
                _ => {}
            }
        }
        Ok(followed)
    }

    /// Lets go of those that waited too long.
    pub fn wake(&mut self, _now: Timestamp) -> Vec<(Txid, RemovalReason)> {
        Vec::new()
    }

    /// When `wake` has something to do.
    pub fn next_wake(&self) -> Option<Timestamp> {
        None
    }

    /// A transaction that waits.
    pub fn get(&self, txid: &Txid) -> Option<Arc<Transaction>> {
        self.entries.get(txid).map(|entry| entry.transaction.clone())
    }

    /// Whether a transaction waits.
    pub fn contains(&self, txid: &Txid) -> bool {
        self.entries.contains_key(txid)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All that wait, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Transaction>> {
        let mut entries: Vec<&Entry> = self.entries.values().collect();
        entries.sort_by_key(|entry| entry.turn);
        entries.into_iter().map(|entry| &entry.transaction)
    }

    fn coin<S: ChainStore>(&self, outpoint: &OutPoint, chain: &Chain<S>) -> Option<Coin> {
        let parent = self.entries.get(&outpoint.txid)?;
        let output = parent.transaction.outputs().get(outpoint.index as usize)?.clone();
        Some(Coin { output, height: chain.tip().height.next(), origin: Origin::Transaction })
    }

    fn remove(&mut self, txid: &Txid) -> Option<Arc<Transaction>> {
        let entry = self.entries.remove(txid)?;
        for outpoint in entry.transaction.inputs() {
            self.spent.remove(outpoint);
        }
        Some(entry.transaction)
    }

    fn remove_with_children(
        &mut self,
        txid: &Txid,
        reason: RemovalReason,
        removed: &mut Vec<(Txid, RemovalReason)>,
    ) {
        let Some(transaction) = self.remove(txid) else { return };
        removed.push((*txid, reason));
        for index in (0..).take(transaction.outputs().len()) {
            if let Some(child) = self.spent.get(&OutPoint { txid: *txid, index }).copied() {
                self.remove_with_children(&child, reason, removed);
            }
        }
    }
}
