//! The latest blocks by height and branch: the branch with most work stands first.

use std::collections::BTreeMap;

use cairn_report::tree_layout::{self, Branch};

/// A block, as far as it is seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Its hash.
    pub hash: String,
    /// Its parent's.
    pub previous: String,
    /// Its height.
    pub height: u64,
    /// The node that mined it, if it is one of ours.
    pub miner: Option<u64>,
    /// Chainwork up to it, in hex digits of one length.
    pub work: String,
    /// When a node told of it first.
    pub at_ms: u64,
}

/// A block in its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its hash.
    pub hash: String,
    /// The node that mined it, if it is one of ours.
    pub miner: Option<u64>,
    /// Nodes whose tip it is.
    pub tips: Vec<u16>,
    /// The column of its branch: 0 for the one with most work.
    pub lane: usize,
}

/// All blocks of one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The height.
    pub height: u64,
    /// The blocks, by column: each branch keeps its own from row to row.
    pub cells: Vec<Cell>,
}

/// The rows, highest first.
pub fn rows(blocks: &[Block], tips: &[(u16, String)]) -> Vec<Row> {
    let numbers: BTreeMap<&str, usize> =
        blocks.iter().enumerate().map(|(number, block)| (block.hash.as_str(), number)).collect();
    let parents: Vec<Option<usize>> =
        blocks.iter().map(|block| numbers.get(block.previous.as_str()).copied()).collect();
    let mut leaves = tree_layout::tips(&parents);
    // Of equal work the first seen stays in front, as for a node.
    leaves.sort_by(|a, b| blocks[*b].work.cmp(&blocks[*a].work));
    let branches = tree_layout::branches(&parents, leaves);
    let span = |branch: &Branch| {
        let heights = || branch.blocks.iter().map(|block| blocks[*block].height);
        heights().min().unwrap_or(0)..heights().max().unwrap_or(0).saturating_add(1)
    };
    let lanes = tree_layout::lanes(&branches.iter().map(span).collect::<Vec<_>>());
    let mut lane_of = vec![0; blocks.len()];
    for (branch, lane) in branches.iter().zip(lanes) {
        branch.blocks.iter().for_each(|block| lane_of[*block] = lane);
    }
    let mut heights: BTreeMap<u64, Vec<Cell>> = BTreeMap::new();
    for (block, lane) in blocks.iter().zip(lane_of) {
        let on_it = tips.iter().filter(|(_, tip)| *tip == block.hash).map(|(node, _)| *node);
        let cell = Cell { hash: block.hash.clone(), miner: block.miner, tips: on_it.collect(), lane };
        heights.entry(block.height).or_default().push(cell);
    }
    let row = |(height, mut cells): (u64, Vec<Cell>)| {
        cells.sort_by_key(|cell| cell.lane);
        Row { height, cells }
    };
    heights.into_iter().rev().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(hash: &str, previous: &str, height: u64, work: &str) -> Block {
        Block {
            hash: hash.into(),
            previous: previous.into(),
            height,
            miner: Some(1),
            work: work.into(),
            at_ms: 0,
        }
    }

    #[test]
    fn the_branch_with_most_work_stands_first_even_when_it_is_shorter() {
        let blocks = [
            block("a", "g", 1, "01"),
            block("b1", "a", 2, "02"),
            block("b2", "b1", 3, "03"),
            block("c1", "a", 2, "09"),
        ];
        let tips = [(0, "b2".to_owned()), (1, "c1".to_owned()), (2, "c1".to_owned())];
        let rows = rows(&blocks, &tips);
        let shape: Vec<(u64, Vec<(&str, usize)>)> = rows
            .iter()
            .map(|row| (row.height, row.cells.iter().map(|cell| (cell.hash.as_str(), cell.lane)).collect()))
            .collect();
        assert_eq!(shape, [(3, vec![("b2", 1)]), (2, vec![("c1", 0), ("b1", 1)]), (1, vec![("a", 0)])]);
        assert_eq!((rows[1].cells[0].tips.clone(), rows[0].cells[0].tips.clone()), (vec![1, 2], vec![0]));
    }

    #[test]
    fn branches_of_other_heights_share_a_column_and_those_of_the_same_do_not() {
        let main = (1..=6).map(|height| {
            block(&format!("m{height}"), &format!("m{}", height - 1), height, &format!("1{height}"))
        });
        let stale = [("m1", 2), ("m1", 2), ("m4", 5)].into_iter().enumerate();
        let stale =
            stale.map(|(number, (parent, height))| block(&format!("s{number}"), parent, height, "02"));
        let blocks: Vec<Block> = main.chain(stale).collect();
        let lanes = |height: u64| -> Vec<usize> {
            let rows = rows(&blocks, &[]);
            let row = rows.iter().find(|row| row.height == height).expect("it is there");
            row.cells.iter().map(|cell| cell.lane).collect()
        };
        assert_eq!((lanes(2), lanes(5), lanes(6)), (vec![0, 1, 2], vec![0, 1], vec![0]));
    }

    #[test]
    fn blocks_that_name_each_other_as_parents_end() {
        let blocks = [block("a", "b", 1, "01"), block("b", "a", 2, "02")];
        assert_eq!(rows(&blocks, &[]).len(), 2);
    }
}
