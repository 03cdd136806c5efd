//! Rebuilds: blocks that arrive in compact form (BIP 152), the transactions of them that are missing here, and the
//! peers that send new blocks in this form unasked.
//!
//! A block that cannot be rebuilt is requested whole, and is no misbehavior: short ids may collide. Each peer has one
//! attempt for each block, so that compact blocks with other salts do not make this node search its mempool again and
//! again.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::hash::BlockHash;
use cairn_core::transaction::Transaction;

use crate::action::Action;
use crate::limits::{HIGH_BANDWIDTH_PEERS, MAX_REBUILDS};
use crate::message::Message;
use crate::message::compact_block::{CompactBlock, ShortId, ShortIdKey};
use crate::peer::{Direction, PeerId};
use crate::prefix_map::PeerMap;
use crate::relay::known_blocks::KnownBlocks;

/// The compact blocks of each peer with which transactions are relayed.
#[derive(Clone, Debug, Default)]
pub struct Rebuilds {
    peers: PeerMap<Side>,
    /// The peers in high-bandwidth mode, the last to deliver a new block at the end.
    chosen: Vec<PeerId>,
}

#[derive(Clone, Debug)]
struct Side {
    direction: Direction,
    /// The blocks that it has sent in compact form.
    tried: KnownBlocks,
    /// The block whose missing transactions were requested of it.
    pending: Option<Rebuild>,
}

/// A compact block, and its transactions as far as they are here.
#[derive(Clone, Debug)]
struct Rebuild {
    compact: Arc<CompactBlock>,
    key: ShortIdKey,
    slots: Vec<Option<Arc<Transaction>>>,
    /// The slots to fill.
    missing: Vec<Missing>,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    id: ShortId,
    index: u32,
}

/// The result of an attempt to rebuild a block.
#[derive(Clone, Debug)]
pub enum Progress {
    /// All of the block is here, and is what the header commits to.
    Rebuilt(Arc<Block>),
    /// The transactions at these indexes are to be requested.
    Missing(Vec<u32>),
    /// The block is to be requested whole.
    Failed,
}

/// A reply has other transactions than those that were requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongTransactions;

impl Rebuilds {
    /// A peer with which transactions are relayed completed the handshake.
    pub fn connected(&mut self, peer: PeerId, direction: Direction) {
        let side = Side { direction, tried: KnownBlocks::default(), pending: None };
        self.peers.insert(peer, side);
    }

    /// A peer is disconnected.
    pub fn disconnected(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
        self.chosen.retain(|chosen| chosen != peer);
    }

    /// Whether blocks are exchanged with a peer in compact form.
    pub fn has_peer(&self, peer: &PeerId) -> bool {
        self.peers.get(peer).is_some()
    }

    /// A peer delivered a new large block. Those that did last are asked to send the next ones at once, in compact
    /// form; the last outbound one of them stays (ATTACKS 18).
    pub fn delivered(&mut self, peer: PeerId, actions: &mut Vec<Action>) {
        if !self.has_peer(&peer) {
            return;
        }
        if self.chosen.contains(&peer) {
            self.chosen.retain(|chosen| *chosen != peer);
        } else {
            actions.push(Action::Send { peer, message: Message::SendCompact(true) });
        }
        self.chosen.push(peer);
        if self.chosen.len() > HIGH_BANDWIDTH_PEERS {
            let is_outbound = |peer: &PeerId| {
                self.peers.get(peer).is_some_and(|side| side.direction == Direction::Outbound)
            };
            let outbound = self.chosen.iter().filter(|peer| is_outbound(peer)).count();
            let dropped = self.chosen.iter().position(|peer| outbound > 1 || !is_outbound(peer));
            let peer = self.chosen.remove(dropped.unwrap_or(0));
            actions.push(Action::Send { peer, message: Message::SendCompact(false) });
        }
    }

