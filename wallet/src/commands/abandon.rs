//! `abandon`: forgets a payment that waits in vain, so that its coins can pay something else.

use std::io::{Write, stdout};

use anyhow::bail;
use cairn_core::hash::Txid;
use serde_json::json;

use crate::cli::Common;
use crate::follow;
use crate::session::Session;

/// Takes the payment, and those that spend its change, out of the book.
pub fn run(common: &Common, txid: &Txid) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let client = session.connect(common)?;
    // This hands the payment to the node once more: only one that is refused can be forgotten.
    let scan = follow::catch_up(&mut session, &client)?;
    if let Some(height) = scan.confirmed_at(txid) {
        bail!("block {height} has confirmed {txid}: there is nothing to abandon");
    }
    let waiting: Vec<Txid> = client.call("getrawmempool", json!([]))?;
    let forgotten = session.book.abandon(txid);
    if forgotten.is_empty() {
        bail!("no payment of this wallet waits under {txid}; `cairn-wallet history` shows those that do");
    }
    if let Some(taken) = forgotten.iter().find(|txid| waiting.contains(txid)) {
        bail!("the node has {taken} in its mempool and the next block may confirm it: nothing is abandoned");
    }
    session.book.save(&session.files)?;
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
