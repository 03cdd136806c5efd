//! The mempool: unconfirmed transactions. The fee rate decides which enter, which stay and which are evicted
//! first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_core::check::transaction::{TransactionError, check_transaction_alone, check_transaction_on_coins};
use cairn_core::coin::{Coin, Origin};
use cairn_core::generations::Generations;
use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{OutPoint, Transaction};

use crate::chain::failure::Failure;
use crate::chain::store::{ChainStore, StoreError};
use crate::chain::{Chain, ChainChange};
use crate::event::RemovalReason;
use crate::limits::{DEFAULT_MEMPOOL_BYTES, FULL_FEE_HALF_LIFE_BLOCKS, MAX_REMOVED_BYTES, MEMPOOL_EXPIRY};

pub mod accept;
pub mod entries;
pub mod entry;
pub mod eviction;
pub mod fee_estimate;
pub mod fee_rate;
pub mod policy;
pub mod rejection;

pub use accept::{AcceptedTransaction, MempoolChange, Removed};
pub use policy::MempoolError;

use accept::{Candidate, CheckLevel};
use entries::MempoolEntries;
use entry::MempoolEntry;
use fee_estimate::{Estimate, FeeHistory};
use fee_rate::FeeRate;
use policy::MIN_RELAY_FEE_RATE;

/// Unconfirmed transactions that are valid on the tip, together.
#[derive(Clone, Debug)]
pub struct Mempool {
    entries: MempoolEntries,
    /// Transactions that left unconfirmed lately: a block may have them.
    removed: Generations<Txid, Arc<Transaction>>,
    history: FeeHistory,
    max_usage: usize,
    last_eviction: Option<Eviction>,
    /// Milliseconds until the fee rate of the last eviction has halved.
    full_half_life_ms: u64,
}

/// The fee rate above that of the transactions evicted last.
#[derive(Clone, Copy, Debug)]
struct Eviction {
    rate: FeeRate,
    at: Timestamp,
}

impl Default for Mempool {
    fn default() -> Self {
        Self::new(DEFAULT_MEMPOOL_BYTES)
    }
}

impl Mempool {
    /// An empty mempool with a limit for its estimated memory in bytes.
    pub fn new(max_usage: usize) -> Self {
        let (entries, history) = (MempoolEntries::default(), FeeHistory::default());
        let removed = Generations::new(MAX_REMOVED_BYTES);
        Self { entries, removed, history, max_usage, last_eviction: None, full_half_life_ms: 1 }
    }

    /// Accepts a transaction that is valid on the tip and with the unconfirmed ones.
    ///
    /// # Errors
    /// When the transaction is rejected, or the store fails.
    pub fn accept<S: ChainStore>(
        &mut self,
        now: Timestamp,
        transaction: &Arc<Transaction>,
        chain: &Chain<S>,
    ) -> Result<AcceptedTransaction, Failure<MempoolError>> {
        self.accept_up_to(now, transaction, None, chain)
    }

    /// Accepts a transaction that pays no more than a fee rate.
    ///
    /// # Errors
    /// As of [`Self::accept`], and `FeeTooHigh`.
    pub fn accept_up_to<S: ChainStore>(
        &mut self,
        now: Timestamp,
        transaction: &Arc<Transaction>,
        max_fee_rate: Option<FeeRate>,
        chain: &Chain<S>,
    ) -> Result<AcceptedTransaction, Failure<MempoolError>> {
        let candidate = self.examine(now, transaction, chain, CheckLevel::Full { max_fee_rate })?;
        Ok(self.insert(now, candidate, chain))
    }

    /// The result or error that [`Self::accept_up_to`] would have; nothing changes.
    pub fn test<S: ChainStore>(
        &self,
        now: Timestamp,
        transaction: &Arc<Transaction>,
        max_fee_rate: Option<FeeRate>,
        chain: &Chain<S>,
    ) -> Result<AcceptedTransaction, Failure<MempoolError>> {
        let candidate = self.examine(now, transaction, chain, CheckLevel::Full { max_fee_rate })?;
        Ok(candidate.into_accepted())
    }

