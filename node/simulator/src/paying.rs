//! Paying in a world: purses hand in transactions, and what becomes of them is written down.

use cairn_protocol::action::Answer;
use cairn_protocol::event::Event;
use cairn_protocol::input::{Input, RequestId, Submission};

use crate::agenda::Occurrence;
use crate::invariants::{Violation, supply_is_exact};
use crate::payments::Purse;
use crate::place::Place;
use crate::world::World;

impl World {
    pub(crate) fn pay(&mut self, index: usize) -> Result<(), Violation> {
        let every = self.plan.payments_every * self.purses.len() as u32;
        self.agenda.plan(self.now.saturating_add(every), Occurrence::Payment(index));
        let at = self.home_of(index);
        if self.host(at).node().is_none() {
            return Ok(());
        }
        let genesis = self.definition.params.genesis_hash;
        let Some(transaction) = self.purses[index].pay(&genesis) else { return Ok(()) };
        let request = self.purses[index].request();
        self.hand(at, Input::Submit { request, submission: Submission::Transaction(transaction) })
    }

    /// Each purse has a node of its own, as a wallet has.
    pub(crate) fn home_of(&self, purse: usize) -> Place {
        self.hosts[purse * 7 % self.hosts.len()].place()
    }

    pub(crate) fn purses_at(&mut self, place: Place) -> impl Iterator<Item = &mut Purse> {
        let nodes = self.hosts.len();
        let is_home = move |index: &usize| index * 7 % nodes == place.index();
        self.purses.iter_mut().enumerate().filter(move |(index, _)| is_home(index)).map(|(_, purse)| purse)
    }

    pub(crate) fn answered(
        &mut self,
        at: Place,
        request: RequestId,
        answer: Answer,
    ) -> Result<(), Violation> {
        match answer {
            Answer::Block(Err(error)) => {
                return Err(Violation::OwnBlockRefused { at, error: error.to_string() });
            }
            Answer::Block(Ok(_)) | Answer::Header(_) | Answer::Mark(_) => {}
            Answer::Transaction(outcome) => {
                let purse = self.purses.iter_mut().find(|purse| purse.request() == request);
                self.paid.extend(purse.and_then(|purse| purse.answered(outcome.is_ok())));
            }
        }
        Ok(())
    }

    pub(crate) fn heard(&mut self, at: Place, event: &Event) -> Result<(), Violation> {
        self.witnesses[at.index()].told(at, event)?;
        match event {
            Event::Reorganised { disconnected, .. } => {
                self.tally.reorganisations += 1;
                self.tally.deepest = self.tally.deepest.max(*disconnected);
                if let Some(node) = self.host(at).node() {
                    supply_is_exact(at, node.chain())?;
                }
            }
            Event::BlockConnected { block, .. } => {
                self.tally.connected(self.now, block.hash(), self.hosts.len());
                self.confirmed_once.extend(block.transactions().iter().map(|transaction| transaction.txid()));
            }
            _ => {}
        }
        Ok(())
    }
}
