//! Relay: which blocks and transactions are announced to which peer.

use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;

use crate::action::Action;
use crate::deadlines::Deadlines;
use crate::peer::PeerId;
use crate::random::Random;

pub mod blocks;
pub mod known_blocks;
pub mod known_transactions;
pub mod orphans;
pub mod rebroadcast;
pub mod rebuilds;
pub mod transactions;
pub mod unchecked;

use blocks::BlockRelay;
use orphans::Orphans;
use rebroadcast::Rebroadcast;
use rebuilds::Rebuilds;
use transactions::TransactionRelay;
use unchecked::UncheckedTransactions;

/// The parts of relay, which do not know each other.
#[derive(Clone, Debug)]
pub struct Relay {
    pub blocks: BlockRelay,
    pub rebuilds: Rebuilds,
    pub transactions: Deadlines<TransactionRelay>,
    pub unchecked: UncheckedTransactions,
    pub orphans: Deadlines<Orphans>,
    pub rebroadcast: Deadlines<Rebroadcast>,
}

impl Relay {
    /// The state of a node without peers.
    pub fn new(transactions: Random, salts: Random) -> Self {
        Self {
            blocks: BlockRelay::new(salts),
            rebuilds: Rebuilds::default(),
            transactions: Deadlines::new(TransactionRelay::new(transactions)),
            unchecked: UncheckedTransactions::default(),
            orphans: Deadlines::default(),
            rebroadcast: Deadlines::default(),
        }
    }

    /// A peer is disconnected.
    pub fn disconnected(&mut self, now: Timestamp, peer: &PeerId, actions: &mut Vec<Action>) {
        self.blocks.disconnected(peer);
        self.rebuilds.disconnected(peer);
        self.unchecked.disconnected(peer);
        self.orphans.disconnected(peer);
        self.transactions.disconnected(now, peer, actions);
    }

    /// Does what is due now.
    pub fn wake(
        &mut self,
        now: Timestamp,
        is_unconfirmed: impl Fn(&Txid) -> bool,
        actions: &mut Vec<Action>,
    ) {
        self.orphans.wake(now);
        for txid in self.rebroadcast.take_due(now, &is_unconfirmed) {
            self.transactions.announce_again(now, txid);
        }
        self.transactions.wake(now, &is_unconfirmed, actions);
    }

    /// The time at which [`Self::wake`] has something to do.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let orphans = self.orphans.next_deadline(Orphans::next_wake);
        let rebroadcast = self.rebroadcast.next_deadline(Rebroadcast::next_wake);
        let transactions = self.transactions.next_deadline(TransactionRelay::next_wake);
        [orphans, rebroadcast, transactions].into_iter().flatten().min()
    }
}
