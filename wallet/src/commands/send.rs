//! `send`: choose coins, show, ask, sign, broadcast, wait.

use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

use anyhow::{Context, bail};
use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_core::encoding::encode;
use cairn_core::hash::Txid;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::balance::{Balance, spendable};
use crate::book::Pending;
use crate::cli::{Common, Send, SendAmount};
use crate::client::Client;
use crate::follow;
use crate::selection::FeeRate;
use crate::session::Session;
use crate::spend::{Draft, LeftOut, Signed, Wish};

/// Confirmations that the fee estimate aims at.
const ESTIMATE_TARGET: u32 = 2;
/// What `--offline` pays without `--fee-rate`: the relay minimum of every shipped chain.
const OFFLINE_RATE: Amount = Amount::from_units(1_000);
/// How often a waiting `send` looks.
const POLL: Duration = Duration::from_millis(250);

/// Pays.
pub fn run(common: &Common, send: &Send) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let to = Address::parse(&send.address, &session.chain.params.address_prefix).with_context(|| {
        format!("\"{}\" is no address of this chain", crate::show::harmless(&send.address))
    })?;
    let client = if send.offline { None } else { Some(session.connect(common)?) };
    let scan = match &client {
        Some(client) => follow::catch_up(&mut session, client)?,
        None => session.load_scan()?,
    };
    let params = &session.chain.params;
    let balance = Balance::of(&scan, &session.book, params);
    let wish = Wish {
        to: to.lock(),
        amount: match send.amount {
            SendAmount::Exactly(amount) => Some(amount),
            SendAmount::All => None,
        },
        rate: rate(send, client.as_ref())?,
        fee_ceiling: send.max_fee,
    };
    let coins = spendable(&scan, &session.book, params);
    let change_lock = session.book.next_change()?;
    let draft = Draft::new(&wish, &coins, change_lock, &balance)?;
    if !common.json {
        show(&draft, &send.address, &balance);
    }
    if !send.yes && !agreed()? {
        bail!("not sent: nothing was signed");
    }
    let keys = session.unlock(common)?;
    let has_change = draft.change > Amount::ZERO;
    let summary =
        json!({ "to": send.address, "amount": draft.amount, "fee": draft.fee, "change": draft.change });
    let signed = draft.agreed().sign(&keys, &session.book.locks(), &session.book.genesis)?;
    if !has_change {
        session.book.change_used -= 1;
    }
    session.book.look_ahead(&keys);
    let transaction = signed.transaction();
    let (txid, bytes) = (transaction.txid(), encode(transaction));
    if let Some(client) = &client {
        broadcast(&mut session, client, txid, &bytes)?;
    } else {
        remember(&mut session, &signed)?;
    }
    print(common, txid, &bytes, summary, client.is_none())?;
    match (send.wait, client) {
        (Some(confirmations), Some(client)) => wait(common, &mut session, &client, txid, confirmations),
        _ => Ok(()),
    }
}

fn rate(send: &Send, client: Option<&Client>) -> anyhow::Result<FeeRate> {
    if let Some(rate) = send.fee_rate {
        return Ok(FeeRate::per_kilobyte(rate));
    }
    let Some(client) = client else { return Ok(FeeRate::per_kilobyte(OFFLINE_RATE)) };
    let estimate: Value = client.call("estimatesmartfee", json!([ESTIMATE_TARGET]))?;
    let rate: Amount =
        estimate["feerate"].to_string().parse().context("the node's fee estimate is no amount")?;
    Ok(FeeRate::per_kilobyte(rate))
}

fn show(draft: &Draft, address: &str, balance: &Balance) {
    let coins = if draft.inputs() == 1 { "coin" } else { "coins" };
    eprintln!("to      {address}");
    eprintln!("amount  {}", draft.amount);
    eprintln!("fee     {} ({} bytes, {} {coins} spent)", draft.fee, draft.size, draft.inputs());
    eprintln!("change  {}", draft.change);
    if draft.left_out.coins > 0 {
        let LeftOut { coins, amount } = draft.left_out;
        eprintln!("        {coins} more coins with {amount} do not fit: `send` again pays them");
    }
    let before = balance.spendable.checked_add(balance.pending_change).unwrap_or(balance.spendable);
    let after = before.checked_sub(draft.amount).and_then(|left| left.checked_sub(draft.fee));
    eprintln!("left    {} of {before}", after.unwrap_or(Amount::ZERO));
}

fn agreed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody is there to agree: --yes sends without asking");
    }
    eprint!("send? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Writes the payment down before it is sent: a crash in between must not spend its coins twice.
fn broadcast(session: &mut Session, client: &Client, txid: Txid, bytes: &[u8]) -> anyhow::Result<()> {
    remember_bytes(session, txid, bytes)?;
    let sent: Result<Value, _> = client.call("sendrawtransaction", json!([hex::encode(bytes)]));
    let Err(error) = sent else { return Ok(()) };
    if error.is_refused_for_good() {
        session.book.pending.retain(|pending| pending.txid != txid);
        session.book.save(&session.files)?;
        return Err(error).context("the node refused the transaction");
    }
    // It may have got there all the same: paying again with other coins could pay twice.
    Err(error).context("whether the node has the payment is not known; the next command sends it again")
}

fn remember(session: &mut Session, signed: &Signed) -> anyhow::Result<()> {
    remember_bytes(session, signed.transaction().txid(), &encode(signed.transaction()))
}

fn remember_bytes(session: &mut Session, txid: Txid, bytes: &[u8]) -> anyhow::Result<()> {
    let sent_ms = follow::now().millis();
    session.book.pending.push(Pending { txid, bytes: bytes.to_vec(), sent_ms });
    Ok(session.book.save(&session.files)?)
}

fn print(
    common: &Common,
    txid: Txid,
    bytes: &[u8],
    mut summary: Value,
    offline: bool,
) -> std::io::Result<()> {
    if common.json {
        summary["txid"] = json!(txid);
        if offline {
            summary["hex"] = json!(hex::encode(bytes));
        }
        writeln!(stdout(), "{summary}")?;
    } else if offline {
        writeln!(stdout(), "{}", hex::encode(bytes))?;
    } else {
        writeln!(stdout(), "{txid}")?;
    }
    Ok(())
}

fn wait(
    common: &Common,
    session: &mut Session,
    client: &Client,
    txid: Txid,
    confirmations: u32,
) -> anyhow::Result<()> {
    let line = if common.json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    loop {
        let scan = follow::catch_up(session, client)?;
        let depth =
            scan.confirmed_at(&txid).and_then(|at| scan.height().since(at)).map_or(0, |above| above + 1);
        let text = format!("{depth} of {confirmations} confirmations, block {}", scan.height());
        if depth >= confirmations {
            line.finish_and_clear();
            if !common.json {
                eprintln!("{text}");
            }
            return Ok(());
        }
        if depth == 0 && !session.book.pending.iter().any(|pending| pending.txid == txid) {
            line.finish_and_clear();
            bail!("the payment {txid} can no longer be confirmed: another one spent its coins");
        }
        line.set_message(text);
        line.tick();
        std::thread::sleep(POLL);
    }
}
