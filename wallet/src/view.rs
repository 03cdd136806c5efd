//! The view of a command: our coins on the chain, the node's mempool, and our payments.

use std::collections::BTreeSet;

use cairn_core::amount::Amount;
use cairn_core::hash::Txid;
use cairn_core::transaction::OutPoint;
use serde::Serialize;

use crate::payment::{JudgedPayment, State};
use crate::scan::{Scan, Watched};

/// State of chain, mempool and payments at one moment.
#[derive(Clone, Debug)]
pub struct View {
    pub scan: Scan,
    /// Ids of the node's mempool; none offline.
    pub mempool: Option<BTreeSet<Txid>>,
    /// Our payments, in order of signing.
    pub payments: Vec<JudgedPayment>,
    /// Unconfirmed payments of others to us; none offline, or if the mempool is too large to be read.
    pub incoming: Option<Vec<Incoming>>,
    pub notices: Vec<Notice>,
}

/// An unconfirmed payment of another wallet to us. Nothing vouches for it: it is shown, and never
/// counted as a coin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The id of its transaction.
    pub txid: Txid,
    /// What it pays us.
    pub amount: Amount,
}

/// Something that a person should know beside the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Notice {
    /// The node's chain shares genesis alone with the one that was read before, and began after it. Payments of
    /// the earlier chain could be made on this one.
    ChainStartedAnew { payments: usize },
    /// The node does not know the chain that was read before, which other nodes may still have.
    ChainUnknownToNode,
    /// The chain may have paid addresses beyond those that the wallet looks for.
    MoreMayLieBeyond(Watched),
    /// The chain was searched for addresses far beyond the used ones.
    Searched {
        #[serde(flatten)]
        watched: Watched,
        /// Receiving addresses up to the last used one.
        receiving_used: u32,
        /// Change addresses up to the last used one.
        change_used: u32,
    },
}

impl Notice {
    /// Whether the chain was started anew: that is said once, when it is found.
    pub fn is_of_a_new_chain(&self) -> bool {
        matches!(self, Self::ChainStartedAnew { .. })
    }
}

impl View {
    /// A payment of ours.
    pub fn payment(&self, txid: &Txid) -> Option<&JudgedPayment> {
        self.payments.iter().find(|payment| payment.txid() == *txid)
    }

    /// Coins and outputs that no further payment may spend.
    pub fn reserved(&self) -> BTreeSet<OutPoint> {
        self.inputs_of(State::reserves_coins)
    }

    /// Inputs of the payments in some states.
    pub fn inputs_of(&self, is_meant: impl Fn(&State) -> bool) -> BTreeSet<OutPoint> {
        let meant = self.payments.iter().filter(|payment| is_meant(&payment.state));
        meant.flat_map(|payment| payment.transaction.inputs().to_vec()).collect()
    }

    /// Amount of an input of a payment: of a coin of the chain, or of an output of another payment of ours.
    pub fn own_amount(&self, input: &OutPoint) -> Option<Amount> {
        if let Some(coin) = self.scan.coin(input) {
            return Some(coin.output.amount);
        }
        let parent = self.payment(&input.txid)?;
        parent.transaction.outputs().get(input.index as usize).map(|output| output.amount)
    }

    /// Whether an input of a payment exists now: unspent on the chain, or made by a payment in the mempool. The
    /// output of any other payment does not: its own inputs still hold that money.
    pub fn exists(&self, input: &OutPoint) -> bool {
        match (self.scan.coin(input), self.payment(&input.txid)) {
            (Some(coin), _) => coin.spent.is_none(),
            (None, parent) => parent.is_some_and(|one| one.state == State::Pending { in_mempool: true }),
        }
    }
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ChainStartedAnew { payments: 0 } => write!(f, "this chain was started anew"),
            Self::ChainStartedAnew { payments } => write!(
                f,
                "this chain was started anew; payments of the old one that are not made again: {payments} (`resend` makes them)"
            ),
            Self::ChainUnknownToNode => write!(
                f,
                "this node does not know the chain that was read before: it was cut off from it, has no block yet, or is of another network; payments made there keep their coins reserved"
            ),
            Self::MoreMayLieBeyond(Watched { receiving, change }) => write!(
                f,
                "the first {receiving} receiving and {change} change addresses were looked for; more may lie beyond; unlock to look on (`rescan` does)"
            ),
            Self::Searched { watched: Watched { receiving, change }, receiving_used, change_used } => write!(
                f,
                "looked for the first {receiving} receiving addresses ({receiving_used} used) and the first {change} change addresses ({change_used} used)"
            ),
        }
    }
}
