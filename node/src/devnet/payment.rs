//! Payments out of published accounts: one coin spent, signed with its account's key.

use cairn_core::amount::Amount;
use cairn_core::hash::GenesisHash;
use cairn_core::signing::{sign, signature_digest};
use cairn_core::transaction::{LockTime, OutPoint, Output, Transaction, TransactionBody};
use ed25519_dalek::SigningKey;

/// What a payment costs; its largest form has some 700 bytes, so this is above any usual fee rate.
pub const FEE: Amount = Amount::from_units(10_000);

/// The transaction that spends this coin, which the key's owner holds, into these outputs.
pub fn sign_spend(
    genesis: &GenesisHash,
    key: &SigningKey,
    (outpoint, coin): (OutPoint, &Output),
    outputs: Vec<Output>,
) -> Transaction {
    let body = TransactionBody { inputs: vec![outpoint], outputs, lock_time: LockTime::Immediate };
    let digest = signature_digest(genesis, &body, std::slice::from_ref(coin));
    Transaction::new(body, vec![sign(key, &digest)])
}
