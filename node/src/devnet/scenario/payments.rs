//! The payer: hands in payments; each wallet spends its own change, so that none is in another's way.

use std::sync::Arc;

use cairn_core::encoding::encode;
use cairn_core::hash::Txid;
use cairn_core::signing::sign_spend;
use cairn_core::transaction::{OutPoint, Output, Transaction};
use cairn_genesis::accounts;
use cairn_simulator::node_index::NodeIndex;
use cairn_simulator::wallets::{home, payment_and_change};
use ed25519_dalek::SigningKey;

use crate::devnet::error::DevnetError;
use crate::devnet::event::DevnetEvent;
use crate::devnet::network::Network;
use crate::devnet::scenario::chain_setup::account_of;

/// One of the wallets.
#[derive(Debug)]
struct Wallet {
    key: SigningKey,
    coin: (OutPoint, Output),
    /// Whether it paid a coin twice: which change is its own, only the end will tell.
    has_cheated: bool,
}

/// The wallets, and whose turn it is.
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

    /// Whoever's turn it is pays, at a node of its own; whose node is down or refuses does not pay this time.
    pub fn pay(&mut self) {
        if self.wallets.is_empty() {
            return;
        }
        let turn = self.turn;
        self.turn = (turn + 1) % self.wallets.len();
        let home = home(turn, usize::from(self.network.ids().end));
        if !self.wallets[turn].has_cheated {
            let _ = self.pay_from(turn, home, None);
        }
    }

    /// So many wallets pay at a node, each once; with `twice_at`, each pays itself with the same coin there.
    /// Says how many did, and why not all.
    pub fn pay_many(&mut self, at: NodeIndex, payments: u32, twice_at: Option<NodeIndex>) -> (u32, String) {
        let wallets = self.wallets.len();
        let turns: Vec<usize> = (0..wallets).map(|turn| (self.turn + turn) % wallets).collect();
        let ready = turns.into_iter().filter(|turn| !self.wallets[*turn].has_cheated);
        let ready: Vec<usize> = ready.take(payments as usize).collect();
        let (mut paid, mut why) = (0, "every wallet has paid already, or has paid a coin twice".to_owned());
        for turn in ready {
            self.turn = (turn + 1) % wallets;
            match self.pay_from(turn, at, twice_at) {
                Ok(true) => paid += 1,
                Ok(false) => {}
                Err(error) => why = reason(at, &error),
            }
        }
        (paid, why)
    }

    fn runs(&self, node: NodeIndex) -> bool {
        self.network.client(node.number()).is_ok()
    }

    /// Says whether the wallet had enough.
    fn pay_from(
        &mut self,
        turn: usize,
        at: NodeIndex,
        twice_at: Option<NodeIndex>,
    ) -> Result<bool, DevnetError> {
        let payee = self.wallets[(turn + 1) % self.wallets.len()].coin.1.lock;
        let genesis = self.network.chain.params.genesis_hash;
        let wallet = &self.wallets[turn];
        let Some(outputs) = payment_and_change(&wallet.coin.1, payee) else { return Ok(false) };
        let change = outputs.last().cloned();
        let sign = |outputs| sign_spend(&genesis, &wallet.key, std::slice::from_ref(&wallet.coin), outputs);
        let transaction = sign(outputs);
        let txid = transaction.txid();
        // Where one of the two is down, no coin is paid twice.
        let rival = twice_at.filter(|other| self.runs(*other)).and_then(|other| {
            let outputs = payment_and_change(&wallet.coin.1, wallet.coin.1.lock)?;
            Some((other, sign(outputs)))
        });
        if let Some((_, rival)) = &rival {
            // Told before a block can hold either.
            self.network.happened(DevnetEvent::PaidTwice { payment: txid, rival: rival.txid() });
        }
        self.hand_in(at, &transaction)?;
        self.network.happened(DevnetEvent::Accepted(txid));
        if let Some((other, rival)) = rival {
            match self.hand_in(other, &rival) {
                Ok(()) => {
                    self.wallets[turn].has_cheated = true;
                    self.network.happened(DevnetEvent::RivalAccepted(rival.txid()));
                }
                // One that is refused takes nothing back.
                Err(error) => {
                    let why = reason(other, &error);
                    self.network.happened(DevnetEvent::RivalRefused { at: other, why });
                }
            }
        }
        if let Some(change) = change {
            self.wallets[turn].coin = (OutPoint { txid, index: 1 }, change);
        }
        Ok(true)
    }

    fn hand_in(&self, at: NodeIndex, transaction: &Transaction) -> Result<(), DevnetError> {
        let params = [hex::encode(encode(transaction))];
        self.network.call::<Txid>(at.number(), "sendrawtransaction", params).map(drop)
    }
}

/// Why a node did not take a payment, without its name, which the sentence around it has.
fn reason(at: NodeIndex, error: &DevnetError) -> String {
    let (name, text) = (format!("{at}: "), error.to_string());
    text.strip_prefix(&name).unwrap_or(&text).to_owned()
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