    /// A peer sent a block in compact form, which is rebuilt from known transactions. None if its missing transactions
    /// were requested already. Blocks that are not requested any more, as `is_requested` says, are forgotten first: their
    /// peers have let them go.
    pub fn start<'t>(
        &mut self,
        peer: PeerId,
        compact: Arc<CompactBlock>,
        known: impl Iterator<Item = &'t Arc<Transaction>>,
        is_requested: impl Fn(&PeerId, &BlockHash) -> bool,
    ) -> Option<Progress> {
        for (peer, side) in self.peers.iter_mut() {
            side.pending.take_if(|pending| !is_requested(peer, &pending.hash()));
        }
        let is_inbound = |side: &Side| side.direction == Direction::Inbound;
        let pending = self.peers.values().filter(|side| is_inbound(side) && side.pending.is_some()).count();
        let side = self.peers.get_mut(&peer)?;
        let is_full = is_inbound(side) && pending >= MAX_REBUILDS;
        let hash = compact.header.hash();
        if side.pending.as_ref().is_some_and(|pending| pending.hash() == hash) {
            return None;
        }
        if is_full || side.pending.is_some() || !side.tried.insert(hash) {
            return Some(Progress::Failed);
        }
        let Some(rebuild) = Rebuild::new(compact, known) else { return Some(Progress::Failed) };
        if rebuild.missing.is_empty() {
            return Some(rebuild.finish());
        }
        let indexes = rebuild.missing.iter().map(|missing| missing.index).collect();
        side.pending = Some(rebuild);
        Some(Progress::Missing(indexes))
    }

    /// A peer sent missing transactions of a block. None if they are not awaited, as when the block has arrived from
    /// another peer.
    ///
    /// # Errors
    /// When they are not the ones that were requested.
    pub fn received(
        &mut self,
        peer: &PeerId,
        block: &BlockHash,
        transactions: Vec<Arc<Transaction>>,
    ) -> Result<Option<Progress>, WrongTransactions> {
        let pending = self
            .peers
            .get_mut(peer)
            .and_then(|side| side.pending.take_if(|pending| pending.hash() == *block));
        let Some(mut rebuild) = pending else { return Ok(None) };
        rebuild.fill(transactions)?;
        Ok(Some(rebuild.finish()))
    }

    /// The missing transactions of a block are not requested of a peer.
    pub fn give_up(&mut self, peer: &PeerId, block: &BlockHash) {
        if let Some(side) = self.peers.get_mut(peer) {
            side.pending.take_if(|pending| pending.hash() == *block);
        }
    }

    /// A block is here, whoever sent it.
    pub fn arrived(&mut self, block: &BlockHash) {
        for (_, side) in self.peers.iter_mut() {
            side.pending.take_if(|pending| pending.hash() == *block);
        }
    }
}

