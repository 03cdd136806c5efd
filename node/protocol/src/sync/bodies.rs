//! Bodies: the blocks that are requested of each peer, in windows of limited size, and peers that do not deliver.
//!
//! The next block to connect is requested of more peers when the first does not deliver it (ATTACKS 18). Only
//! deliveries in the order of the requests extend the time of a peer, so that a useless block now and then does not
//! keep the others waiting.

use std::collections::{BTreeMap, VecDeque};

use cairn_core::generations::Generations;
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::time::Timestamp;
use smallvec::SmallVec;

use crate::chain::Chain;
use crate::chain::store::ChainStore;
use crate::chain::tree::BlockIndexEntry;
use crate::limits::{
    BLOCK_TIMEOUT, BODIES_AHEAD, BODY_WINDOW_BYTES, HEDGE_AFTER, MAX_BODY_PEERS, MAX_GET_BLOCKS, MAX_STALLS,
    MAX_WITHHELD, MIN_BODY_WINDOW, PARALLEL_REQUESTS, STALL_PENALTY,
};
use crate::peer::{Direction, PeerId};
use crate::prefix_map::PeerMap;

/// Number of entries that are walked at once on the way up to a peer's best header.
const STRIDE: u32 = 64;

/// Blocks that were requested and have not arrived.
#[derive(Clone, Debug)]
pub struct Bodies {
    requests: BTreeMap<BlockHash, Request>,
    windows: PeerMap<Window>,
    /// Moving average of the size of a block in bytes.
    usual_size: usize,
    /// Prefixes of blocks whose header a peer has sent and whose body it has not delivered.
    withheld: Generations<u64, ()>,
    /// When the next block to connect is requested of more peers, if it has not arrived.
    hedge_due: Option<Timestamp>,
}

/// The requests for one block.
#[derive(Clone, Debug)]
struct Request {
    /// In the order of the requests.
    peers: SmallVec<[PeerId; 1]>,
    /// When it was last requested.
    last: Timestamp,
}

/// The requests to one peer, and its deliveries.
#[derive(Clone, Debug)]
struct Window {
    direction: Direction,
    /// Blocks that were requested and have not arrived, in the order of the requests.
    owed: VecDeque<BlockHash>,
    /// Requested blocks that another peer delivered first, and that this one may still deliver.
    released: VecDeque<BlockHash>,
    /// When it last delivered the block that was due, or was first asked.
    progress: Timestamp,
    /// The end of a pause after a failure; none once that has passed.
    idle_until: Option<Timestamp>,
    stalls: u32,
    /// Whether it delivered since its last `NotFound`.
    has_delivered: bool,
    /// Whether it delivered a block that connects, and has not stalled since.
    is_proven: bool,
    /// The last block of its chain up to which all bodies are here.
    common: BlockHash,
}

/// One block, to be requested of one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hedge {
    pub peer: PeerId,
    pub block: BlockHash,
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
        Self {
            requests: BTreeMap::new(),
            windows: PeerMap::default(),
            usual_size: 1024,
            withheld: Generations::new(MAX_WITHHELD / 2),
            hedge_due: None,
        }
    }
}

impl Bodies {
    /// A peer completed the handshake.
    pub fn connected(&mut self, now: Timestamp, peer: PeerId, direction: Direction, genesis: BlockHash) {
        let window = Window {
            direction,
            owed: VecDeque::new(),
            released: VecDeque::new(),
            progress: now,
            idle_until: None,
            stalls: 0,
            has_delivered: false,
            is_proven: false,
            common: genesis,
        };
        self.windows.insert(peer, window);
    }

    /// A peer is disconnected: its blocks can be requested from others.
    pub fn disconnected(&mut self, peer: &PeerId) {
        if let Some(window) = self.windows.remove(peer) {
            window.owed.iter().for_each(|hash| self.withdraw(peer, hash));
        }
    }

