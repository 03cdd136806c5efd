//! Coins: unspent outputs, the view that the rules have of them, and how a block changes them.

use std::collections::BTreeMap;

use crate::encoding::{Decode, Encode};
use crate::height::Height;
use crate::transaction::{OutPoint, Output};

/// The kind of transaction that made a coin. It decides when the coin may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Origin {
    Transaction,
    /// A coinbase: after the chain's maturity.
    Coinbase,
    /// The coinbase of genesis: at once.
    Premine,
}

/// An unspent output with the height of the block that made it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Coin {
    /// How much, and who may spend it.
    pub output: Output,
    /// The height of the block that made it.
    pub height: Height,
    pub origin: Origin,
}

/// Unspent coins as a rule sees them. A look-up cannot fail: the chain fetches the coins of a block beforehand.
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

/// The coins that a block spent: all that is needed to disconnect it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Undo {
    /// Coins from before the block, in the order in which it spends them.
    pub spent: Vec<(OutPoint, Coin)>,
}
