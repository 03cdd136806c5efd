//! Payments: purses funded in genesis, each spending its own change, so that none is in another's way.

use std::sync::Arc;

use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_core::hash::{GenesisHash, Txid};
use cairn_core::lock::{Lock, PublicKey};
use cairn_core::signing::{sign, signature_digest};
use cairn_core::transaction::{LockTime, OutPoint, Output, Transaction, TransactionBody};
use cairn_genesis::Chain;
use cairn_genesis::definition::{Definition, Payment};
use cairn_protocol::input::RequestId;
use ed25519_dalek::SigningKey;

/// How many purses a world has.
pub const PURSES: u8 = 10;
/// What each payment pays the miner.
pub const FEE: Amount = Amount::from_units(10_000);
/// What each payment pays.
const PAYMENT: Amount = Amount::from_units(1_000_000);
/// What genesis gives each purse.
const PREMINE: Amount = Amount::from_units(1_000_000_000_000);

/// The chain that simulated worlds run, with the purses in its genesis.
///
/// # Panics
/// Never: a test makes it.
pub fn simulated_chain() -> Chain {
    let mut definition = Definition::parse(include_str!("../simulation.toml")).expect("a test parses it");
    let (params, _) = definition.to_params().expect("a test makes its numbers");
    definition.premine = (0..PURSES)
        .map(|number| Payment {
            address: Address::new(&params.address_prefix, lock(number)).to_string(),
            amount: PREMINE,
        })
        .collect();
    Chain::from_definition(definition).expect("a test makes the chain")
}

/// Somebody with coins.
#[derive(Clone, Debug)]
pub struct Purse {
    number: u8,
    key: SigningKey,
    coin: (OutPoint, Output),
    /// A payment that was handed in and not yet answered.
    asked: Option<Arc<Transaction>>,
}

impl Purse {
    /// Every purse of a chain, as genesis filled it.
    pub fn all(chain: &Chain) -> Vec<Self> {
        let txid = chain.genesis.coinbase().txid();
        let coin = |number: u8| {
            let outpoint = OutPoint { txid, index: u32::from(number) };
            (outpoint, Output { amount: PREMINE, lock: lock(number) })
        };
        (0..PURSES).map(|number| Self { number, key: key(number), coin: coin(number), asked: None }).collect()
    }

    /// The mark of this purse's submissions.
    pub fn request(&self) -> RequestId {
        RequestId(u64::from(self.number))
    }

    /// Pays the next purse; none while the last payment is not answered.
    pub fn pay(&mut self, genesis: &GenesisHash) -> Option<Arc<Transaction>> {
        if self.asked.is_some() {
            return None;
        }
        let (outpoint, spent) = &self.coin;
        let change = spent.amount.checked_sub(PAYMENT)?.checked_sub(FEE)?;
        let payee = lock((self.number + 1) % PURSES);
        let outputs =
            vec![Output { amount: PAYMENT, lock: payee }, Output { amount: change, lock: lock(self.number) }];
        let body = TransactionBody { inputs: vec![*outpoint], outputs, lock_time: LockTime::Immediate };
        let digest = signature_digest(genesis, &body, core::slice::from_ref(spent));
        let transaction = Arc::new(Transaction::new(body, vec![sign(&self.key, &digest)]));
        self.asked = Some(transaction.clone());
        Some(transaction)
    }

    /// Hears how the payment ended: once it is accepted, the change is what is spent next.
    pub fn answered(&mut self, accepted: bool) -> Option<Txid> {
        let transaction = self.asked.take().filter(|_| accepted)?;
        let txid = transaction.txid();
        let change = transaction.outputs().last()?.clone();
        self.coin = (OutPoint { txid, index: 1 }, change);
        Some(txid)
    }

    /// The node that was asked is gone, and the answer with it.
    pub fn gave_up(&mut self) {
        self.asked = None;
    }
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number + 1; 32])
}

/// The lock of a purse, or of a miner: whoever holds this number's key.
pub fn lock(number: u8) -> Lock {
    Lock::PublicKey(PublicKey::from_bytes(key(number).verifying_key().to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulated_chain_is_a_valid_definition_that_fills_every_purse() {
        let chain = simulated_chain();
        assert_eq!(chain.genesis.coinbase().outputs.len(), usize::from(PURSES));
    }

    #[test]
    fn a_purse_waits_for_its_answer() {
        let chain = simulated_chain();
        let mut purse = Purse::all(&chain).remove(0);
        let first = purse.pay(&chain.params.genesis_hash).expect("it is full");
        assert!(purse.pay(&chain.params.genesis_hash).is_none());
        assert_eq!(purse.answered(true), Some(first.txid()));
        let second = purse.pay(&chain.params.genesis_hash).expect("change is left");
        assert_eq!(second.inputs(), [OutPoint { txid: first.txid(), index: 1 }]);
    }
}
