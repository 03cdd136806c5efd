//! Coins: unspent outputs, how to look at them, and how a block changes them.

use std::collections::BTreeMap;

use crate::encoding::{Decode, Encode};
use crate::height::Height;
use crate::transaction::{OutPoint, Output};

/// What made a coin; decides when it may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Origin {
    Transaction,
    /// A coinbase: after the chain's maturity.
    Coinbase,
    /// The coinbase of genesis: at once.
    Premine,
}

/// An unspent output.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Coin {
    /// How much, and who may spend it.
    pub output: Output,
    /// The height of the block that made it.
    pub height: Height,
    pub origin: Origin,
}

/// Unspent coins as a rule sees them. Cannot fail: the chain fetches what a block needs beforehand.
pub trait CoinView {
    /// The coin, if it is unspent.
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin>;
}

impl CoinView for BTreeMap<OutPoint, Coin> {
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin> {
        self.get(outpoint).cloned()
    }
}

/// The net change that a block makes: a coin made and spent within it is in neither list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoinChanges {
    pub spent: Vec<(OutPoint, Coin)>,
    pub created: Vec<(OutPoint, Coin)>,
}

/// What a block spent: all that is needed to disconnect it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Undo {
    /// Coins from before the block, in the order in which it spends them.
    pub spent: Vec<(OutPoint, Coin)>,
}
