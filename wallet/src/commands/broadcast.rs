//! `broadcast`: hands a transaction that was signed elsewhere to the node.

use anyhow::Context;
use cairn_core::encoding::decode;
use cairn_core::hash::Txid;
use cairn_core::transaction::Transaction;
use cairn_genesis::exit::AfterDone;
use serde_json::json;

use crate::book::Book;
use crate::cli::Common;
use crate::client::Client;
use crate::devnet;
use crate::files::{WalletFiles, wallets_in};
use crate::node::Node;
use crate::payment::Release;
use crate::release::{answer_sent, on_its_way};
use crate::session::directory;

/// Sends the transaction and prints its id.
pub fn run(common: &Common, hex_text: &str) -> anyhow::Result<()> {
    let bytes = hex::decode(hex_text.trim()).context("the transaction is not hex")?;
    // Decoded here so that a cut-off paste is told as such and not as the node's refusal.
    let transaction: Transaction =
        decode(&bytes, bytes.len()).context("the hex is no whole transaction; was it cut off?")?;
    let txid = transaction.txid();
    submit(&devnet::connect(common, None)?.client, &transaction)?;
    let noted = note_release(common, &txid).context("it cannot be noted in the wallet");
    answer_sent(common.json, json!({ "txid": txid }), txid)?;
    Ok(noted.map_err(|error| on_its_way(&[txid], error))?)
}

/// Hands the transaction in. Where it may have got to the node, the error says so.
fn submit(client: &Client, transaction: &Transaction) -> anyhow::Result<()> {
    let txid = transaction.txid();
    match client.submit(transaction) {
        Ok(()) => Ok(()),
        Err(error) if error.is_refused_for_good() => {
            Err(error).context("nothing was sent: the node did not take the transaction")
        }
        Err(error) => {
            let done = format!("the payment {txid} may be on its way; do not make it again");
            Err(AfterDone::new(done, json!({ "txid": txid }), error).into())
        }
    }
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
