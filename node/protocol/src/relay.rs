//! Relay: what to tell whom.

use cairn_core::hash::{BlockHash, Txid};
use cairn_core::time::Timestamp;

use crate::action::Action;
use crate::peer::PeerId;
use crate::random::Random;

pub mod blocks;
pub mod by_txid;
pub mod known;
pub mod latest;
pub mod orphans;
pub mod own;
pub mod transactions;

use blocks::BlockRelay;
use orphans::Orphans;
use own::OwnTransactions;
use transactions::TransactionRelay;

/// The machines of relay, side by side.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Who has which of the latest blocks.
    pub blocks: BlockRelay,
    /// Who has, wants and owes which transaction.
    pub transactions: TransactionRelay,
    /// Transactions that wait for a parent.
    pub orphans: Orphans,
    pub own: OwnTransactions,
}

impl Relay {
    /// Relay without peers.
    pub fn new(random: Random) -> Self {
        let transactions = TransactionRelay::new(random);
        Self {
            blocks: BlockRelay::default(),
            transactions,
            orphans: Orphans::default(),
            own: OwnTransactions::default(),
        }
    }

    /// A peer joins, with this tip; these transactions wait for it.
    pub fn joined(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        tip: BlockHash,
        waiting: impl Iterator<Item = Txid>,
    ) {
        self.blocks.joined(peer, tip);
        self.transactions.joined(now, peer, waiting);
    }

    /// A peer is gone.
    pub fn left(&mut self, now: Timestamp, peer: &PeerId, actions: &mut Vec<Action>) {
        self.blocks.left(peer);
        self.orphans.left(peer);
        self.transactions.left(now, peer, actions);
    }

    /// Does what is due.
    pub fn wake(&mut self, now: Timestamp, is_held: impl Fn(&Txid) -> bool, actions: &mut Vec<Action>) {
        self.orphans.wake(now);
        for txid in self.own.take_due(now, &is_held) {
            self.transactions.announce_again(now, txid);
        }
        self.transactions.wake(now, &is_held, actions);
    }

    /// When `wake` has something to do.
    pub fn next_wake(&self) -> Option<Timestamp> {
        [self.orphans.next_wake(), self.own.next_wake(), self.transactions.next_wake()]
            .into_iter()
            .flatten()
            .min()
    }
}
