//! Conflicts: payments whose coin was paid a second time elsewhere, and which of the two lasted.

use std::collections::{BTreeMap, BTreeSet};

use cairn_core::block::Block;
use cairn_core::hash::Txid;

use crate::recorder::blocks::Known;

/// Payments of one coin, two by two.
#[derive(Clone, Debug, Default)]
pub struct Conflicts {
    pairs: Vec<(Txid, Txid)>,
    /// Those of them that a node took.
    accepted: BTreeSet<Txid>,
    /// Blocks that hold one of them, by number.
    held_by: BTreeMap<Txid, Vec<usize>>,
}

impl Conflicts {
    /// A payment and its rival; blocks that hold one are found after this.
    pub fn watch(&mut self, payment: Txid, rival: Txid) {
        self.pairs.push((payment, rival));
        self.held_by.insert(payment, Vec::new());
        self.held_by.insert(rival, Vec::new());
    }

    /// A node took one of them.
    pub fn accepted(&mut self, txid: Txid) {
        if self.held_by.contains_key(&txid) {
            self.accepted.insert(txid);
        }
    }

    /// Coins that were paid twice: nodes took both.
    fn attempts(&self) -> impl Iterator<Item = &(Txid, Txid)> {
        self.pairs
            .iter()
            .filter(|(payment, rival)| self.accepted.contains(payment) && self.accepted.contains(rival))
    }

    /// How many.
    pub fn attempts_count(&self) -> u64 {
        self.attempts().count() as u64
    }

    /// A block of this number was found.
    pub fn found(&mut self, number: usize, block: &Block) {
        if self.pairs.is_empty() {
            return;
        }
        for transaction in block.transactions() {
            if let Some(held_by) = self.held_by.get_mut(&transaction.txid()) {
                held_by.push(number);
            }
        }
    }

    /// The confirmations that each payment had, on whatever branch, whose rival is in the final chain.
    pub fn taken_back(&self, blocks: &[Known], is_in_chain: &[bool]) -> Vec<u32> {
        if self.pairs.is_empty() {
            return Vec::new();
        }
        // The height of the highest block that stands on each: parents stand before children.
        let mut highest: Vec<u32> = blocks.iter().map(|known| known.found.height).collect();
        for (number, known) in blocks.iter().enumerate().rev() {
            if let Some(parent) = known.parent {
                highest[parent] = highest[parent].max(highest[number]);
            }
        }
        let holders = |txid| self.held_by.get(txid).into_iter().flatten().copied();
        let lasts = |txid| holders(txid).any(|number| is_in_chain[number]);
        let confirmations = |number: usize| highest[number] + 1 - blocks[number].found.height;
        let lost = self.attempts().filter(|(_, rival)| lasts(rival));
        lost.filter_map(|(payment, _)| holders(payment).map(confirmations).max()).collect()
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::hash::BlockHash;

    use super::*;
    use crate::node_index::NodeIndex;
    use crate::recorder::blocks::{Blocks, Found};

    fn hash(number: u8) -> BlockHash {
        BlockHash::from_bytes([number; 32])
    }

    #[test]
    fn a_payment_is_taken_back_with_the_confirmations_it_had_when_its_rival_lasts() {
        let mut blocks = Blocks::new(1, hash(0));
        // 1 - 2 - 3 on one side, 4 - 5 - 6 - 7 on the other.
        for (number, parent, height) in
            [(1, 0, 1), (2, 1, 2), (3, 2, 3), (4, 0, 1), (5, 4, 2), (6, 5, 3), (7, 6, 4)]
        {
            let (hash, parent) = (hash(number), hash(parent));
            let at = NodeIndex::new(0);
            blocks.found(Found { hash, parent, height, miner: at, at_ms: 0, transactions: 1, hashes: 1 });
        }
        let txid = |number| Txid::from_bytes([number; 32]);
        let mut rivals = Conflicts::default();
        rivals.watch(txid(1), txid(2));
        rivals.watch(txid(3), txid(4));
        rivals.watch(txid(5), txid(6));
        // The rival of the fourth was refused, as was its payment: they are in a block all the same.
        rivals.watch(txid(7), txid(8));
        (1..=6).for_each(|number| rivals.accepted(txid(number)));
        rivals.held_by.insert(txid(7), vec![0]);
        rivals.held_by.insert(txid(8), vec![3]);
        assert_eq!(rivals.attempts_count(), 3);
        // Of the first both were confirmed, of the second only the rival, of the third only the payment.
        rivals.held_by.insert(txid(1), vec![0]);
        rivals.held_by.insert(txid(2), vec![3]);
        rivals.held_by.insert(txid(4), vec![4]);
        rivals.held_by.insert(txid(5), vec![1]);
        let lineage = |tip| blocks.lineage(&hash(tip));
        assert_eq!(rivals.taken_back(blocks.list(), &lineage(7)), [3]);
        assert_eq!(rivals.taken_back(blocks.list(), &lineage(3)), [0_u32; 0]);
    }
}
