//! Agreement over time: how many of the running nodes are on the tip that most of them have.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

/// Points kept; the oldest go first.
pub const KEPT: usize = 20_000;

/// A moment at which agreement changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// When, in milliseconds.
    pub at: u64,
    /// Nodes on the tip that most have.
    pub most: usize,
    /// Different tips.
    pub tips: usize,
}

impl Point {
    /// As the page gets it.
    pub fn to_json(self) -> Value {
        json!([self.at, self.most, self.tips])
    }
}

/// Who is on which tip, and how that changed.
#[derive(Debug, Default)]
pub struct Agreement {
    on: BTreeMap<String, usize>,
    points: VecDeque<Point>,
}

impl Agreement {
    /// A node comes to a tip.
    pub fn joins(&mut self, tip: &str) {
        *self.on.entry(tip.to_owned()).or_default() += 1;
    }

    /// A node leaves a tip.
    pub fn leaves(&mut self, tip: &str) {
        if let Some(count) = self.on.get_mut(tip) {
            *count -= 1;
            if *count == 0 {
                self.on.remove(tip);
            }
        }
    }

    /// Looks how it is now; returns the point if it is another than before.
    pub fn look(&mut self, at: u64) -> Option<Point> {
        let point = Point { at, most: self.on.values().max().copied().unwrap_or(0), tips: self.on.len() };
        let is_news =
            self.points.back().is_none_or(|last| (last.most, last.tips) != (point.most, point.tips));
        if !is_news {
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

    /// Every point kept.
    pub fn picture(&self) -> Vec<Value> {
        self.points.iter().map(|point| point.to_json()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_is_told_when_it_changes_and_not_before() {
        let mut agreement = Agreement::default();
        ["a", "a", "b"].iter().for_each(|tip| agreement.joins(tip));
        assert_eq!(agreement.look(5), Some(Point { at: 5, most: 2, tips: 2 }));
        assert_eq!(agreement.look(6), None);
        agreement.leaves("b");
        agreement.joins("a");
        assert_eq!(agreement.look(7), Some(Point { at: 7, most: 3, tips: 1 }));
        ["a", "a", "a"].iter().for_each(|tip| agreement.leaves(tip));
        assert_eq!(agreement.look(7), Some(Point { at: 7, most: 0, tips: 0 }));
        assert_eq!(agreement.picture(), [json!([5, 2, 2]), json!([7, 0, 0])]);
    }
}
