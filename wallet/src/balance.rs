//! The balance, by what can be done with it now, and the coins that can be spent.

use std::collections::BTreeSet;

use cairn_core::amount::Amount;
use cairn_core::coin::Origin;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::params::ChainParams;
use cairn_core::transaction::{OutPoint, Output};
use serde::Serialize;

use crate::payment::State;
use crate::scan::OwnedCoin;
use crate::view::View;

/// The coins of a wallet, by what can be done with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Confirmed coins that can be spent now.
    pub spendable: Amount,
    /// Mined coins that are not mature and not reserved.
    pub immature: Amount,
    /// Blocks to come until the first of the immature coins can be spent.
    pub blocks_to_first_maturity: Option<u32>,
    /// Blocks to come until all of them can be spent.
    pub blocks_to_full_maturity: Option<u32>,
    /// Change of our own payments that no block has confirmed yet; it can be spent on.
    pub pending_change: Amount,
    /// Unconfirmed outputs to others.
    pub pending_out: Amount,
    /// Coins, and change in the mempool, reserved by payments that are signed and not released.
    pub unreleased: Amount,
    /// The same, reserved by released payments that the node's mempool does not hold.
    pub not_in_mempool: Amount,
    /// The block up to which this was read.
    pub height: u32,
}

/// A coin that can be spent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendableCoin {
    pub outpoint: OutPoint,
    pub output: Output,
    /// Whether no block holds it yet.
    pub unconfirmed: bool,
}

/// Blocks that must still come until a coin may be spent in the block after them; 0 when it may now.
pub fn blocks_missing(coin: &OwnedCoin, tip: Height, params: &ChainParams) -> u32 {
    match coin.origin {
        Origin::Coinbase => {
            let age_in_next_block = tip.next().since(coin.height).unwrap_or(0);
            params.coinbase_maturity.saturating_sub(age_in_next_block)
        }
        Origin::Transaction | Origin::Premine => 0,
    }
}

/// Coins that can be spent now: confirmed, mature, not reserved; then change of our own payments in the
/// node's mempool. Signed offline, a payment may also spend change of those not released.
pub fn spendable(view: &View, locks: &BTreeSet<Lock>, params: &ChainParams) -> Vec<SpendableCoin> {
    let reserved = view.reserved();
    let is_mature = |coin: &OwnedCoin| blocks_missing(coin, view.scan.height(), params) == 0;
    let spendable = |outpoint, output: &Output, unconfirmed| {
        let output = output.clone();
        SpendableCoin { outpoint, output, unconfirmed }
    };
    let confirmed = view.scan.unspent().filter(|(_, coin)| is_mature(coin));
    let confirmed = confirmed.map(|(outpoint, coin)| spendable(*outpoint, &coin.output, false));
    let has_change = |state: &State| match state {
        State::Pending { in_mempool } => *in_mempool,
        State::Unreleased => view.mempool.is_none(),
        _ => false,
    };
    let changing = view.payments.iter().filter(|payment| has_change(&payment.state));
    let change = changing.flat_map(|payment| {
        let txid = payment.txid();
        let ours =
            (0..).zip(payment.transaction.outputs()).filter(|(_, output)| locks.contains(&output.lock));
        ours.map(move |(index, output)| spendable(OutPoint { txid, index }, output, true))
    });
    confirmed.chain(change).filter(|coin| !reserved.contains(&coin.outpoint)).collect()
}

impl Balance {
    /// Adds up what chain, mempool and book say.
    pub fn of(view: &View, locks: &BTreeSet<Lock>, params: &ChainParams) -> Self {
        let (scan, coins, reserved) = (&view.scan, spendable(view, locks, params), view.reserved());
        let part = |unconfirmed: bool| {
            sum(coins.iter().filter(|c| c.unconfirmed == unconfirmed).map(|c| c.output.amount))
        };
        let immature: Vec<(&OwnedCoin, u32)> = scan
            .unspent()
            .filter(|(outpoint, _)| !reserved.contains(outpoint))
            .map(|(_, coin)| (coin, blocks_missing(coin, scan.height(), params)))
            .filter(|(_, missing)| *missing > 0)
            .collect();
        let held = |state: State| {
            let inputs = view.inputs_of(|of| *of == state);
            sum(inputs.iter().filter(|input| view.exists(input)).filter_map(|input| view.own_amount(input)))
        };
        let pending = view.payments.iter().filter(|one| one.state == State::Pending { in_mempool: true });
        let out = pending.flat_map(|payment| payment.transaction.outputs());
        Self {
            spendable: part(false),
            immature: sum(immature.iter().map(|(coin, _)| coin.output.amount)),
            blocks_to_first_maturity: immature.iter().map(|(_, missing)| *missing).min(),
            blocks_to_full_maturity: immature.iter().map(|(_, missing)| *missing).max(),
            pending_change: part(true),
            pending_out: sum(out.filter(|output| !locks.contains(&output.lock)).map(|output| output.amount)),
            unreleased: held(State::Unreleased),
            not_in_mempool: held(State::Pending { in_mempool: false }),
            height: scan.height().get(),
        }
    }
}

fn sum(amounts: impl Iterator<Item = Amount>) -> Amount {
    // Coins of the chain stay below its supply; a book that was edited may say anything.
    Amount::checked_sum(amounts).unwrap_or(Amount::from_units(u64::MAX))
}
