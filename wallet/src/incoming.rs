//! The node's mempool: payments of others to us, and payments that another copy of our words made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::check::transaction::{SpendContext, check_transaction_on_coins};
use cairn_core::coin::{Coin, Origin};
use cairn_core::hash::Txid;
use cairn_core::lock::Lock;
use cairn_core::signature::{SerialVerifier, Verifier};
use cairn_core::time::Timestamp;
use cairn_core::transaction::{OutPoint, Transaction};

use crate::client::ClientError;
use crate::node::Node;
use crate::payment::Release;
use crate::scan::Scan;
use crate::session::Session;
use crate::view::Incoming;

/// A mempool with more transactions than this is not looked through.
const MAX_LOOKED_AT: usize = 5_000;
/// Transactions in one request.
const WINDOW: usize = 500;

/// Looks through the mempool: payments that our keys have signed go into the book, so that no coin is
/// spent twice; those of others to us are given back, or none if there is too much to look through.
///
/// # Errors
/// When the node does not answer, or answers with what is no transaction.
pub fn look_through(
    session: &mut Session,
    node: &impl Node,
    scan: &Scan,
    mempool: &[Txid],
    now: Timestamp,
) -> Result<Option<Vec<Incoming>>, ClientError> {
    if mempool.len() > MAX_LOOKED_AT {
        return Ok(None);
    }
    let listed: BTreeSet<&Txid> = mempool.iter().collect();
    session.fetched.retain(|txid, _| listed.contains(txid));
    let known: BTreeSet<Txid> = session.book.payments.iter().map(|payment| payment.txid).collect();
    let is_new = |txid: &&Txid| !known.contains(txid) && !session.fetched.contains_key(txid);
    let new: Vec<Txid> = mempool.iter().filter(is_new).copied().collect();
    for window in new.chunks(WINDOW) {
        let fetched = node.transactions(window)?.into_iter();
        session.fetched.extend(fetched.map(|transaction| (transaction.txid(), transaction)));
    }
    let locks = session.locks();
    let mut incoming = Vec::new();
    let unknown = mempool.iter().filter(|txid| !known.contains(txid));
    let transactions: Vec<Arc<Transaction>> =
        unknown.filter_map(|txid| session.fetched.get(txid).cloned()).collect();
    for transaction in transactions {
        if is_signed_by_us(session, scan, &transaction, &locks) {
            session.book.add(&transaction, now, Release::Released);
            continue;
        }
        let ours = transaction.outputs().iter().filter(|output| locks.contains(&output.lock));
        // A sum beyond the supply is a lie of the node's.
        let amount = Amount::checked_sum(ours.map(|output| output.amount)).filter(|sum| *sum > Amount::ZERO);
        incoming.extend(amount.map(|amount| Incoming { txid: transaction.txid(), amount }));
    }
    Ok(Some(incoming))
}

/// Whether a transaction spends coins of ours alone and our keys have signed it. The node is not
/// believed: the signatures are verified here.
fn is_signed_by_us(
    session: &Session,
    scan: &Scan,
    transaction: &Transaction,
    locks: &BTreeSet<Lock>,
) -> bool {
    let params = &session.chain.params;
    let height = scan.height().next();
    let own_coin = |outpoint: &OutPoint| {
        if let Some(coin) = scan.coin(outpoint) {
            return Some(Coin { output: coin.output.clone(), height: coin.height, origin: coin.origin });
        }
        let index = outpoint.index as usize;
        let output = match session.fetched.get(&outpoint.txid) {
            Some(parent) => parent.outputs().get(index)?.clone(),
            None => session.book.payment(&outpoint.txid)?.transaction()?.outputs().get(index)?.clone(),
        };
        locks.contains(&output.lock).then_some(Coin { output, height, origin: Origin::Transaction })
    };
    let coins = transaction.inputs().iter().map(|outpoint| Some((*outpoint, own_coin(outpoint)?)));
    let Some(coins) = coins.collect::<Option<BTreeMap<_, _>>>() else { return false };
    let context = SpendContext { height, median_time_past: scan.median_time_past(params) };
    check_transaction_on_coins(transaction, &coins, context, params)
        .is_ok_and(|spend| SerialVerifier.verify(&spend.signatures).is_ok())
}
