//! Bodies: the blocks that each peer is asked for, in windows of limited size, and peers that do not deliver.

use std::collections::BTreeMap;

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::time::Timestamp;

use crate::chain::Chain;
use crate::chain::store::ChainStore;
use crate::chain::tree::BlockIndexEntry;
use crate::limits::{
    BLOCK_TIMEOUT, BODIES_AHEAD, BODY_WINDOW_BYTES, MAX_GET_BLOCKS, MAX_STALLS, MIN_BODY_WINDOW,
    STALL_PENALTY,
};
use crate::peer::PeerId;
use crate::prefix_map::PeerMap;

/// Number of entries that are walked at once on the way up to a peer's best header.
const STRIDE: u32 = 64;

/// Blocks that were requested and have not arrived.
#[derive(Clone, Debug)]
pub struct Bodies {
    requests: BTreeMap<BlockHash, PeerId>,
    windows: PeerMap<Window>,
    /// Moving average of the size of a block in bytes.
    usual_size: usize,
}

/// The requests to one peer, and its deliveries.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// Blocks that were requested and have not arrived.
    owed: usize,
    /// When it last delivered, or was first asked.
    progress: Timestamp,
    /// The end of a pause after a failure; none once that has passed.
    idle_until: Option<Timestamp>,
    stalls: u32,
    /// Whether it delivered since its last `NotFound`.
    has_delivered: bool,
    /// The last block of its chain up to which all bodies are here.
    common: BlockHash,
}

/// A peer that did not deliver in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalled {
    pub peer: PeerId,
    /// Whether it did so too many times in a row.
    pub is_unresponsive: bool,
}

impl Default for Bodies {
    fn default() -> Self {
        Self { requests: BTreeMap::new(), windows: PeerMap::default(), usual_size: 1024 }
    }
}

impl Bodies {
    /// A peer completed the handshake.
    pub fn connected(&mut self, now: Timestamp, peer: PeerId, genesis: BlockHash) {
        let window = Window {
            owed: 0,
            progress: now,
            idle_until: None,
            stalls: 0,
            has_delivered: false,
            common: genesis,
        };
        self.windows.insert(peer, window);
    }

    /// A peer is disconnected: its blocks can be requested from others.
    pub fn disconnected(&mut self, peer: &PeerId) {
        self.windows.remove(peer);
        self.requests.retain(|_, asked| asked != peer);
    }

    /// A block of a size in bytes arrived from a peer. Only a block that was requested from this peer extends its
    /// time: other blocks do not keep the requests waiting.
    pub fn arrived(&mut self, now: Timestamp, from: PeerId, hash: &BlockHash, size: usize) {
        self.usual_size = (self.usual_size * 7 + size) / 8;
        if self.is_requested_from(&from, hash)
            && let Some(window) = self.windows.get_mut(&from)
        {
            window.progress = now;
            window.stalls = 0;
            window.has_delivered = true;
        }
        self.release(hash);
    }

    /// A peer sent an invalid body for this hash. Only a request to this peer ends (ATTACKS 17).
    pub fn not_valid(&mut self, peer: &PeerId, hash: &BlockHash) {
        if self.is_requested_from(peer, hash) {
            self.release(hash);
        }
    }

