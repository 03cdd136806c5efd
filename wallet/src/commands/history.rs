//! `history`: every payment in and out, oldest first.

use std::io::{Write, stdout};

use cairn_core::amount::Amount;
use serde_json::json;

use crate::book::Pending;
use crate::cli::Common;
use crate::session::Session;
use crate::{follow, incoming, show};

/// One row, for people and programs alike.
struct Row {
    when: String,
    block: String,
    kind: &'static str,
    amount: String,
    txid: String,
}

/// Reads the chain and prints the history.
pub fn run(common: &Common) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let client = session.connect(common)?;
    let scan = follow::catch_up(&mut session, &client)?;
    let confirmed = scan.history().into_iter().map(|entry| {
        let (kind, amount) = moved(entry.received, entry.spent);
        Row {
            when: show::date(entry.time),
            block: entry.height.to_string(),
            kind: if entry.mined { "mined" } else { kind },
            amount,
            txid: entry.txid.to_string(),
        }
    });
    let locks = session.locks();
    let pending = session.book.pending.iter().filter_map(|payment| {
        let transaction = payment.transaction()?;
        let back = transaction.outputs().iter().filter(|output| locks.contains(&output.lock));
        let back = Amount::checked_sum(back.map(|output| output.amount))?;
        let coins =
            transaction.inputs().iter().filter_map(|input| own_amount(&scan, &session.book.pending, input));
        let (kind, amount) = moved(back, Amount::checked_sum(coins)?);
        let when = show::date(cairn_core::time::Timestamp::from_millis(payment.sent_ms));
        Some(Row { when, block: "pending".to_owned(), kind, amount, txid: payment.txid.to_string() })
    });
    let incoming = incoming::read(&session, &client)?.unwrap_or_default().into_iter().map(|one| Row {
        when: show::date(follow::now()),
        block: "pending".to_owned(),
        kind: "received",
        amount: format!("+{}", one.amount),
        txid: one.txid.to_string(),
    });
    let rows: Vec<Row> = confirmed.chain(incoming).chain(pending).collect();
    if common.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| json!({ "time": row.when, "block": row.block, "kind": row.kind, "amount": row.amount, "txid": row.txid }))
            .collect();
        writeln!(stdout(), "{}", json!({ "history": rows }))?;
    } else if rows.is_empty() {
        writeln!(stdout(), "nothing yet: no block up to {} pays this wallet", scan.height())?;
    } else {
        let rows =
            rows.into_iter().map(|row| vec![row.when, row.block, row.kind.to_owned(), row.amount, row.txid]);
        writeln!(
            stdout(),
            "{}",
            show::table(&["time", "block", "kind", "coins", "transaction"], &[1, 3], rows.collect())
        )?;
    }
    Ok(())
}

/// The net movement: its kind and its signed amount.
fn moved(received: Amount, spent: Amount) -> (&'static str, String) {
    match received.checked_sub(spent) {
        Some(gain) => ("received", format!("+{gain}")),
        None => ("sent", format!("-{}", spent.checked_sub(received).unwrap_or(Amount::ZERO))),
    }
}

/// What an input of a pending payment held: a coin of the chain, or change of another pending one.
fn own_amount(
    scan: &crate::scan::Scan,
    pending: &[Pending],
    input: &cairn_core::transaction::OutPoint,
) -> Option<Amount> {
    if let Some(coin) = scan.coin(input) {
        return Some(coin.output.amount);
    }
    let parent = pending.iter().find(|payment| payment.txid == input.txid)?.transaction()?;
    parent.outputs().get(input.index as usize).map(|output| output.amount)
}
