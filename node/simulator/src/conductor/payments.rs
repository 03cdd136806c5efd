//! Payments of a plan's wallets, handed in on either engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_core::hash::{GenesisHash, Txid};
use cairn_core::transaction::Transaction;
use cairn_protocol::input::RequestId;

use crate::node_index::NodeIndex;
use crate::note::Note;
use crate::wallets::{FIRST_CONFLICT, SimWallet, wallet_node};

/// The answer of a node that a payment is handed in at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It follows with [`answered`].
    Later,
    Accepted,
    Rejected(String),
}

/// An engine's wallets, and the way to hand in their transactions.
pub trait Payments {
    /// The failure of the engine itself.
    type Error;

    /// The wallets of the plan.
    fn wallets(&mut self) -> &mut Wallets;

    /// Whether a payment can be handed in at a node.
    fn takes_payments(&self, node: NodeIndex) -> bool;

    /// Hands in a transaction.
    ///
    /// # Errors
    /// When the engine fails; a node that rejects the transaction is an [`Answer`].
    fn submit(
        &mut self,
        at: NodeIndex,
        request: RequestId,
        transaction: Arc<Transaction>,
    ) -> Result<Answer, Self::Error>;

    /// Passes a note on to the recorder.
    fn note(&mut self, note: Note);
}

/// Two payments of one coin, the second of which is not answered.
#[derive(Clone, Copy, Debug)]
struct Conflict {
    at: NodeIndex,
    payment: Txid,
    conflict: Txid,
}

/// The wallets of a plan, which pay in turn.
#[derive(Clone, Debug)]
pub struct Wallets {
    genesis: GenesisHash,
    list: Vec<SimWallet>,
    /// The wallet whose turn it is.
    pub(crate) next: usize,
    /// Payments of steps that are not answered.
    planned: BTreeSet<RequestId>,
    conflicts: BTreeMap<RequestId, Conflict>,
}

impl Wallets {
    /// Wallets none of which has paid yet.
    pub const fn new(genesis: GenesisHash, list: Vec<SimWallet>) -> Self {
        Self { genesis, list, next: 0, planned: BTreeSet::new(), conflicts: BTreeMap::new() }
    }

    fn next_ready(&mut self) -> Option<usize> {
        let count = self.list.len();
        let index =
            (0..count).map(|turn| (self.next + turn) % count).find(|index| self.list[*index].is_ready())?;
        self.next = (index + 1) % count;
        Some(index)
    }
}

/// The wallet whose turn it is pays at its own node, unless its last payment is not answered or its node takes no payments.
pub fn pay_next<P: Payments>(to: &mut P, nodes: usize) -> Result<(), P::Error> {
    let wallets = to.wallets();
    let index = wallets.next;
    wallets.next = (index + 1) % wallets.list.len().max(1);
    let at = wallet_node(index, nodes);
    if index < wallets.list.len() && to.takes_payments(at) {
        pay_from(to, index, at, None)?;
    }
    Ok(())
}

/// Wallets that are ready pay at a node, one after the other; with `twice_at`, each also pays itself with the same
/// coin there, unless that node takes no payments.
pub fn pay_many<P: Payments>(
    to: &mut P,
    at: NodeIndex,
    payments: u32,
    twice_at: Option<NodeIndex>,
) -> Result<(), P::Error> {
    if !to.takes_payments(at) {
        return Ok(());
    }
    let mut why = "no wallet is left that is answered and has not paid a coin twice".to_owned();
    let mut paid = 0;
    for _ in 0..payments {
        let Some(index) = to.wallets().next_ready() else { break };
        match pay_from(to, index, at, twice_at.filter(|other| to.takes_payments(*other)))? {
            Some(Answer::Rejected(reason)) => why = reason,
            Some(Answer::Later) => {
                paid += 1;
                let request = to.wallets().list[index].request();
                to.wallets().planned.insert(request);
            }
            Some(Answer::Accepted) => paid += 1,
            None => {}
        }
    }
    to.note(Note::HandedIn { paid, why });
    Ok(())
}

/// Returns the answer to the first payment; none where the wallet has too little or is not ready.
fn pay_from<P: Payments>(
    to: &mut P,
    index: usize,
    at: NodeIndex,
    twice_at: Option<NodeIndex>,
) -> Result<Option<Answer>, P::Error> {
    let Wallets { genesis, list, conflicts, .. } = to.wallets();
    let wallet = &mut list[index];
    let (request, conflict_request) = (wallet.request(), wallet.conflict_request());
    let paid = match twice_at {
        Some(other) => {
            wallet.pay_twice((at, other), genesis).map(|(payment, second)| (payment, Some((other, second))))
        }
        None => wallet.pay(at, genesis).map(|payment| (payment, None)),
    };
    let Some((payment, second)) = paid else { return Ok(None) };
    if let Some((at, second)) = &second {
        let (payment, conflict) = (payment.txid(), second.txid());
        conflicts.insert(conflict_request, Conflict { at: *at, payment, conflict });
        // The note comes before any block can hold either of them.
        to.note(Note::PaidTwice { payment, conflict });
    }
    let answer = to.submit(at, request, payment)?;
    match &answer {
        Answer::Later => {}
        Answer::Accepted => answered(to, at, request, Ok(())),
        Answer::Rejected(why) => answered(to, at, request, Err(why.clone())),
    }
    match (second, &answer) {
        (Some(_), Answer::Rejected(_)) => {
            to.wallets().conflicts.remove(&conflict_request);
            to.wallets().list[index].conflict_answered(false);
        }
        (Some((other, second)), _) => match to.submit(other, conflict_request, second)? {
            Answer::Later => {}
            Answer::Accepted => answered(to, other, conflict_request, Ok(())),
            Answer::Rejected(why) => answered(to, other, conflict_request, Err(why)),
        },
        (None, _) => {}
    }
    Ok(Some(answer))
}

/// A node has answered a submission of a wallet.
pub fn answered<P: Payments>(to: &mut P, at: NodeIndex, request: RequestId, outcome: Result<(), String>) {
    let wallets = to.wallets();
    let number = (request.0 % FIRST_CONFLICT) as usize;
    let Some(wallet) = wallets.list.get_mut(number).filter(|_| request.0 < 2 * FIRST_CONFLICT) else {
        return;
    };
    if let Some(Conflict { payment, conflict, .. }) = wallets.conflicts.remove(&request) {
        wallet.conflict_answered(outcome.is_ok());
        to.note(match outcome {
            Ok(()) => Note::ConflictAccepted(conflict),
            // One that is rejected takes nothing back.
            Err(why) => Note::ConflictRejected { at, payment, why },
        });
        return;
    }
    let (accepted, is_planned) = (wallet.answered(outcome.is_ok()), wallets.planned.remove(&request));
    if let Some(why) = outcome.err().filter(|_| is_planned) {
        to.note(Note::Rejected { at, why });
    }
    if let Some(txid) = accepted {
        to.note(Note::Accepted(txid));
    }
}

/// A node is gone, and its answers with it.
pub fn lost<P: Payments>(to: &mut P, node: NodeIndex) {
    let wallets = to.wallets();
    wallets.list.iter_mut().for_each(|wallet| wallet.lost(node));
    let lost: Vec<Conflict> = wallets.conflicts.values().filter(|one| one.at == node).copied().collect();
    wallets.conflicts.retain(|_, conflict| conflict.at != node);
    for Conflict { at, payment, .. } in lost {
        to.note(Note::ConflictRejected { at, payment, why: "it lost its power before it answered".into() });
    }
}
