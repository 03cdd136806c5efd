//! Headers first: what each peer's chain is, learned from its headers and nothing else.

use core::cmp::Reverse;

use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::time::Timestamp;
use cairn_core::work::Work;

use crate::action::Action;
use crate::chain::store::ChainStore;
use crate::chain::tree::Entry;
use crate::chain::{BlockRejection, Chain};
use crate::limits::{HEADERS_TIMEOUT, MAX_HEADERS_PER_MESSAGE, MAX_STALLS};
use crate::message::Message;
use crate::peer::PeerId;
use crate::peer_map::PeerMap;

/// What is known of each peer's chain.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    peers: PeerMap<TheirChain>,
    /// When something is due; kept up by everything that changes it, because it is asked often.
    due: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default)]
struct TheirChain {
    /// The header with most work that it has shown.
    best: Option<(BlockHash, Height, Work)>,
    /// When it was asked for headers; its answer is awaited.
    asked: Option<Timestamp>,
    /// When a header of its chain that was ahead of our clock no longer is: then it is asked again.
    ask_again: Option<Timestamp>,
    /// The latest time of a block that it has shown and that was ahead of our clock.
    early: Option<Early>,
    silences: u32,
}

/// A block time ahead of our clock.
#[derive(Clone, Copy, Debug)]
struct Early {
    time: Timestamp,
    /// The height of our tip when it was shown last.
    tip: Height,
}

/// A best chain that has grown by so many blocks since a peer showed an early one has gone on without it.
const GONE_ON: u32 = 6;

/// The block times that most peers show and our clock does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownBeyond {
    pub time: Timestamp,
    pub peers: usize,
    pub of: usize,
}

/// What came of a list of headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well; some may have been new.
    Fine,
    /// The list does not hang together.
    Broken,
    /// A header breaks a rule.
    Refused(BlockRejection),
}

