//! Sync: headers first, then bodies from every peer that has them.

use cairn_core::block::Block;
use cairn_core::hash::BlockHash;
use cairn_core::time::Timestamp;

use crate::action::Action;
use crate::chain::store::ChainStore;
use crate::chain::{BlockVerdict, Chain};
use crate::deadlines::Deadlines;
use crate::event::Event;
use crate::message::{Hello, Inventory, Message};
use crate::peer::{Direction, PeerId};
use crate::random::Random;

pub mod bodies;
pub mod headers;
pub mod initial_download;
pub mod presync;

use bodies::{Bodies, Hedge};
use headers::Headers;
use initial_download::InitialDownload;

/// The requests for headers and bodies that make the best chain of all peers ours.
#[derive(Clone, Debug)]
pub struct Sync {
    pub headers: Deadlines<Headers>,
    pub bodies: Deadlines<Bodies>,
    initial_download: InitialDownload,
    /// The peer in the last `SyncChanged` event.
    source: Option<PeerId>,
}

impl Sync {
    /// The state of a node without peers.
    pub fn new(random: Random) -> Self {
        Self {
            headers: Deadlines::new(Headers::new(random)),
            bodies: Deadlines::default(),
            initial_download: InitialDownload::default(),
            source: None,
        }
    }

    /// A peer completed the handshake.
    pub fn connected<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        direction: Direction,
        hello: &Hello,
        chain: &Chain<S>,
        actions: &mut Vec<Action>,
    ) {
        self.bodies.connected(now, peer, direction, hello.genesis.into());
        self.headers.connected(now, peer, direction, hello.tip, chain, actions);
    }

    /// A peer is disconnected.
    pub fn disconnected(&mut self, peer: &PeerId) {
        self.headers.disconnected(peer);
        self.bodies.disconnected(peer);
    }

    /// A peer sent a block that breaks no rule.
    pub fn received_block<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        block: &Block,
        verdict: BlockVerdict,
        chain: &Chain<S>,
    ) {
        if let BlockVerdict::TooEarly(ahead) = verdict {
            self.headers.keep_deadline().shown_early(&peer, ahead.time, chain.tip().height);
        }
        let connects = matches!(verdict, BlockVerdict::Connected | BlockVerdict::SideBranch);
        self.bodies.arrived(now, peer, &block.hash(), block.size(), connects);
        self.headers.keep_deadline().has(peer, &block.hash(), chain);
    }

    /// A peer does not have what it was asked for.
    pub fn not_found(&mut self, now: Timestamp, peer: &PeerId, items: &[Inventory]) {
        let blocks = items.iter().filter_map(|item| match item {
            Inventory::Block(hash) => Some(hash),
            Inventory::Transaction(_) => None,
        });
        self.bodies.not_found(now, peer, blocks);
    }

    /// The best chain has grown, by a block of this node or of a peer.
    pub fn chain_changed<S: ChainStore>(&mut self, now: Timestamp, from: Option<PeerId>, chain: &Chain<S>) {
        let headers = &self.headers;
        self.initial_download.grew(now, || headers.leads_far(chain), || headers.is_in_step(from, chain));
    }

    /// Requests missing bodies from the peers that have them, the next one in compact form where `is_compact` allows
    /// it. Returns whether initial download has just ended.
    pub fn fill<S: ChainStore>(
        &mut self,
        now: Timestamp,
        chain: &Chain<S>,
        is_compact: impl Fn(&PeerId) -> bool,
        actions: &mut Vec<Action>,
    ) -> bool {
        if chain.best_header().work > chain.work() {
            let is_running = self.initial_download.is_running();
            let is_compact = |peer: &PeerId| !is_running && is_compact(peer);
            self.request_bodies(now, chain, is_compact, actions);
        } else {
            self.bodies.keep_deadline().nothing_missing();
        }
        let ahead = if chain.best_header().work > chain.work() {
            let furthest = self.headers.furthest_ahead_of(chain);
            furthest.map(|height| height.since(chain.tip().height).unwrap_or(0))
        } else {
            Some(0)
        };
        let has_ended = self.initial_download.follow(now, ahead);
        if has_ended {
            actions.push(Action::TemplateStale { urgent: true });
        }
        self.report(chain, actions);
        has_ended
    }

    /// Requests bodies from every peer that is ahead, those first that deliver.
    fn request_bodies<S: ChainStore>(
        &mut self,
        now: Timestamp,
        chain: &Chain<S>,
        is_compact: impl Fn(&PeerId) -> bool,
        actions: &mut Vec<Action>,
    ) {
        // The mempool has the transactions of no block but the next.
        let is_next = |hash: &BlockHash| {
            chain.entry(hash).is_some_and(|entry| entry.header.previous_block_hash == chain.tip().hash())
        };
        let request = |peer: PeerId, wanted: Vec<BlockHash>| match wanted.as_slice() {
            [next] if is_compact(&peer) && is_next(next) => Message::GetCompactBlock(*next),
            _ => Message::GetBlocks(wanted),
        };
        let ahead = self.headers.ahead_of(chain.work()).into_iter();
        let ahead = ahead.filter_map(|(peer, best)| Some((peer, chain.entry(&best)?)));
        let mut ahead: Vec<_> = ahead.filter(|(_, best)| !best.is_invalid()).collect();
        // Those with equal rank stay in the order of work.
        ahead.sort_by_key(|(peer, _)| self.bodies.rank(peer));
        for (peer, best) in &ahead {
            let wanted = self.bodies.choose(now, *peer, best, chain);
            if !wanted.is_empty() {
                actions.push(Action::Send { peer: *peer, message: request(*peer, wanted) });
            }
        }
        let hedges = self.bodies.hedge(now, &ahead, chain).into_iter();
        let messages = hedges.map(|Hedge { peer, block }| (peer, request(peer, vec![block])));
        actions.extend(messages.map(|(peer, message)| Action::Send { peer, message }));
    }

    /// Does what is due now; returns the peers that have let too many requests pass.
    pub fn wake<S: ChainStore>(
        &mut self,
        now: Timestamp,
        chain: &Chain<S>,
        actions: &mut Vec<Action>,
    ) -> Vec<PeerId> {
        let mut unresponsive = self.headers.wake(now, chain, actions);
        let stalled = self.bodies.take_stalled(now).into_iter();
        unresponsive.extend(stalled.filter(|one| one.is_unresponsive).map(|one| one.peer));
        unresponsive
    }

    /// The time at which [`Self::wake`] has something to do.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.headers
            .next_deadline(Headers::next_wake)
            .into_iter()
            .chain(self.bodies.next_deadline(Bodies::next_wake))
            .chain(self.initial_download.next_wake())
            .min()
    }

    /// Whether the node is in initial download.
    pub fn is_initial_download(&self) -> bool {
        self.initial_download.is_running()
    }

    fn report<S: ChainStore>(&mut self, chain: &Chain<S>, actions: &mut Vec<Action>) {
        // One missing block is relay, not sync, and no event.
        let gap = chain.best_header().height.since(chain.tip().height).unwrap_or(0);
        if gap <= 1 && self.source.is_none() {
            return;
        }
        let keeps_on = self.source.filter(|peer| self.bodies.owed_by(peer) > 0);
        let from = keeps_on.or_else(|| self.bodies.busiest());
        if from != self.source {
            self.source = from;
            let (headers, blocks) = (chain.best_header().height, chain.tip().height);
            actions.push(Action::Emit(Event::SyncChanged { from, headers, blocks }));
        }
    }
}
