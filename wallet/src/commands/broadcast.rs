//! `broadcast`: hands a transaction that was signed elsewhere to the node.

use std::io::{Write, stdout};

use anyhow::Context;
use cairn_core::encoding::decode;
use cairn_core::transaction::Transaction;
use serde_json::json;

use crate::cli::Common;
use crate::client::Client;

/// Sends the transaction and prints its id.
pub fn run(common: &Common, hex_text: &str) -> anyhow::Result<()> {
    let bytes = hex::decode(hex_text.trim()).context("the transaction is not hex")?;
    // Decoded here so that a cut-off paste is told as such and not as the node's refusal.
    let transaction: Transaction =
        decode(&bytes, bytes.len()).context("the hex is no whole transaction; was it cut off?")?;
    let (url, cookie) = crate::devnet::node_of(common)?;
    let _: String = Client::new(&url, &cookie)?.call("sendrawtransaction", json!([hex::encode(&bytes)]))?;
    match common.json {
        true => writeln!(stdout(), "{}", json!({ "txid": transaction.txid() }))?,
        false => writeln!(stdout(), "{}", transaction.txid())?,
    }
    Ok(())
}
