//! `resend`: hands in again what the node has lost, what an earlier chain held, or what was signed offline.

use std::io::{Write, stdout};

use anyhow::bail;
use cairn_core::hash::Txid;
use cairn_core::text::with_causes;
use serde::Serialize;

use crate::cli::Common;
use crate::release::{ReleaseError, release, to_resend};
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
    let client = session.connect(common)?;
    let view = follow::catch_up(&mut session, &client, None)?;
    show::tell(&view.notices);
    let mut done = Resent::default();
    for transaction in to_resend(&view, named)? {
        let txid = transaction.txid();
        match release(&mut session, &client, &transaction) {
            Ok(()) => done.resent.push(txid),
            Err(ReleaseError::Rejected { source, .. }) => {
                let reason = with_causes(&source);
                eprintln!("{txid}: the node rejected it: {reason}");
                done.rejected.push(Rejected { txid, reason });
            }
            Err(error) => return Err(error.into()),
        }
    }
    if common.json {
        writeln!(stdout(), "{}", serde_json::to_string(&done)?)?;
    } else {
        done.resent.iter().try_for_each(|txid| writeln!(stdout(), "{txid}"))?;
        if done.resent.is_empty() && done.rejected.is_empty() {
            eprintln!("nothing to hand in: the node has every payment that was released");
        }
    }
    match done.rejected.len() {
        0 => Ok(()),
        count => bail!("the node rejected {count} of {} payments", count + done.resent.len()),
    }
}
