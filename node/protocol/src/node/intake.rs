//! The way of a transaction: from a peer or a caller into the mempool, and on to the others.

use std::sync::Arc;

use cairn_core::hash::Txid;
use cairn_core::time::Timestamp;
use cairn_core::transaction::Transaction;

use crate::action::Action;
use crate::chain::Chain;
use crate::chain::store::{ChainStore, StoreError};
use crate::chain::verdict::ChainChange;
use crate::conduct::Offence;
use crate::event::{Event, RemovalReason};
use crate::mempool::{Admitted, Mempool, MempoolError};
use crate::peer::PeerId;
use crate::relay::Relay;

/// What a transaction passes through, for one step.
pub struct Intake<'n, S> {
    pub now: Timestamp,
    /// The chain whose coins it spends.
    pub chain: &'n Chain<S>,
    pub mempool: &'n mut Mempool,
    pub relay: &'n mut Relay,
    pub actions: &'n mut Vec<Action>,
}

/// Who broke a rule, and which.
pub type Offences = Vec<(PeerId, Offence)>;

impl<S: ChainStore> Intake<'_, S> {
    /// Peers deliver what they announced; the rest is not looked at.
    ///
    /// # Errors
    /// When the store fails.
    pub fn delivered(
        &mut self,
        peer: PeerId,
        transactions: Vec<Arc<Transaction>>,
    ) -> Result<Offences, StoreError> {
        let mut offences = Vec::new();
        for transaction in transactions {
            if self.relay.transactions.delivered(peer, &transaction.txid()) {
                offences.extend(self.received(peer, transaction)?);
            }
        }
        Ok(offences)
    }

    fn received(&mut self, peer: PeerId, transaction: Arc<Transaction>) -> Result<Offences, StoreError> {
        let txid = transaction.txid();
        match self.mempool.accept(self.now, transaction.clone(), self.chain)? {
            Ok(admitted) => {
                self.admitted(&admitted, Some(peer));
                self.look_at_children(&admitted.txid)
            }
            Err(MempoolError::UnknownOutput { .. }) => {
                self.relay.transactions.spoiled(self.now, peer, txid, self.actions);
                self.wait_for_parents(peer, transaction);
                Ok(Vec::new())
            }
            Err(MempoolError::Rule(error)) => {
                self.relay.transactions.spoiled(self.now, peer, txid, self.actions);
                Ok(vec![(peer, Offence::Transaction(error))])
            }
            // Policy is each node's own: nobody is to blame, and another copy would fare no better.
            Err(_) => {
                self.relay.transactions.arrived(&txid);
                Ok(Vec::new())
            }
        }
    }

    /// A caller hands one in. One that waits already is told again: whoever hands it in wants that.
    ///
    /// # Errors
    /// When the store fails.
    pub fn submitted(
        &mut self,
        transaction: Arc<Transaction>,
    ) -> Result<(Result<Txid, MempoolError>, Offences), StoreError> {
        let txid = transaction.txid();
        let outcome = self.mempool.accept(self.now, transaction, self.chain)?;
        let mut offences = Vec::new();
        if let Ok(admitted) = &outcome {
            self.admitted(admitted, None);
            offences = self.look_at_children(&txid)?;
        } else if self.mempool.contains(&txid) {
            self.relay.transactions.announce_again(self.now, txid);
        }
        if self.mempool.contains(&txid) {
            self.relay.own.add(self.now, txid);
        }
        Ok((outcome.map(|admitted| admitted.txid), offences))
    }

    /// The best chain changed: what it confirmed leaves, what it gave back waits again.
    ///
    /// # Errors
    /// When the store fails.
    pub fn follow(&mut self, change: &ChainChange) -> Result<Offences, StoreError> {
        let followed = self.mempool.follow(self.now, change, self.chain)?;
        self.removed(&followed.removed);
        let left = change.disconnected.iter().flat_map(|(_, block)| block.transactions());
        left.for_each(|transaction| self.relay.transactions.unconfirmed(&transaction.txid()));
        followed.returned.iter().for_each(|admitted| self.admitted(admitted, None));
        let mut offences = Vec::new();
        for transaction in change.connected.iter().flat_map(|(_, block, _)| block.transactions()) {
            self.relay.transactions.confirmed(&transaction.txid());
            offences.extend(self.look_at_children(&transaction.txid())?);
        }
        Ok(offences)
    }

    /// A peer says what it can deliver: what is lacking is asked for.
    pub fn announced(&mut self, peer: PeerId, txids: &[Txid]) {
        let mempool = &*self.mempool;
        let is_lacking = |txid: &Txid| !mempool.contains(txid);
        self.relay.transactions.announced(self.now, peer, txids, is_lacking, self.actions);
    }

    /// Those that left the mempool without being confirmed.
    pub fn removed(&mut self, removed: &[(Txid, RemovalReason)]) {
        removed.iter().for_each(|(txid, _)| self.relay.transactions.forgotten(txid));
        let events =
            removed.iter().map(|(txid, reason)| Event::TransactionRemoved { txid: *txid, reason: *reason });
        self.actions.extend(events.map(Action::Emit));
    }

    /// The sender has the parents, or had them: it is asked, as if it had announced them.
    fn wait_for_parents(&mut self, peer: PeerId, transaction: Arc<Transaction>) {
        let mut parents: Vec<Txid> = transaction.inputs().iter().map(|outpoint| outpoint.txid).collect();
        parents.sort_unstable();
        parents.dedup();
        if self.relay.orphans.keep(self.now, peer, transaction) {
            self.announced(peer, &parents);
        }
    }

    fn look_at_children(&mut self, parent: &Txid) -> Result<Offences, StoreError> {
        let (mut parents, mut offences) = (vec![*parent], Vec::new());
        while let Some(parent) = parents.pop() {
            for (peer, child) in self.relay.orphans.take_children(&parent) {
                match self.mempool.accept(self.now, child.clone(), self.chain)? {
                    Ok(admitted) => {
                        self.admitted(&admitted, Some(peer));
                        parents.push(admitted.txid);
                    }
                    // It lacks another parent, too, and waits on.
                    Err(MempoolError::UnknownOutput { .. }) => {
                        self.relay.orphans.keep(self.now, peer, child);
                    }
                    Err(MempoolError::Rule(error)) => offences.push((peer, Offence::Transaction(error))),
                    Err(_) => {}
                }
            }
        }
        Ok(offences)
    }

    fn admitted(&mut self, admitted: &Admitted, from: Option<PeerId>) {
        let Admitted { txid, fee, size, .. } = *admitted;
        self.removed(&admitted.removed);
        self.relay.transactions.arrived(&txid);
        self.relay.transactions.announce(self.now, txid);
        self.actions.push(Action::TemplateStale { urgent: false });
        self.actions.push(Action::Emit(Event::TransactionAccepted { txid, fee, size, from }));
    }
}