    /// Every check in turn, the cheapest first. Signatures come last, so that only those of a transaction
    /// that pays are verified.
    fn examine<S: ChainStore>(
        &self,
        now: Timestamp,
        transaction: &Arc<Transaction>,
        chain: &Chain<S>,
        level: CheckLevel,
    ) -> Result<Candidate, Failure<MempoolError>> {
        let (txid, params) = (transaction.txid(), chain.params());
        if self.contains(&txid) {
            return Err(MempoolError::Known { txid }.into());
        }
        check_transaction_alone(transaction, params).map_err(MempoolError::from)?;
        if level != CheckLevel::Known {
            policy::check_standard(transaction)?;
        }
        let coins = self.coins_for(transaction, chain)?;
        let spend = check_transaction_on_coins(transaction, &coins, chain.next_spend_context(), params)
            .map_err(rejection::in_detail)?;
        let floor = if level == CheckLevel::Known { FeeRate::ZERO } else { self.min_fee_rate(now) };
        policy::check_fee(spend.fee(), transaction.size(), floor)?;
        let replaced = policy::replaced_by(transaction, spend.fee(), &self.entries)?;
        policy::check_relatives(transaction, &replaced, &self.entries)?;
        let entry = MempoolEntry::new(transaction.clone(), spend.fee(), now, chain.tip().height);
        let evicted = eviction::choose_evicted(&entry, &replaced, self.max_usage, &self.entries)?;
        if let CheckLevel::Full { max_fee_rate } = level {
            let verified = chain.verifier().verify(spend.signatures());
            verified.map_err(|index| MempoolError::from(TransactionError::BadSignature { index }))?;
            policy::check_max_fee(spend.fee(), transaction.size(), max_fee_rate)?;
        }
        Ok(Candidate { entry, replaced, evicted })
    }

    /// The coins that a transaction spends: of the best chain, and outputs of unconfirmed transactions.
    fn coins_for<S: ChainStore>(
        &self,
        transaction: &Transaction,
        chain: &Chain<S>,
    ) -> Result<BTreeMap<OutPoint, Coin>, Failure<MempoolError>> {
        let mut coins = BTreeMap::new();
        for outpoint in transaction.inputs() {
            let coin = if let Some(parent) = self.entries.get(&outpoint.txid) {
                let outputs = parent.transaction.outputs();
                let output = outputs.get(outpoint.index as usize).cloned();
                let missing = MempoolError::NoSuchOutput { outpoint: *outpoint, outputs: outputs.len() };
                let output = output.ok_or(missing)?;
                Coin { output, height: chain.tip().height.next(), origin: Origin::Transaction }
            } else if let Some(coin) = chain.coin(outpoint)? {
                coin
            } else {
                return Err(rejection::of_missing_coin(transaction, outpoint, chain)?.into());
            };
            coins.insert(*outpoint, coin);
        }
        Ok(coins)
    }

    fn insert<S: ChainStore>(
        &mut self,
        now: Timestamp,
        candidate: Candidate,
        chain: &Chain<S>,
    ) -> AcceptedTransaction {
        let spacing = u64::try_from(chain.params().spacing.as_millis()).unwrap_or(u64::MAX);
        self.full_half_life_ms = spacing.saturating_mul(u64::from(FULL_FEE_HALF_LIFE_BLOCKS)).max(1);
        let evicted = candidate.evicted.iter().filter_map(|txid| self.entries.get(txid));
        // Descendants are evicted for the worth of their ancestors.
        let heads = evicted.filter(|entry| entry.parents.is_disjoint(&candidate.evicted));
        if let Some(rate) = heads.map(eviction::rate_above).max() {
            // The next transaction must pay more than those that were just evicted.
            self.last_eviction = Some(Eviction { rate: rate.max(self.min_fee_rate(now)), at: now });
        }
        self.remove_all(&(&candidate.replaced | &candidate.evicted));
        self.entries.insert(candidate.entry.clone());
        candidate.into_accepted()
    }

    fn remove_with_descendants(&mut self, txid: &Txid, reason: RemovalReason) -> Vec<Removed> {
        let leaving = self.entries.with_descendants([*txid]);
        self.remove_all(&leaving);
        leaving.into_iter().map(|txid| Removed { txid, reason }).collect()
    }

    /// Removes unconfirmed transactions, which include all that depend on them, and remembers them for a while.
    fn remove_all(&mut self, leaving: &BTreeSet<Txid>) {
        for entry in leaving.iter().filter_map(|txid| self.entries.get(txid)) {
            remember(&mut self.removed, &entry.transaction);
        }
        self.entries.remove_all(leaving);
    }

    /// Follows a change of the best chain: confirmed transactions leave, and those
    /// of disconnected blocks return.
    pub fn follow<S: ChainStore>(
        &mut self,
        now: Timestamp,
        change: &ChainChange,
        chain: &Chain<S>,
    ) -> Result<MempoolChange, StoreError> {
        let mut effect = MempoolChange::default();
        for block in change.connected_blocks() {
            self.history.connected(block, chain.params().max_block_bytes, &self.entries);
            for transaction in block.transactions() {
                self.entries.remove(&transaction.txid());
            }
            for outpoint in block.transactions().iter().flat_map(|transaction| transaction.inputs()) {
                if let Some(other) = self.entries.spender(outpoint) {
                    effect.removed.extend(self.remove_with_descendants(&other, RemovalReason::Conflict));
                }
            }
        }
        if !change.disconnected.is_empty() {
            self.rebuild(now, change, chain, &mut effect)?;
        }
        Ok(effect)
    }

