//! Headers first: the chain of each peer, as far as its headers show it.

use core::cmp::Reverse;

use cairn_core::check::header::{HeaderError, check_header_alone};
use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::time::Timestamp;
use cairn_core::work::Work;

use crate::action::Action;
use crate::chain::store::ChainStore;
use crate::chain::tree::{BlockIndexEntry, ChainTip};
use crate::chain::{BlockRejection, Chain};
use crate::limits::{
    HEADERS_TIMEOUT, INITIAL_DOWNLOAD_GAP, LOW_WORK_INTERVAL, MAX_HEADERS_PER_MESSAGE, MAX_PRESYNCS,
    MAX_STALLS,
};
use crate::message::Message;
use crate::peer::{Direction, PeerId};
use crate::prefix_map::PeerMap;
use crate::random::Random;
use crate::sync::presync::{Presync, PresyncStep};

/// The chain of each peer.
#[derive(Clone, Debug)]
pub struct Headers {
    peers: PeerMap<PeerChain>,
    random: Random,
}

#[derive(Clone, Debug)]
struct PeerChain {
    direction: Direction,
    /// The header with most work that the peer has sent.
    best: Option<ChainTip>,
    /// When headers were requested, while the reply is awaited.
    requested: Option<Timestamp>,
    /// When a header of its chain is no longer ahead of our clock: then headers are requested again.
    request_again: Option<Timestamp>,
    /// The latest block time ahead of our clock.
    early: Option<Early>,
    timeouts: u32,
    /// Headers that are not known to have enough work.
    presync: Option<Box<Presync>>,
}

/// A block time ahead of our clock.
#[derive(Clone, Copy, Debug)]
struct Early {
    time: Timestamp,
    /// The height of our tip when the peer last sent such a time.
    tip: Height,
}

/// After this number of new blocks, the best chain has gone on without the early block of a peer.
const GONE_ON: u32 = 6;

/// The block times of most peers, if our clock does not allow them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownBeyond {
    /// The earliest of them.
    pub time: Timestamp,
    /// Peers with such a time.
    pub peers: usize,
    pub of: usize,
}

/// The verdict on a list of headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadersVerdict {
    /// No rule is broken; some headers may have been new.
    Fine,
    /// A header is not the child of the one before.
    NotConnected,
    Rejected(BlockRejection),
}

impl Headers {
    /// The state of a node without peers.
    pub fn new(random: Random) -> Self {
        Self { peers: PeerMap::default(), random }
    }

