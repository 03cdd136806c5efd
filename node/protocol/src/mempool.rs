//! The mempool: transactions that wait for a block. Fee rate decides who comes in, who stays and who
//! leaves first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_core::check::transaction::{TransactionError, check_transaction_alone, check_transaction_on_coins};
use cairn_core::coin::{Coin, Origin};
use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{OutPoint, Transaction};

use crate::chain::store::{ChainStore, StoreError};
use crate::chain::{Chain, ChainChange};
use crate::event::RemovalReason;
use crate::limits::{DEFAULT_MEMPOOL_BYTES, FULL_FEE_HALF_LIFE_BLOCKS, MEMPOOL_EXPIRY};

pub mod admission;
pub mod entry;
pub mod fault;
pub mod fees;
pub mod package;
pub mod policy;
pub mod rate;
pub mod room;

pub use admission::{Admitted, Followed};
pub use policy::MempoolError;

use admission::{Candidate, Scrutiny};
use entry::{Entry, Package};
use fault::{in_detail, why_missing};
use fees::{Estimate, FeeHistory};
use package::Entries;
use policy::{INCREMENTAL_FEE_RATE, MIN_RELAY_FEE_RATE};
use rate::FeeRate;

/// Transactions that wait.
#[derive(Clone, Debug)]
pub struct Mempool {
    entries: Entries,
    history: FeeHistory,
    max_usage: usize,
    /// What was asked for when the mempool was last full, and when that was.
    full: Option<(FeeRate, Timestamp)>,
    /// How long it takes until half of that is asked for.
    full_half_life_ms: u64,
}

impl Default for Mempool {
    fn default() -> Self {
        Self::new(DEFAULT_MEMPOOL_BYTES)
    }
}

impl Mempool {
    /// An empty one that may take about so many bytes of memory.
    pub fn new(max_usage: usize) -> Self {
        let (entries, history) = (Entries::default(), FeeHistory::default());
        Self { entries, history, max_usage, full: None, full_half_life_ms: 1 }
    }

    /// Takes in a transaction that fits the chain's tip and what waits already. The inner error is
    /// the transaction's, the outer the store's.
    ///
    /// # Errors
    /// When the store fails.
    pub fn accept<S: ChainStore>(
        &mut self,
        now: Timestamp,
        transaction: Arc<Transaction>,
        chain: &Chain<S>,
    ) -> Result<Result<Admitted, MempoolError>, StoreError> {
        let examined = self.examine(now, &transaction, chain, Scrutiny::Full)?;
        Ok(examined.map(|candidate| self.take_in(now, candidate, chain)))
    }

    /// What [`Self::accept`] would answer, with nothing changed.
    ///
    /// # Errors
    /// When the store fails.
    pub fn test<S: ChainStore>(
        &self,
        now: Timestamp,
        transaction: &Arc<Transaction>,
        chain: &Chain<S>,
    ) -> Result<Result<Admitted, MempoolError>, StoreError> {
        let examined = self.examine(now, transaction, chain, Scrutiny::Full)?;
        Ok(examined.map(Candidate::into_admitted))
    }

    /// Every demand in turn, the cheapest first; signatures last, so that only what pays is verified.
    fn examine<S: ChainStore>(
        &self,
        now: Timestamp,
        transaction: &Arc<Transaction>,
        chain: &Chain<S>,
        scrutiny: Scrutiny,
    ) -> Result<Result<Candidate, MempoolError>, StoreError> {
        let txid = transaction.txid();
        if self.contains(&txid) {
            return Ok(Err(MempoolError::Known { txid }));
        }
        let alone = check_transaction_alone(transaction, chain.params()).map_err(MempoolError::from);
        let standard = || if scrutiny == Scrutiny::Full { policy::is_standard(transaction) } else { Ok(()) };
        if let Err(error) = alone.and_then(|()| standard()) {
            return Ok(Err(error));
        }
        let coins = match self.coins_for(transaction, chain)? {
            Ok(coins) => coins,
            Err(error) => return Ok(Err(error)),
        };
        let context = chain.next_spend_context();
        let spend = match check_transaction_on_coins(transaction, &coins, context, chain.params()) {
            Ok(spend) => spend,
            Err(error) => return Ok(Err(in_detail(error))),
        };
        let floor = if scrutiny == Scrutiny::Full { self.min_fee_rate(now) } else { FeeRate::ZERO };
        let newcomer = Entry::new(transaction.clone(), spend.fee, now, chain.tip().height);
        let judged = policy::pays(spend.fee, transaction.size(), floor)
            .and_then(|()| policy::replaced_by(transaction, spend.fee, &self.entries))
            .and_then(|replaced| {
                policy::stays_short(transaction, &replaced, &self.entries)?;
                let evicted = room::make_room(&newcomer, &replaced, self.max_usage, &self.entries)?;
                Ok(Candidate { newcomer, replaced, evicted })
            });
        if scrutiny == Scrutiny::Full
            && judged.is_ok()
            && let Err(index) = chain.verifier().verify(&spend.signatures)
        {
            return Ok(Err(TransactionError::BadSignature { index }.into()));
        }
        Ok(judged)
    }

