//! A map for a few keys that is looked into several times for every message. The search reads the first four
//! bytes of each key, which lie side by side: those of sixteen keys are one cache line, and those of [`FEW`] are
//! in the map itself.

use core::cmp::Ordering;

use smallvec::SmallVec;

use crate::peer::PeerId;

/// Keys that most maps have no more of.
const FEW: usize = 24;

/// A key of a [`PrefixMap`].
pub trait PrefixKey: Copy + Ord {
    /// The beginning of the key. Its order is that of the keys, as far as they differ in it.
    fn prefix(&self) -> u32;
}

impl PrefixKey for PeerId {
    fn prefix(&self) -> u32 {
        (PeerId::prefix(self) >> 32) as u32
    }
}

/// A value for each peer.
pub type PeerMap<T> = PrefixMap<PeerId, T>;

/// Values by key, in the order of keys.
#[derive(Clone, Debug)]
pub struct PrefixMap<K, T> {
    prefixes: SmallVec<[u32; FEW]>,
    entries: Vec<(K, T)>,
}

impl<K, T> Default for PrefixMap<K, T> {
    fn default() -> Self {
        Self { prefixes: SmallVec::new(), entries: Vec::new() }
    }
}

impl<K: PrefixKey, T> PrefixMap<K, T> {
    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&T> {
        let at = self.find(key).ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut T> {
        let at = self.find(key).ok()?;
        self.entries.get_mut(at).map(|(_, value)| value)
    }

    /// Sets the value of a key.
    pub fn insert(&mut self, key: K, value: T) {
        match self.find(&key) {
            Ok(at) => self.entries[at].1 = value,
            Err(at) => {
                self.prefixes.insert(at, key.prefix());
                self.entries.insert(at, (key, value));
            }
        }
    }

    /// Removes a key and returns its value.
    pub fn remove(&mut self, key: &K) -> Option<T> {
        let at = self.find(key).ok()?;
        self.prefixes.remove(at);
        Some(self.entries.remove(at).1)
    }

    /// Every key and its value.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &T)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// Every key and its value, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut T)> {
        self.entries.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// Every value, in the order of keys.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// Every value, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    /// The index of a key, or the one at which it belongs. Keys with one prefix are compared as a whole.
    fn find(&self, key: &K) -> Result<usize, usize> {
        let prefix = key.prefix();
        // One after the other: for a few keys that is faster than a binary search.
        let at = self.prefixes.iter().position(|other| *other >= prefix);
        let mut at = at.unwrap_or(self.prefixes.len());
        while self.prefixes.get(at) == Some(&prefix)
            && let Some((other, _)) = self.entries.get(at)
        {
            match other.cmp(key) {
                Ordering::Less => at += 1,
                Ordering::Equal => return Ok(at),
                Ordering::Greater => break,
            }
        }
        Err(at)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_holds_what_an_ordered_map_would_hold_also_where_identities_begin_alike() {
        let (mut map, mut model) = (PeerMap::default(), BTreeMap::new());
        for round in 0..400_u32 {
            let mut bytes = [0; 32];
            // Few beginnings and few ends, so that both meet again and again.
            (bytes[0], bytes[31]) = ((round * 7 % 5) as u8, (round * 11 % 13) as u8);
            let peer = PeerId::from_bytes(bytes);
            if round % 3 == 2 {
                assert_eq!(map.remove(&peer), model.remove(&peer));
            } else {
                map.insert(peer, round);
                model.insert(peer, round);
            }
            assert_eq!(map.get(&peer), model.get(&peer));
            assert!(map.iter().eq(model.iter()));
        }
    }
}
