//! `resend`: hands in again what the node has lost, what an earlier chain held, or what was signed offline.

use anyhow::bail;
use cairn_core::hash::Txid;
use cairn_core::text::with_causes;
use cairn_genesis::exit::{answer, say};
use serde::Serialize;

use crate::cli::Common;
use crate::payment::State;
use crate::release::{ReleaseError, on_its_way, release, to_resend};
use crate::session::Session;
use crate::view::View;
use crate::{follow, show};

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
pub fn run(common: &Common, named: &[Txid]) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let client = session.connect(common)?.client;
    let view = follow::catch_up(&mut session, &client, None)?;
    show::tell(&view.notices);
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
    let outcome = failed.map_err(anyhow::Error::from).and_then(|()| tell(common, &view, &done));
    match done.resent.as_slice() {
        [] => outcome,
        resent => Ok(outcome.map_err(|error| on_its_way(resent, error))?),
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

fn tell(common: &Common, view: &View, done: &Resent) -> anyhow::Result<()> {
    let ids: Vec<String> = done.resent.iter().map(Txid::to_string).collect();
    if common.json {
        answer(serde_json::to_string(done)?)?;
    } else if !ids.is_empty() {
        answer(ids.join("\n"))?;
    } else if done.rejected.is_empty() {
        say(nothing_to_hand_in(view));
    }
    match done.rejected.len() {
        0 => Ok(()),
        count => bail!("the node rejected {count} of {} payments", count + ids.len()),
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
            let scan =
                Scan::new(&TestChain::new().genesis, &Default::default(), Watched { receive: 1, change: 1 });
            let payments = vec![JudgedPayment { transaction: transaction.clone(), made_ms: 1, state }];
            nothing_to_hand_in(&View { scan, mempool: None, payments, incoming: None, notices: Vec::new() })
        };
        assert!(text(State::Pending { in_mempool: true }).contains("has every payment"));
        let displaced = text(State::Displaced { by: transaction.txid() });
        assert!(displaced.contains("cannot be handed in now: 1"), "{displaced}");
    }
}
