//! How a block spread: when each node had it, and what that comes to.

use crate::place::Place;

/// Times from finding a block to nodes having it.
#[derive(Clone, Debug)]
pub struct Spread {
    nodes: usize,
    /// A bit for each node that had it.
    has: Vec<u64>,
    /// Milliseconds, in the order of arrival, which is the order of size.
    times: Vec<u32>,
}

impl Spread {
    /// Nobody has it yet.
    pub fn new(nodes: usize) -> Self {
        Self { nodes, has: vec![0; nodes.div_ceil(64)], times: Vec::new() }
    }

    /// A node has it, so long after it was found; only the first time counts.
    pub fn reached(&mut self, at: Place, after_ms: u64) {
        let (word, bit) = (at.index() / 64, 1_u64 << (at.index() % 64));
        if let Some(word) = self.has.get_mut(word).filter(|word| **word & bit == 0) {
            *word |= bit;
            self.times.push(u32::try_from(after_ms).unwrap_or(u32::MAX));
        }
    }

    /// How many nodes had it.
    pub fn reached_count(&self) -> u32 {
        u32::try_from(self.times.len()).unwrap_or(u32::MAX)
    }

    /// When so many of a hundred of all nodes had it; none if so many never did.
    pub fn percentile(&self, percent: usize) -> Option<u64> {
        let wanted = (self.nodes * percent).div_ceil(100).max(1);
        self.times.get(wanted - 1).map(|time| u64::from(*time))
    }

    /// Every time.
    pub fn times(&self) -> impl Iterator<Item = u64> {
        self.times.iter().map(|time| u64::from(*time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_of_all_nodes_and_not_of_those_reached() {
        let mut spread = Spread::new(10);
        for place in Place::first(9) {
            spread.reached(place, 100 * (place.index() as u64 + 1));
        }
        spread.reached(Place::new(0), 5_000);
        assert_eq!(spread.reached_count(), 9);
        assert_eq!([50, 90, 99].map(|percent| spread.percentile(percent)), [Some(500), Some(900), None]);
    }
}
