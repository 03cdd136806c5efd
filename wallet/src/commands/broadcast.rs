//! `broadcast`: hands a transaction that was signed elsewhere to the node.

use std::io::{Write, stdout};

use anyhow::Context;
use cairn_core::encoding::decode;
use cairn_core::hash::Txid;
use cairn_core::text::with_causes;
use cairn_core::transaction::Transaction;
use serde_json::json;

use crate::book::Book;
use crate::cli::Common;
use crate::client::Client;
use crate::files::{WalletFiles, wallets_in};
use crate::payment::Release;
use crate::session::directory;

/// Sends the transaction and prints its id.
pub fn run(common: &Common, hex_text: &str) -> anyhow::Result<()> {
    let bytes = hex::decode(hex_text.trim()).context("the transaction is not hex")?;
    // Decoded here so that a cut-off paste is told as such and not as the node's refusal.
    let transaction: Transaction =
        decode(&bytes, bytes.len()).context("the hex is no whole transaction; was it cut off?")?;
    let (url, cookie) = crate::devnet::node_of(common)?;
    let _: String = Client::new(&url, &cookie)?.call("sendrawtransaction", json!([hex::encode(&bytes)]))?;
    if let Err(error) = note_release(common, &transaction.txid()) {
        // The payment is on its way: that the book cannot be written is no reason to say that it failed.
        eprintln!(
            "the transaction was handed in; noting it in the wallet failed: {}",
            with_causes(error.as_ref())
        );
    }
    match common.json {
        true => writeln!(stdout(), "{}", json!({ "txid": transaction.txid() }))?,
        false => writeln!(stdout(), "{}", transaction.txid())?,
    }
    Ok(())
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
