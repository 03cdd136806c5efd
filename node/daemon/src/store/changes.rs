//! Changes of stored records that no checkpoint has written yet.

use std::collections::BTreeMap;

/// A record that differs from its stored form.
#[derive(Clone, Debug)]
pub struct Change<V> {
    /// Whether the database has an older form of the record.
    pub was_stored: bool,
    /// The record; none when it was removed.
    pub now: Option<V>,
}

/// Changed records by key.
pub type Changes<K, V> = BTreeMap<K, Change<V>>;

/// The number of records with the changes, where this many are stored.
pub fn count<K, V>(stored: u64, changes: &Changes<K, V>) -> u64 {
    let inserted = changes.values().filter(|change| change.now.is_some()).count() as u64;
    let replaced = changes.values().filter(|change| change.was_stored).count() as u64;
    (stored + inserted).saturating_sub(replaced)
}