    /// A block of a size in bytes arrived from a peer; `connects` if all its ancestors are here. Only the block
    /// that was due from this peer extends its time.
    pub fn arrived(&mut self, now: Timestamp, from: PeerId, hash: &BlockHash, size: usize, connects: bool) {
        if self.is_requested_from(&from, hash) {
            self.usual_size = (self.usual_size * 7 + size) / 8;
        }
        if let Some(window) = self.windows.get_mut(&from) {
            window.is_proven |= connects;
            let was_released = window.released.iter().position(|released| released == hash);
            was_released.and_then(|index| window.released.remove(index));
            if window.owed.front() == Some(hash) || was_released.is_some() {
                window.progress = now;
                window.stalls = 0;
                window.has_delivered = true;
            }
        }
        self.withheld.remove(&hash.prefix());
        if let Some(request) = self.requests.remove(hash) {
            for peer in request.peers {
                let Some(window) = self.windows.get_mut(&peer) else { continue };
                if peer != from && window.owed.contains(hash) {
                    // It may be sending this block now: it is not late with the next one.
                    window.progress = now;
                    window.released.truncate(MAX_GET_BLOCKS - 1);
                    window.released.push_front(*hash);
                }
                window.release(hash);
            }
        }
    }

    /// A peer sent an invalid body for this hash. Only a request to this peer ends (ATTACKS 17).
    pub fn not_valid(&mut self, peer: &PeerId, hash: &BlockHash) {
        if let Some(window) = self.windows.get_mut(peer) {
            window.release(hash);
        }
        self.withdraw(peer, hash);
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
        owed.iter().for_each(|hash| self.not_valid(peer, hash));
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
        let is_full = self.is_full();
        let Some(window) = self.windows.get_mut(&peer) else { return Vec::new() };
        // Half a window is requested at a time, so that the peer always has a block to send.
        let is_idle = window.idle_until.is_some_and(|until| now < until);
        let is_one_more = is_full && window.is_idle_inbound();
        if is_idle || is_one_more || window.owed.len() > size / 2 || best.work <= chain.work() {
            return Vec::new();
        }
        window.idle_until = None;
        let count = size - window.owed.len();
        let common = last_common(chain, window.common, best);
        window.common = common.hash();
        let limit = common.height.get().saturating_add(BODIES_AHEAD).min(best.height.get());
        // Of a chain that others withheld, one block shows whether a peer has it.
        let next = chain.tree().ancestor(best, common.height.next()).map(BlockIndexEntry::hash);
        let is_withheld = next.is_some_and(|next| self.withheld.get(&next.prefix()).is_some());
        if is_withheld && next.is_some_and(|next| self.requests.contains_key(&next)) {
            return Vec::new();
        }
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
        found.truncate(if is_withheld { 1 } else { count });
        window.request(now, &found);
        let request = || Request { peers: SmallVec::from_buf([peer]), last: now };
        self.requests.extend(found.iter().map(|hash| (*hash, request())));
        found
    }

    /// Counts a block that a peer announced in compact form as requested of it; returns whether it may be requested.
    /// It may not while the peer has a pause, and as long as enough peers are asked: one of them is outbound.
    pub fn request_announced(&mut self, now: Timestamp, peer: PeerId, hash: BlockHash) -> bool {
        if self.is_requested_from(&peer, &hash) {
            return true;
        }
        let is_full = self.is_full();
        let others = self.requests.get(&hash).map_or(&[][..], |request| request.peers.as_slice());
        let is_outbound = |peer: &PeerId| self.is_outbound(peer);
        let has_outbound = is_outbound(&peer) || others.iter().any(is_outbound);
        let limit = if has_outbound { PARALLEL_REQUESTS } else { PARALLEL_REQUESTS - 1 };
        let has_room = others.len() < limit;
        let Some(window) = self.windows.get_mut(&peer).filter(|_| has_room) else { return false };
        let is_idle = window.idle_until.is_some_and(|until| now < until);
        if is_idle || (is_full && window.is_idle_inbound()) {
            return false;
        }
        window.request(now, &[hash]);
        let request = || Request { peers: SmallVec::new(), last: now };
        self.requests.entry(hash).or_insert_with(request).peers.push(peer);
        true
    }

