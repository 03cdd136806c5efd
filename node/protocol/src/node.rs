//! The node: a switchboard. For every input it writes out which machine hears it, in which order,
//! and what one hands to the next. The machines know nothing of each other.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::hash::{GenesisHash, Txid};
use cairn_core::header::Header;
use cairn_core::time::Timestamp;

use crate::action::{Action, Answer};
use crate::chain::store::{ChainStore, StoreError};
use crate::chain::tree::Entry;
use crate::chain::{BlockRejection, BlockVerdict, Chain, ChainChange};
use crate::conduct::{Consequence, Offence};
use crate::event::{DisconnectReason, Event};
use crate::input::{Input, Submission};
use crate::limits::MAX_HEADERS_PER_MESSAGE;
use crate::mempool::Mempool;
use crate::message::codec::CodecError;
use crate::message::{Hello, Message};
use crate::peer::PeerId;
use crate::peers::Peers;
use crate::peers::connection::{Connection, Phase};
use crate::peers::handshake::Identity;
use crate::random::Random;
use crate::relay::Relay;
use crate::sync::Sync;
use crate::sync::headers::Outcome;

pub mod clock;
pub mod config;
pub mod intake;
pub mod tell;
pub mod unasked;

pub use config::NodeConfig;

use intake::{Intake, Offences};
use tell::tell;

/// A node.
pub struct Node<S> {
    chain: Chain<S>,
    mempool: Mempool,
    peers: Peers,
    sync: Sync,
    relay: Relay,
    now: Timestamp,
}

impl<S: ChainStore> Node<S> {
    /// A node without connections. The seed decides all its luck.
    pub fn new(config: NodeConfig, chain: Chain<S>, mempool: Mempool, seed: u64) -> Self {
        let genesis: GenesisHash = chain.params().genesis_hash;
        let nonce = Random::derive(seed, 0).next_u64();
        let NodeConfig { id, user_agent, listen, connect, room, ping_every } = config;
        let identity = Identity { genesis, nonce, user_agent, listen };
        let peers = Peers::new(id, identity, (room, ping_every), &connect, Random::derive(seed, 1));
        let relay = Relay::new(Random::derive(seed, 2));
        Self { chain, mempool, peers, sync: Sync::default(), relay, now: Timestamp::from_millis(0) }
    }

