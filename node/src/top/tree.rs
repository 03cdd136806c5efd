//! The latest blocks by height and branch: the branch with most work stands first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_report::tree_layout::{self, Branch};

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
    let numbers: BTreeMap<BlockHash, usize> =
        blocks.iter().enumerate().map(|(number, block)| (block.hash, number)).collect();
    let parents: Vec<Option<usize>> =
        blocks.iter().map(|block| numbers.get(&block.previous).copied()).collect();
    let mut leaves = tree_layout::tips(&parents);
    // Of equal work the first seen stays in front, as for a node.
    leaves.sort_by_key(|leaf| Reverse(blocks[*leaf].chainwork));
    let branches = tree_layout::branches(&parents, leaves);
    let span = |branch: &Branch| {
        let heights = || branch.blocks.iter().map(|block| blocks[*block].height);
        let above = heights().max().unwrap_or(Height::GENESIS).next();
        heights().min().unwrap_or(Height::GENESIS)..above
    };
    let lanes = tree_layout::lanes(&branches.iter().map(span).collect::<Vec<_>>());
    let mut lane_of = vec![0; blocks.len()];
    for (branch, lane) in branches.iter().zip(lanes) {
        branch.blocks.iter().for_each(|block| lane_of[*block] = lane);
    }
    let mut heights: BTreeMap<Height, Vec<Cell>> = BTreeMap::new();
    for (block, lane) in blocks.iter().zip(lane_of) {
        let on_it = tips.iter().filter(|(_, tip)| *tip == block.hash).map(|(node, _)| *node);
        let cell = Cell { hash: block.hash, miner: block.miner, tips: on_it.collect(), lane };
        heights.entry(block.height).or_default().push(cell);
    }
    let row = |(height, mut cells): (Height, Vec<Cell>)| {
        cells.sort_by_key(|cell| cell.lane);
        Row { height, cells }
    };
    heights.into_iter().rev().map(row).collect()
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
