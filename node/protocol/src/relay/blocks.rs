//! Block relay: a new block is sent whole if it is small. A larger one is sent in compact form (BIP 152) to the peers
//! that want this, and announced by its header to the others. A peer that is known to have it gets nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::transaction::Transaction;

use crate::action::Action;
use crate::limits::{
    MAX_COMPACT_BLOCK, MAX_COMPACT_TRANSACTIONS, MAX_PUSHED_BLOCK, MAX_RECENT_BLOCKS, MAX_SERVED_BYTES,
};
use crate::message::{CompactBlock, Inventory, Message};
use crate::peer::PeerId;
use crate::prefix_map::PeerMap;
use crate::random::Random;
use crate::relay::known_blocks::KnownBlocks;

/// Headers in one announcement. Of more new blocks only the last is announced, and the peer requests those
/// between (as in BIP 130).
const MAX_ANNOUNCED: usize = 8;

/// The latest blocks that each peer is known to have, and the latest large ones in compact form.
#[derive(Clone, Debug)]
pub struct BlockRelay {
    peers: PeerMap<Side>,
    recent: VecDeque<RecentBlock>,
    /// The salts of compact blocks.
    random: Random,
}

#[derive(Clone, Debug, Default)]
struct Side {
    known: KnownBlocks,
    /// Whether large new blocks are sent to it in compact form.
    wants_compact: bool,
}

/// A large block that was announced lately.
#[derive(Clone, Debug)]
struct RecentBlock {
    block: Arc<Block>,
    /// None if that would be too long.
    compact: Option<Arc<CompactBlock>>,
}

impl BlockRelay {
    /// The state of a node without peers.
    pub fn new(random: Random) -> Self {
        Self { peers: PeerMap::default(), recent: VecDeque::new(), random }
    }

    /// A peer with this tip completed the handshake.
    pub fn connected(&mut self, peer: PeerId, tip: BlockHash) {
        self.peers.insert(peer, Side::default());
        self.has(&peer, tip);
    }

    /// A peer is disconnected.
    pub fn disconnected(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
    }

    /// Notes that a peer has a block, or at least its header.
    pub fn has(&mut self, peer: &PeerId, hash: BlockHash) {
        if let Some(side) = self.peers.get_mut(peer) {
            side.known.insert(hash);
        }
    }

    /// A peer wants large new blocks in compact form, or no longer.
    pub fn set_wants_compact(&mut self, peer: &PeerId, wants_compact: bool) {
        if let Some(side) = self.peers.get_mut(peer) {
            side.wants_compact = wants_compact;
        }
    }

    /// Announces a header to one peer, unless it has the block.
    pub fn announce_to(&mut self, peer: PeerId, header: Header, actions: &mut Vec<Action>) {
        if self.peers.get_mut(&peer).is_some_and(|side| side.known.insert(header.hash())) {
            actions.push(Action::Send { peer, message: Message::Headers(vec![header]) });
        }
    }

    /// Announces a header to every peer that does not have the block.
    pub fn announce_header(&mut self, header: Header, actions: &mut Vec<Action>) {
        for (peer, side) in self.peers.iter_mut() {
            if side.known.insert(header.hash()) {
                actions.push(Action::Send { peer: *peer, message: Message::Headers(vec![header]) });
            }
        }
    }

    /// Sends or announces a new block to every peer that does not have it.
    fn announce(
        &mut self,
        block: &Arc<Block>,
        is_lacking: impl Fn(&Transaction) -> bool,
        actions: &mut Vec<Action>,
    ) {
        let is_small = block.size() <= MAX_PUSHED_BLOCK;
        let compact = if is_small { None } else { self.compact(block, is_lacking) };
        let hash = block.hash();
        for (peer, side) in self.peers.iter_mut() {
            if side.known.insert(hash) {
                let message = match compact.as_ref().filter(|_| side.wants_compact) {
                    Some(compact) => Message::CompactBlock(compact.clone()),
                    None if is_small => Message::Block(block.clone()),
                    None => Message::Headers(vec![*block.header()]),
                };
                actions.push(Action::Send { peer: *peer, message });
            }
        }
    }

    /// Sends a large block that is not validated, and is what its header commits to, to the peers that want it in
    /// compact form and do not have it.
    pub fn forward(
        &mut self,
        block: &Arc<Block>,
        is_lacking: impl Fn(&Transaction) -> bool,
        actions: &mut Vec<Action>,
    ) {
        if block.size() <= MAX_PUSHED_BLOCK {
            return;
        }
        let Some(compact) = self.compact(block, is_lacking) else { return };
        for (peer, side) in self.peers.iter_mut() {
            if side.wants_compact && side.known.insert(block.hash()) {
                let message = Message::CompactBlock(compact.clone());
                actions.push(Action::Send { peer: *peer, message });
            }
        }
    }

