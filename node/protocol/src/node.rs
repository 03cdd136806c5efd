//! The node: a switchboard. For every input it writes out which part handles it, in which order, and what one
//! part hands to the next. The parts do not know each other.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::check::block::check_block;
use cairn_core::hash::{BlockHash, GenesisHash};
use cairn_core::header::Header;
use cairn_core::time::Timestamp;
use cairn_core::transaction::Transaction;

use crate::action::{Action, Answer};
use crate::chain::failure::Failure;
use crate::chain::store::{ChainStore, StoreError};
use crate::chain::tree::BlockIndexEntry;
use crate::chain::{BlockRejection, BlockVerdict, Chain, ChainChange};
use crate::deadlines::Deadlines;
use crate::event::{DisconnectReason, Event};
use crate::input::{Input, Submission};
use crate::limits::{CHECKED_INPUTS_PER_STEP, MAX_HEADERS_PER_MESSAGE, MAX_PUSHED_BLOCK};
use crate::mempool::Mempool;
use crate::message::codec::CodecError;
use crate::message::{CompactBlock, Hello, Message};
use crate::misbehavior::{Consequence, Misbehavior};
use crate::peer::PeerId;
use crate::peers::connection::Phase;
use crate::peers::handshake::Identity;
use crate::peers::{Peers, SavedPeers};
use crate::random::Random;
use crate::relay::Relay;
use crate::relay::rebuilds::{Progress, WrongTransactions};
use crate::sync::Sync;
use crate::sync::headers::HeadersVerdict;

pub mod chain_events;
pub mod clock;
pub mod config;
pub mod transaction_flow;
pub mod unsolicited;

pub use config::NodeConfig;

use transaction_flow::TransactionFlow;
use unsolicited::Rivals;

/// A node: the chain and the parts around it.
pub struct Node<S> {
    chain: Chain<S>,
    mempool: Deadlines<Mempool>,
    peers: Deadlines<Peers>,
    sync: Sync,
    relay: Relay,
    rivals: Rivals,
    /// A block that arrived in compact form. It is validated in the next step, so that it is forwarded before.
    rebuilt: Option<RebuiltBlock>,
    now: Timestamp,
}

struct RebuiltBlock {
    from: PeerId,
    block: Arc<Block>,
}

/// Who has validated a block that arrives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Validation {
    /// The sender: an invalid block is its misbehavior.
    Sender,
    /// Maybe no node, because it came in compact form (BIP 152).
    Unknown,
}

impl<S: ChainStore> Node<S> {
    /// A node without connections. All its randomness comes from the seed, part of which its peers see; the key of the
    /// address manager, which is a secret, does not.
    pub fn new(config: NodeConfig, chain: Chain<S>, mempool: Mempool, seed: u64) -> Self {
        let genesis: GenesisHash = chain.params().genesis_hash;
        let nonce = Random::derive(seed, 0).next_u64();
        let NodeConfig { id, user_agent, listen, connect, limits, ping_interval, address_key } = config;
        let identity = Identity { genesis, nonce, user_agent, listen };
        let random = Random::derive(seed, 1);
        let peers = Peers::new(id, identity, limits, ping_interval, &connect, address_key, random);
        let (mempool, peers) = (Deadlines::new(mempool), Deadlines::new(peers));
        let relay = Relay::new(Random::derive(seed, 2), Random::derive(seed, 4));
        let sync = Sync::new(Random::derive(seed, 3));
        let (rivals, now) = (Rivals::default(), Timestamp::default());
        Self { chain, mempool, peers, sync, relay, rivals, rebuilt: None, now }
    }

