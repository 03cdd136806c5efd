//! The latest blocks by height and branch: the branch with most work stands first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;

use crate::devnet::view::BlockView;

/// A block in its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub hash: BlockHash,
    /// The node of the devnet that mined it.
    pub miner: Option<u16>,
    /// Nodes whose tip it is.
    pub tips: Vec<u16>,
    /// The column of its branch: 0 for the one with most work.
    pub lane: usize,
}

/// All blocks of one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub height: Height,
    /// The blocks, by column: each branch keeps its own from row to row.
    pub cells: Vec<Cell>,
}

/// The rows, highest first.
pub fn rows(blocks: &[BlockView], tips: &[(u16, BlockHash)]) -> Vec<Row> {
    let by_hash: BTreeMap<BlockHash, &BlockView> = blocks.iter().map(|block| (block.hash, block)).collect();
    let mut parents: BTreeSet<BlockHash> = blocks.iter().map(|block| block.previous).collect();
    parents.retain(|hash| by_hash.contains_key(hash));
    let mut leaves: Vec<&BlockView> = blocks.iter().filter(|block| !parents.contains(&block.hash)).collect();
    // Of equal work the one that was there first stays in front, as for a node.
    leaves.sort_by_key(|leaf| Reverse(leaf.chainwork));
    let mut branch_of: BTreeMap<BlockHash, usize> = BTreeMap::new();
    for (branch, leaf) in leaves.iter().enumerate() {
        let mut next = Some(*leaf);
        while let Some(block) = next.filter(|block| !branch_of.contains_key(&block.hash)) {
            branch_of.insert(block.hash, branch);
            next = by_hash.get(&block.previous).copied();
        }
    }
    let branch = |block: &BlockView| branch_of.get(&block.hash).copied().unwrap_or(leaves.len());
    let lanes = lanes(blocks, branch);
    let mut heights: BTreeMap<Height, Vec<Cell>> = BTreeMap::new();
    for block in blocks {
        let on_it = tips.iter().filter(|(_, tip)| *tip == block.hash).map(|(node, _)| *node);
        let lane = lanes.get(&branch(block)).copied().unwrap_or_default();
        let cell = Cell { hash: block.hash, miner: block.miner, tips: on_it.collect(), lane };
        heights.entry(block.height).or_default().push(cell);
    }
    let row = |(height, mut cells): (Height, Vec<Cell>)| {
        cells.sort_by_key(|cell| cell.lane);
        Row { height, cells }
    };
    heights.into_iter().rev().map(row).collect()
}

/// The column of each branch. The best has the first to itself; any other takes the first that is free over
/// all its heights.
fn lanes(blocks: &[BlockView], branch: impl Fn(&BlockView) -> usize) -> BTreeMap<usize, usize> {
    let mut spans: BTreeMap<usize, (Height, Height)> = BTreeMap::new();
    for block in blocks {
        let span = spans.entry(branch(block)).or_insert((block.height, block.height));
        *span = (span.0.min(block.height), span.1.max(block.height));
    }
    let mut taken: Vec<Vec<(Height, Height)>> = vec![vec![(Height::GENESIS, Height::from_u32(u32::MAX))]];
    let mut lanes = BTreeMap::from([(0, 0)]);
    for (branch, span) in spans.into_iter().filter(|(branch, _)| *branch > 0) {
        let is_free =
            |lane: &Vec<(Height, Height)>| lane.iter().all(|other| span.1 < other.0 || other.1 < span.0);
        let lane = taken.iter().position(is_free).unwrap_or(taken.len());
        if lane == taken.len() {
            taken.push(Vec::new());
        }
        taken[lane].push(span);
        lanes.insert(branch, lane);
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::tests::hash;
    use crate::top::tests::block;

    #[test]
    fn the_branch_with_most_work_stands_first_even_when_it_is_shorter() {
        let blocks = [block(1, 0, 1, 1), block(2, 1, 2, 2), block(3, 2, 3, 3), block(4, 1, 2, 9)];
        let tips = [(0, hash(3)), (1, hash(4)), (2, hash(4))];
        let rows = rows(&blocks, &tips);
        let cells = |row: &Row| row.cells.iter().map(|cell| (cell.hash, cell.lane)).collect::<Vec<_>>();
        let shape: Vec<_> = rows.iter().map(|row| (row.height.get(), cells(row))).collect();
        let expected =
            [(3, vec![(hash(3), 1)]), (2, vec![(hash(4), 0), (hash(2), 1)]), (1, vec![(hash(1), 0)])];
        assert_eq!(shape, expected);
        assert_eq!((rows[1].cells[0].tips.clone(), rows[0].cells[0].tips.clone()), (vec![1, 2], vec![0]));
    }

    #[test]
    fn branches_of_other_heights_share_a_column_and_those_of_the_same_do_not() {
        let main = (1..=6).map(|height| block(height, height - 1, height.into(), 10 + u32::from(height)));
        let stale = [(101, 1, 2), (102, 1, 2), (103, 4, 5)];
        let stale = stale.map(|(own, parent, height)| block(own, parent, height, 2));
        let blocks: Vec<BlockView> = main.chain(stale).collect();
        let lanes = |height: u32| -> Vec<usize> {
            let rows = rows(&blocks, &[]);
            let row = rows.iter().find(|row| row.height.get() == height).expect("it is there");
            row.cells.iter().map(|cell| cell.lane).collect()
        };
        assert_eq!((lanes(2), lanes(5), lanes(6)), (vec![0, 1, 2], vec![0, 1], vec![0]));
    }

    #[test]
    fn blocks_that_name_each_other_as_parents_end() {
        assert_eq!(rows(&[block(1, 2, 1, 1), block(2, 1, 2, 2)], &[]).len(), 2);
    }
}
