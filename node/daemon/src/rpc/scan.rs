//! Progress of a walk over all coins, for callers that ask for it or cancel the walk.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use cairn_core::hash::Txid;
use cairn_genesis::programs::held::held;

/// How far a walk is, and whether it is cancelled.
#[derive(Debug, Default)]
pub struct Progress {
    /// The first two bytes of the last id: ids are spread evenly.
    reached: AtomicU32,
    is_cancelled: AtomicBool,
}

impl Progress {
    /// How far the walk is, in percent of all transaction ids.
    pub fn percent(&self) -> u32 {
        self.reached.load(Ordering::Relaxed) * 100 / (1 << 16)
    }

    /// Makes the walk end early.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether it is to end early.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    /// Notes that the walk has come to this transaction's coins.
    pub fn reach(&self, txid: &Txid) {
        let [high, low, ..] = *txid.as_bytes();
        self.reached.store(u32::from_be_bytes([0, 0, high, low]), Ordering::Relaxed);
    }
}

/// The one scan for addresses that may run at a time. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct ScanSlot(Arc<Mutex<Weak<Progress>>>);

impl ScanSlot {
    /// Occupies the slot for as long as the progress lives, unless another scan runs.
    pub fn take(&self) -> Option<Arc<Progress>> {
        let mut running = held(&self.0);
        let progress = (running.strong_count() == 0).then(Arc::<Progress>::default)?;
        *running = Arc::downgrade(&progress);
        Some(progress)
    }

    /// Progress of the scan that runs.
    pub fn running(&self) -> Option<Arc<Progress>> {
        held(&self.0).upgrade()
    }
}
