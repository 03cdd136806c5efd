//! Bodies: which block is asked of whom, in bounded windows, and what happens to who is silent.

use std::collections::BTreeMap;

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::time::Timestamp;

use crate::chain::Chain;
use crate::chain::store::ChainStore;
use crate::chain::tree::Entry;
use crate::limits::{
    BLOCK_TIMEOUT, BODIES_AHEAD, BODY_WINDOW_BYTES, MAX_GET_BLOCKS, MAX_STALLS, MIN_BODY_WINDOW,
    STALL_PENALTY,
};
use crate::peer::PeerId;
use crate::peer_map::PeerMap;

/// How many entries are looked at in one go on the way up to a peer's best header.
const STRIDE: u32 = 64;

/// Blocks that were asked for and have not come.
#[derive(Clone, Debug)]
pub struct Bodies {
    asked: BTreeMap<BlockHash, PeerId>,
    windows: PeerMap<Window>,
    /// The size of a block, as of late.
    usual_size: usize,
    /// When somebody's time is over; kept up by everything that changes it, because it is asked often.
    due: Option<Timestamp>,
}

/// What one peer owes.
#[derive(Clone, Copy, Debug)]
struct Window {
    owed: usize,
    /// When it last delivered, or was first asked.
    progress: Timestamp,
    idle_until: Timestamp,
    stalls: u32,
    /// Whether it delivered since it last lacked something.
    has_delivered: bool,
    /// Up to here the bodies of its chain are here.
    common: BlockHash,
}

/// Who let its time pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalled {
    pub peer: PeerId,
    /// Whether it did so too often.
    pub is_hopeless: bool,
}

impl Default for Bodies {
    fn default() -> Self {
        Self { asked: BTreeMap::new(), windows: PeerMap::default(), usual_size: 1024, due: None }
    }
}

impl Bodies {
    /// A peer joins.
    pub fn joined(&mut self, now: Timestamp, peer: PeerId, genesis: BlockHash) {
        let window = Window {
            owed: 0,
            progress: now,
            idle_until: now,
            stalls: 0,
            has_delivered: false,
            common: genesis,
        };
        self.windows.insert(peer, window);
    }

    /// A peer is gone: what it owes is free to be asked of others.
    pub fn left(&mut self, peer: &PeerId) {
        self.windows.remove(peer);
        self.asked.retain(|_, owes| owes != peer);
        self.reschedule(Timestamp::default());
    }

    /// A block of this size came, from whomever; `from` delivered it. Only what is asked of it gives
    /// it time: who sends other blocks again and again keeps nobody waiting by that.
    pub fn arrived(&mut self, now: Timestamp, from: PeerId, hash: &BlockHash, size: usize) {
        self.usual_size = (self.usual_size * 7 + size) / 8;
        if self.is_asked_of(&from, hash)
            && let Some(window) = self.windows.get_mut(&from)
        {
            window.progress = now;
            window.stalls = 0;
            window.has_delivered = true;
        }
        if self.release(hash) {
            self.reschedule(now);
        }
    }

    /// What `peer` sent for this hash is not the block. Only its own debt is touched (ATTACKS 17).
    pub fn spoiled(&mut self, peer: &PeerId, hash: &BlockHash) {
        if self.asked.get(hash) == Some(peer) && self.release(hash) {
            self.reschedule(Timestamp::default());
        }
    }

