//! `resend`: hands in again what the node has lost, what an earlier chain held, or what was signed offline.

use anyhow::bail;
use cairn_core::hash::Txid;
use cairn_core::text::with_causes;
use cairn_genesis::exit::{answer, say};
use serde::Serialize;

use crate::cli::Common;
use crate::release::{ReleaseError, on_its_way, release, to_resend};
use crate::session::Session;
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
    let outcome = failed.map_err(anyhow::Error::from).and_then(|()| tell(common, &done));
    match done.resent.as_slice() {
        [] => outcome,
        resent => Ok(outcome.map_err(|error| on_its_way(resent, error))?),
    }
}

fn tell(common: &Common, done: &Resent) -> anyhow::Result<()> {
    let ids: Vec<String> = done.resent.iter().map(Txid::to_string).collect();
    if common.json {
        answer(serde_json::to_string(done)?)?;
    } else if !ids.is_empty() {
        answer(ids.join("\n"))?;
    } else if done.rejected.is_empty() {
        say("nothing to hand in: the node has every payment that was released");
    }
    match done.rejected.len() {
        0 => Ok(()),
        count => bail!("the node rejected {count} of {} payments", count + ids.len()),
    }
}