    /// The coins that a transaction spends, of the chain or of what waits; or why one is not there.
    fn coins_for<S: ChainStore>(
        &self,
        transaction: &Transaction,
        chain: &Chain<S>,
    ) -> Result<Result<BTreeMap<OutPoint, Coin>, MempoolError>, StoreError> {
        let mut coins = BTreeMap::new();
        for outpoint in transaction.inputs() {
            let coin = match self.entries.get(&outpoint.txid) {
                Some(parent) => {
                    let outputs = parent.transaction().outputs();
                    let Some(output) = outputs.get(outpoint.index as usize).cloned() else {
                        let outputs = outputs.len();
                        return Ok(Err(MempoolError::NoSuchOutput { outpoint: *outpoint, outputs }));
                    };
                    Coin { output, height: chain.tip().height.next(), origin: Origin::Transaction }
                }
                None => match chain.coin(outpoint)? {
                    Some(coin) => coin,
                    None => return why_missing(transaction, outpoint, chain).map(Err),
                },
            };
            coins.insert(*outpoint, coin);
        }
        Ok(Ok(coins))
    }

    fn take_in<S: ChainStore>(&mut self, now: Timestamp, candidate: Candidate, chain: &Chain<S>) -> Admitted {
        let spacing = u64::try_from(chain.params().spacing.as_millis()).unwrap_or(u64::MAX);
        self.full_half_life_ms = spacing.saturating_mul(u64::from(FULL_FEE_HALF_LIFE_BLOCKS)).max(1);
        let evicted = candidate.evicted.iter().filter_map(|txid| self.entries.get(txid));
        // Those that went along were judged with what they stood on.
        let heads = evicted.filter(|entry| entry.parents().is_disjoint(&candidate.evicted));
        if let Some(rate) = heads.map(room::rate_above).max() {
            // Whoever comes next must pay more than who has just been turned out.
            self.full = Some((rate.max(self.min_fee_rate(now)), now));
        }
        self.entries.remove_all(&(&candidate.replaced | &candidate.evicted));
        self.entries.insert(candidate.newcomer.clone());
        candidate.into_admitted()
    }

    fn remove_with_descendants(
        &mut self,
        txid: &Txid,
        reason: RemovalReason,
        removed: &mut Vec<(Txid, RemovalReason)>,
    ) {
        let leaving = self.entries.with_descendants([*txid]);
        self.entries.remove_all(&leaving);
        removed.extend(leaving.into_iter().map(|txid| (txid, reason)));
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
            self.history.connected(block, chain.params().max_block_bytes, &self.entries);
            for transaction in block.transactions() {
                self.entries.remove(&transaction.txid());
            }
            for outpoint in block.transactions().iter().flat_map(|transaction| transaction.inputs()) {
                if let Some(other) = self.entries.spender(outpoint) {
                    self.remove_with_descendants(&other, RemovalReason::Conflict, &mut followed.removed);
                }
            }
        }
        if !change.disconnected.is_empty() {
            self.begin_anew(now, change, chain, &mut followed)?;
        }
        Ok(followed)
    }

    /// After a reorganisation: what left the chain and then what waited, each in its order, must fit
    /// the new tip. Whatever no longer does is gone, and with it what depends on it.
    fn begin_anew<S: ChainStore>(
        &mut self,
        now: Timestamp,
        change: &ChainChange,
        chain: &Chain<S>,
        followed: &mut Followed,
    ) -> Result<(), StoreError> {
        let waiting = core::mem::take(&mut self.entries);
        let confirmed = change.connected.iter().flat_map(|(_, block, _)| block.transactions());
        let confirmed: BTreeSet<Txid> = confirmed.map(|transaction| transaction.txid()).collect();
        let left = change.disconnected.iter().rev().flat_map(|(_, block)| block.transactions());
        for transaction in left.filter(|transaction| !confirmed.contains(&transaction.txid())) {
            if let Ok(candidate) = self.examine(now, transaction, chain, Scrutiny::Known)? {
                followed.returned.push(self.take_in(now, candidate, chain));
            }
        }
        for entry in waiting.iter() {
            let transaction = entry.transaction();
            match self.examine(now, transaction, chain, Scrutiny::Known)? {
                Ok(candidate) => {
                    let admitted = self.take_in(now, candidate.waiting_as(entry), chain);
                    followed.removed.extend(admitted.removed);
                }
                Err(_) => followed.removed.push((transaction.txid(), RemovalReason::Reorganised)),
            }
        }
        followed.returned.retain(|admitted| self.entries.get(&admitted.txid).is_some());
        Ok(())
    }

    /// Lets go of those that waited too long, and of what depends on them.
    pub fn wake(&mut self, now: Timestamp) -> Vec<(Txid, RemovalReason)> {
        let mut removed = Vec::new();
        while let Some(oldest) = self.entries.oldest()
            && now >= oldest.arrived().saturating_add(MEMPOOL_EXPIRY)
        {
            let txid = oldest.transaction().txid();
            self.remove_with_descendants(&txid, RemovalReason::Expired, &mut removed);
        }
        removed
    }

    /// When `wake` has something to do.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.entries.oldest_arrival().map(|arrived| arrived.saturating_add(MEMPOOL_EXPIRY))
    }
}

