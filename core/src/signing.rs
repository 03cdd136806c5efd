//! Signing: the digest that the keys of a transaction sign, bound to the chain and to every amount.
//!
//! ```
//! use cairn_core::{amount::Amount, hash::{GenesisHash, Txid}, lock::{Lock, PublicKey}};
//! use cairn_core::{signing::signature_digest, transaction::*};
//!
//! let inputs = vec![OutPoint { txid: Txid::ZERO, index: 0 }];
//! let output = Output { amount: Amount::COIN, lock: Lock::PublicKey(PublicKey::from_bytes([2; 32])) };
//! let body = TransactionBody { inputs, outputs: vec![output.clone()], lock_time: LockTime::Immediate };
//! let richer = Output { amount: Amount::from_units(100_000_001), ..output.clone() };
//! let digest = signature_digest(&GenesisHash::ZERO, &body, &[output.clone()]);
//! let other_chain = signature_digest(&GenesisHash::from_bytes([1; 32]), &body, &[output]);
//! let other_amount = signature_digest(&GenesisHash::ZERO, &body, &[richer]);
//! assert_eq!(digest.to_string(), "81b7ebadccd35838b4bccc5e504de575bab018669949bf14d4581870f4441161");
//! assert!(digest != other_chain && digest != other_amount);
//! ```

use ed25519_dalek::{Signer, SigningKey};

use crate::encoding::encode;
use crate::hash::{GenesisHash, SignatureDigest, Tag, tagged_hash};
use crate::lock::{Lock, PublicKey};
use crate::transaction::{LockTime, OutPoint, Output, Signature, Transaction, TransactionBody};

/// The digest of a body and of the outputs that its inputs spend, in their order.
///
/// It commits to the genesis hash, so no signature is valid on another chain, and to the spent outputs, so
/// that a signer knows every amount (as BIP 143 introduced for Bitcoin).
pub fn signature_digest(genesis: &GenesisHash, body: &TransactionBody, spent: &[Output]) -> SignatureDigest {
    let parts: [&[u8]; 3] =
        [genesis.as_bytes(), &encode(body), &spent.iter().flat_map(encode).collect::<Vec<u8>>()];
    SignatureDigest::from_bytes(tagged_hash(Tag::Signature, &parts))
}

/// Signs a digest (RFC 8032).
pub fn sign(key: &SigningKey, digest: &SignatureDigest) -> Signature {
    Signature::from_bytes(key.sign(digest.as_bytes()).to_bytes())
}

/// A signed transaction that spends outputs of one key and is locked at no time.
pub fn sign_spend(
    genesis: &GenesisHash,
    key: &SigningKey,
    spent: &[(OutPoint, Output)],
    outputs: Vec<Output>,
) -> Transaction {
    let inputs = spent.iter().map(|(outpoint, _)| *outpoint).collect();
    let body = TransactionBody { inputs, outputs, lock_time: LockTime::Immediate };
    let spent: Vec<Output> = spent.iter().map(|(_, output)| output.clone()).collect();
    let digest = signature_digest(genesis, &body, &spent);
    Transaction::new(body, vec![sign(key, &digest)])
}

/// The keys that must sign to spend these outputs: each once, in order of first appearance.
pub fn signers(spent: &[Output]) -> Vec<PublicKey> {
    let mut seen = std::collections::BTreeSet::new();
    let keys = spent.iter().map(|Output { lock: Lock::PublicKey(key), .. }| *key);
    keys.filter(|key| seen.insert(*key)).collect()
}
