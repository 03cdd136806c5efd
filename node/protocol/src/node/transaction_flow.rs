//! Transaction flow: from a peer or a caller into the mempool, and on to the other peers.

use std::sync::Arc;

use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;
use cairn_core::transaction::Transaction;

use crate::action::Action;
use crate::chain::Chain;
use crate::chain::failure::Failure;
use crate::chain::store::{ChainStore, StoreError};
use crate::chain::verdict::ChainChange;
use crate::deadlines::Deadlines;
use crate::event::Event;
use crate::mempool::fee_rate::FeeRate;
use crate::mempool::{AcceptedTransaction, Mempool, MempoolError, Removed};
use crate::misbehavior::Misbehavior;
use crate::peer::PeerId;
use crate::relay::Relay;
use crate::relay::orphans::FoundChild;

/// The parts of a node that a transaction passes, for one step.
pub struct TransactionFlow<'n, S> {
    pub now: Timestamp,
    pub chain: &'n Chain<S>,
    pub mempool: &'n mut Deadlines<Mempool>,
    pub relay: &'n mut Relay,
    pub actions: &'n mut Vec<Action>,
}

impl<S: ChainStore> TransactionFlow<'_, S> {
    /// A peer delivers transactions, which are checked later, a few in each step. Those that it did not announce are
    /// ignored.
    pub fn delivered(&mut self, peer: PeerId, transactions: Vec<Arc<Transaction>>) {
        for transaction in transactions {
            let txid = transaction.txid();
            if self.relay.transactions.keep_deadline().delivered(self.now, &peer, &txid)
                && !self.relay.unchecked.push(peer, transaction)
            {
                self.relay.transactions.not_valid(self.now, peer, txid, self.actions);
            }
        }
    }

    /// Checks one delivered transaction; returns the misbehavior of its sender.
    pub fn check(
        &mut self,
        peer: PeerId,
        transaction: Arc<Transaction>,
    ) -> Result<Option<Misbehavior>, StoreError> {
        let txid = transaction.txid();
        match self.mempool.accept(self.now, &transaction, self.chain) {
            Ok(accepted) => self.accepted(&accepted, Some(peer)),
            Err(Failure::Rejected(MempoolError::UnknownOutput { .. })) => {
                self.relay.transactions.not_valid(self.now, peer, txid, self.actions);
                self.keep_orphan(peer, transaction);
            }
            Err(Failure::Rejected(MempoolError::Rule(error))) => {
                self.relay.transactions.not_valid(self.now, peer, txid, self.actions);
                return Ok(Some(Misbehavior::Transaction(error)));
            }
            // Policy is each node's own: it is no misbehavior, and another copy would be rejected, too.
            Err(failure) => {
                failure.rejection()?;
                self.relay.transactions.arrived(&txid);
            }
        }
        Ok(None)
    }

    /// A caller submits a transaction. One that is in the mempool already is announced again.
    pub fn submitted(
        &mut self,
        transaction: &Arc<Transaction>,
        max_fee_rate: Option<FeeRate>,
    ) -> Result<Txid, Failure<MempoolError>> {
        let txid = transaction.txid();
        let accepted = self.mempool.accept_up_to(self.now, transaction, max_fee_rate, self.chain);
        match &accepted {
            Ok(accepted) => self.accepted(accepted, None),
            Err(_) if self.mempool.contains(&txid) => self.relay.transactions.announce_again(self.now, txid),
            Err(_) => {}
        }
        if self.mempool.contains(&txid) {
            self.relay.rebroadcast.add(self.now, txid);
        }
        accepted.map(|_| txid)
    }

    /// The best chain changed: confirmed transactions leave the mempool, and those of disconnected blocks return.
    pub fn follow(&mut self, change: &ChainChange) -> Result<(), StoreError> {
        let effect = self.mempool.follow(self.now, change, self.chain)?;
        self.removed(&effect.removed);
        for transaction in change.disconnected_blocks().flat_map(|block| block.transactions()) {
            self.relay.transactions.unconfirmed(&transaction.txid());
        }
        effect.returned.iter().for_each(|accepted| self.accepted(accepted, None));
        for transaction in change.connected_blocks().flat_map(|block| block.transactions()) {
            self.relay.transactions.confirmed(&transaction.txid());
            self.take_orphans_of(&transaction.txid());
        }
        Ok(())
    }

    /// A peer announces transactions: those that are missing here are requested.
    pub fn announced(&mut self, peer: PeerId, txids: &[Txid]) {
        let mempool = &*self.mempool;
        let is_missing = |txid: &Txid| !mempool.contains(txid);
        self.relay.transactions.announced(self.now, peer, txids, is_missing, self.actions);
    }

    /// Transactions left the mempool unconfirmed.
    pub fn removed(&mut self, removed: &[Removed]) {
        for Removed { txid, reason } in removed.iter().copied() {
            self.relay.transactions.removed(&txid);
            self.actions.push(Action::Emit(Event::TransactionRemoved { txid, reason }));
        }
    }

    /// Keeps an orphan and requests its parents from the sender, as if the sender had announced them.
    fn keep_orphan(&mut self, peer: PeerId, transaction: Arc<Transaction>) {
        let mut parents: Vec<Txid> = transaction.inputs().iter().map(|outpoint| outpoint.txid).collect();
        parents.sort_unstable();
        parents.dedup();
        if self.relay.orphans.keep(self.now, peer, transaction) {
            self.announced(peer, &parents);
        }
    }

    /// The orphans whose parent has come are checked next.
    fn take_orphans_of(&mut self, parent: &Txid) {
        for FoundChild { from, transaction } in self.relay.orphans.take_children(parent) {
            self.relay.unchecked.push(from, transaction);
        }
    }

    fn accepted(&mut self, accepted: &AcceptedTransaction, from: Option<PeerId>) {
        let AcceptedTransaction { txid, fee, size, .. } = *accepted;
        self.removed(&accepted.removed);
        self.relay.transactions.arrived(&txid);
        self.relay.transactions.announce(self.now, txid);
        self.take_orphans_of(&txid);
        self.actions.push(Action::TemplateStale { urgent: false });
        self.actions.push(Action::Emit(Event::TransactionAccepted { txid, fee, size, from }));
    }
}
