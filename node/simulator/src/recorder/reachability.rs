//! Reachability: which nodes live and reach each other, and since when without interruption.

use crate::node_index::{NodeIndex, sides};

/// Which nodes were down, and which partitions were in force when.
#[derive(Clone, Debug)]
pub struct Reachability {
    /// Counts starts of nodes and changes of the partition, which orders them within a millisecond.
    now: u32,
    /// Since when each node lives; none while it does not, or is no part of the network.
    up_since: Vec<Option<u32>>,
    /// Every change of the partition, with the side of each node from then on; none when all reach all.
    cuts: Vec<(u32, Option<Vec<usize>>)>,
}

impl Reachability {
    /// No node lives yet, and there is no partition.
    pub fn new(nodes: usize) -> Self {
        Self { now: 0, up_since: vec![None; nodes], cuts: vec![(0, None)] }
    }

    /// Now, as the other methods take it.
    pub const fn now(&self) -> u32 {
        self.now
    }

    /// A node lives; nothing new if it did already.
    pub fn came_up(&mut self, at: NodeIndex) {
        if let Some(since) = self.up_since.get_mut(at.index()).filter(|since| since.is_none()) {
            self.now += 1;
            *since = Some(self.now);
        }
    }

    /// A node is gone.
    pub fn went_down(&mut self, at: NodeIndex) {
        if let Some(since) = self.up_since.get_mut(at.index()) {
            *since = None;
        }
    }

    /// The network is partitioned; a node in no group is alone.
    pub fn split(&mut self, groups: &[Vec<NodeIndex>]) {
        self.now += 1;
        self.cuts.push((self.now, Some(sides(groups, self.up_since.len()))));
    }

    /// The partition in force ends.
    pub fn heal(&mut self) {
        self.now += 1;
        self.cuts.push((self.now, None));
    }

    /// The indexes of all nodes.
    pub fn indices(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        NodeIndex::first(u16::try_from(self.up_since.len()).unwrap_or(u16::MAX))
    }

    /// Whether a node lives.
    pub fn is_up(&self, at: NodeIndex) -> bool {
        self.up_since.get(at.index()).is_some_and(Option::is_some)
    }

    /// Whether a node lived then, and has never been gone since.
    pub fn is_up_since(&self, at: NodeIndex, then: u32) -> bool {
        self.up_since.get(at.index()).copied().flatten().is_some_and(|since| since <= then)
    }

    /// Whether a partition was between two nodes then or at any time since.
    pub fn was_split_since(&self, one: NodeIndex, other: NodeIndex, then: u32) -> bool {
        let before = self.cuts.partition_point(|(when, _)| *when <= then).saturating_sub(1);
        let mut sides = self.cuts[before..].iter().filter_map(|(_, sides)| sides.as_ref());
        sides.any(|sides| sides.get(one.index()) != sides.get(other.index()))
    }
}
