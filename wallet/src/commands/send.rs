//! `send`: choose coins, show, ask, sign, broadcast, wait.

use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

use anyhow::{Context, bail};
use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_core::encoding::encode;
use cairn_core::hash::Txid;
use cairn_core::text::with_causes;
use cairn_core::transaction::Transaction;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::balance::Balance;
use crate::cli::{Common, Send, SendAmount};
use crate::client::Client;
use crate::node::Node;
use crate::payment::State;
use crate::release::{confirmations, draft, release, sign};
use crate::selection::FeeRate;
use crate::session::Session;
use crate::spend::{Draft, LeftOut, Wish};
use crate::view::Notice;
use crate::{follow, show};

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
    let mut view = match &client {
        Some(client) => follow::catch_up(&mut session, client, None)?,
        None => follow::offline(&mut session)?,
    };
    let mut keys = None;
    let must_look_on = client.is_some() && session.book.may_miss_addresses();
    if must_look_on || session.book.change.next().is_none() {
        // Coins may lie beyond the addresses that are looked for, and their number is what change
        // addresses are counted from.
        let opened = session.unlock(common)?;
        session.book.look_ahead(&opened);
        if let Some(client) = &client {
            let is_news = |notice: &Notice| matches!(notice, Notice::ChainStartedAnew { .. });
            let earlier = view.notices.into_iter().filter(is_news);
            let earlier: Vec<Notice> = earlier.collect();
            view = follow::catch_up(&mut session, client, Some(&opened))?;
            view.notices.splice(0..0, earlier);
        }
        keys = Some(opened);
    }
    show::tell(&view.notices);
    let balance = Balance::of(&view, &session.locks(), &session.chain.params);
    let wish = Wish {
        to: to.lock(),
        amount: match send.amount {
            SendAmount::Exactly(amount) => Some(amount),
            SendAmount::All => None,
        },
        rate: rate(send, client.as_ref())?,
        fee_ceiling: send.max_fee,
    };
    let draft = draft(&session, &view, &wish)?;
    if !common.json {
        show_draft(&draft, &send.address, &balance);
    }
    if !send.yes && !agreed()? {
        bail!("not sent: nothing was signed");
    }
    let keys = match keys {
        Some(keys) => keys,
        None => session.unlock(common)?,
    };
    let summary = json!({
        "to": send.address, "amount": draft.amount, "fee": draft.fee, "change": draft.change,
        "notices": view.notices,
    });
    let transaction = sign(&mut session, client.as_ref(), draft.agreed(), &keys)?;
    let (txid, bytes) = (transaction.txid(), encode(&transaction));
    print(common, txid, &bytes, summary, client.is_none())?;
    match (send.wait, client) {
        (Some(confirmations), Some(client)) => {
            wait(common, &mut session, &client, &transaction, confirmations)
        }
        _ => Ok(()),
    }
}

fn rate(send: &Send, client: Option<&Client>) -> anyhow::Result<FeeRate> {
    if let Some(rate) = send.fee_rate {
        return Ok(FeeRate::per_kilobyte(rate));
    }
    let Some(client) = client else { return Ok(FeeRate::per_kilobyte(OFFLINE_RATE)) };
    Ok(FeeRate::per_kilobyte(client.fee_rate()?))
}

fn show_draft(draft: &Draft, address: &str, balance: &Balance) {
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
    transaction: &Transaction,
    wanted: u32,
) -> anyhow::Result<()> {
    let line = if common.json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    let txid = transaction.txid();
    let mut rejection = None;
    loop {
        let view = follow::catch_up(session, client, None)?;
        let depth = confirmations(&view, txid).inspect_err(|_| line.finish_and_clear())?;
        let text = format!("{depth} of {wanted} confirmations, block {}", view.scan.height());
        if depth >= wanted {
            line.finish_and_clear();
            if !common.json {
                eprintln!("{text}");
            }
            return Ok(());
        }
        let state = view.payment(&txid).map(|payment| &payment.state);
        if state == Some(&State::Pending { in_mempool: false }) && rejection.is_none() {
            // This command has released the payment, and the node has lost it.
            line.suspend(|| eprintln!("the node's mempool lost {txid}: handing it in again"));
            if let Err(error) = release(session, client, transaction) {
                line.suspend(|| eprintln!("{}", with_causes(&error)));
                rejection = Some(error);
            }
        }
        line.set_message(text);
        line.tick();
        std::thread::sleep(POLL);
    }
}
