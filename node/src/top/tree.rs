//! The latest blocks by height and branch: the branch with most work stands first.

use std::collections::{BTreeMap, BTreeSet};

/// A block, as far as the tree needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Whether it is in the branch with most work.
    pub is_best: bool,
}

/// All blocks of one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The height.
    pub height: u64,
    /// The blocks: each branch keeps its place from row to row.
    pub cells: Vec<Cell>,
}

/// The rows, highest first.
pub fn rows(blocks: &[Block], tips: &[(u16, String)]) -> Vec<Row> {
    let by_hash: BTreeMap<&str, &Block> = blocks.iter().map(|block| (block.hash.as_str(), block)).collect();
    let mut parents: BTreeSet<&str> = blocks.iter().map(|block| block.previous.as_str()).collect();
    parents.retain(|hash| by_hash.contains_key(hash));
    let mut leaves: Vec<&Block> =
        blocks.iter().filter(|block| !parents.contains(block.hash.as_str())).collect();
    // Of equal work the one that was there first stays in front, as for a node.
    leaves.sort_by(|a, b| b.work.cmp(&a.work));
    let mut branch_of: BTreeMap<&str, usize> = BTreeMap::new();
    for (branch, leaf) in leaves.iter().enumerate() {
        let mut next = Some(*leaf);
        while let Some(block) = next.filter(|block| !branch_of.contains_key(block.hash.as_str())) {
            branch_of.insert(&block.hash, branch);
            next = by_hash.get(block.previous.as_str()).copied();
        }
    }
    let mut heights: BTreeMap<u64, Vec<(usize, Cell)>> = BTreeMap::new();
    for block in blocks {
        let branch = branch_of.get(block.hash.as_str()).copied().unwrap_or(usize::MAX);
        let on_it = tips.iter().filter(|(_, tip)| *tip == block.hash).map(|(node, _)| *node);
        let cell = Cell {
            hash: block.hash.clone(),
            miner: block.miner,
            tips: on_it.collect(),
            is_best: branch == 0,
        };
        heights.entry(block.height).or_default().push((branch, cell));
    }
    let row = |(height, mut cells): (u64, Vec<(usize, Cell)>)| {
        cells.sort_by_key(|(branch, _)| *branch);
        Row { height, cells: cells.into_iter().map(|(_, cell)| cell).collect() }
    };
    heights.into_iter().rev().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(hash: &str, previous: &str, height: u64, work: &str) -> Block {
        Block { hash: hash.into(), previous: previous.into(), height, miner: Some(1), work: work.into() }
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
        let shape: Vec<(u64, Vec<(&str, bool)>)> = rows
            .iter()
            .map(|row| {
                (row.height, row.cells.iter().map(|cell| (cell.hash.as_str(), cell.is_best)).collect())
            })
            .collect();
        assert_eq!(
            shape,
            [(3, vec![("b2", false)]), (2, vec![("c1", true), ("b1", false)]), (1, vec![("a", true)]),]
        );
        assert_eq!((rows[1].cells[0].tips.clone(), rows[0].cells[0].tips.clone()), (vec![1, 2], vec![0]));
    }

    #[test]
    fn blocks_that_name_each_other_as_parents_end() {
        let blocks = [block("a", "b", 1, "01"), block("b", "a", 2, "02")];
        assert_eq!(rows(&blocks, &[]).len(), 2);
    }
}
