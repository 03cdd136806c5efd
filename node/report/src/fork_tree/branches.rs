//! The branches of a block tree: which block belongs to which, and what of them is worth seeing.

use cairn_simulator::report::BlockReport;

use crate::fork_tree::time_line::{TimeLine, joined};

/// Up to so many blocks all are drawn.
const ALL_BLOCKS: usize = 150;
/// Of more stale branches than this, only the longest are looked for.
const MAX_BRANCHES: usize = 300;
/// Stale branches of more blocks than this are shown where they begin and where they end.
const LONG_BRANCH: usize = 16;
/// A stretch of fewer blocks is not worth shortening.
const SHORT_STRETCH: usize = 8;

/// Blocks that follow each other in one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The block it begins on; none when that is genesis.
    pub parent: Option<usize>,
    /// Its blocks by number.
    pub blocks: Vec<usize>,
    /// Whether it is the final chain.
    pub is_main: bool,
}

/// The final chain first, then stale branches in the order of their first blocks.
pub fn branches(blocks: &[BlockReport]) -> Vec<Branch> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); blocks.len()];
    let mut heads = Vec::new();
    for (number, block) in blocks.iter().enumerate().filter(|(_, block)| !block.is_in_chain) {
        match block.parent.filter(|parent| blocks.get(*parent).is_some_and(|parent| !parent.is_in_chain)) {
            Some(parent) => children[parent].push(number),
            None => heads.push(number),
        }
    }
    // Parents stand before children, so the children's lengths are known first from behind.
    let mut lengths = vec![1_usize; blocks.len()];
    for number in (0..blocks.len()).rev() {
        let longest = children[number].iter().map(|child| lengths[*child]).max();
        lengths[number] += longest.unwrap_or(0);
    }
    let main = (0..blocks.len()).filter(|number| blocks[*number].is_in_chain).collect();
    let mut all = vec![Branch { parent: None, blocks: main, is_main: true }];
    while let Some(head) = heads.pop() {
        let mut line = vec![head];
        let mut tip = head;
        while let Some(next) = children[tip].iter().copied().max_by_key(|child| lengths[*child]) {
            heads.extend(children[tip].iter().copied().filter(|child| *child != next));
            line.push(next);
            tip = next;
        }
        all.push(Branch { parent: blocks[head].parent, blocks: line, is_main: false });
    }
    all[1..].sort_by_key(|branch| branch.blocks.first().copied());
    all
}

/// The spans of time that are worth seeing: all of a short run; of a long one its ends and every
/// place where a branch begins and ends.
pub fn worth_seeing(
    blocks: &[BlockReport],
    branches: &[Branch],
    spacing_ms: u64,
    end_ms: u64,
) -> Vec<(u64, u64)> {
    let end_ms = end_ms.max(1);
    if blocks.len() <= ALL_BLOCKS {
        return vec![(0, end_ms)];
    }
    let margin = spacing_ms.max(1) * 2;
    let around = |from: u64, to: u64| (from.saturating_sub(margin), to.saturating_add(margin).min(end_ms));
    let mut spans = vec![around(0, 0), around(end_ms, end_ms)];
    let mut stale: Vec<&Branch> = branches.iter().filter(|branch| !branch.is_main).collect();
    stale.sort_by_key(|branch| (core::cmp::Reverse(branch.blocks.len()), branch.blocks.first().copied()));
    for branch in stale.into_iter().take(MAX_BRANCHES) {
        let (Some(first), Some(last)) = (branch.blocks.first(), branch.blocks.last()) else { continue };
        let begin = branch.parent.map_or(0, |parent| blocks[parent].at_ms);
        let (first, last) = (blocks[*first].at_ms, blocks[*last].at_ms);
        match branch.blocks.len() > LONG_BRANCH {
            true => spans.extend([around(begin, first), around(last, last)]),
            false => spans.push(around(begin, last)),
        }
    }
    let mut times: Vec<u64> = blocks.iter().map(|block| block.at_ms).collect();
    times.sort_unstable();
    let up_to = |time: u64| times.partition_point(|at| *at < time);
    joined(spans, |end, begin| up_to(begin).saturating_sub(up_to(end)) < SHORT_STRETCH)
}

/// The lane of each branch: the final chain has the first, stale ones the first that is free.
pub fn lanes(blocks: &[BlockReport], branches: &[Branch], line: &TimeLine) -> Vec<usize> {
    /// Pixels between two branches in one lane.
    const BETWEEN: i32 = 14;
    let place = |number: usize| line.place(blocks[number].at_ms);
    let mut order: Vec<usize> = (0..branches.len()).filter(|branch| !branches[*branch].is_main).collect();
    let begin = |branch: usize| branches[branch].parent.map_or(line.place(0), place);
    order.sort_by_key(|branch| (begin(*branch), *branch));
    let mut taken = vec![0; branches.len()];
    let mut ends: Vec<i32> = Vec::new();
    for branch in order {
        let (from, to) = (begin(branch), branches[branch].blocks.last().map_or(0, |last| place(*last)));
        let free = ends.iter().position(|end| *end <= from).unwrap_or(ends.len());
        if free == ends.len() {
            ends.push(0);
        }
        ends[free] = to + BETWEEN;
        taken[branch] = free + 1;
    }
    taken
}

#[cfg(test)]
mod tests {
    use cairn_simulator::report::BlockPropagation;

    use super::*;

    fn block(parent: Option<usize>, at_ms: u64, is_in_chain: bool) -> BlockReport {
        BlockReport {
            hash: String::new(),
            parent,
            height: 0,
            miner: 0,
            at_ms,
            is_in_chain,
            transactions: 0,
            hashes: 32,
            reached: 0,
            propagation: BlockPropagation::default(),
        }
    }

    #[test]
    fn stale_blocks_are_split_into_branches_the_longest_going_on() {
        // 0 - 1 - 6, and on 0 the stale 2 - 3 with 4 and 5 - 7 on it.
        let of = |(number, parent): (usize, Option<usize>)| {
            block(parent, number as u64, [0, 1, 6].contains(&number))
        };
        let parents = [None, Some(0), Some(0), Some(2), Some(3), Some(3), Some(1), Some(5)];
        let blocks: Vec<BlockReport> = parents.into_iter().enumerate().map(of).collect();
        let found: Vec<Vec<usize>> = branches(&blocks).into_iter().map(|branch| branch.blocks).collect();
        assert_eq!(found, [vec![0, 1, 6], vec![2, 3, 5, 7], vec![4]]);
    }

    #[test]
    fn of_a_long_run_every_fork_stays_in_sight_and_straight_stretches_do_not() {
        let mut blocks: Vec<BlockReport> = (0..2_000)
            .map(|number: usize| block(number.checked_sub(1), number as u64 * 1_000, true))
            .collect();
        for fork in [500_usize, 1_500] {
            blocks.push(block(Some(fork), fork as u64 * 1_000 + 1_500, false));
        }
        let branches = branches(&blocks);
        let shown = worth_seeing(&blocks, &branches, 1_000, 2_000_000);
        assert_eq!(shown.len(), 4, "{shown:?}");
        for fork in [501_500, 1_501_500] {
            assert!(shown.iter().any(|(from, to)| (from..=to).contains(&&fork)));
        }
        assert!(shown.iter().map(|(from, to)| to - from).sum::<u64>() < 40_000);
    }
}
