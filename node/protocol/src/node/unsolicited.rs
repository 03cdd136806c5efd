//! Unsolicited blocks: which of them are stored, because they could become part of the best chain (ATTACKS 34).

use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::target::Target;

use crate::chain::Chain;
use crate::chain::store::ChainStore;
use crate::limits::{MAX_RIVALS, MAX_RIVALS_PER_PEER};
use crate::peer::PeerId;
use crate::prefix_map::PeerMap;

/// The rivals of the tip, blocks with as much work, that were stored although no peer was asked for them.
#[derive(Clone, Debug, Default)]
pub struct Rivals {
    tip: Option<BlockHash>,
    by_peer: PeerMap<usize>,
}

impl Rivals {
    /// Whether an unsolicited block of a peer is stored. A block whose header alone is accepted is requested as
    /// soon as its branch has more work than ours.
    pub fn is_stored<S: ChainStore>(&mut self, chain: &Chain<S>, peer: PeerId, header: &Header) -> bool {
        let Some(parent) = chain.entry(&header.previous_block_hash) else { return true };
        let own = header.bits.to_target().ok().map(Target::work);
        let work = own.and_then(|own| parent.work.checked_add(own));
        if work.is_none_or(|work| work > chain.work()) {
            return true;
        }
        let best = chain.best_header();
        if best.work > chain.work()
            && let Some(on_the_way) = chain.tree().ancestor(best, parent.height.next())
            && on_the_way.hash() == header.hash()
        {
            return true;
        }
        work == Some(chain.work()) && self.admit(chain.tip().hash(), peer)
    }

    /// Counts a rival of a tip; returns whether a limit was reached before.
    fn admit(&mut self, tip: BlockHash, peer: PeerId) -> bool {
        if self.tip != Some(tip) {
            *self = Self { tip: Some(tip), by_peer: PeerMap::default() };
        }
        let all: usize = self.by_peer.values().sum();
        let of_peer = self.by_peer.get(&peer).copied().unwrap_or(0);
        if all >= MAX_RIVALS || of_peer >= MAX_RIVALS_PER_PEER {
            return false;
        }
        self.by_peer.insert(peer, of_peer + 1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_rivals_of_each_peer_and_of_each_tip_are_stored() {
        let mut rivals = Rivals::default();
        let (tip, peer) = (BlockHash::from_bytes([1; 32]), |number| PeerId::from_bytes([number; 32]));
        let stored = |rivals: &mut Rivals, tip, peer| (0..100).filter(|_| rivals.admit(tip, peer)).count();
        assert_eq!([1, 2, 3, 4].map(|number| stored(&mut rivals, tip, peer(number))), [3, 3, 2, 0]);
        assert_eq!(stored(&mut rivals, BlockHash::from_bytes([2; 32]), peer(4)), MAX_RIVALS_PER_PEER);
    }
}
