//! What links were made to be like, for those that are started again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Two nodes, the lower number first.
pub type Pair = (u16, u16);

/// How long nodes hold back what they say.
#[derive(Debug, Default)]
pub struct LinkDelays(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// By how many milliseconds everything to and from a node is late,
    nodes: BTreeMap<u16, u64>,
    /// and what two nodes say to each other.
    pairs: BTreeMap<Pair, u64>,
}

impl LinkDelays {
    /// Everything to and from a node is so much later from now on.
    pub fn set_node(&self, node: u16, delay_ms: u64) {
        self.kept().nodes.insert(node, delay_ms);
    }

    /// What these say to each other takes so long from now on.
    pub fn set_pairs(&self, pairs: &BTreeMap<Pair, u64>) {
        self.kept().pairs.extend(pairs);
    }

    /// How long a node holds back what it says to everybody.
    pub fn of_all(&self, from: u16) -> u64 {
        self.kept().nodes.get(&from).copied().unwrap_or(0)
    }

    /// The same of what it says to another, if that is longer.
    pub fn towards(&self, from: u16, to: u16) -> u64 {
        let of_pair = self.kept().pairs.get(&(from.min(to), from.max(to))).copied().unwrap_or(0);
        of_pair.max(self.of_all(to))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Figures are whole whatever happens.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_a_node_and_a_pair_counts() {
        let links = LinkDelays::default();
        links.set_node(2, 50);
        links.set_node(2, 100);
        links.set_pairs(&BTreeMap::from([((0, 2), 300), ((1, 2), 40)]));
        assert_eq!([0, 1, 2].map(|node| links.of_all(node)), [0, 0, 100]);
        assert_eq!(
            [(0, 2), (2, 0), (1, 2), (0, 1)].map(|(from, to)| links.towards(from, to)),
            [300, 300, 100, 0]
        );
    }
}
