//! Block relay: a new block is sent whole if it is small and announced by its header if not, and never to a
//! peer that is known to have it. Compact blocks (BIP 152) will be a third way.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::hash::BlockHash;
use cairn_core::header::Header;

use crate::action::Action;
use crate::limits::{MAX_PUSHED_BLOCK, MAX_SERVED_BYTES};
use crate::message::{Inventory, Message};
use crate::peer::PeerId;
use crate::prefix_map::PeerMap;
use crate::relay::known_blocks::KnownBlocks;

/// Headers in one announcement. Of more new blocks only the last is announced, and the peer requests those
/// between (as in BIP 130).
const MAX_ANNOUNCED: usize = 8;

/// The latest blocks that each peer is known to have.
#[derive(Clone, Debug, Default)]
pub struct BlockRelay {
    peers: PeerMap<KnownBlocks>,
}

impl BlockRelay {
    /// A peer with this tip completed the handshake.
    pub fn connected(&mut self, peer: PeerId, tip: BlockHash) {
        self.peers.insert(peer, KnownBlocks::default());
        self.has(&peer, tip);
    }

    /// A peer is disconnected.
    pub fn disconnected(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
    }

    /// Notes that a peer has a block, or at least its header.
    pub fn has(&mut self, peer: &PeerId, hash: BlockHash) {
        if let Some(known) = self.peers.get_mut(peer) {
            known.insert(hash);
        }
    }

    /// Announces a header to one peer, unless it has the block.
    pub fn announce_to(&mut self, peer: PeerId, header: Header, actions: &mut Vec<Action>) {
        if self.peers.get_mut(&peer).is_some_and(|known| known.insert(header.hash())) {
            actions.push(Action::Send { peer, message: Message::Headers(vec![header]) });
        }
    }

    /// Announces a header to every peer that does not have the block.
    pub fn announce_header(&mut self, header: Header, actions: &mut Vec<Action>) {
        for (peer, known) in self.peers.iter_mut() {
            if known.insert(header.hash()) {
                actions.push(Action::Send { peer: *peer, message: Message::Headers(vec![header]) });
            }
        }
    }

    /// Sends or announces a new block to every peer that does not have it.
    fn announce(&mut self, block: &Arc<Block>, actions: &mut Vec<Action>) {
        let is_small = block.size() <= MAX_PUSHED_BLOCK;
        let hash = block.hash();
        for (peer, known) in self.peers.iter_mut() {
            if known.insert(hash) {
                let message = if is_small {
                    Message::Block(block.clone())
                } else {
                    Message::Headers(vec![*block.header()])
                };
                actions.push(Action::Send { peer: *peer, message });
            }
        }
    }

    /// Announces blocks that were connected at once, lowest first.
    pub fn announce_branch(&mut self, blocks: &[Arc<Block>], actions: &mut Vec<Action>) {
        if let [block] = blocks {
            return self.announce(block, actions);
        }
        for (peer, known) in self.peers.iter_mut() {
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