    /// A peer completed the handshake; headers are requested if its tip is unknown.
    pub fn connected<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        direction: Direction,
        tip: BlockHash,
        chain: &Chain<S>,
        actions: &mut Vec<Action>,
    ) {
        let known = chain.entry(&tip);
        let best = known.filter(|entry| !entry.is_invalid()).map(ChainTip::from);
        let theirs = PeerChain {
            direction,
            best,
            requested: None,
            request_again: None,
            early: None,
            timeouts: 0,
            presync: None,
        };
        self.peers.insert(peer, theirs);
        if known.is_none() {
            self.request(now, peer, chain, None, actions);
        }
    }

    /// A peer is disconnected.
    pub fn disconnected(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
    }

    /// Accepts headers, each of which must be the child of the one before.
    pub fn received<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        headers: &[Header],
        chain: &mut Chain<S>,
        actions: &mut Vec<Action>,
    ) -> HeadersVerdict {
        let presync = self.peers.get(&peer).and_then(|theirs| theirs.presync.as_ref());
        if let (Some(presync), Some(first)) = (presync, headers.first())
            && first.previous_block_hash != presync.expected_parent()
            && headers.len() < MAX_HEADERS_PER_MESSAGE
        {
            // A new block is announced, while the reply to a request is still awaited.
            return HeadersVerdict::Fine;
        }
        if let Some(theirs) = self.peers.get_mut(&peer) {
            theirs.requested = None;
            theirs.timeouts = 0;
        }
        let mut pairs = headers.iter().zip(headers.iter().skip(1));
        if !pairs.all(|(parent, child)| child.previous_block_hash == parent.hash()) {
            return HeadersVerdict::NotConnected;
        }
        // Work first, of all of them: a header counts for what it claims only if it has that work.
        for header in headers {
            if let Err(error) = check_header_alone(header, chain.params()) {
                return HeadersVerdict::Rejected(error.into());
            }
        }
        if let Some(verdict) = self.examine(now, peer, headers, chain, actions) {
            return verdict;
        }
        self.accept(now, peer, headers, chain, actions)
    }

    /// Examines headers that may have too little work to be kept; none if they have enough.
    fn examine<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        headers: &[Header],
        chain: &mut Chain<S>,
        actions: &mut Vec<Action>,
    ) -> Option<HeadersVerdict> {
        let theirs = self.peers.get_mut(&peer)?;
        let (is_limited, running) = (theirs.direction == Direction::Inbound, theirs.presync.take());
        let mut presync = match running {
            Some(presync) => presync,
            None => {
                let start = low_work_start(headers, chain)?;
                if headers.len() < MAX_HEADERS_PER_MESSAGE {
                    // It is all that the peer has.
                    return Some(HeadersVerdict::Fine);
                }
                let running = || self.peers.values().filter(|theirs| theirs.presync.is_some()).count();
                if is_limited && running() >= MAX_PRESYNCS {
                    self.request_later(now, &peer);
                    return Some(HeadersVerdict::Fine);
                }
                Box::new(Presync::new(chain, start, &mut self.random))
            }
        };
        let step = match presync.received(now, headers, chain.params()) {
            Ok(step) => step,
            Err(error) => return Some(self.rejected(&peer, error.into(), chain)),
        };
        let (accepted, after) = match step {
            PresyncStep::Forget => {
                self.request_later(now, &peer);
                return Some(HeadersVerdict::Fine);
            }
            PresyncStep::Request { after } => (Vec::new(), Some(after)),
            PresyncStep::Accept { headers, request_after } => (headers, request_after),
        };
        let verdict = self.accept(now, peer, &accepted, chain, actions);
        if let Some(after) = after {
            self.peers.get_mut(&peer)?.presync = Some(presync);
            self.request(now, peer, chain, Some(after), actions);
        }
        Some(verdict)
    }

    /// Requests headers of a peer again after a while.
    fn request_later(&mut self, now: Timestamp, peer: &PeerId) {
        if let Some(theirs) = self.peers.get_mut(peer) {
            theirs.request_again = Some(now.saturating_add(LOW_WORK_INTERVAL));
        }
    }

    /// Adds headers to the tree.
    fn accept<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        headers: &[Header],
        chain: &mut Chain<S>,
        actions: &mut Vec<Action>,
    ) -> HeadersVerdict {
        let before = self.best_work(&peer);
        for header in headers {
            match chain.accept_header(now, header) {
                Ok(_) => self.has(peer, &header.hash(), chain),
                Err(BlockRejection::UnknownParent { .. }) => {
                    self.request(now, peer, chain, None, actions);
                    return HeadersVerdict::Fine;
                }
                Err(rejection) => return self.rejected(&peer, rejection, chain),
            }
        }
        // More headers are requested only after new work: a peer that sends one list again and again gets no
        // further request.
        if headers.len() >= MAX_HEADERS_PER_MESSAGE && self.best_work(&peer) > before {
            self.request(now, peer, chain, headers.last().map(Header::hash), actions);
        }
        HeadersVerdict::Fine
    }

    fn best_work(&self, peer: &PeerId) -> Option<Work> {
        self.best_of(peer).map(|best| best.work)
    }

    /// Notes that a peer has a block or header that is known here.
    pub fn has<S: ChainStore>(&mut self, peer: PeerId, hash: &BlockHash, chain: &Chain<S>) {
        let Some(theirs) = self.peers.get_mut(&peer) else { return };
        if theirs.best.is_some_and(|best| best.hash == *hash) {
            return;
        }
        let Some(entry) = chain.entry(hash) else { return };
        // The operator may have invalidated the best header of the peer since.
        let is_invalid = |best: &BlockHash| chain.entry(best).is_some_and(BlockIndexEntry::is_invalid);
        if theirs.best.is_none_or(|best| entry.work > best.work || is_invalid(&best.hash)) {
            theirs.best = Some(entry.into());
        }
    }

    /// Requests the headers after our best chain, or after `after`, unless a reply is awaited.
    pub fn request<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        chain: &Chain<S>,
        after: Option<BlockHash>,
        actions: &mut Vec<Action>,
    ) {
        let theirs = self.peers.get_mut(&peer).filter(|theirs| theirs.requested.is_none());
        let Some(theirs) = theirs else { return };
        theirs.requested = Some(now);
        let locator = after.into_iter().chain(chain.locator()).collect();
        actions.push(Action::Send { peer, message: Message::GetHeaders { locator } });
    }

    /// Repeats requests that are due or overdue; returns the peers that have let too many pass.
    pub fn wake<S: ChainStore>(
        &mut self,
        now: Timestamp,
        chain: &Chain<S>,
        actions: &mut Vec<Action>,
    ) -> Vec<PeerId> {
        let mut unresponsive = Vec::new();
        let late = self.peers_with(|theirs| {
            theirs.requested.is_some_and(|requested| now.since(requested) >= HEADERS_TIMEOUT)
        });
        for peer in self.peers_with(|theirs| theirs.request_again.is_some_and(|due| due <= now)) {
            if let Some(theirs) = self.peers.get_mut(&peer) {
                theirs.request_again = None;
            }
            self.request(now, peer, chain, None, actions);
        }
        for peer in late {
            let Some(theirs) = self.peers.get_mut(&peer) else { continue };
            theirs.requested = None;
            theirs.presync = None;
            theirs.timeouts += 1;
            if theirs.timeouts >= MAX_STALLS {
                unresponsive.push(peer);
            } else {
                self.request(now, peer, chain, None, actions);
            }
        }
        unresponsive
    }

    fn peers_with(&self, is_meant: impl Fn(&PeerChain) -> bool) -> Vec<PeerId> {
        self.peers.iter().filter(|(_, theirs)| is_meant(theirs)).map(|(peer, _)| *peer).collect()
    }

    /// The time at which a reply is overdue, or a header is no longer ahead of our clock.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let requests = self.peers.values().filter_map(|theirs| theirs.requested);
        let overdue = requests.map(|requested| requested.saturating_add(HEADERS_TIMEOUT));
        overdue.chain(self.peers.values().filter_map(|theirs| theirs.request_again)).min()
    }

    /// The best header that a peer has sent.
    pub fn best_of(&self, peer: &PeerId) -> Option<ChainTip> {
        self.peers.get(peer)?.best
    }

    /// The greatest height of a peer whose chain has more work than ours and is valid, as far as known.
    pub fn furthest_ahead_of<S: ChainStore>(&self, chain: &Chain<S>) -> Option<Height> {
        // Every header that a peer has sent is in the tree, so without a better header no peer is ahead.
        if chain.best_header().work <= chain.work() {
            return None;
        }
        let is_valid = |hash: &BlockHash| chain.entry(hash).is_some_and(|entry| !entry.is_invalid());
        let own = chain.work();
        let best = self.peers.values().filter_map(|theirs| theirs.best);
        best.filter(|best| best.work > own && is_valid(&best.hash)).map(|best| best.height).max()
    }

    /// Whether the chain of a peer that is far ahead goes on from our tip.
    pub fn leads_far<S: ChainStore>(&self, chain: &Chain<S>) -> bool {
        let tip = chain.tip();
        let is_far =
            |best: &ChainTip| best.height.since(tip.height).is_some_and(|gap| gap > INITIAL_DOWNLOAD_GAP);
        let entries = self.peers.values().filter_map(|theirs| theirs.best).filter(is_far);
        let mut entries =
            entries.filter_map(|best| chain.entry(&best.hash)).filter(|best| !best.is_invalid());
        entries
            .any(|best| chain.tree().ancestor(best, tip.height).is_some_and(|one| one.hash() == tip.hash()))
    }

    /// Whether the chain of every outbound peer is known and none is far ahead, when a block arrives. One that an inbound peer
    /// sent shows nothing: it may be all that an attacker wants this node to know.
    pub fn is_in_step<S: ChainStore>(&self, from: Option<PeerId>, chain: &Chain<S>) -> bool {
        let is_outbound = |theirs: &PeerChain| theirs.direction == Direction::Outbound;
        let gap = self.furthest_ahead_of(chain).and_then(|height| height.since(chain.tip().height));
        gap.is_none_or(|gap| gap <= INITIAL_DOWNLOAD_GAP)
            && self.peers.values().next().is_some()
            && self.peers.values().all(|theirs| theirs.requested.is_none() || !is_outbound(theirs))
            && from.is_none_or(|sender| self.peers.get(&sender).is_some_and(is_outbound))
    }

    /// Every peer whose chain has more work than this and its best header, the best first.
    pub fn ahead_of(&self, work: Work) -> Vec<(PeerId, BlockHash)> {
        let peers = self.peers.iter().filter_map(|(peer, theirs)| Some((*peer, theirs.best?)));
        let mut ahead: Vec<(PeerId, ChainTip)> = peers.filter(|(_, best)| best.work > work).collect();
        ahead.sort_by_key(|(_, best)| Reverse(best.work));
        ahead.into_iter().map(|(peer, best)| (peer, best.hash)).collect()
    }

    /// A header of a peer is rejected. One ahead of our clock is no misbehavior (ATTACKS 7): it is requested again when
    /// its time comes.
    fn rejected<S: ChainStore>(
        &mut self,
        peer: &PeerId,
        rejection: BlockRejection,
        chain: &Chain<S>,
    ) -> HeadersVerdict {
        if let BlockRejection::Header(HeaderError::TimeTooNew(ahead)) = &rejection
            && let Some(theirs) = self.peers.get_mut(peer)
        {
            theirs.request_again = Some(ahead.time.saturating_sub(ahead.allowed));
            self.shown_early(peer, ahead.time, chain.tip().height);
        }
        HeadersVerdict::Rejected(rejection)
    }

    /// A peer has sent a block of this time, which our clock does not allow yet; our tip is at `tip`.
    pub fn shown_early(&mut self, peer: &PeerId, time: Timestamp, tip: Height) {
        if let Some(theirs) = self.peers.get_mut(peer) {
            let time = theirs.early.map_or(time, |early| early.time.max(time));
            theirs.early = Some(Early { time, tip });
        }
    }

    /// The block times beyond `limit` that peers have sent, if these peers are most of all nodes known, ours
    /// among them, and our chain with its tip at `tip` has not gone on without their blocks.
    pub fn shown_beyond(&self, limit: Timestamp, tip: Height) -> Option<ShownBeyond> {
        let is_recent = |early: &Early| tip.since(early.tip).is_none_or(|grown| grown < GONE_ON);
        let early = self.peers.values().filter_map(|theirs| theirs.early).filter(is_recent);
        let beyond: Vec<_> = early.map(|early| early.time).filter(|time| *time > limit).collect();
        let (peers, of) = (beyond.len(), self.peers.values().count());
        let time = beyond.into_iter().min().filter(|_| peers * 2 > of + 1)?;
        Some(ShownBeyond { time, peers, of })
    }
}

/// The known block that headers begin after, if the branch that they end has too little work to be kept.
fn low_work_start<'c, S: ChainStore>(headers: &[Header], chain: &'c Chain<S>) -> Option<&'c BlockIndexEntry> {
    let (first, last) = (headers.first()?, headers.last()?);
    let start = chain.entry(&first.previous_block_hash)?;
    if chain.entry(&last.hash()).is_some() {
        return None;
    }
    // The targets are checked later: here a header counts for what it claims.
    let own = |header: &Header| header.bits.to_target().map_or(Work::ZERO, |target| target.work());
    let work = headers.iter().try_fold(start.work, |sum, header| sum.checked_add(own(header)))?;
    (work < chain.low_work_limit()).then_some(start)
}
