//! What must hold in every world, for every seed. The first breach ends the run.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use cairn_core::amount::Amount;
use cairn_core::check::block::check_block;
use cairn_core::check::connect::connect_block;
use cairn_core::coin::{Coin, Origin};
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::signature::Verifier;
use cairn_core::subsidy::supply;
use cairn_core::time::Timestamp;
use cairn_core::transaction::OutPoint;
use cairn_core::work::Work;
use cairn_protocol::chain::Chain;
use cairn_protocol::chain::open::OpenError;
use cairn_protocol::chain::store::{ChainStore, StoreError};
use cairn_protocol::event::{DisconnectReason, Event};
use cairn_protocol::message::Message;

use crate::node_index::NodeIndex;

/// A node that does nothing but wake for this long spins.
const SPIN: Duration = Duration::from_secs(1);

/// What may never happen, and did.
#[derive(Debug, thiserror::Error)]
pub enum Violation {
    #[error("the store of {at} failed: {error}")]
    Store { at: NodeIndex, error: StoreError },
    /// A killed node must come back by itself.
    #[error("{at} does not open what its disk holds: {error}")]
    Open { at: NodeIndex, error: OpenError },
    /// The best chain only changes for one with more work.
    #[error("the best chain of {at} went from work {before} to {after}")]
    WorkLost { at: NodeIndex, before: Work, after: Work },
    /// The events of a node lead to the chain that it has.
    #[error("the events of {at} lead to {expected}, its chain ends in {found}")]
    EventsMislead { at: NodeIndex, expected: BlockHash, found: BlockHash },
    /// No honest node may be disconnected for misbehavior (ATTACKS 29).
    #[error("{at} disconnected an honest peer for misbehavior: {misbehavior}")]
    HonestPeerBanned { at: NodeIndex, misbehavior: String },
    /// A block that was announced survives a loss of power.
    #[error("{at} had announced block {hash} and lost it with its power")]
    AnnouncedBlockLost { at: NodeIndex, hash: BlockHash },
    /// A block that a node made on its own tip is valid.
    #[error("{at} rejected its own block: {error}")]
    OwnBlockRejected { at: NodeIndex, error: String },
    /// Not a unit more, not one less.
    #[error("the coins of {at} are worth {found}, the subsidies up to {height} {expected}")]
    Supply { at: NodeIndex, height: Height, found: Amount, expected: Amount },
    /// Connected nodes agree in the end.
    #[error(
        "after {waited_ms} ms nodes that receive each other's blocks still have {tips} different tips: a bug, or \
         links on which requests time out"
    )]
    NoAgreement { waited_ms: u64, tips: usize },
    /// The blocks alone say which coins there are.
    #[error("the coins of {at} are not those that its blocks make")]
    CoinsDiffer { at: NodeIndex },
    /// The best chain is valid from genesis on.
    #[error("block {hash} in the best chain of {at} is not valid: {error}")]
    InvalidChain { at: NodeIndex, hash: BlockHash, error: String },
    /// What a block confirmed is in the best chain or in a mempool.
    #[error("transaction {txid} was confirmed and is lost")]
    ConfirmedLost { txid: Txid },
    /// A simulated miner makes real proofs of work, and those of this chain have become too hard.
    #[error(
        "the next block of {at} would take {hashes} hashes, more than the {most} that a simulated miner \
         makes: let it mine less, or let the difficulty follow more slowly (a longer half_life)"
    )]
    TooHard { at: NodeIndex, hashes: u64, most: u64 },
    /// A node that asks to be woken does something then.
    #[error("{at} wakes and wakes and does nothing")]
    Spins { at: NodeIndex },
}

/// What one node has shown so far.
#[derive(Clone, Debug)]
pub struct Witness {
    tip: BlockHash,
    work: Work,
    /// Where its events lead: the end of the best chain and its height.
    followed: (BlockHash, Height),
    /// Blocks that it announced; only kept where nodes may lose their power.
    announced: Option<BTreeSet<BlockHash>>,
    /// Wakes in a row that did nothing, and when the first of them was.
    idle_wakes: (u32, Timestamp),
}

impl Default for Witness {
    fn default() -> Self {
        Self {
            tip: BlockHash::ZERO,
            work: Work::ZERO,
            followed: (BlockHash::ZERO, Height::GENESIS),
            announced: None,
            idle_wakes: (0, Timestamp::default()),
        }
    }
}

impl Witness {
    /// A witness that also remembers what the node announced, for nodes that may lose their power.
    pub fn with_memory() -> Self {
        Self { announced: Some(BTreeSet::new()), ..Self::default() }
    }

    /// The node has started: it has what it had announced, and is followed from here on.
    pub fn started<S: ChainStore>(&mut self, at: NodeIndex, chain: &Chain<S>) -> Result<(), Violation> {
        let is_lost = |hash: &&BlockHash| !chain.entry(hash).is_some_and(|entry| entry.has_body());
        if let Some(hash) = self.announced.iter().flatten().find(is_lost).copied() {
            return Err(Violation::AnnouncedBlockLost { at, hash });
        }
        (self.tip, self.work) = (chain.tip().hash(), chain.work());
        self.followed = (chain.tip().hash(), chain.tip().height);
        Ok(())
    }

    /// The node has done something.
    pub fn stepped<S: ChainStore>(&mut self, at: NodeIndex, chain: &Chain<S>) -> Result<(), Violation> {
        let tip = chain.tip();
        if tip.hash() == self.tip {
            return Ok(());
        }
        let (before, after) = (self.work, tip.work);
        (self.tip, self.work) = (tip.hash(), after);
        // Of two with equal work the first seen stays.
        if after <= before { Err(Violation::WorkLost { at, before, after }) } else { Ok(()) }
    }

