//! Block tree layout: the branch of each block, and the lane that each branch is drawn in.

use std::ops::Range;

/// Blocks that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The block that it begins on; none when that is not among the blocks.
    pub parent: Option<usize>,
    /// Its blocks by number, ancestors first; at least one.
    pub blocks: Vec<usize>,
}

/// Splits a tree into branches, given the parent of each block. Each tip, in this order, takes those of its
/// ancestors that no tip before it has taken.
pub fn branches(parents: &[Option<usize>], tips: impl IntoIterator<Item = usize>) -> Vec<Branch> {
    let mut is_taken = vec![false; parents.len()];
    let mut branches = Vec::new();
    for tip in tips {
        let mut blocks = Vec::new();
        let mut next = Some(tip);
        while let Some(block) = next.filter(|block| !is_taken[*block]) {
            is_taken[block] = true;
            blocks.push(block);
            next = parents[block];
        }
        blocks.reverse();
        if !blocks.is_empty() {
            branches.push(Branch { parent: next, blocks });
        }
    }
    branches
}

/// Tips: the blocks that are no block's parent, in the order of blocks.
pub fn tips(parents: &[Option<usize>]) -> Vec<usize> {
    let mut is_parent = vec![false; parents.len()];
    parents.iter().flatten().for_each(|parent| is_parent[*parent] = true);
    (0..parents.len()).filter(|block| !is_parent[*block]).collect()
}

/// The lane of each branch, given the span that it covers. The first branch has lane 0 for itself. Each
/// other one, in the order in which spans start, takes the first lane that is free from there on.
pub fn lanes<T: Ord + Copy>(spans: &[Range<T>]) -> Vec<usize> {
    let mut order: Vec<usize> = (1..spans.len()).collect();
    order.sort_by_key(|branch| spans[*branch].start);
    let mut lanes = vec![0; spans.len()];
    let mut ends: Vec<T> = Vec::new();
    for branch in order {
        let Range { start, end } = spans[branch];
        let lane = ends.iter().position(|taken_to| *taken_to <= start).unwrap_or(ends.len());
        match ends.get_mut(lane) {
            Some(taken_to) => *taken_to = end,
            None => ends.push(end),
        }
        lanes[branch] = lane + 1;
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tips_take_their_ancestors_in_turn() {
        // 0 - 1 - 6, and on 0 the branch 2 - 3 with 4 and 5 - 7 on it.
        let parents = [None, Some(0), Some(0), Some(2), Some(3), Some(3), Some(1), Some(5)];
        assert_eq!(tips(&parents), [4, 6, 7]);
        let branch = |parent, blocks: &[usize]| Branch { parent, blocks: blocks.to_vec() };
        assert_eq!(
            branches(&parents, [6, 7, 4]),
            [branch(None, &[0, 1, 6]), branch(Some(0), &[2, 3, 5, 7]), branch(Some(3), &[4])]
        );
    }

    #[test]
    fn blocks_that_are_each_others_parents_end() {
        assert_eq!(branches(&[Some(1), Some(0)], [0]).len(), 1);
    }

    #[test]
    fn spans_that_do_not_overlap_share_a_lane_and_the_first_branch_shares_with_none() {
        assert_eq!(lanes(&[0..9, 5..7, 1..3, 2..4, 3..5]), [0, 1, 1, 2, 1]);
    }
}
