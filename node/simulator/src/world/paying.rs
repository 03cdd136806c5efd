//! Paying in a world: purses hand in transactions, and what nodes tell is written down.

use cairn_protocol::action::Answer;
use cairn_protocol::event::Event;
use cairn_protocol::input::{Input, RequestId, Submission};

use crate::agenda::Occurrence;
use crate::invariants::{Violation, supply_is_exact};
use crate::payments::home;
use crate::place::Place;
use crate::world::state::World;

impl World {
    /// The next purse pays, at a node of its own, as a wallet has one.
    pub(super) fn next_payment(&mut self) -> Result<(), Violation> {
        if let Some(every) = self.plan.workload.payment_every {
            self.agenda.plan(self.now.saturating_add(every), Occurrence::Payment);
        }
        let home = home(self.next_purse, self.hosts.len());
        self.pay(home)
    }

    pub(super) fn pay(&mut self, at: Place) -> Result<(), Violation> {
        if self.purses.is_empty() {
            return Ok(());
        }
        let index = self.next_purse;
        self.next_purse = (index + 1) % self.purses.len();
        if self.host(at).node().is_none() || self.apart.contains(&at) {
            return Ok(());
        }
        let genesis = self.definition.params.genesis_hash;
        let Some(transaction) = self.purses[index].pay(at, &genesis) else { return Ok(()) };
        let request = self.purses[index].request();
        self.hand(at, Input::Submit { request, submission: Submission::Transaction(transaction) })
    }

    pub(super) fn answered(
        &mut self,
        at: Place,
        request: RequestId,
        answer: Answer,
    ) -> Result<(), Violation> {
        match answer {
            Answer::Block(Err(error)) => Err(Violation::OwnBlockRefused { at, error: error.to_string() }),
            Answer::Block(Ok(_)) | Answer::Header(_) | Answer::Mark(_) => Ok(()),
            Answer::Transaction(outcome) => {
                let purse = self.purses.iter_mut().find(|purse| purse.request() == request);
                if let Some(txid) = purse.and_then(|purse| purse.answered(outcome.is_ok())) {
                    self.recorder.accepted(txid);
                }
                Ok(())
            }
        }
    }

    pub(super) fn heard(&mut self, at: Place, event: &Event) -> Result<(), Violation> {
        if self.apart.contains(&at) {
            return Ok(());
        }
        let at_ms = self.at_ms();
        match event {
            Event::Reorganised { fork_point, disconnected, connected, .. } => {
                self.recorder.changes_branch(at, fork_point.get(), *disconnected, *connected);
                if let Some(node) = self.hosts[at.index()].node()
                    && self.exact.insert(node.chain().store().digest())
                {
                    supply_is_exact(at, node.chain())?;
                }
            }
            Event::BlockOnSideBranch { hash, .. } => self.recorder.has(at_ms, at, hash),
            Event::BlockDisconnected { block, .. } => self.recorder.disconnected(at, block),
            Event::BlockConnected { block, .. } => {
                self.recorder.connected(at_ms, at, block);
                if self.connected_once.insert(block.hash()) {
                    let txids = block.transactions().iter().map(|transaction| transaction.txid());
                    self.confirmed_once.extend(txids);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
