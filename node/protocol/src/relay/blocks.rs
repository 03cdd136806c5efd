//! Relay of blocks: a new one is pushed whole while it is small and announced by its header when it
//! is not, and never goes back to whom we have it from. Compact blocks will join here.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::hash::BlockHash;
use cairn_core::header::Header;

use crate::action::Action;
use crate::limits::{MAX_PUSHED_BLOCK, MAX_SERVED_BYTES};
use crate::message::{Inventory, Message};
use crate::peer::PeerId;
use crate::peer_map::PeerMap;
use crate::relay::latest::LatestBlocks;

/// New blocks announced by their headers in one go; of more, only the last is announced, and the
/// peer asks for what lies between (as in BIP 130).
const MAX_ANNOUNCED: usize = 8;

/// Which peer has which of the latest blocks.
#[derive(Clone, Debug, Default)]
pub struct BlockRelay {
    peers: PeerMap<LatestBlocks>,
}

impl BlockRelay {
    /// A peer joins, with this tip.
    pub fn joined(&mut self, peer: PeerId, tip: BlockHash) {
        self.peers.insert(peer, LatestBlocks::default());
        self.has(&peer, tip);
    }

    /// A peer is gone.
    pub fn left(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
    }

    /// Notes that a peer has a block, or at least its header.
    pub fn has(&mut self, peer: &PeerId, hash: BlockHash) {
        if let Some(known) = self.peers.get_mut(peer) {
            known.insert(hash);
        }
    }

    /// Tells one peer of a header, unless it has it.
    pub fn announce(&mut self, peer: PeerId, header: Header, actions: &mut Vec<Action>) {
        if self.peers.get_mut(&peer).is_some_and(|known| known.insert(header.hash())) {
            actions.push(Action::Send { peer, message: Message::Headers(vec![header]) });
        }
    }

    /// Tells everyone who lacks it of one new block on top of a chain they follow.
    pub fn spread(&mut self, block: &Arc<Block>, actions: &mut Vec<Action>) {
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

    /// Tells everyone of several blocks that joined the best chain at once, lowest first.
    pub fn spread_branch(&mut self, blocks: &[Arc<Block>], actions: &mut Vec<Action>) {
        if let [block] = blocks {
            return self.spread(block, actions);
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

    /// Answers a request with the blocks that `get` finds, up to a bound of bytes.
    ///
    /// # Errors
    /// What `get` fails with.
    pub fn asked<E>(
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