    /// The node was woken, and did this much.
    pub fn woke(&mut self, now: Timestamp, at: NodeIndex, actions: usize) -> Result<(), Violation> {
        // A few idle wakes are fair: what was due may have been done by another input. A node that
        // spins wakes every millisecond for a second.
        let (count, since) = self.idle_wakes;
        self.idle_wakes = if actions > 0 || now.since(since) > SPIN { (0, now) } else { (count + 1, since) };
        if self.idle_wakes.0 > SPIN.as_millis() as u32 / 2 { Err(Violation::Spins { at }) } else { Ok(()) }
    }

    /// The node sends a message.
    pub fn sent(&mut self, message: &Message) {
        let Some(announced) = &mut self.announced else { return };
        match message {
            Message::Hello(hello) => announced.extend([hello.tip]),
            Message::Headers(headers) => announced.extend(headers.iter().map(|header| header.hash())),
            Message::Block(block) => announced.extend([block.hash()]),
            Message::CompactBlock(compact) => announced.extend([compact.header.hash()]),
            _ => {}
        }
    }

    /// The node has an event.
    pub fn check_event(&mut self, at: NodeIndex, event: &Event) -> Result<(), Violation> {
        match event {
            Event::BlockDisconnected { block, height } => {
                let (expected, found) = (self.followed.0, block.hash());
                if (expected, *height) != (found, self.followed.1) {
                    return Err(Violation::EventsMislead { at, expected, found });
                }
                let parent = Height::from_u32(height.get().saturating_sub(1));
                self.followed = (block.header().previous_block_hash, parent);
            }
            Event::BlockConnected { block, height, .. } => {
                let (expected, found) = (self.followed.0, block.header().previous_block_hash);
                if expected != found || *height != self.followed.1.next() {
                    return Err(Violation::EventsMislead { at, expected, found });
                }
                self.followed = (block.hash(), *height);
            }
            Event::PeerDisconnected { reason: DisconnectReason::Misbehavior(misbehavior), .. }
            | Event::PeerRejected { reason: DisconnectReason::Misbehavior(misbehavior), .. } => {
                return Err(Violation::HonestPeerBanned { at, misbehavior: misbehavior.clone() });
            }
            _ => {}
        }
        Ok(())
    }

    /// Every change of the node's chain has been an event.
    pub fn check_tip<S: ChainStore>(&self, at: NodeIndex, chain: &Chain<S>) -> Result<(), Violation> {
        let (expected, found) = (self.followed.0, chain.tip().hash());
        if expected == found { Ok(()) } else { Err(Violation::EventsMislead { at, expected, found }) }
    }
}

/// Every coin of a node, in order.
pub fn coins<S: ChainStore>(at: NodeIndex, chain: &Chain<S>) -> Result<BTreeMap<OutPoint, Coin>, Violation> {
    let mut coins = BTreeMap::new();
    let mut keep = |outpoint, coin| {
        coins.insert(outpoint, coin);
    };
    chain.store().for_each_coin(&mut keep).map_err(|error| Violation::Store { at, error })?;
    Ok(coins)
}

/// The coins are worth what was issued: simulated miners claim all they may.
pub fn supply_is_exact<S: ChainStore>(at: NodeIndex, chain: &Chain<S>) -> Result<(), Violation> {
    let height = chain.tip().height;
    let expected = supply(chain.params(), height);
    let coins = coins(at, chain)?;
    let found = Amount::checked_sum(coins.values().map(|coin| coin.output.amount));
    let found = found.unwrap_or(Amount::from_units(u64::MAX));
    if found == expected { Ok(()) } else { Err(Violation::Supply { at, height, found, expected }) }
}

/// The coins that a node's blocks make when each is connected from genesis on, by every rule.
pub fn coins_of_blocks<S: ChainStore>(
    at: NodeIndex,
    chain: &Chain<S>,
    verifier: &dyn Verifier,
) -> Result<BTreeMap<OutPoint, Coin>, Violation> {
    let mut coins = BTreeMap::new();
    for hash in chain.best_chain() {
        let invalid = |error: &dyn core::fmt::Display| Violation::InvalidChain {
            at,
            hash: *hash,
            error: error.to_string(),
        };
        let block = chain.block(hash).map_err(|error| Violation::Store { at, error })?;
        let block = block.ok_or_else(|| invalid(&"its body is missing"))?;
        let entry = chain.entry(hash).ok_or_else(|| invalid(&"its header is missing"))?;
        if entry.height == Height::GENESIS {
            let coinbase = block.coinbase();
            let outputs = (0..).zip(coinbase.outputs.iter().cloned());
            coins.extend(outputs.map(|(index, output)| {
                let coin = Coin { output, height: Height::GENESIS, origin: Origin::Premine };
                (OutPoint { txid: coinbase.txid(), index }, coin)
            }));
            continue;
        }
        let parent = chain.tree().parent(entry).ok_or_else(|| invalid(&"its parent is missing"))?;
        let checked = check_block(block, chain.params()).map_err(|error| invalid(&error))?;
        let median = chain.median_time_past(parent);
        let connected = connect_block(&checked, entry.height, median, &coins, verifier, chain.params())
            .map_err(|error| invalid(&error))?;
        for (outpoint, _) in &connected.changes().spent {
            coins.remove(outpoint);
        }
        coins.extend(connected.into_changes().created);
    }
    Ok(coins)
}
