//! A walk over all coins as those see it who ask how far it is, or break it off.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cairn_core::hash::Txid;

/// How far a walk is, and whether anybody still wants it.
#[derive(Debug, Default)]
pub struct Progress {
    /// The first two bytes of the last id: ids are spread evenly.
    reached: AtomicU32,
    is_broken_off: AtomicBool,
}

impl Progress {
    /// In percent.
    pub fn percent(&self) -> u32 {
        self.reached.load(Ordering::Relaxed) * 100 / (1 << 16)
    }

    /// Asks the walk to end.
    pub fn break_off(&self) {
        self.is_broken_off.store(true, Ordering::Relaxed);
    }

    /// Whether it is to end.
    pub fn is_broken_off(&self) -> bool {
        self.is_broken_off.load(Ordering::Relaxed)
    }

    /// Notes that the walk has come to this transaction's coins.
    pub fn reach(&self, txid: &Txid) {
        let [high, low, ..] = *txid.as_bytes();
        self.reached.store(u32::from_be_bytes([0, 0, high, low]), Ordering::Relaxed);
    }
}

/// The one scan for addresses that may run, so that it can be asked about and broken off.
#[derive(Clone, Debug, Default)]
pub struct ScanPlace(Arc<Mutex<Option<Arc<Progress>>>>);

/// Takes the place of the scan; gives it back when dropped, as when the caller has gone.
pub struct ScanTurn(ScanPlace, Arc<Progress>);

impl ScanPlace {
    /// Takes the place, unless it is taken.
    pub fn take(&self) -> Option<ScanTurn> {
        let mut place = self.running_mut();
        let free = place.is_none();
        let progress = free.then(Arc::<Progress>::default)?;
        *place = Some(progress.clone());
        Some(ScanTurn(self.clone(), progress))
    }

    /// The scan that runs.
    pub fn running(&self) -> Option<Arc<Progress>> {
        self.running_mut().clone()
    }

    fn running_mut(&self) -> MutexGuard<'_, Option<Arc<Progress>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ScanTurn {
    /// How far the scan is.
    pub fn progress(&self) -> Arc<Progress> {
        self.1.clone()
    }
}

impl Drop for ScanTurn {
    fn drop(&mut self) {
        *self.0.running_mut() = None;
    }
}
