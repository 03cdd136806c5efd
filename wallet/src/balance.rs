//! The balance, told apart by what can be done with it now.

use std::collections::BTreeSet;

use cairn_core::amount::Amount;
use cairn_core::coin::Origin;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::params::ChainParams;
use cairn_core::transaction::{OutPoint, Output};
use serde::Serialize;

use crate::book::{Book, Pending};
use crate::scan::{OwnedCoin, Scan};

/// What a wallet has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Can be spent now.
    pub spendable: Amount,
    /// Mined, but too young to be spent.
    pub immature: Amount,
    /// How many more blocks until the first of the immature coins can be spent.
    pub blocks_to_first_maturity: Option<u32>,
    /// How many more blocks until all of them can.
    pub blocks_to_full_maturity: Option<u32>,
    /// Change of our own payments that no block has confirmed yet; it can be spent on.
    pub pending_change: Amount,
    /// On its way out to others.
    pub pending_out: Amount,
    /// The block up to which this was read.
    pub height: u32,
}

/// A coin that can be spent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendableCoin {
    /// Which.
    pub outpoint: OutPoint,
    /// What it holds.
    pub output: Output,
    /// Whether it waits for a block to confirm it.
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

/// Coins that can be spent now: confirmed, mature, not reserved; then our own unconfirmed change.
pub fn spendable(scan: &Scan, book: &Book, params: &ChainParams) -> Vec<SpendableCoin> {
    let reserved = book.reserved();
    let confirmed = scan.unspent().filter(|(outpoint, coin)| {
        !reserved.contains(outpoint) && blocks_missing(coin, scan.height(), params) == 0
    });
    let confirmed = confirmed.map(|(outpoint, coin)| SpendableCoin {
        outpoint: *outpoint,
        output: coin.output.clone(),
        unconfirmed: false,
    });
    let locks: BTreeSet<Lock> = book.locks().into_keys().collect();
    let change = own_outputs(&book.pending, &locks).filter(|coin| !reserved.contains(&coin.outpoint));
    confirmed.chain(change).collect()
}

/// Outputs of pending payments that come back to us.
fn own_outputs<'a>(
    pending: &'a [Pending],
    locks: &'a BTreeSet<Lock>,
) -> impl Iterator<Item = SpendableCoin> + 'a {
    pending.iter().filter_map(Pending::transaction).flat_map(move |transaction| {
        let txid = transaction.txid();
        let outputs = transaction.outputs().iter().cloned().enumerate();
        let ours: Vec<_> = outputs
            .filter(|(_, output)| locks.contains(&output.lock))
            .map(|(index, output)| SpendableCoin {
                outpoint: OutPoint { txid, index: index as u32 },
                output,
                unconfirmed: true,
            })
            .collect();
        ours
    })
}

impl Balance {
    /// Adds up what the scan and the book say.
    pub fn of(scan: &Scan, book: &Book, params: &ChainParams) -> Self {
        let sum = |amounts: Vec<Amount>| Amount::checked_sum(amounts).expect("below the supply");
        let coins = spendable(scan, book, params);
        let part = |unconfirmed: bool| {
            sum(coins.iter().filter(|c| c.unconfirmed == unconfirmed).map(|c| c.output.amount).collect())
        };
        let immature: Vec<(&OwnedCoin, u32)> = scan
            .unspent()
            .map(|(_, coin)| (coin, blocks_missing(coin, scan.height(), params)))
            .filter(|(_, missing)| *missing > 0)
            .collect();
        let locks: BTreeSet<Lock> = book.locks().into_keys().collect();
        let out = book.pending.iter().filter_map(Pending::transaction).flat_map(|transaction| {
            let others = transaction.outputs().iter().filter(|output| !locks.contains(&output.lock));
            others.map(|output| output.amount).collect::<Vec<_>>()
        });
        Self {
            spendable: part(false),
            immature: sum(immature.iter().map(|(coin, _)| coin.output.amount).collect()),
            blocks_to_first_maturity: immature.iter().map(|(_, missing)| *missing).min(),
            blocks_to_full_maturity: immature.iter().map(|(_, missing)| *missing).max(),
            pending_change: part(true),
            pending_out: sum(out.collect()),
            height: scan.height().get(),
        }
    }
}
