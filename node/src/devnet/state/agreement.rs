//! Agreement over time: how many of the running nodes are on the tip that most of them have.

use std::collections::{BTreeMap, VecDeque};

use cairn_core::hash::BlockHash;

use crate::devnet::view::Agreement;

/// Limit of points kept; the oldest go first.
const KEPT: usize = 20_000;

/// The tips of the running nodes, and how their agreement changed.
#[derive(Debug, Default)]
pub struct AgreementHistory {
    nodes_on: BTreeMap<BlockHash, usize>,
    points: VecDeque<Agreement>,
}

impl AgreementHistory {
    /// A running node comes to a tip.
    pub fn joins(&mut self, tip: BlockHash) {
        *self.nodes_on.entry(tip).or_default() += 1;
    }

    /// A running node leaves a tip.
    pub fn leaves(&mut self, tip: BlockHash) {
        if let Some(count) = self.nodes_on.get_mut(&tip) {
            *count -= 1;
            if *count == 0 {
                self.nodes_on.remove(&tip);
            }
        }
    }

    /// Adds a point if agreement has changed, and returns it.
    pub fn look(&mut self, at: u64) -> Option<Agreement> {
        let most = self.nodes_on.values().max().copied().unwrap_or(0);
        let point = Agreement { at, most, tips: self.nodes_on.len() };
        if self.points.back().is_some_and(|last| (last.most, last.tips) == (point.most, point.tips)) {
            return None;
        }
        // Of several changes within a millisecond the last counts.
        self.points.pop_back_if(|last| last.at == at);
        self.points.push_back(point);
        if self.points.len() > KEPT {
            self.points.pop_front();
        }
        Some(point)
    }

    /// Every point that is kept.
    pub fn points(&self) -> Vec<Agreement> {
        self.points.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_is_reported_when_it_changes_and_not_before() {
        let [a, b] = [1, 2].map(|byte| BlockHash::from_bytes([byte; 32]));
        let mut agreement = AgreementHistory::default();
        [a, a, b].into_iter().for_each(|tip| agreement.joins(tip));
        assert_eq!(agreement.look(5), Some(Agreement { at: 5, most: 2, tips: 2 }));
        assert_eq!(agreement.look(6), None);
        agreement.leaves(b);
        agreement.joins(a);
        assert_eq!(agreement.look(7), Some(Agreement { at: 7, most: 3, tips: 1 }));
        [a, a, a].into_iter().for_each(|tip| agreement.leaves(tip));
        assert_eq!(agreement.look(7), Some(Agreement { at: 7, most: 0, tips: 0 }));
        assert_eq!(serde_json::to_string(&agreement.points()).expect("JSON"), "[[5,2,2],[7,0,0]]");
    }
}