    /// Of the peers with these best headers: those to ask besides for a block that is the next to connect and is
    /// overdue, one of them outbound if any has it.
    pub fn hedge<S: ChainStore>(
        &mut self,
        now: Timestamp,
        ahead: &[(PeerId, &BlockIndexEntry)],
        chain: &Chain<S>,
    ) -> Vec<Hedge> {
        self.hedge_due = None;
        let mut holders: BTreeMap<BlockHash, Vec<PeerId>> = BTreeMap::new();
        for (peer, best) in ahead {
            let Some(window) = self.windows.get_mut(peer) else { continue };
            let common = last_common(chain, window.common, best);
            window.common = common.hash();
            let next = chain.tree().ancestor(best, common.height.next());
            if let Some(next) = next.filter(|next| self.requests.contains_key(&next.hash())) {
                holders.entry(next.hash()).or_default().push(*peer);
            }
        }
        let mut hedges = Vec::new();
        for (block, holders) in holders {
            let Some(request) = self.requests.get(&block) else { continue };
            let mut others = self.not_asked(now, request, holders);
            let mut free = PARALLEL_REQUESTS.saturating_sub(request.peers.len());
            // The last place is for an outbound peer, also for one that announces the block later.
            let lacks_outbound = !request.peers.iter().chain(&others).any(|peer| self.is_outbound(peer));
            if lacks_outbound && self.windows.values().any(|window| window.direction == Direction::Outbound) {
                free = free.saturating_sub(1);
            }
            if others.is_empty() || free == 0 {
                continue;
            }
            let due = self.overdue_at(request);
            if due > now {
                self.hedge_due = Some(self.hedge_due.map_or(due, |earlier| earlier.min(due)));
                continue;
            }
            if let Some(outbound) = others.iter().position(|peer| self.is_outbound(peer)) {
                others.swap(0, outbound);
            }
            others.truncate(free);
            hedges.extend(others.into_iter().map(|peer| Hedge { peer, block }));
        }
        for Hedge { peer, block } in &hedges {
            if let (Some(request), Some(window)) = (self.requests.get_mut(block), self.windows.get_mut(peer))
            {
                request.peers.push(*peer);
                request.last = now;
                window.request(now, &[*block]);
            }
        }
        hedges
    }

    /// Whether no further inbound peer may be asked. Outbound ones, which are few, always may: otherwise inbound ones
    /// that withhold blocks would keep them waiting.
    fn is_full(&self) -> bool {
        let inbound = self.windows.values().filter(|window| window.direction == Direction::Inbound);
        inbound.filter(|window| !window.owed.is_empty()).count() >= MAX_BODY_PEERS
    }

    fn is_outbound(&self, peer: &PeerId) -> bool {
        self.windows.get(peer).is_some_and(|window| window.direction == Direction::Outbound)
    }

    /// No block is missing: none is requested of more peers.
    pub fn nothing_missing(&mut self) {
        self.hedge_due = None;
    }

    /// When the peers that were asked for a block have delivered nothing for too long.
    fn overdue_at(&self, request: &Request) -> Timestamp {
        let windows = request.peers.iter().filter_map(|peer| self.windows.get(peer));
        let progress = windows.map(|window| window.progress).max();
        progress.map_or(request.last, |progress| progress.max(request.last)).saturating_add(HEDGE_AFTER)
    }

    /// The holders of a block that were not asked for it, those that deliver first.
    fn not_asked(&self, now: Timestamp, request: &Request, mut holders: Vec<PeerId>) -> Vec<PeerId> {
        holders.retain(|peer| {
            let window = self.windows.get(peer);
            !request.peers.contains(peer)
                && window.is_some_and(|window| window.idle_until.is_none_or(|end| end <= now))
        });
        holders.sort_by_key(|peer| self.rank(peer));
        holders
    }

    /// The order in which peers are asked: those that deliver first, then those that this node chose itself.
    pub fn rank(&self, peer: &PeerId) -> (bool, bool, u32) {
        let window = self.windows.get(peer);
        window.map_or((true, true, u32::MAX), |window| {
            (!window.is_proven, window.direction == Direction::Inbound, window.stalls)
        })
    }

    /// The peers that delivered nothing for too long. Their blocks can be requested from others.
    pub fn take_stalled(&mut self, now: Timestamp) -> Vec<Stalled> {
        let late = |window: &Window| !window.owed.is_empty() && now.since(window.progress) >= BLOCK_TIMEOUT;
        let late: Vec<PeerId> =
            self.windows.iter().filter(|(_, window)| late(window)).map(|(peer, _)| *peer).collect();
        let mut stalled = Vec::new();
        for peer in late {
            let Some(window) = self.windows.get_mut(&peer) else { continue };
            let owed = core::mem::take(&mut window.owed);
            window.stalls += 1;
            window.is_proven = false;
            window.idle_until = Some(now.saturating_add(STALL_PENALTY));
            stalled.push(Stalled { peer, is_unresponsive: window.stalls >= MAX_STALLS });
            if let Some(first) = owed.front() {
                self.withheld.renew(first.prefix());
            }
            owed.iter().for_each(|hash| self.withdraw(&peer, hash));
        }
        for window in self.windows.values_mut() {
            window.idle_until = window.idle_until.filter(|until| *until > now);
        }
        stalled
    }

