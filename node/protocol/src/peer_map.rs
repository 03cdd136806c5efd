//! A map by peer. It is looked into several times for every message, so the search stays within
//! four bytes of each identity, side by side: those of sixteen peers are one line of the processor's
//! cache, and those of [`FEW`] lie in the map itself. What belongs to a peer is touched once it is found.

use core::cmp::Ordering;

use smallvec::SmallVec;

use crate::peer::PeerId;

/// Peers that most nodes have no more of.
const FEW: usize = 24;

/// One value for each peer, in the order of identities.
#[derive(Clone, Debug)]
pub struct PeerMap<T> {
    beginnings: SmallVec<[u32; FEW]>,
    entries: Vec<(PeerId, T)>,
}

impl<T> Default for PeerMap<T> {
    fn default() -> Self {
        Self { beginnings: SmallVec::new(), entries: Vec::new() }
    }
}

impl<T> PeerMap<T> {
    /// The value of a peer.
    pub fn get(&self, peer: &PeerId) -> Option<&T> {
        let at = self.find(peer).ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    /// The value of a peer, to be changed.
    pub fn get_mut(&mut self, peer: &PeerId) -> Option<&mut T> {
        let at = self.find(peer).ok()?;
        self.entries.get_mut(at).map(|(_, value)| value)
    }

    /// Puts a value in the place of whatever the peer had.
    pub fn insert(&mut self, peer: PeerId, value: T) {
        match self.find(&peer) {
            Ok(at) => self.entries[at].1 = value,
            Err(at) => {
                self.beginnings.insert(at, beginning(&peer));
                self.entries.insert(at, (peer, value));
            }
        }
    }

    /// Takes out what the peer had.
    pub fn remove(&mut self, peer: &PeerId) -> Option<T> {
        let at = self.find(peer).ok()?;
        self.beginnings.remove(at);
        Some(self.entries.remove(at).1)
    }

    /// Every peer and its value.
    pub fn iter(&self) -> impl Iterator<Item = (&PeerId, &T)> {
        self.entries.iter().map(|(peer, value)| (peer, value))
    }

    /// Every peer and its value, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&PeerId, &mut T)> {
        self.entries.iter_mut().map(|(peer, value)| (&*peer, value))
    }

    /// Every value.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// Every value, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    /// Where a peer is, or would be. Identities that begin alike stand side by side, so one that
    /// somebody made to begin like another's is told from it.
    fn find(&self, peer: &PeerId) -> Result<usize, usize> {
        let beginning = beginning(peer);
        // One after the other: with as few as peers are, that is faster than a search by halves.
        let at = self.beginnings.iter().position(|other| *other >= beginning);
        let mut at = at.unwrap_or(self.beginnings.len());
        while self.beginnings.get(at) == Some(&beginning)
            && let Some((other, _)) = self.entries.get(at)
        {
            match other.cmp(peer) {
                Ordering::Less => at += 1,
                Ordering::Equal => return Ok(at),
                Ordering::Greater => break,
            }
        }
        Err(at)
    }
}

/// The first four bytes, as a number in the same order.
fn beginning(peer: &PeerId) -> u32 {
    (peer.beginning() >> 32) as u32
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
