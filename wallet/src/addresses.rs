//! The addresses of one branch: those derived, those handed out, those that the chain has paid.

use std::collections::BTreeSet;

use cairn_core::lock::{Lock, PublicKey};
use serde::{Deserialize, Serialize};

use crate::keys::{Branch, Keys};

/// Addresses of one branch, counted from the first that the words give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addresses {
    /// Those derived so far: all that the wallet looks for.
    keys: Vec<Hex32>,
    /// How many were handed out or paid.
    used: u32,
    /// How many there are up to the last one that the chain has paid.
    paid: u32,
}

/// A public key as hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hex32(#[serde(with = "hex::serde")] [u8; 32]);

impl Addresses {
    /// These addresses, of which the first `used` were handed out.
    pub fn new(keys: Vec<Hex32>, used: u32) -> Self {
        Self { keys, used, paid: 0 }
    }

    /// How many are derived.
    pub fn derived(&self) -> u32 {
        u32::try_from(self.keys.len()).unwrap_or(u32::MAX)
    }

    /// How many were handed out or paid.
    pub fn used(&self) -> u32 {
        self.used
    }

    /// How many there are up to the last one that the chain has paid.
    pub fn paid(&self) -> u32 {
        self.paid
    }

    /// Every address in order.
    pub fn locks(&self) -> impl Iterator<Item = Lock> + '_ {
        self.keys.iter().map(lock_of)
    }

    /// The newest address that was handed out, or the first.
    pub fn current(&self) -> Option<Lock> {
        self.keys.get(self.used.saturating_sub(1) as usize).map(lock_of)
    }

    /// Derives addresses until `unused` ones are ready.
    pub fn derive(&mut self, keys: &Keys, branch: Branch, unused: u32) {
        for index in self.derived()..self.used.saturating_add(unused) {
            let Lock::PublicKey(key) = keys.lock(branch, index);
            self.keys.push(Hex32(*key.as_bytes()));
        }
    }

    /// Whether fewer than `unused` addresses are ready.
    pub fn is_short_of(&self, unused: u32) -> bool {
        self.derived() < self.used.saturating_add(unused)
    }

    /// Whether fewer than `gap` addresses follow the last one that the chain has paid.
    pub fn is_paid_near_the_end(&self, gap: u32) -> bool {
        self.paid > 0 && self.derived() < self.paid.saturating_add(gap)
    }

    /// Drops all but `unused` addresses beyond the used ones.
    pub fn trim(&mut self, unused: u32) {
        self.keys.truncate(self.used.saturating_add(unused) as usize);
    }

    /// The next address that was never used; none when all that are derived were.
    pub fn next(&self) -> Option<Lock> {
        self.keys.get(self.used as usize).map(lock_of)
    }

    /// Hands out an address that was never used; none when all that are derived were.
    pub fn take(&mut self) -> Option<Lock> {
        let lock = self.next()?;
        self.used += 1;
        Some(lock)
    }

    /// Marks the last of these addresses, and those before it, as used; gives how many they are.
    pub fn mark_used(&mut self, locks: &BTreeSet<Lock>) -> u32 {
        let last = self.keys.iter().rposition(|key| locks.contains(&lock_of(key)));
        let count =
            last.and_then(|index| u32::try_from(index).ok()).map_or(0, |index| index.saturating_add(1));
        self.used = self.used.max(count);
        count
    }

    /// Notes which addresses the chain has paid, all of them at once: a reorganization takes some back.
    pub fn mark_paid(&mut self, paid: &BTreeSet<Lock>) {
        self.paid = self.mark_used(paid);
    }
}

fn lock_of(key: &Hex32) -> Lock {
    Lock::PublicKey(PublicKey::from_bytes(key.0))
}