    /// The compact form of a block, which is kept for a while; none if it is too long.
    fn compact(
        &mut self,
        block: &Arc<Block>,
        is_lacking: impl Fn(&Transaction) -> bool,
    ) -> Option<Arc<CompactBlock>> {
        if let Some(recent) = self.recent(&block.hash()) {
            return recent.compact.clone();
        }
        let compact = CompactBlock::new(block, self.random.next_u64(), is_lacking);
        let fits = compact.count() <= MAX_COMPACT_TRANSACTIONS && compact.size() <= MAX_COMPACT_BLOCK;
        let compact = fits.then(|| Arc::new(compact));
        self.recent.truncate(MAX_RECENT_BLOCKS - 1);
        self.recent.push_front(RecentBlock { block: block.clone(), compact: compact.clone() });
        compact
    }

    fn recent(&self, hash: &BlockHash) -> Option<&RecentBlock> {
        self.recent.iter().find(|recent| recent.block.hash() == *hash)
    }

    /// Announces blocks that were connected at once, lowest first. The transactions that `is_lacking` selects are
    /// prefilled in a compact block.
    pub fn announce_branch(
        &mut self,
        blocks: &[Arc<Block>],
        is_lacking: impl Fn(&Transaction) -> bool,
        actions: &mut Vec<Action>,
    ) {
        if let [block] = blocks {
            return self.announce(block, is_lacking, actions);
        }
        for (peer, Side { known, .. }) in self.peers.iter_mut() {
            let Some(first_new) = blocks.iter().position(|block| !known.contains(&block.hash())) else {
                continue;
            };
            let new = blocks.get(first_new..).unwrap_or_default();
            let announced =
                if new.len() > MAX_ANNOUNCED { new.get(new.len() - 1..).unwrap_or_default() } else { new };
            announced.iter().for_each(|block| {
                known.insert(block.hash());
            });
            let headers = announced.iter().map(|block| *block.header()).collect();
            actions.push(Action::Send { peer: *peer, message: Message::Headers(headers) });
        }
    }

    /// Replies to a request for a block in compact form, if it was announced lately; returns whether it was. Otherwise
    /// the block is sent whole: then the reply costs the peer what it costs this node.
    pub fn compact_requested(&mut self, peer: PeerId, hash: BlockHash, actions: &mut Vec<Action>) -> bool {
        let compact = self.recent(&hash).and_then(|recent| recent.compact.clone());
        let Some(compact) = compact else { return false };
        self.has(&peer, hash);
        actions.push(Action::Send { peer, message: Message::CompactBlock(compact) });
        true
    }

    /// Replies to a request for transactions of a block that was sent in compact form; returns false if the block does
    /// not have them.
    pub fn transactions_requested(
        &self,
        peer: PeerId,
        block: BlockHash,
        indexes: &[u32],
        actions: &mut Vec<Action>,
    ) -> bool {
        let message = match self.recent(&block) {
            Some(recent) => {
                let of_block = recent.block.transactions();
                let found = indexes.iter().map(|index| of_block.get(*index as usize).cloned());
                let Some(transactions) = found.collect() else { return false };
                Message::BlockTransactions { block, transactions }
            }
            None => Message::NotFound(vec![Inventory::Block(block)]),
        };
        actions.push(Action::Send { peer, message });
        true
    }

    /// Replies to a request with the blocks that `get` finds, up to a limit of bytes.
    ///
    /// # Errors
    /// The error of `get`.
    pub fn requested<E>(
        &mut self,
        peer: PeerId,
        hashes: &[BlockHash],
        mut get: impl FnMut(&BlockHash) -> Result<Option<Arc<Block>>, E>,
        actions: &mut Vec<Action>,
    ) -> Result<(), E> {
        let (mut missing, mut bytes) = (Vec::new(), 0);
        for hash in hashes {
            let found = if bytes < MAX_SERVED_BYTES { get(hash)? } else { None };
            match found {
                Some(block) => {
                    bytes += block.size();
                    self.has(&peer, *hash);
                    actions.push(Action::Send { peer, message: Message::Block(block) });
                }
                None => missing.push(Inventory::Block(*hash)),
            }
        }
        if !missing.is_empty() {
            actions.push(Action::Send { peer, message: Message::NotFound(missing) });
        }
        Ok(())
    }
}
