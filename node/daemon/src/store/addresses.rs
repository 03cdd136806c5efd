//! The address index: for every lock its transactions in the order of the best chain, its unspent
//! outputs, and their sum. Changes wait in memory for the checkpoint that writes them with the tip.

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::coin::Undo;
use cairn_core::encoding::{Decode, Encode, decode, encode};
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::store::{ChainBlock, Commit, StoreError};

use crate::store::address_schema::{
    Change, Changes, Mark, Summary, Visit, coin_key, coin_prefix, history_prefix, read_coin_key, summary_key,
    visit_key,
};
use crate::store::movements::{Movement, movements, outputs_before};
use crate::store::state::State;

/// What becomes of the index when a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexing {
    /// It stays if it is there.
    Kept,
    /// It is there from now on: made for the chain so far, if it is missing.
    On,
    /// It is removed.
    Off,
}

/// The index.
pub struct AddressIndex {
    state: State,
    /// Records that sled holds.
    stored: u64,
    changes: Changes,
}

impl AddressIndex {
    /// The index over what sled holds, and how many records that is.
    pub const fn new(state: State, stored: u64) -> Self {
        Self { state, stored, changes: Changes::new() }
    }

    /// The part about one lock, to be read beside the driver. It is right until the next checkpoint.
    pub fn about(&self, lock: &Lock) -> Self {
        let prefixes = [summary_key(lock), history_prefix(lock), coin_prefix(lock)];
        let changes = prefixes.iter().flat_map(|prefix| {
            self.changes.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(prefix))
        });
        let changes = changes.map(|(key, change)| (key.clone(), change.clone())).collect();
        Self { state: self.state.clone(), stored: self.stored, changes }
    }

    /// A lock in sums; all zero for one that the chain does not know.
    ///
    /// # Errors
    /// When sled fails.
    pub fn summary(&self, lock: &Lock) -> Result<Summary, StoreError> {
        Ok(self.get(&summary_key(lock))?.unwrap_or_default())
    }

    /// A place in a lock's history; number 0 is its first transaction.
    ///
    /// # Errors
    /// When sled fails.
    pub fn visit(&self, lock: &Lock, number: u64) -> Result<Option<Visit>, StoreError> {
        self.get(&visit_key(lock, number))
    }

    /// At most `count` transactions of a lock, the newest first, after so many that are newer.
    ///
    /// # Errors
    /// When sled fails.
    pub fn history(&self, lock: &Lock, skip: u64, count: u64) -> Result<Vec<Visit>, StoreError> {
        let end = self.summary(lock)?.transactions.saturating_sub(skip);
        let numbers = (end.saturating_sub(count)..end).rev();
        let missing = || self.state.damaged("a transaction is missing in the history of an address");
        numbers.map(|number| self.visit(lock, number)?.ok_or_else(missing)).collect()
    }

    /// Whether this is an unspent output of a lock.
    ///
    /// # Errors
    /// When sled fails.
    pub fn coin(&self, lock: &Lock, outpoint: &OutPoint) -> Result<Option<Amount>, StoreError> {
        self.get(&coin_key(lock, outpoint))
    }

    /// At most `count` unspent outputs of a lock, in the order of outpoints, after so many others.
    ///
    /// # Errors
    /// When sled fails.
    pub fn coins(
        &self,
        lock: &Lock,
        skip: usize,
        count: usize,
    ) -> Result<Vec<(OutPoint, Amount)>, StoreError> {
        let (prefix, wanted) = (coin_prefix(lock), skip.saturating_add(count));
        let stored = self.state.address_coins(&prefix).filter(|found| match found {
            Ok((key, _)) => !self.changes.contains_key(key),
            Err(_) => true,
        });
        let mut found = stored.take(wanted).collect::<Result<BTreeMap<_, _>, _>>()?;
        let changed = self.changes.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
        let changed = changed.filter_map(|(key, change)| Some((key.clone(), change.now.as_ref()?)));
        for (key, bytes) in changed.take(wanted) {
            found.insert(key, self.read(bytes)?);
        }
        let shown = found.into_iter().skip(skip).take(count);
        let strange = || self.state.damaged("a key of the address index means nothing");
        shown.map(|(key, amount)| Ok((read_coin_key(&key).ok_or_else(strange)?, amount))).collect()
    }

    /// Carries out a commit: what left, what joined. `undo` finds the undo data of blocks that leave.
    ///
    /// # Errors
    /// When sled fails, or the store contradicts itself.
    pub fn apply(
        &mut self,
        commit: &Commit,
        undo: impl Fn(&BlockHash) -> Result<Option<Arc<Undo>>, StoreError>,
    ) -> Result<(), StoreError> {
        for ChainBlock { block, .. } in &commit.disconnected {
            let hash = block.hash();
            let undo = undo(&hash)?.ok_or(StoreError::Missing { kind: "undo data", hash })?;
            self.disconnect(block, &undo)?;
        }
        let new: BTreeMap<BlockHash, &Undo> =
            commit.undo.iter().map(|(hash, undo)| (*hash, &**undo)).collect();
        // Genesis spends nothing and has no undo data.
        let nothing = Undo::default();
        for ChainBlock { height, block, .. } in &commit.connected {
            self.connect(*height, block, new.get(&block.hash()).copied().unwrap_or(&nothing))?;
        }
        Ok(())
    }

    /// A block joined at this height.
    ///
    /// # Errors
    /// When sled fails, or the undo data is not the block's.
    pub fn connect(&mut self, height: Height, block: &Block, undo: &Undo) -> Result<(), StoreError> {
        for movement in self.movements(block, undo)? {
            let Movement { txid, position, .. } = movement;
            for (lock, share) in movement.shares() {
                let (mut summary, is_stored) = self.summary_now(&lock)?;
                let visit = Visit { txid, height, position, received: share.received, spent: share.spent };
                self.put(visit_key(&lock, summary.transactions), &visit, false);
                summary.transactions += 1;
                summary.received += u128::from(share.received.units());
                summary.spent += u128::from(share.spent.units());
                summary.coins = self.positive((summary.coins + share.made).checked_sub(share.taken))?;
                self.put(summary_key(&lock), &summary, is_stored);
            }
            for (outpoint, output) in &movement.spent {
                self.remove(coin_key(&output.lock, outpoint));
            }
            for (outpoint, output) in &movement.created {
                self.put(coin_key(&output.lock, outpoint), &output.amount, false);
            }
        }
        Ok(())
    }

    /// The last block left.
    fn disconnect(&mut self, block: &Block, undo: &Undo) -> Result<(), StoreError> {
        for movement in self.movements(block, undo)?.into_iter().rev() {
            for (outpoint, output) in &movement.created {
                self.remove(coin_key(&output.lock, outpoint));
            }
            for (outpoint, output) in &movement.spent {
                self.put(coin_key(&output.lock, outpoint), &output.amount, false);
            }
            for (lock, share) in movement.shares() {
                let (mut summary, is_stored) = self.summary_now(&lock)?;
                summary.transactions = self.positive(summary.transactions.checked_sub(1))?;
                let key = visit_key(&lock, summary.transactions);
                if self.get::<Visit>(&key)?.is_none_or(|visit| visit.txid != movement.txid) {
                    let what = format!("{} is not the last in the history of an address", movement.txid);
                    return Err(self.state.damaged(&what));
                }
                self.remove(key);
                let (received, spent) = (share.received.units(), share.spent.units());
                summary.received = self.positive(summary.received.checked_sub(received.into()))?;
                summary.spent = self.positive(summary.spent.checked_sub(spent.into()))?;
                summary.coins = self.positive((summary.coins + share.taken).checked_sub(share.made))?;
                match summary.transactions {
                    0 => self.remove(summary_key(&lock)),
                    _ => self.put(summary_key(&lock), &summary, is_stored),
                }
            }
        }
        Ok(())
    }

    /// How many records there are, counted one by one.
    ///
    /// # Errors
    /// When sled fails.
    pub fn count(&self) -> Result<u64, StoreError> {
        Ok(self.with_changes(self.state.count_addresses()?))
    }

    /// What a checkpoint has to write.
    pub const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The mark that goes with the changes: of this checkpoint; `next` while the index is being made.
    pub fn mark(&self, sequence: u64, next: Option<Height>) -> Mark {
        Mark { sequence, records: self.with_changes(self.stored), next }
    }

    /// The changes were written with this mark.
    pub fn written(&mut self, mark: &Mark) {
        self.stored = mark.records;
        self.changes.clear();
    }

    /// How many records those in sled and the changes make together.
    fn with_changes(&self, stored: u64) -> u64 {
        let joined = self.changes.values().filter(|change| change.now.is_some() && !change.was_stored);
        let left = self.changes.values().filter(|change| change.now.is_none() && change.was_stored);
        (stored + joined.count() as u64).saturating_sub(left.count() as u64)
    }

    fn movements<'b>(&self, block: &'b Block, undo: &'b Undo) -> Result<Vec<Movement<'b>>, StoreError> {
        let before = outputs_before(undo);
        movements(block, |outpoint| before.get(outpoint).copied())
            .map_err(|error| self.state.damaged(&error.to_string()))
    }

    /// A lock in sums, and whether sled has a form of that.
    fn summary_now(&self, lock: &Lock) -> Result<(Summary, bool), StoreError> {
        let key = summary_key(lock);
        let found: Option<Summary> = self.get(&key)?;
        let was_stored = self.changes.get(&key).map_or(found.is_some(), |change| change.was_stored);
        Ok((found.unwrap_or_default(), was_stored))
    }

    fn positive<N>(&self, difference: Option<N>) -> Result<N, StoreError> {
        difference.ok_or_else(|| self.state.damaged("a sum of the address index is below zero"))
    }

    /// Puts a record; `is_stored` says whether sled has an older form, if it did not change since.
    fn put<T: Encode>(&mut self, key: Vec<u8>, record: &T, is_stored: bool) {
        let now = Some(encode(record));
        let change = self.changes.entry(key).or_insert(Change { was_stored: is_stored, now: None });
        change.now = now;
    }

    /// Takes a record away; sled has it, unless it came since.
    fn remove(&mut self, key: Vec<u8>) {
        let change = self.changes.entry(key).or_insert(Change { was_stored: true, now: None });
        change.now = None;
    }

    fn get<T: Decode<()>>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        match self.changes.get(key) {
            Some(change) => change.now.as_ref().map(|bytes| self.read(bytes)).transpose(),
            None => self.state.address_record(key, |bytes| self.read(bytes)),
        }
    }

    fn read<T: Decode<()>>(&self, bytes: &[u8]) -> Result<T, StoreError> {
        decode(bytes, bytes.len()).map_err(|error| self.state.damaged(&format!("a record is {error}")))
    }
}
