//! Payments that no block holds: `broadcast` and `resend` hand them in, `abandon` gives one up.

use anyhow::{Context, bail};
use cairn_core::encoding::decode;
use cairn_core::hash::Txid;
use cairn_core::text::with_causes;
use cairn_core::transaction::Transaction;
use cairn_genesis::programs::exit::{answer_done, say};
use serde::Serialize;
use serde_json::json;

use crate::book::Book;
use crate::cli::Common;
use crate::connection;
use crate::files::{WalletFiles, wallets_in};
use crate::follow::Followed;
use crate::payment::{Release, State};
use crate::release::{self, ReleaseError, answer_sent, on_its_way, release, to_resend};
use crate::session::directory;
use crate::show;
use crate::view::View;

/// Hands a transaction that was signed elsewhere to the node, and prints its id.
pub fn broadcast(common: &Common, hex_text: &str) -> anyhow::Result<()> {
    let bytes = hex::decode(hex_text.trim()).context("the transaction is not hex")?;
    // Decoded here so that a cut-off paste is reported as one, and not as the node's verdict.
    let transaction: Transaction =
        decode(&bytes, bytes.len()).context("the hex is no whole transaction; was it cut off?")?;
    let txid = transaction.txid();
    release::submit(&connection::connect(common, None)?.client, &transaction)?;
    let noted = note_release(common, &txid).context("it cannot be noted in the wallet");
    answer_sent(common.json, json!({ "txid": txid }), txid)?;
    Ok(noted.map_err(|error| on_its_way(&[txid], error))?)
}

/// Notes in the wallet that has signed the payment, if it is one of this directory, that it is released.
fn note_release(common: &Common, txid: &Txid) -> anyhow::Result<()> {
    let directory = directory(common)?;
    for name in wallets_in(&directory)? {
        let files = WalletFiles::new(&directory, name);
        let is_here = |book: Book| book.payment(txid).is_some_and(|one| one.release != Release::Released);
        if Book::load(&files).is_ok_and(is_here) {
            let _lock = files.lock()?;
            let mut book = Book::load(&files)?;
            book.set_release(txid, Release::Released);
            book.save(&files)?;
        }
    }
    Ok(())
}

/// Takes the payment, and those that spend its change, out of the book. Nothing is sent.
pub fn abandon(common: &Common, txid: &Txid) -> anyhow::Result<()> {
    let Followed { mut session, view, .. } = Followed::open(common)?;
    let forgotten = release::abandon(&mut session, &view, txid)?;
    let done = format!("the payment {} is forgotten", show::list(&forgotten));
    let value = json!({ "abandoned": forgotten });
    answer_done(common.json, value, show::lines(&forgotten), done)?;
    if !common.json {
        say(
            "forgotten; the coins can be spent again. Until that is confirmed, anyone who has kept the signed \
             payment can still have it confirmed",
        );
    }
    Ok(())
}

/// What `resend --json` prints.
#[derive(Default, Serialize)]
struct Resent {
    resent: Vec<Txid>,
    rejected: Vec<Rejected>,
}

#[derive(Serialize)]
struct Rejected {
    txid: Txid,
    reason: String,
}

/// Releases the named payments, or all that were released before and that the node does not have.
pub fn resend(common: &Common, named: &[Txid]) -> anyhow::Result<()> {
    let Followed { mut session, client, view } = Followed::open(common)?;
    let mut done = Resent::default();
    let failed = to_resend(&view, named)?.iter().try_for_each(|transaction| {
        let txid = transaction.txid();
        match release(&mut session, &client, transaction) {
            Ok(()) => done.resent.push(txid),
            Err(ReleaseError::Rejected { source, .. }) => {
                let reason = with_causes(&source);
                say(format_args!("{txid}: the node rejected it: {reason}"));
                done.rejected.push(Rejected { txid, reason });
            }
            Err(error) => return Err(error),
        }
        Ok(())
    });
    session.yield_lock();
    let outcome = failed.map_err(anyhow::Error::from).and_then(|()| reply(common, &view, &done));
    match done.resent.as_slice() {
        [] => outcome,
        resent => Ok(outcome.map_err(|error| on_its_way(resent, error))?),
    }
}

fn reply(common: &Common, view: &View, done: &Resent) -> anyhow::Result<()> {
    if common.json || !done.resent.is_empty() {
        show::reply(common.json, done, show::lines(&done.resent))?;
    } else if done.rejected.is_empty() {
        say(nothing_to_hand_in(view));
    }
    match done.rejected.len() {
        0 => Ok(()),
        count => bail!("the node rejected {count} of {} payments", count + done.resent.len()),
    }
}

/// Why nothing is handed in.
fn nothing_to_hand_in(view: &View) -> String {
    let is_fine = |state: &State| {
        matches!(state, State::Confirmed { .. } | State::Pending { in_mempool: true } | State::Unreleased)
    };
    match view.payments.iter().filter(|payment| !is_fine(&payment.state)).count() {
        0 => "nothing to hand in: the node has every payment that was released".to_owned(),
        count => format!(
            "nothing to hand in; payments that the node lacks and that cannot be handed in now: {count} (`history` says why)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::testing::TestChain;
    use cairn_core::transaction::{LockTime, Transaction, TransactionBody};

    use super::*;
    use crate::payment::JudgedPayment;
    use crate::scan::{Scan, Watched};

    #[test]
    fn a_node_that_lacks_a_displaced_payment_is_not_said_to_have_every_one() {
        let body = TransactionBody { inputs: vec![], outputs: vec![], lock_time: LockTime::Immediate };
        let transaction = Transaction::new(body, Vec::new());
        let text = |state| {
            let scan = Scan::new(
                &TestChain::new().genesis,
                &Default::default(),
                Watched { receiving: 1, change: 1 },
            );
            let payments = vec![JudgedPayment { transaction: transaction.clone(), made_ms: 1, state }];
            nothing_to_hand_in(&View { scan, mempool: None, payments, incoming: None, notices: Vec::new() })
        };
        assert!(text(State::Pending { in_mempool: true }).contains("has every payment"));
        let displaced = text(State::Displaced { by: transaction.txid() });
        assert!(displaced.contains("cannot be handed in now: 1"), "{displaced}");
    }
}