impl Rebuild {
    /// Fills the slots with prefilled and known transactions; none if two of the block or two known ones have the same
    /// short id.
    fn new<'t>(
        compact: Arc<CompactBlock>,
        known: impl Iterator<Item = &'t Arc<Transaction>>,
    ) -> Option<Self> {
        let mut slots = vec![None; compact.count()];
        for prefilled in &compact.prefilled {
            *slots.get_mut(prefilled.index as usize)? = Some(prefilled.transaction.clone());
        }
        let free = (0..).zip(&slots).filter(|(_, slot)| slot.is_none()).map(|(index, _)| index);
        let missing = compact.short_ids.iter().zip(free).map(|(id, index)| Missing { id: *id, index });
        let mut missing: Vec<Missing> = missing.collect();
        missing.sort_unstable_by_key(|missing| missing.id);
        if missing.iter().zip(missing.iter().skip(1)).any(|(one, next)| one.id == next.id) {
            return None;
        }
        let key = ShortIdKey::new(&compact.header, compact.salt);
        for transaction in known {
            let found = missing.binary_search_by_key(&key.id(transaction), |missing| missing.id);
            let Some(found) = found.ok().and_then(|found| missing.get(found)) else { continue };
            let slot = slots.get_mut(found.index as usize)?;
            if slot.as_ref().is_some_and(|other| other.leaf_hash() != transaction.leaf_hash()) {
                return None;
            }
            *slot = Some(transaction.clone());
        }
        missing.retain(|missing| slots.get(missing.index as usize).is_some_and(Option::is_none));
        missing.sort_unstable_by_key(|missing| missing.index);
        Some(Self { compact, key, slots, missing })
    }

    fn hash(&self) -> BlockHash {
        self.compact.header.hash()
    }

    fn fill(&mut self, transactions: Vec<Arc<Transaction>>) -> Result<(), WrongTransactions> {
        if transactions.len() != self.missing.len() {
            return Err(WrongTransactions);
        }
        for (missing, transaction) in self.missing.iter().zip(transactions) {
            let slot = self.slots.get_mut(missing.index as usize).ok_or(WrongTransactions)?;
            if self.key.id(&transaction) != missing.id {
                return Err(WrongTransactions);
            }
            *slot = Some(transaction);
        }
        Ok(())
    }

    /// The block, if the header commits to it. If not, a short id is that of another transaction than the sender's.
    fn finish(self) -> Progress {
        let transactions: Option<Vec<Arc<Transaction>>> = self.slots.into_iter().collect();
        let Some(transactions) = transactions else { return Progress::Failed };
        let block = Block::new(self.compact.header, self.compact.coinbase.clone(), transactions);
        if block.merkle_root() == block.header().merkle_root {
            Progress::Rebuilt(Arc::new(block))
        } else {
            Progress::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::amount::Amount;
    use cairn_core::testing::{TestChain, pay};
    use proptest::prelude::*;

    use super::*;

    fn rebuilds(peers: u8) -> (Rebuilds, Vec<PeerId>) {
        let mut rebuilds = Rebuilds::default();
        let peers: Vec<PeerId> = (0..peers).map(|number| PeerId::from_bytes([number; 32])).collect();
        peers.iter().for_each(|peer| rebuilds.connected(*peer, Direction::Inbound));
        (rebuilds, peers)
    }

    fn block(test: &TestChain, payee: u8) -> Arc<Block> {
        let payments = (0..10).map(|owner| test.spend(owner, &[test.premine(owner)], vec![pay(999, owner)]));
        test.block_on(&test.genesis, payee, Amount::ZERO, payments.collect())
    }

    proptest! {
        #[test]
        fn a_block_is_the_same_whatever_was_known_and_prefilled(
            known in any::<[bool; 10]>(), prefilled in any::<[bool; 10]>(), salt in any::<u64>(),
        ) {
            let test = TestChain::new();
            let (block, (mut rebuilds, peers)) = (block(&test, 1), rebuilds(1));
            let all = block.transactions();
            let selects = |selected: &[bool; 10], transaction: &Transaction| {
                all.iter().zip(selected).any(|(one, is_selected)| *is_selected && one.txid() == transaction.txid())
            };
            let compact = CompactBlock::new(&block, salt, |transaction| selects(&prefilled, transaction));
            let encoded = cairn_core::encoding::encode(&compact);
            prop_assert_eq!(encoded.len(), compact.size());
            let other = test.spend(3, &[test.premine(3)], vec![pay(1, 1)]);
            let mempool = all.iter().filter(|transaction| selects(&known, transaction)).chain([&other]);
            let mut progress = rebuilds.start(peers[0], Arc::new(compact), mempool, |_, _| true).expect("it is new");
            let missing: Vec<u32> =
                (0..10).filter(|index| !known[*index as usize] && !prefilled[*index as usize]).collect();
            if let Progress::Missing(indexes) = &progress {
                prop_assert_eq!(indexes, &missing);
                let reply = missing.iter().map(|index| all[*index as usize].clone()).collect();
                let received = rebuilds.received(&peers[0], &block.hash(), reply);
                progress = received.expect("as requested").expect("it is awaited");
            } else {
                prop_assert!(missing.is_empty());
            }
            let Progress::Rebuilt(rebuilt) = progress else { panic!("{progress:?}") };
            prop_assert_eq!(rebuilt, block);
        }
    }

    #[test]
    fn a_peer_has_one_block_that_lacks_transactions_and_all_peers_have_few() {
        let (test, (mut rebuilds, peers)) = (TestChain::new(), rebuilds(40));
        let pending =
            |rebuilds: &Rebuilds| rebuilds.peers.values().filter(|side| side.pending.is_some()).count();
        let start = |rebuilds: &mut Rebuilds, peer, payee| {
            let compact = CompactBlock::new(&block(&test, payee), 7, |_| false);
            rebuilds.start(peer, Arc::new(compact), core::iter::empty(), |_, _| true).expect("it is new")
        };
        assert!(matches!(start(&mut rebuilds, peers[0], 0), Progress::Missing(_)));
        for payee in 1..20 {
            assert!(matches!(start(&mut rebuilds, peers[0], payee), Progress::Failed));
        }
        assert_eq!(pending(&rebuilds), 1);
        for peer in &peers[1..] {
            start(&mut rebuilds, *peer, 1);
        }
        assert_eq!(pending(&rebuilds), MAX_REBUILDS);
        assert!(matches!(start(&mut rebuilds, peers[39], 2), Progress::Failed), "it is requested whole");
        rebuilds.arrived(&block(&test, 1).hash());
        assert_eq!(pending(&rebuilds), 1, "that of another block");
        rebuilds.disconnected(&peers[0]);
        assert_eq!(pending(&rebuilds), 0);
    }

    #[test]
    fn who_let_its_blocks_go_leaves_room_for_others_and_outbound_peers_have_theirs() {
        let (test, (mut rebuilds, peers)) = (TestChain::new(), rebuilds(40));
        let outbound = PeerId::from_bytes([99; 32]);
        rebuilds.connected(outbound, Direction::Outbound);
        let start = |rebuilds: &mut Rebuilds, peer: PeerId, is_requested: bool| {
            let compact = CompactBlock::new(&block(&test, 1), 7, |_| false);
            rebuilds.start(peer, Arc::new(compact), core::iter::empty(), |_, _| is_requested)
        };
        for peer in &peers[..MAX_REBUILDS] {
            assert!(matches!(start(&mut rebuilds, *peer, true), Some(Progress::Missing(_))));
        }
        assert!(matches!(start(&mut rebuilds, peers[30], true), Some(Progress::Failed)));
        assert!(matches!(start(&mut rebuilds, outbound, true), Some(Progress::Missing(_))));
        assert!(matches!(start(&mut rebuilds, peers[31], false), Some(Progress::Missing(_))));
    }
}
