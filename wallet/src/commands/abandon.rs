//! `abandon`: forgets a payment that waits in vain, so that its coins can pay something else.

use std::io::{Write, stdout};

use cairn_core::hash::Txid;
use serde_json::json;

use crate::cli::Common;
use crate::release::abandon;
use crate::session::Session;
use crate::{follow, show};

/// Takes the payment, and those that spend its change, out of the book. Nothing is sent.
pub fn run(common: &Common, txid: &Txid) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let client = session.connect(common)?;
    let view = follow::catch_up(&mut session, &client, None)?;
    show::tell(&view.notices);
    let forgotten = abandon(&mut session, &view, txid)?;
    if common.json {
        writeln!(stdout(), "{}", json!({ "abandoned": forgotten }))?;
    } else {
        for txid in &forgotten {
            writeln!(stdout(), "{txid}")?;
        }
        eprintln!(
            "forgotten; the coins can be spent again. Until that is confirmed, whoever has kept the signed \
             payment can still have it confirmed"
        );
    }
    Ok(())
}
