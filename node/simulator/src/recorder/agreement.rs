//! Agreement: which tip each living node has, and how many have the one that most have, over time.

use std::collections::BTreeMap;

use cairn_core::hash::BlockHash;

use crate::node_index::NodeIndex;
use crate::plan::MILLION;
use crate::recorder::blocks::Blocks;
use crate::recorder::tips::TipChanges;
use crate::report::{AgreementPoint, Tips};

/// Points kept; beyond it spans of time are merged in pairs.
const MAX_POINTS: usize = 4_096;

/// The tips of nodes, and their shares over time.
#[derive(Clone, Debug)]
pub struct Agreement {
    tips: Vec<Option<BlockHash>>,
    /// The last that each had: its disk holds it, whether or not it lives.
    held: Vec<Option<BlockHash>>,
    counts: BTreeMap<BlockHash, u32>,
    living: u32,
    points: Vec<AgreementPoint>,
    changes: TipChanges,
    /// Changes within this number of milliseconds share two points.
    span_ms: u64,
    most_tips: usize,
}

impl Agreement {
    /// No node lives yet.
    pub fn new(nodes: usize) -> Self {
        let (tips, held) = (vec![None; nodes], vec![None; nodes]);
        Self {
            tips,
            held,
            counts: BTreeMap::new(),
            living: 0,
            points: Vec::new(),
            changes: TipChanges::default(),
            span_ms: 1,
            most_tips: 0,
        }
    }

    /// A node has another tip, or none since it is gone.
    pub fn moved(&mut self, at_ms: u64, at: NodeIndex, tip: Option<BlockHash>) {
        let Some(held) = self.tips.get_mut(at.index()) else { return };
        let before = core::mem::replace(held, tip);
        if before == tip {
            return;
        }
        self.changes.moved(at_ms, at, tip);
        if let Some(left) = before {
            self.living -= 1;
            if let Some(count) = self.counts.get_mut(&left) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&left);
                }
            }
        }
        if let Some(tip) = tip {
            self.held[at.index()] = Some(tip);
            self.living += 1;
            *self.counts.entry(tip).or_default() += 1;
        }
        self.most_tips = self.most_tips.max(self.counts.len());
        self.note(at_ms);
    }

    fn note(&mut self, at_ms: u64) {
        let most = self.counts.values().max().copied().unwrap_or(0);
        let share = (u64::from(most) * MILLION).checked_div(u64::from(self.living)).unwrap_or(0);
        let point = AgreementPoint { at_ms, share, tips: self.counts.len() as u32 };
        push(&mut self.points, point, self.span_ms);
        if self.points.len() > MAX_POINTS {
            self.thin_out();
        }
    }

    fn thin_out(&mut self) {
        self.span_ms *= 2;
        let mut kept: Vec<AgreementPoint> = Vec::with_capacity(MAX_POINTS);
        for point in self.points.drain(..) {
            push(&mut kept, point, self.span_ms);
        }
        self.points = kept;
    }

    /// How many tips there are now.
    pub fn tips(&self) -> usize {
        self.counts.len()
    }

    /// The most there were at one time.
    pub const fn most_tips(&self) -> usize {
        self.most_tips
    }

    /// How many nodes live.
    pub const fn living(&self) -> usize {
        self.living as usize
    }

    /// The tip of a node, if it lives.
    pub fn tip(&self, node: NodeIndex) -> Option<BlockHash> {
        self.tips.get(node.index()).copied().flatten()
    }

    /// The tip that most have, of equals the one whose hash is least; and their part of the living.
    /// When none lives, the one that most had when they went, which is no part of anything.
    pub fn majority(&self) -> Option<(BlockHash, u64)> {
        if self.living == 0 {
            let mut counts: BTreeMap<BlockHash, u32> = BTreeMap::new();
            self.held.iter().flatten().for_each(|tip| *counts.entry(*tip).or_default() += 1);
            return of_most(&counts).map(|(tip, _)| (tip, 0));
        }
        let (tip, count) = of_most(&self.counts)?;
        Some((tip, (u64::from(count) * MILLION).checked_div(u64::from(self.living))?))
    }

    /// Which tip each node had, from when on; nothing is kept afterwards.
    pub fn take_tips(&mut self, blocks: &Blocks) -> Tips {
        core::mem::take(&mut self.changes).conclude(blocks)
    }

    /// Every point, and one for the end.
    pub fn into_points(mut self, end_ms: u64) -> Vec<AgreementPoint> {
        if let Some((_, share)) = self.majority() {
            let end = AgreementPoint { at_ms: end_ms, share, tips: self.counts.len() as u32 };
            if self.points.last().is_some_and(|last| last.at_ms < end_ms) {
                self.points.push(end);
            }
        }
        self.points
    }
}

