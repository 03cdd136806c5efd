//! `balance`: what the wallet has, told apart by what can be done with it.

use std::io::{Write, stdout};

use cairn_core::amount::Amount;

use crate::balance::Balance;
use crate::cli::Common;
use crate::session::Session;
use crate::{follow, incoming};

/// Reads the chain and prints the balance.
pub fn run(common: &Common) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let client = session.connect(common)?;
    let scan = follow::catch_up(&mut session, &client)?;
    let balance = Balance::of(&scan, &session.book, &session.chain.params);
    let incoming = incoming::read(&session, &client)?;
    let coming_in = incoming.map(|all| Amount::checked_sum(all.iter().map(|one| one.amount)));
    let coming_in = coming_in.map(|sum| sum.unwrap_or(session.chain.params.max_supply));
    if common.json {
        let mut balance = serde_json::to_value(&balance)?;
        balance["pending_in"] = serde_json::to_value(coming_in)?;
        writeln!(stdout(), "{balance}")?;
        return Ok(());
    }
    writeln!(stdout(), "spendable  {} coins", balance.spendable)?;
    if let (Some(first), Some(all)) = (balance.blocks_to_first_maturity, balance.blocks_to_full_maturity) {
        writeln!(
            stdout(),
            "immature   {} coins (blocks to come: {first} for the first, {all} for all)",
            balance.immature
        )?;
    }
    if balance.pending_change > Amount::ZERO {
        writeln!(stdout(), "change     {} coins, not yet confirmed", balance.pending_change)?;
    }
    if balance.pending_out > Amount::ZERO {
        writeln!(stdout(), "going out  {} coins, not yet confirmed", balance.pending_out)?;
    }
    match coming_in {
        Some(Amount::ZERO) => {}
        Some(amount) => writeln!(stdout(), "coming in  {amount} coins, not yet confirmed")?,
        None => writeln!(stdout(), "coming in  unknown: too many transactions wait to be looked through")?,
    }
    writeln!(stdout(), "as of block {}", balance.height)?;
    Ok(())
}