/// What can be asked; nothing here changes it.
impl Mempool {
    /// A transaction that waits.
    pub fn get(&self, txid: &Txid) -> Option<Arc<Transaction>> {
        self.entries.get(txid).map(|entry| entry.transaction().clone())
    }

    /// A transaction that waits, with what is known of it.
    pub fn entry(&self, txid: &Txid) -> Option<&Entry> {
        self.entries.get(txid)
    }

    /// Whether a transaction waits.
    pub fn contains(&self, txid: &Txid) -> bool {
        self.entries.get(txid).is_some()
    }

    /// Which waiting transaction spends an output.
    pub fn spender(&self, outpoint: &OutPoint) -> Option<Txid> {
        self.entries.spender(outpoint)
    }

    /// All that a waiting transaction depends on, itself left out.
    pub fn ancestors_of(&self, txid: &Txid) -> BTreeSet<Txid> {
        let mut found = self.entries.with_ancestors([*txid]);
        found.remove(txid);
        found
    }

    /// All that depend on a waiting transaction, itself left out.
    pub fn descendants_of(&self, txid: &Txid) -> BTreeSet<Txid> {
        let mut found = self.entries.with_descendants([*txid]);
        found.remove(txid);
        found
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.entries.total().count
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Count, bytes and fees of all that wait.
    pub fn total(&self) -> Package {
        self.entries.total()
    }

    /// About how much memory they take.
    pub fn usage(&self) -> usize {
        self.entries.usage()
    }

    /// About how much memory they may take.
    pub fn max_usage(&self) -> usize {
        self.max_usage
    }

    /// All that wait, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Transaction>> {
        self.entries.iter().map(Entry::transaction)
    }

    /// All that wait with what is known of them, parents before children.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// What a transaction must pay to come in now: more than for relay when the mempool was full
    /// lately.
    pub fn min_fee_rate(&self, now: Timestamp) -> FeeRate {
        let Some((rate, since)) = self.full else { return MIN_RELAY_FEE_RATE };
        let halvings = now.millis().saturating_sub(since.millis()) / self.full_half_life_ms;
        rate.halved(u32::try_from(halvings).unwrap_or(u32::MAX)).max(MIN_RELAY_FEE_RATE)
    }

    /// What a transaction must pay to be relayed at all.
    pub fn min_relay_fee_rate(&self) -> FeeRate {
        MIN_RELAY_FEE_RATE
    }

    /// What a replacement must pay for its own relay.
    pub fn incremental_fee_rate(&self) -> FeeRate {
        INCREMENTAL_FEE_RATE
    }

    /// The fee rate for a confirmation within so many blocks of so many bytes.
    pub fn estimate(&self, blocks: u32, max_block_bytes: usize) -> Estimate {
        self.history.estimate(blocks, max_block_bytes, &self.entries)
    }
}

#[cfg(test)]
mod tests;
