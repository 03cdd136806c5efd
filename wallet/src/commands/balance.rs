//! `balance`: what the wallet has, told apart by what can be done with it.

use cairn_core::amount::Amount;

use crate::balance::Balance;
use crate::cli::Common;
use crate::follow;
use crate::session::Session;

/// Reads the chain and prints the balance.
pub fn run(common: &Common) -> anyhow::Result<()> {
    let mut session = Session::open(common)?;
    let client = session.connect(common)?;
    let scan = follow::catch_up(&mut session, &client)?;
    let balance = Balance::of(&scan, &session.book, &session.chain.params);
    if common.json {
        println!("{}", serde_json::to_string(&balance)?);
        return Ok(());
    }
    println!("spendable  {} coins", balance.spendable);
    if let (Some(first), Some(all)) = (balance.blocks_to_first_maturity, balance.blocks_to_full_maturity) {
        println!("immature   {} coins (first in {first} blocks, all in {all})", balance.immature);
    }
    if balance.pending_change > Amount::ZERO {
        println!("change     {} coins, not yet confirmed", balance.pending_change);
    }
    if balance.pending_out > Amount::ZERO {
        println!("going out  {} coins, not yet confirmed", balance.pending_out);
    }
    println!("as of block {}", balance.height);
    Ok(())
}
