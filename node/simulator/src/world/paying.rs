//! Paying in a world: purses hand in transactions, and what nodes tell is written down.

use cairn_protocol::action::Answer;
use cairn_protocol::event::Event;
use cairn_protocol::input::{Input, RequestId, Submission};

use crate::agenda::Occurrence;
use crate::invariants::{Violation, supply_is_exact};
use crate::payments::home;
use crate::place::Place;
use crate::world::overheard::Told;
use crate::world::state::World;

/// Second payments of a coin: their answers concern nobody.
const RIVAL_REQUEST: RequestId = RequestId(u64::MAX - 2);

impl World {
    /// After the payment before it, and not after the millisecond in which that came: what is left of
    /// milliseconds adds up.
    pub(super) fn plan_payment(&mut self) {
        if let Some(every) = self.plan.workload.payment_every {
            self.pays_at = self.pays_at.saturating_add(every);
            self.agenda.plan(self.begin.saturating_add(self.pays_at), Occurrence::Payment);
        }
    }

    /// The next purse pays, at a node of its own, as a wallet has one.
    pub(super) fn next_payment(&mut self) -> Result<(), Violation> {
        self.plan_payment();
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

    /// The next purse pays at one node, and pays itself with the same coin at another. Whoever does so
    /// pays no more: which change is its own, only the end will tell.
    pub(super) fn pay_twice(&mut self, at: Place, other: Place) -> Result<(), Violation> {
        let genesis = self.definition.params.genesis_hash;
        let purses = self.purses.len();
        let mut turns = (0..purses).map(|turn| (self.next_purse + turn) % purses);
        let Some(index) = turns.find(|index| self.purses[*index].is_ready()) else { return Ok(()) };
        self.next_purse = (index + 1) % purses;
        let is_there = |at| self.host(at).node().is_some() && !self.apart.contains(&at);
        if !is_there(at) {
            return Ok(());
        }
        let rival_arrives = is_there(other);
        let Some((payment, rival)) = self.purses[index].pay_twice(at, &genesis) else { return Ok(()) };
        self.recorder.paid_twice(payment.txid(), rival.txid());
        // Whichever the best chain ends up with: neither is lost.
        self.taken_back.extend([payment.txid(), rival.txid()]);
        let request = self.purses[index].request();
        self.hand(at, Input::Submit { request, submission: Submission::Transaction(payment) })?;
        if rival_arrives {
            let (request, submission) = (RIVAL_REQUEST, Submission::Transaction(rival));
            self.hand(other, Input::Submit { request, submission })?;
        }
        Ok(())
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

    /// What the nodes told since this was asked last; the first time it begins to be kept.
    pub fn take_told(&mut self) -> Vec<Told> {
        self.overheard.take()
    }

    pub(super) fn heard(&mut self, at: Place, event: &Event) -> Result<(), Violation> {
        if self.apart.contains(&at) {
            return Ok(());
        }
        let at_ms = self.at_ms();
        self.overheard.note(at_ms, at, event);
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

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use crate::plan::Plan;
    use crate::world::World;

    #[test]
    fn six_hundred_payments_a_second_are_six_hundred() {
        let mut plan = Plan::quiet(3);
        plan.workload.payment_every = Some(Duration::from_nanos(1_666_666));
        plan.workload.wallets = 900;
        let mut world = World::new(plan, 1).expect("it starts");
        while world.next_time().is_some_and(|next| next <= Duration::from_secs(1)) {
            world.step().expect("nothing breaks");
        }
        assert_eq!(world.next_purse, 600);
    }
}
