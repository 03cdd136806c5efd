//! The arrivals of a block at nodes, and their percentiles.
//!
//! Times measure the network, so only nodes count that could receive the block all the time: that
//! lived when it was first shown to others, and were neither down nor behind a partition before they had it.

use crate::node_index::NodeIndex;
use crate::recorder::reachability::Reachability;

/// Times from finding a block to nodes having it.
#[derive(Clone, Debug)]
pub struct Arrivals {
    finder: NodeIndex,
    /// From whom the others have it, and since when: the finder, or the first who has it when the
    /// finder is no part of the network.
    source: Option<(NodeIndex, u32)>,
    /// When another than the finder had it first.
    shown: Option<u32>,
    /// A bit for each node that had it.
    has: Vec<u64>,
    reached: u32,
    /// When the finder itself had it, in milliseconds,
    finder_ms: Option<u64>,
    /// and every other node that counts, in the order of arrival, which is the order of size.
    times: Vec<u32>,
}

impl Arrivals {
    /// No node has it yet.
    pub fn new(nodes: usize, finder: NodeIndex, contact: &Reachability) -> Self {
        let source = contact.is_up(finder).then(|| (finder, contact.now()));
        let has = vec![0; nodes.div_ceil(64)];
        Self { finder, source, shown: None, has, reached: 0, finder_ms: None, times: Vec::new() }
    }

    /// A node has it, this long after it was found; only the first time counts.
    pub fn reached(&mut self, at: NodeIndex, after_ms: u64, contact: &Reachability) {
        let (word, bit) = (at.index() / 64, 1_u64 << (at.index() % 64));
        let Some(word) = self.has.get_mut(word).filter(|word| **word & bit == 0) else { return };
        *word |= bit;
        self.reached += 1;
        if at == self.finder {
            self.finder_ms = Some(after_ms);
            return;
        }
        self.shown.get_or_insert(contact.now());
        self.source.get_or_insert((at, contact.now()));
        if self.counts(at, contact) {
            self.times.push(u32::try_from(after_ms).unwrap_or(u32::MAX));
        }
    }

    /// The number of nodes that had it, whether or not they count.
    pub const fn reached_count(&self) -> u32 {
        self.reached
    }

    /// The times at which these percentages of all nodes that count had it; none for one that was never reached.
    pub fn percentiles<const N: usize>(
        &self,
        percents: [usize; N],
        contact: &Reachability,
    ) -> [Option<u64>; N] {
        let has = |node: NodeIndex| {
            self.has.get(node.index() / 64).is_some_and(|word| word >> (node.index() % 64) & 1 == 1)
        };
        let never = contact.indices().filter(|node| !has(*node) && self.counts(*node, contact)).count();
        let times = || self.finder_ms.into_iter().chain(self.others());
        let nodes = times().count() + never;
        percents.map(|percent| times().nth(rank(percent, nodes)))
    }

    /// The time of every node but the finder.
    pub fn others(&self) -> impl Iterator<Item = u64> {
        self.times.iter().map(|time| u64::from(*time))
    }

    fn counts(&self, at: NodeIndex, contact: &Reachability) -> bool {
        let was_cut = |(source, since)| contact.was_split_since(at, source, since);
        contact.is_up_since(at, self.shown.unwrap_or(contact.now())) && !self.source.is_some_and(was_cut)
    }
}

/// The index of a percentile among a number of sorted values: the least value that this percentage does not exceed.
pub const fn rank(percent: usize, values: usize) -> usize {
    (values * percent).div_ceil(100).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERCENTS: [usize; 3] = [50, 90, 99];

    fn contact(nodes: u16) -> Reachability {
        let mut contact = Reachability::new(usize::from(nodes));
        NodeIndex::first(nodes).for_each(|node| contact.came_up(node));
        contact
    }

    #[test]
    fn a_percentile_is_of_all_nodes_and_not_of_those_reached() {
        let contact = contact(10);
        let mut spread = Arrivals::new(10, NodeIndex::new(0), &contact);
        for node in NodeIndex::first(9) {
            spread.reached(node, 100 * node.index() as u64, &contact);
        }
        spread.reached(NodeIndex::new(1), 5_000, &contact);
        assert_eq!(spread.reached_count(), 9);
        assert_eq!(spread.percentiles(PERCENTS, &contact), [Some(400), Some(800), None]);
        assert_eq!(spread.others().count(), 8, "the finder has not got it from anybody");
    }

    #[test]
    fn who_was_away_or_cut_off_does_not_count() {
        let (mut contact, node) = (contact(6), NodeIndex::new);
        contact.went_down(node(3));
        contact.split(&[(0..4).map(node).collect(), vec![node(4), node(5)]]);
        let mut spread = Arrivals::new(6, node(0), &contact);
        spread.reached(node(0), 0, &contact);
        spread.reached(node(1), 10, &contact);
        // Two goes before it has it, and the others come too late to tell of the network.
        contact.went_down(node(2));
        contact.heal();
        (2..4).for_each(|late| contact.came_up(node(late)));
        (2..5).for_each(|late| spread.reached(node(late), 9_000_000, &contact));
        assert_eq!(spread.reached_count(), 5);
        assert_eq!(spread.percentiles(PERCENTS, &contact), [Some(0), Some(10), Some(10)]);
        assert_eq!(spread.others().collect::<Vec<_>>(), [10]);
    }

    #[test]
    fn a_finder_that_is_no_part_of_the_network_is_nobody_to_wait_for() {
        let mut contact = Reachability::new(3);
        (0..2).for_each(|number| contact.came_up(NodeIndex::new(number)));
        let mut spread = Arrivals::new(3, NodeIndex::new(2), &contact);
        spread.reached(NodeIndex::new(0), 70, &contact);
        spread.reached(NodeIndex::new(1), 80, &contact);
        assert_eq!(spread.percentiles(PERCENTS, &contact), [Some(70), Some(80), Some(80)]);
        assert_eq!(spread.others().collect::<Vec<_>>(), [70, 80]);
    }
}
