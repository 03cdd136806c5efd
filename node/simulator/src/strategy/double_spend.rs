//! Double spending: a payment on the public chain, and a secret chain in which its coin went
//! elsewhere. Nakamoto 2008, section 11; Rosenfeld, "Analysis of hashrate-based double-spending"
//! (2014).
//!
//! The attacker has two nodes: a public one like any other, and one without links that mines in
//! secret. Neither does anything but what nodes do; the attacker carries blocks between them.

use std::sync::Arc;

use cairn_core::transaction::Transaction;

use crate::behaviour::DoubleSpend;
use crate::node_index::NodeIndex;
use crate::wallets::SimWallet;

/// An attacker at work.
#[derive(Clone, Debug)]
pub struct DoubleSpender {
    /// How it goes about it.
    pub plan: DoubleSpend,
    /// The public node.
    pub face: NodeIndex,
    /// The node without links, which mines in secret.
    pub secret: NodeIndex,
    pub wallet: SimWallet,
    /// How much of its hash rate it uses, of a hundred.
    pub percent: u32,
    /// What it is at.
    pub attempt: Option<Attempt>,
}

/// An attempt at a double spend.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// What the payee sees.
    pub payment: Arc<Transaction>,
    /// What the secret chain has in its place.
    pub return_to_self: Arc<Transaction>,
    /// Whether the payee has seen its confirmations.
    pub is_trusted: bool,
}

/// How far both chains are.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Height of the public chain.
    pub public: u32,
    /// Height of the secret one.
    pub secret: u32,
    /// How many confirmations the payment has.
    pub confirmations: u32,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Mine on in secret.
    MineOn,
    /// Show the secret chain: it is longer, and the payee has delivered.
    Release { confirmations: u32 },
    /// It has no chance that is worth the work.
    GiveUp,
}

impl Attempt {
    /// Decides, after every block.
    pub fn decide(&mut self, plan: &DoubleSpend, at: Progress) -> Move {
        self.is_trusted |= at.confirmations >= plan.confirmations;
        if !self.is_trusted {
            return Move::MineOn;
        }
        if at.secret > at.public {
            return Move::Release { confirmations: at.confirmations };
        }
        if at.public - at.secret >= plan.give_up_behind { Move::GiveUp } else { Move::MineOn }
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::testing::{TestChain, pay};

    use super::*;

    #[test]
    fn it_waits_for_the_payee_releases_when_longer_and_gives_up_when_too_far_behind() {
        let plan = DoubleSpend { confirmations: 2, premined: false, give_up_behind: 3 };
        let transaction = TestChain::new().spend(1, &[], vec![pay(1, 1)]);
        let fresh = Attempt { payment: transaction.clone(), return_to_self: transaction, is_trusted: false };
        let decide = |attempt: &mut Attempt, public, secret| {
            let confirmations = public - 10;
            attempt.decide(&plan, Progress { public, secret, confirmations })
        };
        let mut attempt = fresh.clone();
        assert_eq!(decide(&mut attempt, 11, 13), Move::MineOn, "the payee has not delivered");
        assert_eq!(decide(&mut attempt, 12, 13), Move::Release { confirmations: 2 });
        let mut attempt = fresh;
        assert_eq!(decide(&mut attempt, 12, 12), Move::MineOn, "of equals the first seen stays");
        assert_eq!(decide(&mut attempt, 13, 10), Move::GiveUp);
    }
}
