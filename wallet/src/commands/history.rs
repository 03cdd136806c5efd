//! `history`: every payment in and out, oldest first.

use std::collections::BTreeSet;

use cairn_core::amount::Amount;
use cairn_core::lock::Lock;
use cairn_core::time::Timestamp;
use cairn_genesis::exit::answer;
use serde::Serialize;

use crate::cli::Common;
use crate::payment::{JudgedPayment, State};
use crate::session::Session;
use crate::view::{Notice, View};
use crate::{follow, show};

/// One row, for people and programs alike.
#[derive(Serialize)]
struct Row {
    time: String,
    /// The height of its block, or the state of a payment that is in none.
    block: String,
    kind: &'static str,
    amount: String,
    txid: String,
    state: &'static str,
    /// Why a payment is neither simply pending nor confirmed.
    reason: Option<String>,
    #[serde(skip)]
    note: String,
}

#[derive(Serialize)]
struct Shown<'a> {
    history: &'a [Row],
    notices: &'a [Notice],
}

/// Reads the chain and prints the history.
pub fn run(common: &Common) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let client = session.connect(common)?.client;
    let view = follow::catch_up(&mut session, &client, None)?;
    show::tell(&view.notices);
    let rows = rows(&view, &session.locks());
    if common.json {
        let shown = Shown { history: &rows, notices: &view.notices };
        answer(serde_json::to_string(&shown)?)?;
    } else if rows.is_empty() {
        answer(format_args!("nothing yet: no block up to {} pays this wallet", view.scan.height()))?;
    } else {
        let mut head = vec!["time", "block", "kind", "coins", "transaction"];
        let has_notes = rows.iter().any(|row| !row.note.is_empty());
        head.extend(has_notes.then_some("note"));
        let cells = rows.into_iter().map(|row| {
            let mut cells = vec![row.time, row.block, row.kind.to_owned(), row.amount, row.txid];
            cells.extend(has_notes.then_some(row.note));
            cells
        });
        answer(show::table(&head, &[1, 3], cells.collect()))?;
    }
    Ok(())
}

fn rows(view: &View, locks: &BTreeSet<Lock>) -> Vec<Row> {
    let confirmed = view.scan.history().into_iter().map(|entry| {
        let (kind, amount) = moved(entry.received, entry.spent);
        Row {
            time: show::date(entry.time),
            block: entry.height.to_string(),
            kind: if entry.mined { "mined" } else { kind },
            amount,
            txid: entry.txid.to_string(),
            state: "confirmed",
            reason: None,
            note: String::new(),
        }
    });
    let incoming = view.incoming.iter().flatten().map(|one| Row {
        time: show::date(follow::now()),
        block: "pending".to_owned(),
        kind: "received",
        amount: format!("+{}", one.amount),
        txid: one.txid.to_string(),
        state: "pending",
        reason: None,
        note: String::new(),
    });
    let ours = view.payments.iter().filter(|one| !matches!(one.state, State::Confirmed { .. }));
    confirmed.chain(incoming).chain(ours.map(|payment| row_of(payment, view, locks))).collect()
}

/// The row of a payment that no block holds.
fn row_of(payment: &JudgedPayment, view: &View, locks: &BTreeSet<Lock>) -> Row {
    let outputs = |ours: bool| {
        let those = payment.transaction.outputs().iter().filter(|one| locks.contains(&one.lock) == ours);
        Amount::checked_sum(those.map(|output| output.amount)).unwrap_or(Amount::ZERO)
    };
    let coins = payment.transaction.inputs().iter().map(|input| view.own_amount(input));
    let spent = coins.collect::<Option<Vec<_>>>().and_then(Amount::checked_sum);
    let (kind, amount) = match spent.filter(|_| payment.state.reserves_coins()) {
        Some(spent) => moved(outputs(true), spent),
        // Neither its coins nor its change are there to be counted: only what it was to pay is known.
        None => ("sent", format!("-{}", outputs(false))),
    };
    let reason = payment.state.reason();
    let remedy = match payment.state {
        State::Pending { in_mempool: false } => "; `resend` hands it in again".to_owned(),
        State::Unreleased => format!(", its coins are reserved; `resend {}` releases it", payment.txid()),
        State::EarlierChain => "; `resend` makes it on this one".to_owned(),
        State::Dead { .. } | State::Displaced { .. } => format!("; `abandon {}` forgets it", payment.txid()),
        _ => String::new(),
    };
    Row {
        time: show::date(Timestamp::from_millis(payment.made_ms)),
        block: payment.state.word().to_owned(),
        kind,
        amount,
        txid: payment.txid().to_string(),
        state: payment.state.word(),
        note: reason.as_ref().map(|reason| format!("{reason}{remedy}")).unwrap_or_default(),
        reason,
    }
}

/// The net movement: its kind and its signed amount.
fn moved(received: Amount, spent: Amount) -> (&'static str, String) {
    match received.checked_sub(spent) {
        Some(gain) => ("received", format!("+{gain}")),
        None => ("sent", format!("-{}", spent.checked_sub(received).unwrap_or(Amount::ZERO))),
    }
}
