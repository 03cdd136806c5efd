//! Snapshots: the coins of one tip, read beside the driver while it goes on.
//!
//! A snapshot holds what was not in sled when it was taken, and reads the rest from sled. Before a
//! checkpoint overwrites a record there, its old form is kept for every snapshot that is still read:
//! whoever finds a newer record in sled finds the older one kept, and whoever finds none kept has
//! read the older one. So the answer is of the tip at which the snapshot was taken, however long
//! the reading takes and whatever happens meanwhile, a reorganisation included.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cairn_core::coin::Coin;
use cairn_core::hash::Txid;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::store::StoreError;

use crate::store::schema::{Fate, StoredTransaction};
use crate::store::state::State;

type Records = BTreeMap<Txid, Option<StoredTransaction>>;
type Visit<'v> = &'v mut dyn FnMut(OutPoint, Coin) -> ControlFlow<()>;

/// Records that sled held when a snapshot was taken and that were overwritten since.
#[derive(Debug, Default)]
pub struct Kept(Mutex<Records>);

impl Kept {
    /// Keeps a record's old form, unless an older one is kept; none if sled had no such record.
    pub fn keep(&self, txid: Txid, old: Option<StoredTransaction>) {
        self.records().entry(txid).or_insert(old);
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The coins of one tip.
pub struct Snapshot {
    state: State,
    /// What sled did not have as it was.
    dirty: Records,
    kept: Arc<Kept>,
}

impl Snapshot {
    /// The coins of what sled holds, with `dirty` over it; checkpoints put into `kept` what they
    /// overwrite from now on.
    pub const fn new(state: State, dirty: Records, kept: Arc<Kept>) -> Self {
        Self { state, dirty, kept }
    }

    /// Every coin, in the order of outpoints, until `visit` breaks off.
    ///
    /// # Errors
    /// When sled fails.
    pub fn for_each_coin(&self, visit: Visit<'_>) -> Result<(), StoreError> {
        let mut passed = Bound::Unbounded;
        for stored in self.state.transactions() {
            let (txid, stored) = stored?;
            if self.missing_in_sled((passed, Bound::Excluded(txid)), visit).is_break() {
                return Ok(());
            }
            let kept = || self.kept.records().get(&txid).cloned();
            let record = match self.dirty.get(&txid) {
                Some(dirty) => dirty.clone(),
                None => kept().unwrap_or(Some(stored)),
            };
            if record.is_some_and(|record| coins_of(txid, &record, visit).is_break()) {
                return Ok(());
            }
            passed = Bound::Excluded(txid);
        }
        let _ = self.missing_in_sled((passed, Bound::Unbounded), visit);
        Ok(())
    }

    /// What sled does not have between two records: it never came there, or was removed since.
    fn missing_in_sled(&self, between: (Bound<Txid>, Bound<Txid>), visit: Visit<'_>) -> ControlFlow<()> {
        let mut missing: Records = self.kept.records().range(between).map(cloned).collect();
        missing.extend(self.dirty.range(between).map(cloned));
        missing
            .iter()
            .filter_map(|(txid, record)| Some((*txid, record.as_ref()?)))
            .try_for_each(|(txid, record)| coins_of(txid, record, visit))
    }
}

fn cloned((txid, record): (&Txid, &Option<StoredTransaction>)) -> (Txid, Option<StoredTransaction>) {
    (*txid, record.clone())
}

fn coins_of(txid: Txid, record: &StoredTransaction, visit: Visit<'_>) -> ControlFlow<()> {
    (0..).zip(&record.outputs).try_for_each(|(index, fate)| match fate {
        Fate::Unspent(output) => visit(OutPoint { txid, index }, record.coin(output)),
        Fate::Spent { .. } => ControlFlow::Continue(()),
    })
}
