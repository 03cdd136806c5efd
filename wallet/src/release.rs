//! Releasing a payment, the only way by which anything is handed to the network; and giving one up.

use std::collections::BTreeSet;
use std::error::Error;

use anyhow::Context;
use cairn_core::hash::Txid;
use cairn_core::height::Height;
use cairn_core::transaction::Transaction;
use cairn_genesis::programs::exit::{AfterDone, answer_done, check_output, is_answer_lost, say};
use serde_json::{Value, json};

use crate::balance::{Balance, spendable};
use crate::client::ClientError;
use crate::files::FileError;
use crate::follow;
use crate::keys::Keys;
use crate::node::Node;
use crate::payment::{JudgedPayment, Release, State};
use crate::session::Session;
use crate::show;
use crate::spend::{Draft, Reviewed, Wish};
use crate::view::View;

/// A payment was not released, or it is not known whether it was.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The node judged the payment and rejected it.
    #[error("the node rejected the payment {txid}; it is not sent")]
    Rejected { txid: Txid, source: ClientError },
    /// The node may have it all the same: paying again with other coins could pay twice.
    #[error("{0}")]
    Unknown(#[source] AfterDone),
    /// The wallet's files cannot be written; nothing was handed in.
    #[error(transparent)]
    Files(#[from] FileError),
}

/// No block confirms a payment on the chain as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GoneError {
    /// The payment is displaced, dead, or of an earlier chain.
    #[error("the chain as it is now cannot confirm the payment {txid}: {}{}", .state.reason().unwrap_or_default(), .state.remedy(*.txid))]
    Decided { txid: Txid, state: State },
    /// The book does not have it any more.
    #[error("the payment {txid} is not in this wallet any more: it was abandoned meanwhile")]
    Abandoned { txid: Txid },
}

/// A payment cannot be resent or abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitError {
    /// The book has no such payment.
    #[error(
        "no payment of this wallet has the id {txid}; `cairn-wallet history` shows those that have not been confirmed"
    )]
    Unknown { txid: Txid },
    /// A block holds it.
    #[error("block {at} has confirmed {txid}: there is nothing to do")]
    Confirmed { txid: Txid, at: Height },
    /// It can never be confirmed.
    #[error(transparent)]
    Gone(#[from] GoneError),
    /// It spends change of a payment that was never released and is not named.
    #[error(
        "{txid} spends change of {parent}, which is not released: `resend {parent} {txid}` releases both"
    )]
    ParentUnreleased { txid: Txid, parent: Txid },
    /// The next block may confirm it, or the payment that spends its change.
    #[error("the node has {txid} in its mempool and the next block may confirm it: nothing is abandoned")]
    InMempool { txid: Txid },
}

/// Chooses coins for a payment. Its change address is the next unused one, which signing marks as used.
///
/// # Errors
/// When there is too little, or no change address is derived: the keys derive more.
pub fn draft(session: &Session, view: &View, wish: &Wish) -> anyhow::Result<Draft> {
    let (locks, params) = (session.locks(), &session.chain.params);
    let coins = spendable(view, &locks, params);
    let change_to = session.book.change.next().context("no change address is left")?;
    Ok(Draft::new(wish, &coins, change_to, &Balance::of(view, &locks, params))?)
}

/// Signs a payment and releases it, or without a node keeps it unreleased; derives addresses ahead.
///
/// # Errors
/// When the keys do not fit the coins, the files cannot be written, or as for [`release`].
pub fn sign(
    session: &mut Session,
    node: Option<&impl Node>,
    payment: Reviewed,
    keys: &Keys,
) -> anyhow::Result<Transaction> {
    let signed = payment.sign(keys, &session.book.locks(), &session.book.genesis)?;
    let transaction = signed.transaction().clone();
    let before = session.book.clone();
    if !session.book.add(&transaction, follow::now(), Release::Unreleased) {
        // The same was signed before, on a chain that was started anew.
        session.book.set_release(&transaction.txid(), Release::Unreleased);
    }
    session.book.look_ahead(keys);
    let Some(node) = node else {
        session.save_book()?;
        return Ok(transaction);
    };
    let released = release(session, node, &transaction);
    if matches!(released, Err(ReleaseError::Rejected { .. })) {
        // No other node has seen it: its change address is unused.
        session.book = before;
        session.save_book()?;
    }
    Ok(released.map(|()| transaction)?)
}

/// Writes a payment down as released and hands it to the node, in this order: a crash in between must
/// not spend its coins twice. One that the node rejects is as it was before.
pub fn release(
    session: &mut Session,
    node: &impl Node,
    transaction: &Transaction,
) -> Result<(), ReleaseError> {
    let txid = transaction.txid();
    let before = session.book.payment(&txid).map(|payment| payment.release);
    if !session.book.set_release(&txid, Release::Released) {
        session.book.add(transaction, follow::now(), Release::Released);
    }
    session.save_book()?;
    let submitted = submit(node, transaction);
    if let Err(ReleaseError::Rejected { .. }) = submitted {
        match before {
            Some(before) => drop(session.book.set_release(&txid, before)),
            None => session.book.forget(&[txid]),
        }
        session.save_book()?;
    }
    submitted
}

