//! `send`: chooses coins, shows the payment, asks, signs, hands it to the node, and looks for confirmations.

use std::io::{IsTerminal, Write, stderr, stdin};

use anyhow::{Context, bail};
use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_core::encoding::encode;
use cairn_genesis::programs::exit::{answer_done, say};
use serde_json::json;

use crate::balance::{Balance, spendable};
use crate::cli::{Common, Send};
use crate::client::{Client, ClientError};
use crate::commands::wait::wait;
use crate::keys::Keys;
use crate::node::Node;
use crate::release::{answer_sent, draft, sign};
use crate::selection::FeeRate;
use crate::session::Session;
use crate::spend::{Draft, LeftOut, Wish};
use crate::view::{Notice, View};
use crate::{follow, show};

/// Fee of 1,000 bytes that `--offline` pays without `--fee-rate`: the relay minimum of every chain.
const OFFLINE_RATE: Amount = Amount::from_units(1_000);

/// Makes a payment of one output, and change.
pub fn run(common: &Common, send: &Send) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let to = Address::parse(&send.address, &session.chain.params.address_prefix)
        .with_context(|| format!("\"{}\" is not an address of this chain", show::harmless(&send.address)))?;
    let connection = if send.offline { None } else { Some(session.connect(common)?) };
    let client = connection.as_ref().map(|connection| &connection.client);
    let wish =
        Wish { to: to.lock(), amount: send.amount.0, rate: rate(send, client)?, fee_ceiling: send.max_fee };
    let Agreed { draft, keys, notices } = agree(common, send, &mut session, client, &wish)?;
    let mut summary = json!({
        "to": send.address, "amount": draft.amount, "fee": draft.fee, "change": draft.change,
        "notices": notices,
    });
    let transaction = sign(&mut session, client, draft.agreed(), &keys)?;
    let txid = transaction.txid();
    session.yield_lock();
    summary["txid"] = json!(txid);
    let Some(connection) = &connection else {
        // The signed payment, for `broadcast`.
        let hex = hex::encode(encode(&transaction));
        summary["hex"] = json!(hex);
        let reserved = format!("its coins are reserved (`abandon {txid}` frees them)");
        let done = format!("the payment {txid} is signed and not sent, and {reserved}");
        return Ok(answer_done(common.json, summary, hex, done)?);
    };
    // From here on the payment is on its way, and every error says so.
    answer_sent(common.json, summary, txid)?;
    match send.wait {
        Some(confirmations) => wait(common, &mut session, connection, &transaction, confirmations),
        None => Ok(()),
    }
}

/// A payment that may be signed now, while the wallet's lock is held.
struct Agreed {
    draft: Draft,
    keys: Keys,
    notices: Vec<Notice>,
}

/// Chooses coins, shows the payment, and has it agreed to. Other commands may have the wallet while a person
/// is asked; what was agreed to must then still be possible, or it is shown anew.
fn agree(
    common: &Common,
    send: &Send,
    session: &mut Session,
    client: Option<&Client>,
    wish: &Wish,
) -> anyhow::Result<Agreed> {
    let mut opened = None;
    loop {
        let mut view = look(session, client, opened.as_ref())?;
        let must_look_on = client.is_some() && session.book.may_miss_addresses();
        if opened.is_none() && (must_look_on || session.book.change.next().is_none()) {
            // Coins may lie beyond the addresses that are looked for, and their number is what change
            // addresses are counted from.
            let keys = session.unlock(common)?;
            session.book.look_ahead(&keys);
            session.save_book()?;
            let mut notices = view.notices;
            notices.retain(Notice::is_of_a_new_chain);
            view = look(session, client, Some(&keys))?;
            view.notices.splice(0..0, notices);
            opened = Some(keys);
        }
        show::tell(&view.notices);
        let balance = Balance::of(&view, &session.locks(), &session.chain.params);
        let change_to = session.book.change.next();
        let draft = draft(session, &view, wish)?;
        if !(common.json && send.yes) {
            show_draft(&draft, &send.address, &balance);
        }
        let asks_for_passphrase = opened.is_none() && session.asks_for_passphrase(common);
        if !send.yes {
            session.yield_lock();
            if !agreed()? {
                bail!("not sent: nothing was signed");
            }
        }
        let keys = match opened.take() {
            Some(keys) => keys,
            None => session.unlock(common)?,
        };
        if send.yes && !asks_for_passphrase {
            return Ok(Agreed { draft, keys, notices: view.notices });
        }
        session.retake_lock()?;
        let view = look(session, client, Some(&keys))?;
        let coins = spendable(&view, &session.locks(), &session.chain.params);
        if session.book.change.next() == change_to && draft.is_possible(&coins) {
            return Ok(Agreed { draft, keys, notices: view.notices });
        }
        say(
            "meanwhile another command used this wallet, or the chain changed: nothing is sent yet, look again",
        );
        opened = Some(keys);
    }
}

/// The state of chain, mempool and payments now; without a node, as it was last read.
fn look(session: &mut Session, client: Option<&Client>, keys: Option<&Keys>) -> anyhow::Result<View> {
    match client {
        Some(client) => follow::catch_up(session, client, keys),
        None => follow::offline(session),
    }
}

fn rate(send: &Send, client: Option<&Client>) -> Result<FeeRate, ClientError> {
    let estimate = || client.map_or(Ok(OFFLINE_RATE), Client::fee_rate);
    Ok(FeeRate::per_kilobyte(send.fee_rate.map_or_else(estimate, Ok)?))
}

fn show_draft(draft: &Draft, address: &str, balance: &Balance) {
    let coins = if draft.inputs() == 1 { "coin" } else { "coins" };
    say(format_args!("to      {address}"));
    say(format_args!("amount  {}", draft.amount));
    say(format_args!("fee     {} ({} bytes, {} {coins} spent)", draft.fee, draft.size, draft.inputs()));
    say(format_args!("change  {}", draft.change));
    if draft.left_out.coins > 0 {
        let LeftOut { coins, amount } = draft.left_out;
        say(format_args!("        {coins} more coins with {amount} do not fit: `send` again pays them"));
    }
    let before = balance.spendable.checked_add(balance.pending_change).unwrap_or(balance.spendable);
    let after = before.checked_sub(draft.amount).and_then(|left| left.checked_sub(draft.fee));
    say(format_args!("left    {} of {before}", after.unwrap_or(Amount::ZERO)));
}

fn agreed() -> anyhow::Result<bool> {
    if !stdin().is_terminal() {
        bail!("not sent: no terminal to confirm at; pass --yes to send without confirmation");
    }
    let mut terminal = stderr();
    let _ = terminal.write_all(b"send? [y/N] ").and_then(|()| terminal.flush());
    let mut typed = String::new();
    stdin().read_line(&mut typed)?;
    Ok(matches!(typed.trim(), "y" | "Y" | "yes"))
}