fn of_most(counts: &BTreeMap<BlockHash, u32>) -> Option<(BlockHash, u32)> {
    let most = counts.values().max()?;
    counts.iter().find(|(_, count)| *count == most).map(|(tip, count)| (*tip, *count))
}

/// One point more. Of each span of time two stay at most: the least share, and after it the one that
/// the span ends with, which holds until the next.
fn push(points: &mut Vec<AgreementPoint>, point: AgreementPoint, span_ms: u64) {
    let is_same = |other: &AgreementPoint| (other.share, other.tips) == (point.share, point.tips);
    if points.last().is_some_and(is_same) {
        return;
    }
    let span = point.at_ms / span_ms;
    let in_span = points.iter().rev().take(2).take_while(|other| other.at_ms / span_ms == span).count();
    let least = points.len() - in_span;
    if points.get(least).is_some_and(|least| point.share <= least.share) {
        points.truncate(least);
    }
    points.truncate(least + 1);
    points.push(point);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u8) -> BlockHash {
        BlockHash::from_bytes([number; 32])
    }

    #[test]
    fn the_share_is_that_of_the_living_who_have_what_most_have() {
        let mut agreement = Agreement::new(4);
        for node in NodeIndex::first(4) {
            agreement.moved(0, node, Some(hash(1)));
        }
        agreement.moved(10, NodeIndex::new(0), Some(hash(2)));
        assert_eq!((agreement.tips(), agreement.majority()), (2, Some((hash(1), 750_000))));
        agreement.moved(20, NodeIndex::new(3), None);
        assert_eq!(agreement.majority(), Some((hash(1), 666_666)));
        agreement.moved(30, NodeIndex::new(0), Some(hash(1)));
        assert_eq!(agreement.majority(), Some((hash(1), MILLION)));
        let points = agreement.into_points(100);
        let shares: Vec<(u64, u64)> = points.iter().map(|point| (point.at_ms, point.share)).collect();
        assert_eq!(shares[1..], [(10, 750_000), (20, 666_666), (30, MILLION), (100, MILLION)]);
    }

    #[test]
    fn when_no_node_lives_the_chain_is_the_one_that_most_had_and_nobody_agrees_on_it() {
        let mut agreement = Agreement::new(3);
        for (node, tip) in NodeIndex::first(3).zip([1, 2, 2]) {
            agreement.moved(0, node, Some(hash(tip)));
        }
        NodeIndex::first(3).rev().for_each(|node| agreement.moved(10, node, None));
        assert_eq!((agreement.living(), agreement.tips()), (0, 0));
        assert_eq!(agreement.majority(), Some((hash(2), 0)));
        let last = agreement.into_points(50).pop().expect("some");
        assert_eq!((last.at_ms, last.share, last.tips), (50, 0, 0));
    }

    #[test]
    fn a_long_run_keeps_a_bounded_number_of_points_and_its_lowest_shares() {
        let mut agreement = Agreement::new(2);
        agreement.moved(0, NodeIndex::new(0), Some(hash(0)));
        agreement.moved(0, NodeIndex::new(1), Some(hash(0)));
        for round in 0..20_000_u64 {
            let tip = hash((round % 200) as u8 + 1);
            agreement.moved(round * 1_000, NodeIndex::new(0), Some(tip));
            agreement.moved(round * 1_000 + 10, NodeIndex::new(1), Some(tip));
        }
        let points = agreement.into_points(20_000_000);
        assert!(points.len() <= MAX_POINTS + 1, "{}", points.len());
        assert!(points.iter().any(|point| point.share == 500_000));
        // Nodes agree nearly all of the time, however few points tell so.
        let held = points.windows(2).map(|pair| pair[1].at_ms - pair[0].at_ms);
        let apart = held.zip(&points).filter(|(_, point)| point.share < MILLION).map(|(held, _)| held);
        assert!(apart.sum::<u64>() < 20_000_000 / 20);
    }
}
