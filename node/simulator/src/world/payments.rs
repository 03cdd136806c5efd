//! Paying in a world: purses hand in transactions, and what nodes tell is written down.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use cairn_core::hash::Txid;
use cairn_protocol::action::Answer;
use cairn_protocol::chain::BlockVerdict;
use cairn_protocol::event::Event;
use cairn_protocol::input::{Input, RequestId, Submission};
use cairn_protocol::mempool::MempoolError;

use crate::agenda::Occurrence;
use crate::invariants::{Violation, supply_is_exact};
use crate::node_index::NodeIndex;
use crate::wallets::SimWallet;
use crate::wallets::home;
use crate::world::World;
use crate::world::event_tap::Told;

/// Purses, and payments that are not answered yet.
pub struct Payers {
    pub purses: Vec<SimWallet>,
    /// Whose turn it is.
    pub next: usize,
    /// When the next payment comes, to the nanosecond.
    pub at: Duration,
    /// Of whom an answer is awaited that people want to know: their payments are part of the plan.
    pub planned: BTreeSet<RequestId>,
    /// Second payments of coins that nodes have not answered: where, and of which the second is the rival.
    pub rivals: BTreeMap<RequestId, (NodeIndex, Txid, Txid)>,
}

impl Payers {
    /// Nobody has paid yet.
    pub const fn new(purses: Vec<SimWallet>) -> Self {
        Self { purses, next: 0, at: Duration::ZERO, planned: BTreeSet::new(), rivals: BTreeMap::new() }
    }
}

impl World {
    /// After the payment before it, and not after the millisecond in which that came: what is left of
    /// milliseconds adds up.
    pub(super) fn plan_payment(&mut self) {
        if let Some(every) = self.plan.workload.payment_every {
            self.payers.at = self.payers.at.saturating_add(every);
            self.agenda.plan(self.begin.saturating_add(self.payers.at), Occurrence::Payment);
        }
    }

    /// The next purse pays, at a node of its own, as a wallet has one.
    pub(super) fn next_payment(&mut self) -> Result<(), Violation> {
        self.plan_payment();
        if self.payers.purses.is_empty() {
            return Ok(());
        }
        let index = self.payers.next;
        self.payers.next = (index + 1) % self.payers.purses.len();
        self.pay_from(index, home(index, self.hosts.len())).map(drop)
    }

    /// Purses that are ready pay at a node, as a step says, one after the other; says how many did.
    pub(super) fn pay(&mut self, at: NodeIndex, payments: u32) -> Result<u32, Violation> {
        for paid in 0..payments {
            let Some(index) = self.next_ready_purse() else { return Ok(paid) };
            let asked = self.pay_from(index, at)?;
            self.payers.planned.extend(asked);
        }
        Ok(payments)
    }

    /// Returns the mark that the answer will bear, which waits for the node's disk, if anything is handed in.
    fn pay_from(&mut self, index: usize, at: NodeIndex) -> Result<Option<RequestId>, Violation> {
        if !self.takes_payments(at) {
            return Ok(None);
        }
        let genesis = self.definition.params.genesis_hash;
        let Some(transaction) = self.payers.purses[index].pay(at, &genesis) else { return Ok(None) };
        let request = self.payers.purses[index].request();
        self.hand(
            at,
            Input::Submit {
                request,
                submission: Submission::Transaction { transaction, max_fee_rate: None },
            },
        )?;
        Ok(Some(request))
    }

    /// Purses that are ready pay at one node, and pay themselves with the same coins at another; says how
    /// many did. Where one of the two takes no payments, no coin is paid twice.
    pub(super) fn pay_twice(
        &mut self,
        (at, other): (NodeIndex, NodeIndex),
        payments: u32,
    ) -> Result<u32, Violation> {
        if !self.takes_payments(at) || !self.takes_payments(other) {
            return self.pay(at, payments);
        }
        let genesis = self.definition.params.genesis_hash;
        for paid in 0..payments {
            let Some(index) = self.next_ready_purse() else { return Ok(paid) };
            let purse = &mut self.payers.purses[index];
            let Some((payment, rival)) = purse.pay_twice((at, other), &genesis) else { continue };
            let (request, rival_request) = (purse.request(), purse.rival_request());
            self.recorder.paid_twice(payment.txid(), rival.txid());
            // Whichever the best chain ends up with: neither is lost.
            self.taken_back.extend([payment.txid(), rival.txid()]);
            self.payers.rivals.insert(rival_request, (other, payment.txid(), rival.txid()));
            self.payers.planned.insert(request);
            self.hand(
                at,
                Input::Submit {
                    request,
                    submission: Submission::Transaction { transaction: payment, max_fee_rate: None },
                },
            )?;
            let submission = Submission::Transaction { transaction: rival, max_fee_rate: None };
            self.hand(other, Input::Submit { request: rival_request, submission })?;
        }
        Ok(payments)
    }