    /// The time at which a delivery is overdue or a pause ends.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let due = self.windows.values().filter_map(|window| {
            if window.owed.is_empty() {
                window.idle_until
            } else {
                Some(window.progress.saturating_add(BLOCK_TIMEOUT))
            }
        });
        due.chain(self.hedge_due).min()
    }

    /// The peer with most requests.
    pub fn busiest(&self) -> Option<PeerId> {
        let busy = self.windows.iter().filter(|(_, window)| !window.owed.is_empty());
        busy.max_by_key(|(_, window)| window.owed.len()).map(|(peer, _)| *peer)
    }

    /// The number of blocks that were requested from a peer and have not arrived.
    pub fn owed_by(&self, peer: &PeerId) -> usize {
        self.windows.get(peer).map_or(0, |window| window.owed.len())
    }

    /// Whether a block was requested from a peer and has not arrived.
    pub fn is_requested_from(&self, peer: &PeerId, hash: &BlockHash) -> bool {
        self.requests.get(hash).is_some_and(|request| request.peers.contains(peer))
    }

    /// A peer is not asked for a block any more: if no other is, it can be requested again.
    fn withdraw(&mut self, peer: &PeerId, hash: &BlockHash) {
        let Some(request) = self.requests.get_mut(hash) else { return };
        request.peers.retain(|asked| asked != peer);
        if request.peers.is_empty() {
            self.requests.remove(hash);
        }
    }
}

impl Window {
    fn is_idle_inbound(&self) -> bool {
        self.owed.is_empty() && self.direction == Direction::Inbound
    }

    fn request(&mut self, now: Timestamp, blocks: &[BlockHash]) {
        if self.owed.is_empty() {
            self.progress = now;
        }
        self.owed.extend(blocks);
    }

    fn release(&mut self, hash: &BlockHash) {
        if self.owed.front() == Some(hash) {
            self.owed.pop_front();
        } else {
            self.owed.retain(|owed| owed != hash);
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

#[cfg(test)]
mod tests {
    use cairn_core::signature::SerialVerifier;
    use cairn_core::testing::TestChain;

    use super::*;
    use crate::chain::memory_store::MemoryStore;

    /// ATTACKS 24: whoever was asked for a block may send a long frame, and so few are asked at a time.
    #[test]
    fn blocks_are_requested_of_a_limited_number_of_inbound_peers_at_a_time() {
        let (test, now) = (TestChain::new(), Timestamp::from_millis(1_800_000_000_000));
        let verifier = Box::new(SerialVerifier);
        let chain = Chain::open(test.params.clone(), &test.genesis, MemoryStore::default(), verifier);
        let mut chain = chain.expect("memory does not fail");
        for block in test.blocks_on(&test.genesis, 1, 300) {
            chain.accept_header(now, block.header()).expect("it breaks no rule");
        }
        let peers: Vec<PeerId> = (0..24).map(|number| PeerId::from_bytes([number; 32])).collect();
        let mut bodies = Bodies { usual_size: BODY_WINDOW_BYTES, ..Bodies::default() };
        for peer in &peers {
            bodies.connected(now, *peer, Direction::Inbound, test.genesis.hash());
        }
        let best = chain.best_header().clone();
        let wanted = peers.iter().map(|peer| bodies.choose(now, *peer, &best, &chain));
        let wanted: Vec<_> = wanted.collect();
        assert!(wanted.iter().take(MAX_BODY_PEERS).all(|blocks| blocks.len() == MIN_BODY_WINDOW));
        assert!(wanted.iter().skip(MAX_BODY_PEERS).all(Vec::is_empty));
        let outbound = PeerId::from_bytes([99; 32]);
        bodies.connected(now, outbound, Direction::Outbound, test.genesis.hash());
        assert!(!bodies.choose(now, outbound, &best, &chain).is_empty(), "this node chose it");
        for hash in &wanted[0] {
            bodies.arrived(now, peers[0], hash, 1_000, true);
        }
        assert!(!bodies.choose(now, peers[20], &best, &chain).is_empty(), "one has answered");
    }
}
