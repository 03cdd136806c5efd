//! What a wallet has and did: `balance`, `history`, `rescan`, and `list` for all wallets.

use std::collections::BTreeSet;

use cairn_core::amount::Amount;
use cairn_core::lock::Lock;
use cairn_core::time::Timestamp;
use cairn_genesis::programs::exit::answer;
use serde::Serialize;
use serde_json::json;

use crate::balance::Balance;
use crate::book::{Book, KeySource, SEARCH_GAP};
use crate::cli::Common;
use crate::files::{WalletFiles, wallets_in};
use crate::follow::{self, Followed};
use crate::payment::{JudgedPayment, State};
use crate::session::{Session, directory};
use crate::show;
use crate::view::{Notice, View};

/// What `balance --json` prints.
#[derive(Serialize)]
struct BalanceReply<'a> {
    #[serde(flatten)]
    balance: Balance,
    pending_in: Option<Amount>,
    notices: &'a [Notice],
}

/// Reads the chain and prints the balance.
pub fn balance(common: &Common) -> anyhow::Result<()> {
    let Followed { session, view, .. } = Followed::open(common)?;
    let balance = Balance::of(&view, &session.locks(), &session.chain.params);
    let pending_in = view.incoming.as_ref().map(|all| {
        let sum = Amount::checked_sum(all.iter().map(|one| one.amount));
        sum.unwrap_or(session.chain.params.max_supply)
    });
    let text = balance_text(&balance, pending_in);
    show::reply(common.json, &BalanceReply { balance, pending_in, notices: &view.notices }, text)
}

fn balance_text(balance: &Balance, pending_in: Option<Amount>) -> String {
    let mut lines = vec![format!("spendable  {} coins", balance.spendable)];
    if let (Some(first), Some(all)) = (balance.blocks_to_first_maturity, balance.blocks_to_full_maturity) {
        let blocks = format!("blocks to come: {first} for the first, {all} for all");
        lines.push(format!("immature   {} coins ({blocks})", balance.immature));
    }
    let unreleased = "by payments that are signed and not released (`resend TXID` releases one, `abandon TXID` \
                      frees its coins)";
    let lost = "by payments that are not in the node's mempool (`resend` hands them in, `abandon TXID` frees the \
                coins)";
    let rows = [
        ("change    ", balance.pending_change, "not yet confirmed"),
        ("going out ", balance.pending_out, "not yet confirmed"),
        ("reserved  ", balance.unreleased, unreleased),
        ("reserved  ", balance.not_in_mempool, lost),
        ("coming in ", pending_in.unwrap_or(Amount::ZERO), "not yet confirmed"),
    ];
    let rows = rows.into_iter().filter(|(_, amount, _)| *amount > Amount::ZERO);
    lines.extend(rows.map(|(title, amount, what)| format!("{title} {amount} coins, {what}")));
    if pending_in.is_none() {
        lines.push("coming in  unknown: the mempool has too many transactions to be read".to_owned());
    }
    lines.push(format!("as of block {}", balance.height));
    lines.join("\n")
}

/// Opens the keys and reads the chain from genesis, until a whole gap of each branch is unused.
pub fn rescan(common: &Common) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let client = session.connect(common)?.client;
    let keys = session.unlock(common)?;
    let view = follow::look(&mut session, &client, Some(&keys), SEARCH_GAP)?;
    show::tell(&view.notices);
    let height = view.scan.height();
    let text = format!("read up to block {height}; `cairn-wallet balance` shows what was found");
    show::reply(common.json, &json!({ "height": height, "notices": view.notices }), text)
}

/// Prints every wallet of the directory with its chain and where its keys come from.
pub fn list(common: &Common) -> anyhow::Result<()> {
    let directory = directory(common)?;
    let row = |name| {
        let files = WalletFiles::new(&directory, name);
        let (chain, keys) = match Book::load(&files) {
            Ok(Book { chain, keys: KeySource::Encrypted, .. }) => {
                (chain, "encrypted with a passphrase".to_owned())
            }
            Ok(Book { chain, keys: KeySource::Published(account), .. }) => {
                (chain, format!("published: devnet account {account}"))
            }
            Err(error) => ("?".to_owned(), error.to_string()),
        };
        vec![files.name().to_string(), chain, keys]
    };
    let rows: Vec<Vec<String>> = wallets_in(&directory)?.into_iter().map(row).collect();
    let head = ["wallet", "chain", "keys"];
    let wallets: Vec<_> =
        rows.iter().map(|row| json!({ head[0]: row[0], head[1]: row[1], head[2]: row[2] })).collect();
    let text = match rows.is_empty() {
        true => format!("no wallets in {}; `cairn-wallet new` makes one", directory.display()),
        false => show::table(&head, &[], rows),
    };
    show::reply(
        common.json,
        &json!({ "directory": directory.display().to_string(), "wallets": wallets }),
        text,
    )
}

/// One row of the history, for people and programs alike.
#[derive(Default, Serialize)]
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

/// What `history --json` prints.
#[derive(Serialize)]
struct HistoryReply<'a> {
    history: &'a [Row],
    notices: &'a [Notice],
}

/// Reads the chain and prints every payment in and out, oldest first.
pub fn history(common: &Common) -> anyhow::Result<()> {
    let Followed { session, view, .. } = Followed::open(common)?;
    let rows = rows(&view, &session.locks());
    if common.json {
        let reply = HistoryReply { history: &rows, notices: &view.notices };
        return Ok(answer(serde_json::to_string(&reply)?)?);
    }
    if rows.is_empty() {
        return Ok(answer(format_args!(
            "nothing yet: no block up to {} pays this wallet",
            view.scan.height()
        ))?);
    }
    let mut head = vec!["time", "block", "kind", "coins", "transaction"];
    let has_notes = rows.iter().any(|row| !row.note.is_empty());
    head.extend(has_notes.then_some("note"));
    let cells = rows.into_iter().map(|row| {
        let mut cells = vec![row.time, row.block, row.kind.to_owned(), row.amount, row.txid];
        cells.extend(has_notes.then_some(row.note));
        cells
    });
    Ok(answer(show::table(&head, &[1, 3], cells.collect()))?)
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
            ..Row::default()
        }
    });
    let incoming = view.incoming.iter().flatten().map(|one| Row {
        time: show::date(follow::now()),
        block: "pending".to_owned(),
        kind: "received",
        amount: format!("+{}", one.amount),
        txid: one.txid.to_string(),
        state: "pending",
        ..Row::default()
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
        // Neither its coins nor its change can be counted: only what it was to pay is known.
        None => ("sent", format!("-{}", outputs(false))),
    };
    let (txid, state, reason) = (payment.txid(), payment.state.word(), payment.state.reason());
    Row {
        time: show::date(Timestamp::from_millis(payment.made_ms)),
        block: state.to_owned(),
        kind,
        amount,
        note: reason.iter().map(|reason| format!("{reason}{}", payment.state.remedy(txid))).collect(),
        txid: txid.to_string(),
        state,
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