    fn takes_payments(&self, at: NodeIndex) -> bool {
        self.host(at).node().is_some() && !self.apart.contains(&at)
    }

    fn next_ready_purse(&mut self) -> Option<usize> {
        let purses = self.payers.purses.len();
        let mut turns = (0..purses).map(|turn| (self.payers.next + turn) % purses);
        let index = turns.find(|index| self.payers.purses[*index].is_ready())?;
        self.payers.next = (index + 1) % purses;
        Some(index)
    }

    pub(super) fn answered(
        &mut self,
        at: NodeIndex,
        request: RequestId,
        answer: Answer,
    ) -> Result<(), Violation> {
        match answer {
            Answer::Block(Err(error)) => Err(Violation::OwnBlockRefused { at, error: error.to_string() }),
            Answer::Block(Ok(BlockVerdict::TooEarly(ahead))) => {
                Err(Violation::OwnBlockRefused { at, error: ahead.to_string() })
            }
            // Whoever mines in secret hands in rivals and children first: that is no fault.
            Answer::Block(Ok(
                BlockVerdict::Connected
                | BlockVerdict::Duplicate
                | BlockVerdict::SideBranch
                | BlockVerdict::AncestorMissing,
            ))
            | Answer::Header(_)
            | Answer::Override(_) => Ok(()),
            Answer::Transaction(outcome) => {
                if let Some(rivals) = self.payers.rivals.remove(&request) {
                    self.rival_answered(request, rivals, outcome);
                    return Ok(());
                }
                if self.payers.planned.remove(&request)
                    && let Err(why) = &outcome
                {
                    self.recorder.payment_refused(self.at_ms(), at, &why.to_string());
                }
                let purse = self.payers.purses.iter_mut().find(|purse| purse.request() == request);
                if let Some(txid) = purse.and_then(|purse| purse.answered(outcome.is_ok())) {
                    self.recorder.accepted(txid);
                }
                Ok(())
            }
        }
    }

    /// A node takes a coin's second payment, or refuses it: then the first is one like any other.
    fn rival_answered(
        &mut self,
        request: RequestId,
        (at, payment, rival): (NodeIndex, Txid, Txid),
        outcome: Result<Txid, MempoolError>,
    ) {
        if let Some(purse) = self.payers.purses.iter_mut().find(|purse| purse.rival_request() == request) {
            purse.rival_answered(outcome.is_ok());
        }
        match outcome {
            Ok(_) => self.recorder.rival_accepted(rival),
            Err(why) => {
                self.taken_back.remove(&payment);
                self.recorder.rival_refused(self.at_ms(), at, &why.to_string());
            }
        }
    }

    /// A node is gone, and its answers with it.
    pub(super) fn rivals_lost(&mut self, at: NodeIndex) {
        let lost: Vec<(NodeIndex, Txid, Txid)> =
            self.payers.rivals.values().filter(|(asked, ..)| *asked == at).copied().collect();
        self.payers.rivals.retain(|_, (asked, ..)| *asked != at);
        for (_, payment, _) in lost {
            self.taken_back.remove(&payment);
            self.recorder.rival_refused(self.at_ms(), at, "it lost its power before it answered");
        }
    }

    /// What the nodes told since this was asked last; the first time it begins to be kept.
    pub fn take_told(&mut self) -> Vec<Told> {
        self.overheard.take()
    }

    pub(super) fn heard(&mut self, at: NodeIndex, event: &Event) -> Result<(), Violation> {
        if self.apart.contains(&at) {
            return Ok(());
        }
        let at_ms = self.at_ms();
        self.overheard.note(at_ms, at, event);
        match event {
            Event::Reorganized { fork_point, disconnected, connected, .. } => {
                self.recorder.changes_branch(at, fork_point.get(), *disconnected, *connected);
                if let Some(node) = self.hosts[at.index()].node()
                    && self.exact.insert(node.chain().store().digest())
                {
                    supply_is_exact(at, node.chain())?;
                }
            }
            Event::BlockOnSideBranch { block, .. } => self.recorder.has(at_ms, at, &block.hash()),
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
        assert_eq!(world.payers.next, 600);
    }
}
