//! Snapshots: the coins of one tip, read beside the driver while it continues.
//!
//! A snapshot holds the records that were not in the database when it was taken, and reads the others there.
//! Before a checkpoint overwrites a record, its old form is kept for every snapshot that is still read: a
//! reader that finds a newer record in the database finds the older one kept, and a reader that finds none
//! kept has read the older one. So all coins are of the tip at which the snapshot was taken, however long
//! the reading takes and whatever happens meanwhile, a reorganization included.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex};

use cairn_core::coin::Coin;
use cairn_core::hash::Txid;
use cairn_core::transaction::OutPoint;
use cairn_genesis::programs::held::held;
use cairn_protocol::chain::store::StoreError;

use crate::store::database::Database;
use crate::store::schema::{OutputState, StoredTransaction, stored_transactions};

type Records = BTreeMap<Txid, Option<StoredTransaction>>;
type Visit<'v> = &'v mut dyn FnMut(OutPoint, Coin) -> ControlFlow<()>;

/// Records that were overwritten since a snapshot was taken, in their old form.
#[derive(Debug, Default)]
pub struct Overwritten(Mutex<Records>);

impl Overwritten {
    /// Keeps a record's old form, unless an older one is kept; none if the database had no such record.
    pub fn keep(&self, txid: Txid, old: Option<StoredTransaction>) {
        held(&self.0).entry(txid).or_insert(old);
    }
}

/// The coins of one tip.
pub struct Snapshot {
    database: Arc<Database>,
    /// Records that the database did not have as they were; none for those that were removed.
    changed: Records,
    overwritten: Arc<Overwritten>,
}

impl Snapshot {
    /// A snapshot of the records in the database, with `changed` over them. Checkpoints put into
    /// `overwritten` what they overwrite from now on.
    pub const fn new(database: Arc<Database>, changed: Records, overwritten: Arc<Overwritten>) -> Self {
        Self { database, changed, overwritten }
    }

    /// Visits every coin in the order of outpoints, until `visit` breaks off.
    pub fn for_each_coin(&self, visit: Visit<'_>) -> Result<(), StoreError> {
        let mut passed = Bound::Unbounded;
        for stored in stored_transactions(&self.database) {
            let (txid, stored) = stored?;
            if self.visit_missing((passed, Bound::Excluded(txid)), visit).is_break() {
                return Ok(());
            }
            let overwritten = || held(&self.overwritten.0).get(&txid).cloned();
            let record = match self.changed.get(&txid) {
                Some(changed) => changed.clone(),
                None => overwritten().unwrap_or(Some(stored)),
            };
            if record.is_some_and(|record| coins_of(txid, &record, visit).is_break()) {
                return Ok(());
            }
            passed = Bound::Excluded(txid);
        }
        let _ = self.visit_missing((passed, Bound::Unbounded), visit);
        Ok(())
    }

    /// Visits the coins of records that the database does not have between two records: they were not
    /// written yet, or were removed since.
    fn visit_missing(&self, between: (Bound<Txid>, Bound<Txid>), visit: Visit<'_>) -> ControlFlow<()> {
        let mut missing: Records = held(&self.overwritten.0).range(between).map(cloned).collect();
        missing.extend(self.changed.range(between).map(cloned));
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
    (0..).zip(&record.outputs).try_for_each(|(index, output)| match output {
        OutputState::Unspent(output) => visit(OutPoint { txid, index }, record.coin(output)),
        OutputState::Spent { .. } => ControlFlow::Continue(()),
    })
}