    /// One step. The same inputs in the same order give the same actions. Time that goes back
    /// counts as standing still.
    ///
    /// # Errors
    /// When the store fails: the node must stop.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Result<Vec<Action>, StoreError> {
        let now = now.max(self.now);
        self.now = now;
        let mut actions = Vec::new();
        match input {
            Input::Connected { peer, direction, address } => {
                let tip = self.chain.tip().into();
                let departed = self.peers.connected(now, (peer, direction, address), tip, &mut actions);
                self.departed(departed, &mut actions);
            }
            Input::Disconnected { peer } => {
                if self.peers.disconnected(now, &peer, &mut actions) {
                    self.departed(vec![peer], &mut actions);
                }
            }
            Input::DialFailed { address } => self.peers.dial_failed(now, &address),
            Input::AddressFound { address } => self.peers.address_found(now, address),
            Input::Received { peer, message } => self.received(peer, message, &mut actions)?,
            Input::Garbled { peer, fault } => self.malformed(peer, fault, &mut actions),
            Input::Submit { request, submission } => {
                let answer = self.submitted(submission, &mut actions)?;
                actions.push(Action::Reply { request, answer });
            }
            Input::Command(command) => {
                let departed = self.peers.command(now, command, &mut actions);
                self.departed(departed, &mut actions);
            }
            Input::Wake => {}
        }
        self.do_what_is_due(&mut actions)?;
        self.sync.fill(now, &self.chain, &mut actions);
        Ok(actions)
    }

    /// When to call again with `Input::Wake` if nothing else happens.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let machines = [
            self.peers.next_wake(),
            self.sync.next_wake(),
            self.relay.next_wake(),
            self.mempool.next_wake(),
            self.chain.next_wake(),
        ];
        machines.into_iter().flatten().min()
    }

    /// The chain, to be read.
    pub fn chain(&self) -> &Chain<S> {
        &self.chain
    }

    /// The mempool, to be read.
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// The connections, to be read.
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// How far sync is, to be read.
    pub fn sync(&self) -> &Sync {
        &self.sync
    }

    /// Whether so much is lacking that the node is busy with itself.
    pub fn is_initial_download(&self) -> bool {
        self.sync.is_initial_download(&self.chain)
    }

    /// Makes everything so far safe from a loss of power.
    ///
    /// # Errors
    /// When the store fails.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.chain.flush()
    }

    /// Ends the node and gives its chain back.
    pub fn into_chain(self) -> Chain<S> {
        self.chain
    }

    /// A message: first whether it is this peer's turn to say it, then what it says.
    fn received(
        &mut self,
        peer: PeerId,
        message: Message,
        actions: &mut Vec<Action>,
    ) -> Result<(), StoreError> {
        let now = self.now;
        let Some(connection) = self.peers.heard_from(now, &peer) else { return Ok(()) };
        match (&connection.phase, message) {
            (Phase::Closing, _) => {}
            (_, Message::Goodbye(goodbye)) => {
                self.hang_up(peer, DisconnectReason::TheySaid(goodbye), actions);
            }
            (Phase::AwaitingHello, Message::Hello(hello)) => self.greeted(peer, *hello, actions),
            (Phase::AwaitingHello, _) => self.offended(peer, &Offence::HelloMissing, actions),
            (Phase::Ready(_), Message::Hello(_)) => self.offended(peer, &Offence::SecondHello, actions),
            (Phase::Ready(_), Message::Ping { nonce }) => {
                actions.push(Action::Send { peer, message: Message::Pong { nonce } });
            }
            (Phase::Ready(_), Message::Pong { nonce }) => self.peers.ponged(now, &peer, nonce),
            (Phase::Ready(_), Message::GetPeers) => self.peers.asked_for_peers(now, peer, actions),
            (Phase::Ready(_), Message::Peers(addresses)) => self.peers.told_of_peers(now, peer, &addresses),
            (Phase::Ready(_), Message::GetHeaders { locator }) => {
                let headers = self.chain.headers_after(&locator, MAX_HEADERS_PER_MESSAGE);
                actions.push(Action::Send { peer, message: Message::Headers(headers) });
            }
            (Phase::Ready(_), Message::Headers(headers)) => self.received_headers(peer, &headers, actions),
            (Phase::Ready(_), Message::GetBlocks(hashes)) => {
                let chain = &self.chain;
                self.relay.blocks.asked(peer, &hashes, |hash| chain.block(hash), actions)?;
            }
            (Phase::Ready(_), Message::Block(block)) => self.received_block(peer, block, actions)?,
            (Phase::Ready(_), Message::NotFound(items)) => {
                self.sync.not_found(now, &peer, &items);
                self.relay.transactions.not_found(now, peer, &items, actions);
            }
            (Phase::Ready(_), Message::AnnounceTransactions(txids)) => {
                // Without the chain's coins no transaction can be judged.
                if !self.is_initial_download() {
                    self.intake(actions).announced(peer, &txids);
                }
            }
            (Phase::Ready(_), Message::GetTransactions(txids)) => {
                let mempool = &self.mempool;
                self.relay.transactions.asked(peer, &txids, |txid| mempool.get(txid), actions);
            }
            (Phase::Ready(_), Message::Transactions(transactions)) => {
                let offences = self.intake(actions).delivered(peer, transactions)?;
                self.all_offended(offences, actions);
            }
        }
        Ok(())
    }

    /// Bytes that do not decode: misbehavior, unless the sender may speak another version.
    fn malformed(&mut self, peer: PeerId, fault: CodecError, actions: &mut Vec<Action>) {
        let connection = self.peers.get(&peer).filter(|connection| connection.phase != Phase::Closing);
        let Some(Connection { phase, .. }) = connection else { return };
        match self.peers.identity().parting(phase, &fault) {
            Some(reason) => self.hang_up(peer, reason, actions),
            None => self.offended(peer, &Offence::Garbled(fault), actions),
        }
    }

    fn greeted(&mut self, peer: PeerId, hello: Hello, actions: &mut Vec<Action>) {
        if !self.peers.greeted(self.now, peer, hello.clone(), actions) {
            return;
        }
        self.sync.joined(self.now, peer, &hello, &self.chain, actions);
        // Whoever comes back from the other side of a cut has not heard of what waits here.
        let waiting: Vec<Txid> = self.mempool.iter().map(|transaction| transaction.txid()).collect();
        self.relay.joined(self.now, peer, hello.tip, waiting.into_iter());
        // A tip that came between our Hello and theirs was announced to others and not to this one.
        let told_tip = self.peers.get(&peer).and_then(|connection| connection.told_tip);
        if told_tip != Some(self.chain.tip().hash) {
            self.relay.blocks.announce(peer, self.chain.tip().header, actions);
        }
    }

    fn received_headers(&mut self, peer: PeerId, headers: &[Header], actions: &mut Vec<Action>) {
        if let Some(last) = headers.last() {
            self.relay.blocks.has(&peer, last.hash());
        }
        match self.sync.received_headers(self.now, peer, headers, &mut self.chain, actions) {
            Outcome::Fine => {}
            Outcome::Broken => self.offended(peer, &Offence::BrokenHeaders, actions),
            Outcome::Refused(rejection) => self.offended(peer, &Offence::Block(rejection), actions),
        }
    }

    fn received_block(
        &mut self,
        peer: PeerId,
        block: Arc<Block>,
        actions: &mut Vec<Action>,
    ) -> Result<(), StoreError> {
        let (hash, size) = (block.hash(), block.size());
        let is_here = self.chain.entry(&hash).is_some_and(Entry::has_body);
        // Its header is heard, its body not kept: blocks of little work would fill the disk.
        if !is_here && !self.sync.is_asked_of(&peer, &hash) && unasked::lags(&self.chain, block.header()) {
            self.received_headers(peer, &[*block.header()], actions);
            return Ok(());
        }
        self.relay.blocks.has(&peer, hash);
        match self.take_in(block, Some(peer), actions)? {
            Ok(verdict) => {
                self.sync.received_block(self.now, peer, (hash, size), verdict, &self.chain);
                if verdict != BlockVerdict::Duplicate {
                    self.peers.gave_block(self.now, &peer);
                }
            }
            Err(BlockRejection::UnknownParent { .. }) => {
                self.sync.received_orphan(self.now, peer, &self.chain, actions);
            }
            Err(rejection) => {
                self.sync.refused_block(&peer, &hash);
                self.offended(peer, &Offence::Block(rejection), actions);
            }
        }
        Ok(())
    }

    /// The way of every block, mined here or received.
    fn take_in(
        &mut self,
        block: Arc<Block>,
        from: Option<PeerId>,
        actions: &mut Vec<Action>,
    ) -> Result<Result<BlockVerdict, BlockRejection>, StoreError> {
        let accepted = match self.chain.accept_block(self.now, block.clone())? {
            Ok(accepted) => accepted,
            Err(rejection) => return Ok(Err(rejection)),
        };
        if let Some(change) = accepted.change {
            self.follow(&change, from, actions)?;
        }
        if accepted.verdict == BlockVerdict::SideBranch
            && let Some(entry) = self.chain.entry(&block.hash())
        {
            let (height, work) = (entry.height, entry.work);
            actions.push(Action::Emit(Event::BlockOnSideBranch { block, height, work, from }));
        }
        Ok(Ok(accepted.verdict))
    }

    /// The best chain changed: others are told first, then the mempool follows, then people hear.
    fn follow(
        &mut self,
        change: &ChainChange,
        from: Option<PeerId>,
        actions: &mut Vec<Action>,
    ) -> Result<(), StoreError> {
        if !self.is_initial_download() {
            let joined: Vec<_> = change.connected.iter().map(|(_, block, _)| block.clone()).collect();
            self.relay.blocks.spread_branch(&joined, actions);
        }
        actions.push(Action::TemplateStale { urgent: true });
        tell(change, from, actions);
        let offences = self.intake(actions).follow(change)?;
        self.all_offended(offences, actions);
        Ok(())
    }

    fn submitted(&mut self, submission: Submission, actions: &mut Vec<Action>) -> Result<Answer, StoreError> {
        match submission {
            Submission::Block(block) => Ok(Answer::Block(self.take_in(block, None, actions)?)),
            Submission::Header(header) => Ok(Answer::Header(self.chain.accept_header(self.now, &header))),
            Submission::Mark(hash, mark) => {
                let marked = self.chain.mark(hash, mark)?;
                marked.iter().flatten().try_for_each(|change| self.follow(change, None, actions))?;
                Ok(Answer::Mark(marked.map(|_| ())))
            }
            Submission::Transaction(transaction) => {
                let (outcome, offences) = self.intake(actions).submitted(transaction)?;
                self.all_offended(offences, actions);
                Ok(Answer::Transaction(outcome))
            }
        }
    }

    fn intake<'n>(&'n mut self, actions: &'n mut Vec<Action>) -> Intake<'n, S> {
        let Self { now, chain, mempool, relay, .. } = self;
        Intake { now: *now, chain, mempool, relay, actions }
    }

    fn all_offended(&mut self, offences: Offences, actions: &mut Vec<Action>) {
        for (peer, offence) in offences {
            self.offended(peer, &offence, actions);
        }
    }

    fn offended(&mut self, peer: PeerId, offence: &Offence, actions: &mut Vec<Action>) {
        match offence.consequence() {
            Consequence::Disconnect => {
                self.hang_up(peer, DisconnectReason::Misconduct(offence.to_string()), actions);
            }
            Consequence::Ban if self.peers.ban(self.now, &peer, offence.to_string(), actions) => {
                self.departed(vec![peer], actions);
            }
            Consequence::Ban | Consequence::Nothing => {}
        }
    }

    fn hang_up(&mut self, peer: PeerId, reason: DisconnectReason, actions: &mut Vec<Action>) {
        if self.peers.hang_up(&peer, reason, actions) {
            self.departed(vec![peer], actions);
        }
    }

    fn departed(&mut self, peers: Vec<PeerId>, actions: &mut Vec<Action>) {
        for peer in peers {
            self.sync.left(&peer);
            self.relay.left(self.now, &peer, actions);
        }
    }

    fn do_what_is_due(&mut self, actions: &mut Vec<Action>) -> Result<(), StoreError> {
        let now = self.now;
        let is_due = |due: Option<Timestamp>| due.is_some_and(|due| due <= now);
        if is_due(self.chain.next_wake()) {
            for block in self.chain.take_due(now) {
                // Whoever sent it is not to blame: it was early, not wrong.
                let _: Result<BlockVerdict, BlockRejection> = self.take_in(block, None, actions)?;
            }
        }
        if is_due(self.mempool.next_wake()) {
            let expired = self.mempool.wake(now);
            self.intake(actions).removed(&expired);
        }
        if is_due(self.peers.next_wake()) {
            let departed = self.peers.wake(now, actions);
            self.departed(departed, actions);
        }
        if is_due(self.sync.next_wake()) {
            for peer in self.sync.wake(now, &self.chain, actions) {
                self.hang_up(peer, DisconnectReason::TimedOut, actions);
            }
        }
        if is_due(self.relay.next_wake()) {
            let mempool = &self.mempool;
            self.relay.wake(now, |txid| mempool.contains(txid), actions);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