    /// One step. The same inputs in the same order give the same actions. If the time goes back,
    /// the last one counts.
    ///
    /// # Errors
    /// When the store fails: the node must stop.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Result<Vec<Action>, StoreError> {
        let now = now.max(self.now);
        self.now = now;
        let mut actions = Vec::new();
        if let Some(RebuiltBlock { from, block }) = self.rebuilt.take() {
            self.received_block(from, block, Validation::Unknown, &mut actions)?;
        }
        match input {
            Input::Connected { peer, direction, address } => {
                let tip = self.chain.tip().into();
                let lost = self.peers.connected(now, peer, direction, address, tip, &mut actions);
                self.lost(lost, &mut actions);
            }
            Input::Disconnected { peer } => {
                if self.peers.disconnected(now, &peer, &mut actions) {
                    self.lost(vec![peer], &mut actions);
                }
            }
            Input::DialFailed { address } => self.peers.dial_failed(now, &address),
            Input::AddressFound { address } => self.peers.address_found(now, address),
            Input::Received { peer, message } => self.received(peer, message, &mut actions)?,
            Input::Malformed { peer, error } => self.received_malformed(peer, error, &mut actions),
            Input::Submit { request, submission } => {
                let answer = self.submitted(submission, &mut actions)?;
                actions.push(Action::Reply { request, answer });
            }
            Input::Command(command) => {
                let lost = self.peers.command(now, command, &mut actions);
                self.lost(lost, &mut actions);
            }
            Input::Wake => {}
        }
        self.wake(&mut actions)?;
        self.check_transactions(&mut actions)?;
        let rebuilds = &self.relay.rebuilds;
        // A block that was rebuilt is missing until the next step, and is not requested.
        if self.rebuilt.is_none()
            && self.sync.fill(now, &self.chain, |peer| rebuilds.has_peer(peer), &mut actions)
        {
            // The blocks of initial download were announced to no peer.
            self.relay.blocks.announce_header(self.chain.tip().header, &mut actions);
        }
        Ok(actions)
    }

    /// The time at which to call [`Self::handle`] with `Input::Wake`, if nothing else happens before.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let parts = [
            (!self.relay.unchecked.is_empty() || self.has_rebuilt_block()).then_some(self.now),
            self.peers.next_deadline(|peers| peers.next_wake(self.now)),
            self.sync.next_wake(),
            self.relay.next_wake(),
            self.mempool.next_deadline(Mempool::next_wake),
            self.chain.next_wake(),
        ];
        parts.into_iter().flatten().min()
    }

    /// Read access to the chain.
    pub fn chain(&self) -> &Chain<S> {
        &self.chain
    }

    /// Read access to the mempool.
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// Read access to the connections.
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Read access to the state of sync.
    pub fn sync(&self) -> &Sync {
        &self.sync
    }

    /// Read access to the state of relay.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Whether the node is so far behind that it only catches up.
    pub fn is_initial_download(&self) -> bool {
        self.sync.is_initial_download()
    }

    /// Whether a block that arrived in compact form is validated in the next step: the actions so far forward it.
    pub fn has_rebuilt_block(&self) -> bool {
        self.rebuilt.is_some()
    }

    /// Returns when everything so far survives a crash or power loss.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.chain.flush()
    }

    /// Adds the addresses and bans that were saved before a restart.
    pub fn restore_peers(&mut self, saved: SavedPeers) {
        self.peers.restore(saved);
    }

    /// Ends the node and returns its chain.
    pub fn into_chain(self) -> Chain<S> {
        self.chain
    }

    /// Handles a message by the phase of its connection.
    fn received(
        &mut self,
        peer: PeerId,
        message: Message,
        actions: &mut Vec<Action>,
    ) -> Result<(), StoreError> {
        // A message can only postpone the timeout of its sender.
        let connection = self.peers.keep_deadline().received(self.now, &peer);
        let Some(connection) = connection else { return Ok(()) };
        match (&connection.phase, message) {
            (Phase::Closing, _) => {}
            (_, Message::Goodbye(goodbye)) => {
                self.disconnect(peer, DisconnectReason::TheySaid(goodbye), actions);
            }
            (Phase::AwaitingHello, Message::Hello(hello)) => self.received_hello(peer, *hello, actions),
            (Phase::AwaitingHello, _) => self.misbehaved(peer, &Misbehavior::HelloMissing, actions),
            (Phase::Ready(_), message) => return self.received_when_ready(peer, message, actions),
        }
        Ok(())
    }

    /// Handles a message after the handshake.
    fn received_when_ready(
        &mut self,
        peer: PeerId,
        message: Message,
        actions: &mut Vec<Action>,
    ) -> Result<(), StoreError> {
        let now = self.now;
        match message {
            Message::Hello(_) => self.misbehaved(peer, &Misbehavior::SecondHello, actions),
            // It ends every connection, and so is handled before.
            Message::Goodbye(_) => {}
            Message::Ping { nonce } => {
                actions.push(Action::Send { peer, message: Message::Pong { nonce } });
            }
            Message::Pong { nonce } => self.peers.keep_deadline().received_pong(now, &peer, nonce),
            Message::GetPeers => self.peers.keep_deadline().addresses_requested(now, peer, actions),
            Message::Peers(addresses) => self.peers.received_addresses(now, peer, &addresses),
            Message::GetHeaders { locator } => {
                let headers = self.chain.headers_after(&locator, MAX_HEADERS_PER_MESSAGE);
                actions.push(Action::Send { peer, message: Message::Headers(headers) });
            }
            Message::Headers(headers) => self.received_headers(peer, &headers, actions),
            Message::GetBlocks(hashes) => {
                let chain = &self.chain;
                self.relay.blocks.requested(peer, &hashes, |hash| served(chain, hash), actions)?;
            }
            Message::Block(block) => self.received_block(peer, block, Validation::Sender, actions)?,
            Message::NotFound(items) => {
                self.sync.not_found(now, &peer, &items);
                self.relay.transactions.not_found(now, peer, &items, actions);
            }
            Message::AnnounceTransactions(txids) => {
                // Without the coins of the best chain no transaction can be checked.
                if !self.is_initial_download() {
                    self.transaction_flow(actions).announced(peer, &txids);
                }
            }
            Message::GetTransactions(txids) => {
                let (mempool, relay) = (&self.mempool, self.relay.transactions.keep_deadline());
                relay.requested(peer, &txids, |txid| mempool.get(txid), actions);
            }
            Message::Transactions(transactions) => {
                self.transaction_flow(actions).delivered(peer, transactions);
            }
            Message::SendCompact(wanted) => {
                let is_relaying = self.relay.rebuilds.has_peer(&peer);
                self.relay.blocks.set_wants_compact(&peer, wanted && is_relaying);
            }
            Message::GetCompactBlock(hash) => {
                let Self { chain, relay, .. } = self;
                let is_invalid = chain.entry(&hash).is_some_and(BlockIndexEntry::is_invalid);
                if is_invalid || !relay.blocks.compact_requested(peer, hash, actions) {
                    relay.blocks.requested(peer, &[hash], |hash| served(chain, hash), actions)?;
                }
            }
            Message::CompactBlock(compact) => self.received_compact_block(peer, compact, actions),
            Message::GetBlockTransactions { block, indexes } => {
                if !self.relay.blocks.transactions_requested(peer, block, &indexes, actions) {
                    self.misbehaved(peer, &Misbehavior::BlockIndexes, actions);
                }
            }
            Message::BlockTransactions { block, transactions } => {
                match self.relay.rebuilds.received(&peer, &block, transactions) {
                    Ok(Some(progress)) => self.rebuild(peer, block, progress, actions),
                    Ok(None) => {}
                    Err(WrongTransactions) => {
                        self.misbehaved(peer, &Misbehavior::BlockTransactions, actions);
                    }
                }
            }
        }
        Ok(())
    }

    /// Bytes that do not decode are misbehavior, unless they may be valid in another version.
    fn received_malformed(&mut self, peer: PeerId, error: CodecError, actions: &mut Vec<Action>) {
        let connection = self.peers.get(&peer).filter(|connection| connection.phase != Phase::Closing);
        let Some(connection) = connection else { return };
        match self.peers.identity.reason_to_disconnect(&connection.phase, &error) {
            Some(reason) => self.disconnect(peer, reason, actions),
            None => self.misbehaved(peer, &Misbehavior::Malformed(error), actions),
        }
    }

    fn received_hello(&mut self, peer: PeerId, hello: Hello, actions: &mut Vec<Action>) {
        if !self.peers.received_hello(self.now, peer, hello.clone(), actions) {
            return;
        }
        let Some(connection) = self.peers.get(&peer) else { return };
        let (direction, sent_tip) = (connection.direction, connection.sent_tip);
        let relays_transactions = connection.relays_transactions();
        self.sync.connected(self.now, peer, direction, &hello, &self.chain, actions);
        self.relay.blocks.connected(peer, hello.tip);
        if relays_transactions {
            // A peer from the other side of a partition does not have the transactions of this side.
            let unconfirmed = self.mempool.iter().map(|transaction| transaction.txid());
            self.relay.transactions.connected(self.now, peer, direction, unconfirmed);
            self.relay.rebuilds.connected(peer, direction);
        }
        // A block between our Hello and theirs was announced to others and not to this peer.
        if sent_tip != Some(self.chain.tip().hash()) {
            self.relay.blocks.announce_to(peer, self.chain.tip().header, actions);
        }
    }

    fn received_headers(&mut self, peer: PeerId, headers: &[Header], actions: &mut Vec<Action>) {
        if let Some(last) = headers.last() {
            self.relay.blocks.has(&peer, last.hash());
        }
        match self.sync.headers.received(self.now, peer, headers, &mut self.chain, actions) {
            HeadersVerdict::Fine => {}
            HeadersVerdict::NotConnected => self.misbehaved(peer, &Misbehavior::BrokenHeaders, actions),
            HeadersVerdict::Rejected(rejection) => {
                self.misbehaved(peer, &Misbehavior::Block(rejection), actions);
            }
        }
    }

    /// Rebuilds the block that follows on the tip. Of any other the header counts, and the body is requested whole if it
    /// was requested.
    fn received_compact_block(
        &mut self,
        peer: PeerId,
        compact: Arc<CompactBlock>,
        actions: &mut Vec<Action>,
    ) {
        let (header, hash) = (compact.header, compact.header.hash());
        if self.chain.entry(&hash).is_some_and(BlockIndexEntry::is_invalid) {
            // The sender may have forwarded an invalid block before it validated it.
            return self.sync.bodies.not_valid(&peer, &hash);
        }
        self.received_headers(peer, &[header], actions);
        let is_next = self.chain.entry(&hash).is_some_and(|entry| !entry.has_body())
            && header.previous_block_hash == self.chain.tip().hash()
            && !self.is_initial_download();
        if is_next {
            let known = self.mempool.known().chain(self.relay.orphans.iter());
            let bodies = &self.sync.bodies;
            if let Some(progress) = self
                .relay
                .rebuilds
                .start(peer, compact, known, |peer, hash| bodies.is_requested_from(peer, hash))
            {
                self.rebuild(peer, hash, progress, actions);
            }
        } else if self.sync.bodies.is_requested_from(&peer, &hash) {
            self.rebuild(peer, hash, Progress::Failed, actions);
        }
    }

    /// Does what a block in compact form needs next.
    fn rebuild(&mut self, peer: PeerId, hash: BlockHash, progress: Progress, actions: &mut Vec<Action>) {
        let bodies = &mut self.sync.bodies;
        let message = match progress {
            Progress::Rebuilt(block) => {
                if self.chain.entry(&hash).is_some_and(BlockIndexEntry::is_invalid) {
                    return bodies.not_valid(&peer, &hash);
                }
                let is_next = block.header().previous_block_hash == self.chain.tip().hash();
                // Whatever a body shows alone is checked before it is passed on, as in Bitcoin Core.
                if is_next && check_block(block.clone(), self.chain.params()).is_ok() {
                    let mempool = &self.mempool;
                    let is_lacking = |transaction: &Transaction| !mempool.contains(&transaction.txid());
                    self.relay.blocks.forward(&block, is_lacking, actions);
                }
                self.rebuilt = Some(RebuiltBlock { from: peer, block });
                return;
            }
            Progress::Missing(indexes) if bodies.request_announced(self.now, peer, hash) => {
                Message::GetBlockTransactions { block: hash, indexes }
            }
            Progress::Failed if bodies.request_announced(self.now, peer, hash) => {
                Message::GetBlocks(vec![hash])
            }
            Progress::Missing(_) | Progress::Failed => return self.relay.rebuilds.give_up(&peer, &hash),
        };
        actions.push(Action::Send { peer, message });
    }

    fn received_block(
        &mut self,
        peer: PeerId,
        block: Arc<Block>,
        validation: Validation,
        actions: &mut Vec<Action>,
    ) -> Result<(), StoreError> {
        let hash = block.hash();
        let is_unsolicited = !self.chain.entry(&hash).is_some_and(BlockIndexEntry::has_body)
            && !self.sync.bodies.is_requested_from(&peer, &hash);
        // The header is accepted and the body is not stored: blocks of little work would fill the disk.
        if is_unsolicited && !self.rivals.is_stored(&self.chain, peer, block.header()) {
            self.received_headers(peer, &[*block.header()], actions);
            return Ok(());
        }
        self.relay.blocks.has(&peer, hash);
        match self.accept_block(block.clone(), Some(peer), actions) {
            Ok(verdict) => {
                self.sync.received_block(self.now, peer, &block, verdict, &self.chain);
                if verdict != BlockVerdict::Duplicate {
                    self.peers.keep_deadline().delivered_block(self.now, &peer);
                }
                let is_large = block.size() > MAX_PUSHED_BLOCK;
                if is_large && verdict == BlockVerdict::Connected && !self.is_initial_download() {
                    self.relay.rebuilds.delivered(peer, actions);
                }
            }
            Err(Failure::Rejected(BlockRejection::UnknownParent { .. })) => {
                self.sync.headers.request(self.now, peer, &self.chain, None, actions);
            }
            Err(failure) => {
                let misbehavior = Misbehavior::Block(failure.rejection()?);
                self.sync.bodies.not_valid(&peer, &hash);
                if validation == Validation::Sender {
                    self.misbehaved(peer, &misbehavior, actions);
                }
            }
        }
        Ok(())
    }

    /// Accepts a block, mined here or received, and follows the change of the best chain.
    fn accept_block(
        &mut self,
        block: Arc<Block>,
        from: Option<PeerId>,
        actions: &mut Vec<Action>,
    ) -> Result<BlockVerdict, Failure<BlockRejection>> {
        let accepted = self.chain.accept_block(self.now, block.clone())?;
        self.relay.rebuilds.arrived(&block.hash());
        if let Some(change) = accepted.change {
            self.follow(&change, from, actions)?;
        }
        if accepted.verdict == BlockVerdict::SideBranch
            && let Some(entry) = self.chain.entry(&block.hash())
        {
            let (height, work) = (entry.height, entry.work);
            actions.push(Action::Emit(Event::BlockOnSideBranch { block, height, work, from }));
        }
        Ok(accepted.verdict)
    }

    /// The best chain changed: blocks are announced first, then events are emitted, then the mempool follows.
    fn follow(
        &mut self,
        change: &ChainChange,
        from: Option<PeerId>,
        actions: &mut Vec<Action>,
    ) -> Result<(), StoreError> {
        self.sync.chain_changed(self.now, from, &self.chain);
        if from.is_none() || !self.is_initial_download() {
            let connected: Vec<_> = change.connected_blocks().cloned().collect();
            let mempool = &self.mempool;
            let is_lacking = |transaction: &Transaction| !mempool.contains(&transaction.txid());
            self.relay.blocks.announce_branch(&connected, is_lacking, actions);
        }
        actions.push(Action::TemplateStale { urgent: true });
        actions.extend(chain_events::of(change, from).map(Action::Emit));
        self.transaction_flow(actions).follow(change)
    }

    fn submitted(&mut self, submission: Submission, actions: &mut Vec<Action>) -> Result<Answer, StoreError> {
        Ok(match submission {
            Submission::Block(block) => Answer::Block(match self.accept_block(block, None, actions) {
                Ok(verdict) => Ok(verdict),
                Err(failure) => Err(failure.rejection()?),
            }),
            Submission::Header(header) => Answer::Header(self.chain.accept_header(self.now, &header)),
            Submission::Override(hash, decision) => {
                Answer::Override(match self.chain.override_block(hash, decision) {
                    Ok(None) => Ok(()),
                    Ok(Some(change)) => Ok(self.follow(&change, None, actions)?),
                    Err(failure) => Err(failure.rejection()?),
                })
            }
            Submission::Transaction { transaction, max_fee_rate } => {
                let submitted = self.transaction_flow(actions).submitted(&transaction, max_fee_rate);
                Answer::Transaction(match submitted {
                    Ok(txid) => Ok(txid),
                    Err(failure) => Err(failure.rejection()?),
                })
            }
        })
    }

    fn transaction_flow<'n>(&'n mut self, actions: &'n mut Vec<Action>) -> TransactionFlow<'n, S> {
        let Self { now, chain, mempool, relay, .. } = self;
        TransactionFlow { now: *now, chain, mempool, relay, actions }
    }

    /// Checks delivered transactions until a limit of inputs is reached. The first misbehavior of a sender
    /// disconnects it, and its other transactions are dropped unchecked.
    fn check_transactions(&mut self, actions: &mut Vec<Action>) -> Result<(), StoreError> {
        let mut inputs = 0;
        while inputs < CHECKED_INPUTS_PER_STEP
            && let Some((peer, transaction)) = self.relay.unchecked.pop()
        {
            inputs += transaction.inputs().len();
            let txid = transaction.txid();
            if let Some(misbehavior) = self.transaction_flow(actions).check(peer, transaction)? {
                self.misbehaved(peer, &misbehavior, actions);
            } else if self.mempool.contains(&txid) {
                self.peers.keep_deadline().delivered_transaction(self.now, &peer);
            }
        }
        Ok(())
    }

    fn misbehaved(&mut self, peer: PeerId, misbehavior: &Misbehavior, actions: &mut Vec<Action>) {
        match misbehavior.consequence() {
            Consequence::Disconnect => {
                self.disconnect(peer, DisconnectReason::Misbehavior(misbehavior.to_string()), actions);
            }
            Consequence::Ban if self.peers.ban(self.now, &peer, misbehavior.to_string(), actions) => {
                self.lost(vec![peer], actions);
            }
            Consequence::Ban | Consequence::Nothing => {}
        }
    }

    fn disconnect(&mut self, peer: PeerId, reason: DisconnectReason, actions: &mut Vec<Action>) {
        if self.peers.disconnect(&peer, reason, actions) {
            self.lost(vec![peer], actions);
        }
    }

    /// Ready connections have ended.
    fn lost(&mut self, peers: Vec<PeerId>, actions: &mut Vec<Action>) {
        for peer in peers {
            self.sync.disconnected(&peer);
            self.relay.disconnected(self.now, &peer, actions);
        }
    }

    /// Does what is due now.
    fn wake(&mut self, actions: &mut Vec<Action>) -> Result<(), StoreError> {
        let now = self.now;
        let is_due = |deadline: Option<Timestamp>| deadline.is_some_and(|deadline| deadline <= now);
        if is_due(self.chain.next_wake()) {
            for block in self.chain.take_due(now) {
                // A block that was early is no misbehavior of its sender, even if it is invalid.
                if let Err(failure) = self.accept_block(block, None, actions) {
                    failure.rejection()?;
                }
            }
        }
        if is_due(self.mempool.next_deadline(Mempool::next_wake)) {
            let expired = self.mempool.wake(now);
            self.transaction_flow(actions).removed(&expired);
        }
        if is_due(self.peers.next_deadline(|peers| peers.next_wake(now))) {
            let lost = self.peers.wake(now, actions);
            self.lost(lost, actions);
        }
        if is_due(self.sync.next_wake()) {
            for peer in self.sync.wake(now, &self.chain, actions) {
                self.disconnect(peer, DisconnectReason::TimedOut, actions);
            }
        }
        if is_due(self.relay.next_wake()) {
            let mempool = &self.mempool;
            self.relay.wake(now, |txid| mempool.contains(txid), actions);
        }
        Ok(())
    }
}

/// A block that is sent to a peer on request; none if it is invalid, because whoever sends such a block is disconnected.
fn served<S: ChainStore>(chain: &Chain<S>, hash: &BlockHash) -> Result<Option<Arc<Block>>, StoreError> {
    if chain.entry(hash).is_some_and(BlockIndexEntry::is_invalid) { Ok(None) } else { chain.block(hash) }
}

#[cfg(test)]
mod tests;