    /// A peer does not give what it was asked for. If it gave nothing else either it is left alone for
    /// a while; otherwise the answer was full, and it may be asked for the rest.
    pub fn not_found<'h>(
        &mut self,
        now: Timestamp,
        peer: &PeerId,
        hashes: impl Iterator<Item = &'h BlockHash>,
    ) {
        let owed: Vec<BlockHash> =
            hashes.filter(|hash| self.asked.get(hash) == Some(peer)).copied().collect();
        if let Some(window) = self.windows.get_mut(peer).filter(|_| !owed.is_empty())
            && !std::mem::take(&mut window.has_delivered)
        {
            window.idle_until = now.saturating_add(STALL_PENALTY);
        }
        owed.iter().for_each(|hash| {
            self.release(hash);
        });
        self.reschedule(now);
    }

    /// What to ask of this peer now, on the way to the best header it has.
    pub fn next<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        best: &Entry,
        chain: &Chain<S>,
    ) -> Vec<BlockHash> {
        let room = (BODY_WINDOW_BYTES / self.usual_size.max(1)).clamp(MIN_BODY_WINDOW, MAX_GET_BLOCKS);
        let Some(window) = self.windows.get_mut(&peer) else { return Vec::new() };
        // Asked in halves, so that the peer always has something to send.
        if now < window.idle_until || window.owed > room / 2 || best.work <= chain.work() {
            return Vec::new();
        }
        let room = room - window.owed;
        let common = last_common(chain, window.common, best);
        window.common = common.hash;
        let limit = common.height.get().saturating_add(BODIES_AHEAD).min(best.height.get());
        let mut found = Vec::new();
        let mut from = common.height.get();
        while found.len() < room && from < limit {
            let until = from.saturating_add(STRIDE).min(limit);
            let mut stride = Vec::new();
            let mut entry = chain.tree().ancestor(best, Height::from_u32(until));
            while let Some(one) = entry.filter(|one| one.height.get() > from) {
                if !one.has_body() && !self.asked.contains_key(&one.hash) {
                    stride.push(one.hash);
                }
                entry = chain.tree().parent(one);
            }
            found.extend(stride.into_iter().rev());
            from = until;
        }
        found.truncate(room);
        if window.owed == 0 {
            window.progress = now;
        }
        window.owed += found.len();
        self.asked.extend(found.iter().map(|hash| (*hash, peer)));
        if !found.is_empty() {
            self.reschedule(now);
        }
        found
    }

    /// Those who were asked and delivered nothing for too long; what they owe is free again.
    pub fn take_stalled(&mut self, now: Timestamp) -> Vec<Stalled> {
        let late = |window: &Window| window.owed > 0 && now.since(window.progress) >= BLOCK_TIMEOUT;
        let late: Vec<PeerId> =
            self.windows.iter().filter(|(_, window)| late(window)).map(|(peer, _)| *peer).collect();
        let mut stalled = Vec::new();
        for peer in late {
            self.asked.retain(|_, owes| *owes != peer);
            if let Some(window) = self.windows.get_mut(&peer) {
                window.owed = 0;
                window.stalls += 1;
                window.idle_until = now.saturating_add(STALL_PENALTY);
                stalled.push(Stalled { peer, is_hopeless: window.stalls >= MAX_STALLS });
            }
        }
        self.reschedule(now);
        stalled
    }

    /// When somebody's time is over, one way or the other.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.due
    }

    fn reschedule(&mut self, now: Timestamp) {
        let due = self.windows.values().filter_map(|window| {
            if window.owed > 0 {
                Some(window.progress.saturating_add(BLOCK_TIMEOUT))
            } else {
                Some(window.idle_until).filter(|until| *until > now)
            }
        });
        self.due = due.min();
    }

    /// Who owes most blocks.
    pub fn busiest(&self) -> Option<PeerId> {
        let busy = self.windows.iter().filter(|(_, window)| window.owed > 0);
        busy.max_by_key(|(_, window)| window.owed).map(|(peer, _)| *peer)
    }

    /// How many blocks a peer owes.
    pub fn owed_by(&self, peer: &PeerId) -> usize {
        self.windows.get(peer).map_or(0, |window| window.owed)
    }

    /// Whether a block was asked of this peer.
    pub fn is_asked_of(&self, peer: &PeerId, hash: &BlockHash) -> bool {
        self.asked.get(hash) == Some(peer)
    }

    /// A block is no longer owed; says whether it was.
    fn release(&mut self, hash: &BlockHash) -> bool {
        let Some(peer) = self.asked.remove(hash) else { return false };
        if let Some(window) = self.windows.get_mut(&peer) {
            window.owed = window.owed.saturating_sub(1);
        }
        true
    }
}

/// The last block on the way to `best` up to which all bodies are here, not below `known` if that is
/// still on the way.
fn last_common<'c, S: ChainStore>(chain: &'c Chain<S>, known: BlockHash, best: &'c Entry) -> &'c Entry {
    let tree = chain.tree();
    let on_the_way =
        |entry: &Entry| tree.ancestor(best, entry.height).is_some_and(|found| found.hash == entry.hash);
    let known = chain.entry(&known).filter(|entry| entry.is_whole && on_the_way(entry));
    let mut common = known.unwrap_or_else(|| {
        // The best chain's own part of the way is whole.
        let own = tree.ancestor(best, chain.tip().height.min(best.height)).unwrap_or(best);
        chain.fork_point(own)
    });
    let tip_part = chain.tip();
    if tip_part.height > common.height && on_the_way(tip_part) {
        common = tip_part;
    }
    // Whole blocks above, one step at a time: each is passed once.
    while let Some(next) = tree.ancestor(best, common.height.next()).filter(|next| next.is_whole) {
        common = next;
    }
    common
}
