//! `balance`: what the wallet has, told apart by what can be done with it.

use cairn_core::amount::Amount;
use cairn_genesis::exit::answer;
use serde::Serialize;

use crate::balance::Balance;
use crate::cli::Common;
use crate::session::Session;
use crate::view::Notice;
use crate::{follow, show};

/// The balance as programs read it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    balance: Balance,
    pending_in: Option<Amount>,
    notices: &'a [Notice],
}

/// Reads the chain and prints the balance.
pub fn run(common: &Common) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let client = session.connect(common)?.client;
    let view = follow::catch_up(&mut session, &client, None)?;
    show::tell(&view.notices);
    let balance = Balance::of(&view, &session.locks(), &session.chain.params);
    let coming_in = view.incoming.as_ref().map(|all| Amount::checked_sum(all.iter().map(|one| one.amount)));
    let coming_in = coming_in.map(|sum| sum.unwrap_or(session.chain.params.max_supply));
    if common.json {
        let shown = Shown { balance, pending_in: coming_in, notices: &view.notices };
        return Ok(answer(serde_json::to_string(&shown)?)?);
    }
    let mut lines = vec![format!("spendable  {} coins", balance.spendable)];
    if let (Some(first), Some(all)) = (balance.blocks_to_first_maturity, balance.blocks_to_full_maturity) {
        lines.push(format!(
            "immature   {} coins (blocks to come: {first} for the first, {all} for all)",
            balance.immature
        ));
    }
    if balance.pending_change > Amount::ZERO {
        lines.push(format!("change     {} coins, not yet confirmed", balance.pending_change));
    }
    if balance.pending_out > Amount::ZERO {
        lines.push(format!("going out  {} coins, not yet confirmed", balance.pending_out));
    }
    let held = [
        (
            balance.unreleased,
            "signed and not released",
            "`resend TXID` releases one, `abandon TXID` frees its coins",
        ),
        (
            balance.not_in_mempool,
            "not in the node's mempool",
            "`resend` hands them in, `abandon TXID` frees the coins",
        ),
    ];
    for (amount, what, remedy) in held.into_iter().filter(|(amount, ..)| *amount > Amount::ZERO) {
        lines.push(format!("reserved   {amount} coins, by payments that are {what} ({remedy})"));
    }
    match coming_in {
        Some(Amount::ZERO) => {}
        Some(amount) => lines.push(format!("coming in  {amount} coins, not yet confirmed")),
        None => lines.push("coming in  unknown: too many transactions wait to be looked through".to_owned()),
    }
    lines.push(format!("as of block {}", balance.height));
    Ok(answer(lines.join("\n"))?)
}
