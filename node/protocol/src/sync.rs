//! Sync: headers first, then bodies from every peer that has them.

use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::time::Timestamp;

use crate::action::Action;
use crate::chain::store::ChainStore;
use crate::chain::{BlockVerdict, Chain};
use crate::event::Event;
use crate::limits::INITIAL_DOWNLOAD_GAP;
use crate::message::{Hello, Inventory, Message};
use crate::peer::PeerId;

pub mod bodies;
pub mod headers;

use bodies::Bodies;
use headers::{Headers, Outcome, ShownBeyond};

/// Who is asked for what, so that our chain becomes the best there is.
#[derive(Clone, Debug, Default)]
pub struct Sync {
    headers: Headers,
    bodies: Bodies,
    /// Whom we learn from, as it was told last.
    told: Option<PeerId>,
}

impl Sync {
    /// A peer completed the handshake.
    pub fn joined<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        hello: &Hello,
        chain: &Chain<S>,
        actions: &mut Vec<Action>,
    ) {
        self.bodies.joined(now, peer, hello.genesis.into());
        self.headers.joined(now, peer, hello.tip, chain, actions);
    }

    /// A peer is gone.
    pub fn left(&mut self, peer: &PeerId) {
        self.headers.left(peer);
        self.bodies.left(peer);
    }

    /// A peer sent headers.
    pub fn received_headers<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        headers: &[Header],
        chain: &mut Chain<S>,
        actions: &mut Vec<Action>,
    ) -> Outcome {
        self.headers.received(now, peer, headers, chain, actions)
    }

    /// A peer sent a block, and the chain took it in or knew it.
    pub fn received_block<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        (hash, size): (BlockHash, usize),
        verdict: BlockVerdict,
        chain: &Chain<S>,
    ) {
        if let BlockVerdict::TooEarly(ahead) = verdict {
            self.headers.shown_early(&peer, ahead.time, chain.tip().height);
        }
        self.bodies.arrived(now, peer, &hash, size);
        self.headers.has(peer, &hash, chain);
    }

    /// A peer sent a block whose parent we lack: it is asked what lies between.
    pub fn received_orphan<S: ChainStore>(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        chain: &Chain<S>,
        actions: &mut Vec<Action>,
    ) {
        self.headers.ask(now, peer, chain, None, actions);
    }

    /// A peer sent a block that was refused.
    pub fn refused_block(&mut self, peer: &PeerId, hash: &BlockHash) {
        self.bodies.spoiled(peer, hash);
    }

    /// A peer lacks what it was asked for.
    pub fn not_found(&mut self, now: Timestamp, peer: &PeerId, items: &[Inventory]) {
        let blocks = items.iter().filter_map(|item| match item {
            Inventory::Block(hash) => Some(hash),
            Inventory::Transaction(_) => None,
        });
        self.bodies.not_found(now, peer, blocks);
    }

    /// Asks for the bodies that are lacking, of whoever has room.
    pub fn fill<S: ChainStore>(&mut self, now: Timestamp, chain: &Chain<S>, actions: &mut Vec<Action>) {
        if chain.best_header().work > chain.work() {
            for (peer, best) in self.headers.ahead_of(chain.work()) {
                let Some(best) = chain.entry(&best).filter(|best| !best.is_invalid()) else { continue };
                let wanted = self.bodies.next(now, peer, best, chain);
                if !wanted.is_empty() {
                    actions.push(Action::Send { peer, message: Message::GetBlocks(wanted) });
                }
            }
        }
        self.tell(chain, actions);
    }

    /// Does what is due; returns the peers that let their time pass too often.
    pub fn wake<S: ChainStore>(
        &mut self,
        now: Timestamp,
        chain: &Chain<S>,
        actions: &mut Vec<Action>,
    ) -> Vec<PeerId> {
        let mut hopeless = self.headers.wake(now, chain, actions);
        let stalled = self.bodies.take_stalled(now);
        hopeless
            .extend(stalled.into_iter().filter(|stalled| stalled.is_hopeless).map(|stalled| stalled.peer));
        self.fill(now, chain, actions);
        hopeless
    }

    /// When `wake` has something to do.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.headers.next_wake().into_iter().chain(self.bodies.next_wake()).min()
    }

    /// Whom we learn from; none when nothing is lacking.
    pub fn learns_from(&self) -> Option<PeerId> {
        self.bodies.busiest()
    }

    /// The block times beyond `limit` that peers show, if most of all clocks known, ours among them, are
    /// theirs, and a chain with its tip at `tip` has not gone on without these blocks.
    pub fn shown_beyond(&self, limit: Timestamp, tip: Height) -> Option<ShownBeyond> {
        self.headers.shown_beyond(limit, tip)
    }

    /// The best header that a peer has shown.
    pub fn best_of(&self, peer: &PeerId) -> Option<(BlockHash, Height)> {
        self.headers.best_of(peer)
    }

    /// Whether a block was asked of this peer and has not come.
    pub fn is_asked_of(&self, peer: &PeerId, hash: &BlockHash) -> bool {
        self.bodies.is_asked_of(peer, hash)
    }

    /// How many blocks a peer was asked for and owes.
    pub fn owed_by(&self, peer: &PeerId) -> usize {
        self.bodies.owed_by(peer)
    }

    /// Whether a peer has shown a chain so far ahead that a node is busy with itself. The age of
    /// the tip does not count: a devnet that slept for a night is as complete as it was. Nor does a
    /// header chain that nobody here has any more: who shows one without delivering is let go.
    pub fn is_initial_download<S: ChainStore>(&self, chain: &Chain<S>) -> bool {
        let furthest = self.headers.furthest_ahead_of(chain);
        furthest.and_then(|height| height.since(chain.tip().height)) > Some(INITIAL_DOWNLOAD_GAP)
    }

    fn tell<S: ChainStore>(&mut self, chain: &Chain<S>, actions: &mut Vec<Action>) {
        // One missing block is relay, not sync: nobody needs to hear of it.
        let gap = chain.best_header().height.since(chain.tip().height).unwrap_or(0);
        if gap <= 1 && self.told.is_none() {
            return;
        }
        let keeps_on = self.told.filter(|peer| self.bodies.owed_by(peer) > 0);
        let from = keeps_on.or_else(|| self.bodies.busiest());
        if from != self.told {
            self.told = from;
            let (headers, blocks) = (chain.best_header().height, chain.tip().height);
            actions.push(Action::Emit(Event::SyncChanged { from, headers, blocks }));
        }
    }
}