    /// A peer does not have blocks that it was asked for. If it delivered no other, it gets a pause; otherwise its
    /// reply was full, and it can be asked for the rest.
    pub fn not_found<'h>(
        &mut self,
        now: Timestamp,
        peer: &PeerId,
        hashes: impl Iterator<Item = &'h BlockHash>,
    ) {
        let owed: Vec<BlockHash> =
            hashes.filter(|hash| self.is_requested_from(peer, hash)).copied().collect();
        if let Some(window) = self.windows.get_mut(peer).filter(|_| !owed.is_empty())
            && !std::mem::take(&mut window.has_delivered)
        {
            window.idle_until = Some(now.saturating_add(STALL_PENALTY));
        }
        owed.iter().for_each(|hash| self.release(hash));
    }

    /// The blocks to request from a peer now, on the way up to its best header.
    pub fn choose<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        best: &BlockIndexEntry,
        chain: &Chain<S>,
    ) -> Vec<BlockHash> {
        let size = (BODY_WINDOW_BYTES / self.usual_size.max(1)).clamp(MIN_BODY_WINDOW, MAX_GET_BLOCKS);
        let Some(window) = self.windows.get_mut(&peer) else { return Vec::new() };
        // Half a window is requested at a time, so that the peer always has a block to send.
        let is_idle = window.idle_until.is_some_and(|until| now < until);
        if is_idle || window.owed > size / 2 || best.work <= chain.work() {
            return Vec::new();
        }
        window.idle_until = None;
        let count = size - window.owed;
        let common = last_common(chain, window.common, best);
        window.common = common.hash();
        let limit = common.height.get().saturating_add(BODIES_AHEAD).min(best.height.get());
        let mut found = Vec::new();
        let mut from = common.height.get();
        while found.len() < count && from < limit {
            let until = from.saturating_add(STRIDE).min(limit);
            let mut stride = Vec::new();
            let mut entry = chain.tree().ancestor(best, Height::from_u32(until));
            while let Some(one) = entry.filter(|one| one.height.get() > from) {
                if !one.has_body() && !self.requests.contains_key(&one.hash()) {
                    stride.push(one.hash());
                }
                entry = chain.tree().parent(one);
            }
            found.extend(stride.into_iter().rev());
            from = until;
        }
        found.truncate(count);
        if window.owed == 0 {
            window.progress = now;
        }
        window.owed += found.len();
        self.requests.extend(found.iter().map(|hash| (*hash, peer)));
        found
    }

    /// The peers that delivered nothing for too long. Their blocks can be requested from others.
    pub fn take_stalled(&mut self, now: Timestamp) -> Vec<Stalled> {
        let late = |window: &Window| window.owed > 0 && now.since(window.progress) >= BLOCK_TIMEOUT;
        let late: Vec<PeerId> =
            self.windows.iter().filter(|(_, window)| late(window)).map(|(peer, _)| *peer).collect();
        let mut stalled = Vec::new();
        for peer in late {
            self.requests.retain(|_, asked| *asked != peer);
            if let Some(window) = self.windows.get_mut(&peer) {
                window.owed = 0;
                window.stalls += 1;
                window.idle_until = Some(now.saturating_add(STALL_PENALTY));
                stalled.push(Stalled { peer, is_unresponsive: window.stalls >= MAX_STALLS });
            }
        }
        for window in self.windows.values_mut() {
            window.idle_until = window.idle_until.filter(|until| *until > now);
        }
        stalled
    }

    /// The time at which a delivery is overdue or a pause ends.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let due = self.windows.values().filter_map(|window| {
            if window.owed > 0 {
                Some(window.progress.saturating_add(BLOCK_TIMEOUT))
            } else {
                window.idle_until
            }
        });
        due.min()
    }

    /// The peer with most requests.
    pub fn busiest(&self) -> Option<PeerId> {
        let busy = self.windows.iter().filter(|(_, window)| window.owed > 0);
        busy.max_by_key(|(_, window)| window.owed).map(|(peer, _)| *peer)
    }

    /// The number of blocks that were requested from a peer and have not arrived.
    pub fn owed_by(&self, peer: &PeerId) -> usize {
        self.windows.get(peer).map_or(0, |window| window.owed)
    }

    /// Whether a block was requested from a peer and has not arrived.
    pub fn is_requested_from(&self, peer: &PeerId, hash: &BlockHash) -> bool {
        self.requests.get(hash) == Some(peer)
    }

    fn release(&mut self, hash: &BlockHash) {
        let peer = self.requests.remove(hash);
        if let Some(window) = peer.and_then(|peer| self.windows.get_mut(&peer)) {
            window.owed = window.owed.saturating_sub(1);
        }
    }
}

/// The last block on the way to `best` up to which all bodies are here, and not below `known` if that
/// is on the way.
fn last_common<'c, S: ChainStore>(
    chain: &'c Chain<S>,
    known: BlockHash,
    best: &'c BlockIndexEntry,
) -> &'c BlockIndexEntry {
    let tree = chain.tree();
    let on_the_way = |entry: &BlockIndexEntry| {
        tree.ancestor(best, entry.height).is_some_and(|found| found.hash() == entry.hash())
    };
    let known = chain.entry(&known).filter(|entry| entry.is_whole && on_the_way(entry));
    let mut common = known.unwrap_or_else(|| {
        // All bodies of the best chain are here.
        let own = tree.ancestor(best, chain.tip().height.min(best.height)).unwrap_or(best);
        chain.fork_point(own)
    });
    if chain.tip().height > common.height && on_the_way(chain.tip()) {
        common = chain.tip();
    }
    // Blocks above whose bodies are here, one by one: each is passed once.
    while let Some(next) = tree.ancestor(best, common.height.next()).filter(|next| next.is_whole) {
        common = next;
    }
    common
}
