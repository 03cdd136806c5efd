//! `abandon`: forgets a payment that waits in vain, so that its coins can pay something else.

use cairn_core::hash::Txid;
use cairn_genesis::exit::{answer_done, say};
use serde_json::json;

use crate::cli::Common;
use crate::release::abandon;
use crate::session::Session;
use crate::{follow, show};

/// Takes the payment, and those that spend its change, out of the book. Nothing is sent.
pub fn run(common: &Common, txid: &Txid) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let client = session.connect(common)?.client;
    let view = follow::catch_up(&mut session, &client, None)?;
    show::tell(&view.notices);
    let forgotten = abandon(&mut session, &view, txid)?;
    let ids: Vec<String> = forgotten.iter().map(Txid::to_string).collect();
    let done = format!("the payment {} is forgotten", ids.join(", "));
    answer_done(common.json, json!({ "abandoned": ids }), ids.join("\n"), done)?;
    if !common.json {
        say("forgotten; the coins can be spent again. Until that is confirmed, whoever has kept the signed \
             payment can still have it confirmed");
    }
    Ok(())
}