/// Hands a transaction to the node.
///
/// # Errors
/// [`ReleaseError::Rejected`] and [`ReleaseError::Unknown`].
pub fn submit(node: &impl Node, transaction: &Transaction) -> Result<(), ReleaseError> {
    let txid = transaction.txid();
    node.submit(transaction).map_err(|source| match source.is_rejection() {
        true => ReleaseError::Rejected { txid, source },
        false => {
            let again = format!("`resend {txid}` or `broadcast` hands the same one in");
            let done = format!("the payment {txid} may be on its way; do not make it again ({again})");
            ReleaseError::Unknown(AfterDone::new(done, json!({ "txid": txid }), source))
        }
    })
}

/// What failed after the node had accepted payments.
pub fn on_its_way(txids: &[Txid], failure: impl Into<Box<dyn Error + Send + Sync>>) -> AfterDone {
    let facts = if let [txid] = txids { json!({ "txid": txid }) } else { json!({ "txids": txids }) };
    AfterDone::new(sent(txids), facts, failure)
}

/// Says that the node has accepted payments.
pub fn sent(txids: &[Txid]) -> String {
    match txids {
        [txid] => format!("the payment {txid} is on its way; do not make it again"),
        several => format!("the payments {} are on their way; do not make them again", show::list(several)),
    }
}

/// Prints the id of a payment that the node has accepted, on standard error where standard output is lost.
///
/// # Errors
/// [`AfterDone`] when it cannot be written.
pub fn answer_sent(json: bool, value: Value, txid: Txid) -> Result<(), AfterDone> {
    if is_answer_lost() && check_output().is_ok() {
        say(format_args!("the payment {txid} is on its way"));
    }
    answer_done(json, value, txid, sent(&[txid]))
}

/// Number of blocks that confirm a payment; 0 while none does and one may.
pub fn confirmations(view: &View, txid: Txid) -> Result<u32, GoneError> {
    match view.payment(&txid).map(|payment| payment.state) {
        Some(State::Confirmed { at }) => Ok(view.scan.height().since(at).unwrap_or(0).saturating_add(1)),
        Some(State::Pending { .. } | State::Unreleased) => Ok(0),
        Some(state) => Err(GoneError::Decided { txid, state }),
        None => Err(GoneError::Abandoned { txid }),
    }
}

/// What `resend` hands in, parents first: the named payments and what they depend on; without names all
/// that were released before, here or on an earlier chain, and that the node does not have.
///
/// # Errors
/// Every variant of [`UnfitError`] but `InMempool`.
pub fn to_resend(view: &View, named: &[Txid]) -> Result<Vec<Transaction>, UnfitError> {
    let is_lost = |state: &State| matches!(state, State::Pending { in_mempool: false } | State::EarlierChain);
    let mut wanted: BTreeSet<Txid> = named.iter().copied().collect();
    if let Some(txid) = named.iter().find(|txid| view.payment(txid).is_none()) {
        return Err(UnfitError::Unknown { txid: *txid });
    }
    // Children after parents: from the last one back, what a wanted one spends is wanted, too.
    for payment in view.payments.iter().rev() {
        let txid = payment.txid();
        match payment.state {
            _ if named.is_empty() && is_lost(&payment.state) => drop(wanted.insert(txid)),
            _ if !wanted.contains(&txid) => continue,
            State::Confirmed { at } if named.contains(&txid) => {
                return Err(UnfitError::Confirmed { txid, at });
            }
            State::Displaced { .. } | State::Dead { .. } => drop(confirmations(view, txid)?),
            _ => {}
        }
        for parent in payment.transaction.inputs().iter().filter_map(|input| view.payment(&input.txid)) {
            let parent_txid = parent.txid();
            match parent.state {
                State::Unreleased if !named.contains(&parent_txid) && named.is_empty() => {
                    wanted.remove(&txid);
                }
                State::Unreleased if !named.contains(&parent_txid) => {
                    return Err(UnfitError::ParentUnreleased { txid, parent: parent_txid });
                }
                _ if parent.state.can_be_released() => drop(wanted.insert(parent_txid)),
                _ => {}
            }
        }
    }
    let is_due = |payment: &&JudgedPayment| {
        let is_there = matches!(payment.state, State::Confirmed { .. } | State::Pending { in_mempool: true });
        wanted.contains(&payment.txid()) && !is_there
    };
    Ok(view.payments.iter().filter(is_due).map(|payment| payment.transaction.clone()).collect())
}

/// Forgets a payment and those that spend its outputs; gives their ids. Nothing is sent.
///
/// # Errors
/// `Unknown`, `Confirmed` and `InMempool` of [`UnfitError`], or that the files cannot be written.
pub fn abandon(session: &mut Session, view: &View, txid: &Txid) -> anyhow::Result<Vec<Txid>> {
    let forgotten = session.book.with_descendants(txid);
    if forgotten.is_empty() {
        return Err(UnfitError::Unknown { txid: *txid }.into());
    }
    for txid in forgotten.iter().copied() {
        match view.payment(&txid).map(|payment| payment.state) {
            Some(State::Confirmed { at }) => return Err(UnfitError::Confirmed { txid, at }.into()),
            Some(State::Pending { in_mempool: true }) => return Err(UnfitError::InMempool { txid }.into()),
            _ => {}
        }
    }
    session.book.forget(&forgotten);
    session.save_book()?;
    Ok(forgotten)
}
