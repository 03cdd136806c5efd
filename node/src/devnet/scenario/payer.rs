//! The payer: the thread that hands in payments; each wallet spends its own change, so that none
//! is in another's way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;

use cairn_core::encoding::encode;
use cairn_core::signing::sign_spend;
use cairn_core::transaction::{OutPoint, Output, Transaction};
use cairn_genesis::accounts;
use cairn_simulator::payments::{home, payment_and_change};
use cairn_simulator::place::Place;
use ed25519_dalek::SigningKey;
use serde_json::json;

use crate::devnet::error::DevnetError;
use crate::devnet::happening::What;
use crate::devnet::network::Network;
use crate::devnet::scenario::ground::account_of;

/// Where somebody pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// At the node of whoever's turn it is.
    AtHome,
    /// At this node.
    At(Place),
    /// At the first, and with the same coin at the second to whoever pays.
    Twice(Place, Place),
}

/// One of the wallets.
#[derive(Debug)]
struct Wallet {
    key: SigningKey,
    coin: (OutPoint, Output),
    /// Whether it paid a coin twice: which change is its own, only the end will tell.
    has_cheated: bool,
}

/// What the thread works with.
#[derive(Debug)]
pub struct Payer {
    network: Arc<Network>,
    wallets: Vec<Wallet>,
    turn: usize,
}

impl Payer {
    /// The wallets that the network's genesis fills.
    pub fn new(network: Arc<Network>) -> Self {
        let keys: Vec<SigningKey> = (0..accounts::COUNT).map(accounts::signing_key).collect();
        let coinbase = network.chain.genesis.coinbase();
        let txid = coinbase.txid();
        let wallet = |(number, output): (u16, &Output)| Wallet {
            key: keys[usize::from(account_of(number))].clone(),
            coin: (OutPoint { txid, index: u32::from(number) }, output.clone()),
            has_cheated: false,
        };
        let wallets = (0..).zip(&coinbase.outputs).map(wallet).collect();
        Self { network, wallets, turn: 0 }
    }

    /// Pays whenever told to, until nobody tells or `stop` is set; says what a node accepted, and which
    /// payment of a step was not made. Whose own node is down or refuses does not pay this time.
    pub fn work(mut self, orders: &Receiver<Where>, stop: &AtomicBool) {
        while let Ok(place) = orders.recv() {
            if stop.load(Ordering::Relaxed) || self.wallets.is_empty() {
                return;
            }
            let why = match self.pay(place) {
                Ok(true) => continue,
                Ok(false) => "every wallet has paid a coin twice, or has too little".into(),
                Err(error) => error.to_string(),
            };
            if let Where::At(at) | Where::Twice(at, _) = place
                && self.runs(at)
            {
                self.network.happened(What::NotPaid { at, why });
            }
        }
    }

    fn runs(&self, place: Place) -> bool {
        self.network.rpc(place.number()).is_ok()
    }

    /// Says whether somebody paid.
    fn pay(&mut self, place: Where) -> Result<bool, DevnetError> {
        let wallets = self.wallets.len();
        let mut turns = (0..wallets).map(|turn| (self.turn + turn) % wallets);
        let turn = match place {
            Where::AtHome => turns.next(),
            _ => turns.find(|turn| !self.wallets[*turn].has_cheated),
        };
        let Some(turn) = turn else { return Ok(false) };
        self.turn = (turn + 1) % wallets;
        let nodes = usize::from(self.network.ids().end);
        let (node, second) = match place {
            Where::AtHome => (home(turn, nodes), None),
            Where::At(place) => (place, None),
            // Where one of the two is down, no coin is paid twice.
            Where::Twice(place, other) => (place, Some(other).filter(|other| self.runs(*other))),
        };
        let payee = self.wallets[self.turn].coin.1.lock;
        let genesis = self.network.chain.params.genesis_hash;
        let wallet = &self.wallets[turn];
        let Some(outputs) = payment_and_change(&wallet.coin.1, payee).filter(|_| !wallet.has_cheated) else {
            return Ok(false);
        };
        let change = outputs.last().cloned();
        let sign = |outputs| sign_spend(&genesis, &wallet.key, std::slice::from_ref(&wallet.coin), outputs);
        let transaction = sign(outputs);
        let txid = transaction.txid();
        let rival = second.and_then(|other| {
            let outputs = payment_and_change(&wallet.coin.1, wallet.coin.1.lock)?;
            Some((other, sign(outputs)))
        });
        if let Some((_, rival)) = &rival {
            // Told before a block can hold either.
            self.network.happened(What::PaidTwice { payment: txid, rival: rival.txid() });
        }
        self.hand_in(node, &transaction)?;
        self.network.happened(What::Accepted(txid));
        if let Some((other, rival)) = rival {
            match self.hand_in(other, &rival) {
                Ok(()) => {
                    self.wallets[turn].has_cheated = true;
                    self.network.happened(What::RivalAccepted(rival.txid()));
                }
                // One that is refused takes nothing back.
                Err(error) => {
                    self.network.happened(What::RivalRefused { at: other, why: error.to_string() });
                }
            }
        }
        if let Some(change) = change {
            self.wallets[turn].coin = (OutPoint { txid, index: 1 }, change);
        }
        Ok(true)
    }

    fn hand_in(&self, at: Place, transaction: &Transaction) -> Result<(), DevnetError> {
        let params = json!([hex::encode(encode(transaction))]);
        self.network.call(at.number(), "sendrawtransaction", params).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::amount::Amount;

    use super::*;

    #[test]
    fn a_payment_gives_change_to_its_own_wallet_and_a_coin_too_small_pays_nothing() {
        let (own, other) = (accounts::lock(0), accounts::lock(1));
        let coin = |units| Output { amount: Amount::from_units(units), lock: own };
        let paid = payment_and_change(&coin(3_000_000), other).expect("it suffices");
        assert_eq!((paid[0].lock, paid[1].lock), (other, own));
        assert_eq!(paid[1].amount, Amount::from_units(1_990_000));
        assert_eq!(payment_and_change(&coin(1_009_999), other), None);
    }
}
