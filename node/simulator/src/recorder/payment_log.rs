//! Payments: those that nodes accepted, and those of one coin, of which only one can last.

use std::collections::{BTreeMap, BTreeSet};

use cairn_core::block::Block;
use cairn_core::hash::Txid;

use crate::recorder::blocks::Known;
use crate::report::Payments;

/// Payments, and pairs of payments of one coin.
#[derive(Clone, Debug, Default)]
pub struct PaymentLog {
    accepted: BTreeSet<Txid>,
    /// Accepted payments that were in a block that left a best chain.
    undone: BTreeSet<Txid>,
    /// The number of attempts of attackers that have ended.
    pub attempts_ended: u64,
    pairs: Vec<(Txid, Txid)>,
    /// Payments of pairs that a node accepted.
    accepted_of_pairs: BTreeSet<Txid>,
    /// For each payment of a pair the blocks that hold it, by number.
    held_by: BTreeMap<Txid, Vec<usize>>,
}

impl PaymentLog {
    /// Payments that were accepted.
    pub fn all(&self) -> impl Iterator<Item = &Txid> {
        self.accepted.iter()
    }

    /// A payment was accepted.
    pub fn accepted(&mut self, txid: Txid) {
        self.conflict_accepted(txid);
        self.accepted.insert(txid);
    }

    /// A block left a node's best chain.
    pub fn disconnected(&mut self, block: &Block) {
        let txids = block.transactions().iter().map(|transaction| transaction.txid());
        self.undone.extend(txids.filter(|txid| self.accepted.contains(txid)));
    }

    /// Two payments of one coin; blocks that hold one are found after this.
    pub fn watch(&mut self, payment: Txid, conflict: Txid) {
        self.pairs.push((payment, conflict));
        self.held_by.extend([(payment, Vec::new()), (conflict, Vec::new())]);
    }

    /// An attacker pays, and pays itself with the same coin in its secret chain.
    pub fn attempted(&mut self, payment: Txid, conflict: Txid) {
        self.watch(payment, conflict);
        self.accepted_of_pairs.extend([payment, conflict]);
    }

    /// A node accepted one payment of a pair.
    pub fn conflict_accepted(&mut self, txid: Txid) {
        if self.held_by.contains_key(&txid) {
            self.accepted_of_pairs.insert(txid);
        }
    }

    /// The figures of a report, as far as they are known here.
    pub fn figures(&self) -> Payments {
        Payments {
            accepted: self.accepted.len() as u64,
            undone: self.undone.len() as u64,
            attempts: self.attempts().count() as u64,
            ..Payments::default()
        }
    }

    /// Coins that were paid twice: nodes took both.
    fn attempts(&self) -> impl Iterator<Item = &(Txid, Txid)> {
        let is_accepted = |txid| self.accepted_of_pairs.contains(txid);
        self.pairs.iter().filter(move |(payment, conflict)| is_accepted(payment) && is_accepted(conflict))
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

    /// The confirmations that each payment had, on whatever branch, whose conflict is in the final chain.
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
        let lost = self.attempts().filter(|(_, conflict)| lasts(conflict));
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
    fn a_payment_is_taken_back_with_the_confirmations_it_had_when_its_conflict_lasts() {
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
        let mut payments = PaymentLog::default();
        payments.watch(txid(1), txid(2));
        payments.watch(txid(3), txid(4));
        payments.watch(txid(5), txid(6));
        // The conflict of the fourth was refused, as was its payment: they are in a block all the same.
        payments.watch(txid(7), txid(8));
        (1..=6).for_each(|number| payments.conflict_accepted(txid(number)));
        payments.held_by.insert(txid(7), vec![0]);
        payments.held_by.insert(txid(8), vec![3]);
        assert_eq!(payments.figures().attempts, 3);
        // Of the first both were confirmed, of the second only the conflict, of the third only the payment.
        payments.held_by.insert(txid(1), vec![0]);
        payments.held_by.insert(txid(2), vec![3]);
        payments.held_by.insert(txid(4), vec![4]);
        payments.held_by.insert(txid(5), vec![1]);
        let lineage = |tip| blocks.lineage(&hash(tip));
        assert_eq!(payments.taken_back(blocks.list(), &lineage(7)), [3]);
        assert_eq!(payments.taken_back(blocks.list(), &lineage(3)), [0_u32; 0]);
    }
}