impl Headers {
    /// A peer joins; it is asked for headers if its tip is news.
    pub fn joined<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        tip: BlockHash,
        chain: &Chain<S>,
        actions: &mut Vec<Action>,
    ) {
        let known = chain.entry(&tip).filter(|entry| !entry.is_invalid());
        let best = known.map(|entry| (entry.hash, entry.height, entry.work));
        self.peers.insert(peer, TheirChain { best, ..TheirChain::default() });
        if chain.entry(&tip).is_none() {
            self.ask(now, peer, chain, None, actions);
        }
        self.reschedule();
    }

    /// A peer is gone.
    pub fn left(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
        self.reschedule();
    }

    /// Takes in headers, each of which must stand on the one before.
    pub fn received<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        headers: &[Header],
        chain: &mut Chain<S>,
        actions: &mut Vec<Action>,
    ) -> Outcome {
        let before = self.peers.get(&peer).and_then(|theirs| theirs.best);
        if let Some(theirs) = self.peers.get_mut(&peer) {
            theirs.asked = None;
            theirs.silences = 0;
        }
        self.reschedule();
        let hangs_together = headers.iter().zip(headers.iter().skip(1));
        if !hangs_together.clone().all(|(parent, child)| child.previous_block_hash == parent.hash()) {
            return Outcome::Broken;
        }
        for header in headers {
            match chain.accept_header(now, header) {
                Ok(_) => self.has(peer, &header.hash(), chain),
                Err(BlockRejection::UnknownParent { .. }) => {
                    self.ask(now, peer, chain, None, actions);
                    return Outcome::Fine;
                }
                Err(rejection) => {
                    self.note_when_due(peer, header, &rejection, chain);
                    return Outcome::Refused(rejection);
                }
            }
        }
        // Only who has shown more than before is asked to go on, or one list would do for ever.
        let after = self.peers.get(&peer).and_then(|theirs| theirs.best);
        if headers.len() >= MAX_HEADERS_PER_MESSAGE && after.map(|best| best.2) > before.map(|best| best.2) {
            self.ask(now, peer, chain, headers.last().map(Header::hash), actions);
        }
        Outcome::Fine
    }

    /// Notes that a peer has a block or header that we know.
    pub fn has<S: ChainStore>(&mut self, peer: PeerId, hash: &BlockHash, chain: &Chain<S>) {
        let Some(theirs) = self.peers.get_mut(&peer) else { return };
        if theirs.best.is_some_and(|(best, _, _)| best == *hash) {
            return;
        }
        let Some(entry) = chain.entry(hash) else { return };
        // What an operator called invalid since is no chain that could be followed.
        let is_out = |best: &BlockHash| chain.entry(best).is_some_and(Entry::is_invalid);
        if theirs.best.is_none_or(|(best, _, work)| entry.work > work || is_out(&best)) {
            theirs.best = Some((entry.hash, entry.height, entry.work));
        }
    }

    /// Asks a peer for what follows our chain, or follows `after`, unless it owes an answer.
    pub fn ask<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        chain: &Chain<S>,
        after: Option<BlockHash>,
        actions: &mut Vec<Action>,
    ) {
        let Some(theirs) = self.peers.get_mut(&peer).filter(|theirs| theirs.asked.is_none()) else { return };
        theirs.asked = Some(now);
        let locator = after.into_iter().chain(chain.locator()).collect();
        actions.push(Action::Send { peer, message: Message::GetHeaders { locator } });
        self.reschedule();
    }

    /// Asks again those who owe headers for too long; returns those who do so for the last time.
    pub fn wake<S: ChainStore>(
        &mut self,
        now: Timestamp,
        chain: &Chain<S>,
        actions: &mut Vec<Action>,
    ) -> Vec<PeerId> {
        let is_late =
            |theirs: &TheirChain| theirs.asked.is_some_and(|asked| now.since(asked) >= HEADERS_TIMEOUT);
        let late = self.peers.iter().filter(|(_, theirs)| is_late(theirs)).map(|(peer, _)| *peer);
        let late: Vec<PeerId> = late.collect();
        let is_due = |theirs: &TheirChain| theirs.ask_again.is_some_and(|due| due <= now);
        let due = self.peers.iter().filter(|(_, theirs)| is_due(theirs)).map(|(peer, _)| *peer);
        for peer in due.collect::<Vec<PeerId>>() {
            if let Some(theirs) = self.peers.get_mut(&peer) {
                theirs.ask_again = None;
            }
            self.ask(now, peer, chain, None, actions);
        }
        let mut hopeless = Vec::new();
        for peer in late {
            let Some(theirs) = self.peers.get_mut(&peer) else { continue };
            theirs.asked = None;
            theirs.silences += 1;
            if theirs.silences >= MAX_STALLS {
                hopeless.push(peer);
            } else {
                self.ask(now, peer, chain, None, actions);
            }
        }
        self.reschedule();
        hopeless
    }

    /// When somebody's answer is overdue, or a header is no longer ahead of our clock.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.due
    }

    fn reschedule(&mut self) {
        let overdue = self.peers.values().filter_map(|theirs| theirs.asked);
        let overdue = overdue.map(|asked| asked.saturating_add(HEADERS_TIMEOUT));
        self.due = overdue.chain(self.peers.values().filter_map(|theirs| theirs.ask_again)).min();
    }

    /// The best header that a peer has shown.
    pub fn best_of(&self, peer: &PeerId) -> Option<(BlockHash, Height)> {
        self.peers.get(peer)?.best.map(|(hash, height, _)| (hash, height))
    }

    /// The greatest height among the peers whose chain has more work than ours and may be followed.
    pub fn furthest_ahead_of<S: ChainStore>(&self, chain: &Chain<S>) -> Option<Height> {
        // Whoever shows more work shows a header that we have, so without such a header nobody does.
        if chain.best_header().work <= chain.work() {
            return None;
        }
        let shown = self.peers.values().filter_map(|theirs| theirs.best);
        let own = chain.work();
        let ahead = shown.filter(|(_, _, theirs)| *theirs > own);
        let may_be_followed = |hash: &BlockHash| chain.entry(hash).is_some_and(|entry| !entry.is_invalid());
        ahead.filter(|(hash, _, _)| may_be_followed(hash)).map(|(_, height, _)| height).max()
    }

    /// Every peer whose chain has more work than this, the best first.
    pub fn ahead_of(&self, work: Work) -> Vec<(PeerId, BlockHash)> {
        let ahead = self.peers.iter().filter_map(|(peer, theirs)| Some((*peer, theirs.best?)));
        let mut ahead: Vec<_> = ahead.filter(|(_, (_, _, theirs))| *theirs > work).collect();
        ahead.sort_by_key(|(_, best)| Reverse(best.2));
        ahead.into_iter().map(|(peer, (hash, _, _))| (peer, hash)).collect()
    }

    /// A header ahead of our clock is no fault (ATTACKS 7): it is looked at again when its time comes.
    fn note_when_due<S: ChainStore>(
        &mut self,
        peer: PeerId,
        header: &Header,
        rejection: &BlockRejection,
        chain: &Chain<S>,
    ) {
        let is_early = matches!(rejection, BlockRejection::Header(error) if error.is_too_new());
        if let Some(theirs) = self.peers.get_mut(&peer).filter(|_| is_early) {
            theirs.ask_again = Some(header.time.saturating_sub(chain.params().max_future_drift));
        }
        if is_early {
            self.shown_early(&peer, header.time, chain.tip().height);
        }
        self.reschedule();
    }

    /// A peer has shown a block of this time, which our clock does not allow yet; our tip is at `tip`.
    pub fn shown_early(&mut self, peer: &PeerId, time: Timestamp, tip: Height) {
        if let Some(theirs) = self.peers.get_mut(peer) {
            let time = theirs.early.map_or(time, |early| early.time.max(time));
            theirs.early = Some(Early { time, tip });
        }
    }

    /// The times beyond `limit` that peers have shown, if their clocks are most of all clocks known, ours
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