    /// After a reorganization: the transactions of disconnected blocks and then the unconfirmed ones, each
    /// in their order, are checked on the new tip. Those that are no longer valid are removed, with all
    /// that depend on them.
    fn rebuild<S: ChainStore>(
        &mut self,
        now: Timestamp,
        change: &ChainChange,
        chain: &Chain<S>,
        effect: &mut MempoolChange,
    ) -> Result<(), StoreError> {
        let before = core::mem::take(&mut self.entries);
        let confirmed = change.connected_blocks().flat_map(|block| block.transactions());
        let confirmed: BTreeSet<Txid> = confirmed.map(|transaction| transaction.txid()).collect();
        let returning = change.disconnected_blocks().rev().flat_map(|block| block.transactions());
        for transaction in returning.filter(|transaction| !confirmed.contains(&transaction.txid())) {
            match self.examine(now, transaction, chain, CheckLevel::Known) {
                Ok(candidate) => effect.returned.push(self.insert(now, candidate, chain)),
                Err(failure) => {
                    failure.rejection()?;
                    remember(&mut self.removed, transaction);
                }
            }
        }
        for entry in before.iter() {
            match self.examine(now, &entry.transaction, chain, CheckLevel::Known) {
                Ok(candidate) => {
                    let accepted = self.insert(now, candidate.arrived_as(entry), chain);
                    effect.removed.extend(accepted.removed);
                }
                Err(failure) => {
                    failure.rejection()?;
                    remember(&mut self.removed, &entry.transaction);
                    let (txid, reason) = (entry.transaction.txid(), RemovalReason::Reorganized);
                    effect.removed.push(Removed { txid, reason });
                }
            }
        }
        effect.returned.retain(|accepted| self.entries.get(&accepted.txid).is_some());
        Ok(())
    }

    /// Removes expired transactions, and those that depend on them.
    pub fn wake(&mut self, now: Timestamp) -> Vec<Removed> {
        let mut removed = Vec::new();
        while let Some(oldest) = self.entries.oldest()
            && now >= oldest.arrived.saturating_add(MEMPOOL_EXPIRY)
        {
            let txid = oldest.transaction.txid();
            removed.extend(self.remove_with_descendants(&txid, RemovalReason::Expired));
        }
        removed
    }

    /// The time at which the oldest transaction expires.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.entries.oldest().map(|oldest| oldest.arrived.saturating_add(MEMPOOL_EXPIRY))
    }
}

fn remember(removed: &mut Generations<Txid, Arc<Transaction>>, transaction: &Arc<Transaction>) {
    removed.insert(transaction.txid(), transaction.clone(), transaction.size());
}

/// Reads, which change nothing.
impl Mempool {
    /// An unconfirmed transaction, by its id.
    pub fn get(&self, txid: &Txid) -> Option<Arc<Transaction>> {
        self.entries.get(txid).map(|entry| entry.transaction.clone())
    }

    /// The entry of an unconfirmed transaction.
    pub fn entry(&self, txid: &Txid) -> Option<&MempoolEntry> {
        self.entries.get(txid)
    }

    /// Whether a transaction is in the mempool.
    pub fn contains(&self, txid: &Txid) -> bool {
        self.entries.get(txid).is_some()
    }

    /// The number of unconfirmed transactions.
    pub fn len(&self) -> usize {
        self.entries.total().count
    }

    /// Whether there is no unconfirmed transaction.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Estimate of the memory of all entries in bytes.
    pub fn usage(&self) -> usize {
        self.entries.usage()
    }

    /// The limit for [`Self::usage`] in bytes.
    pub fn max_usage(&self) -> usize {
        self.max_usage
    }

    /// Every unconfirmed transaction, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Transaction>> {
        self.entries.iter().map(|entry| &entry.transaction)
    }

    /// Every unconfirmed transaction, and those that left unconfirmed lately.
    pub fn known(&self) -> impl Iterator<Item = &Arc<Transaction>> {
        self.iter().chain(self.removed.values())
    }

    /// Every entry, in several orders.
    pub fn entries(&self) -> &MempoolEntries {
        &self.entries
    }

    /// The fee rate that a transaction must pay to be accepted now: above the relay fee rate when the
    /// mempool was full lately.
    pub fn min_fee_rate(&self, now: Timestamp) -> FeeRate {
        let Some(Eviction { rate, at }) = self.last_eviction else { return MIN_RELAY_FEE_RATE };
        let halvings = now.millis().saturating_sub(at.millis()) / self.full_half_life_ms;
        rate.halved(u32::try_from(halvings).unwrap_or(u32::MAX)).max(MIN_RELAY_FEE_RATE)
    }

    /// The fee rate for a confirmation within a number of blocks of a size in bytes.
    pub fn estimate(&self, blocks: u32, max_block_bytes: usize) -> Estimate {
        self.history.estimate(blocks, max_block_bytes, &self.entries)
    }
}

#[cfg(test)]
mod tests;
