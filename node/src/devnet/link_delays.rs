//! Delays of links, kept for nodes that are started again.

use std::collections::BTreeMap;

/// Two nodes, the lower number first.
pub type Pair = (u16, u16);

/// Delays of what nodes send, in milliseconds.
#[derive(Debug, Default)]
pub struct LinkDelays {
    /// Delays of everything to and from a node.
    nodes: BTreeMap<u16, u64>,
    /// Delays between two nodes.
    pairs: BTreeMap<Pair, u64>,
}

impl LinkDelays {
    /// Delays everything to and from a node from now on.
    pub fn set_node(&mut self, node: u16, delay_ms: u64) {
        self.nodes.insert(node, delay_ms);
    }

    /// Delays what these pairs send to each other from now on.
    pub fn set_pairs(&mut self, pairs: &BTreeMap<Pair, u64>) {
        self.pairs.extend(pairs);
    }

    /// Delay of what a node sends to any other.
    pub fn of_all(&self, from: u16) -> u64 {
        self.nodes.get(&from).copied().unwrap_or(0)
    }

    /// Delay of what a node sends to one other, if that is longer.
    pub fn towards(&self, from: u16, to: u16) -> u64 {
        let of_pair = self.pairs.get(&(from.min(to), from.max(to))).copied().unwrap_or(0);
        of_pair.max(self.of_all(to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_a_node_and_a_pair_counts() {
        let mut links = LinkDelays::default();
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
