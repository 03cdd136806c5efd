//! What a key signs: one digest for a transaction, bound to the chain and to every amount.

use ed25519_dalek::{Signer, SigningKey};

use crate::encoding::encode;
use crate::hash::{GenesisHash, SignatureDigest, Tag, tagged_hash};
use crate::lock::{Lock, PublicKey};
use crate::transaction::{LockTime, OutPoint, Output, Signature, Transaction, TransactionBody};

/// The digest of a body and of the outputs that its inputs spend, in their order.
///
/// It commits to the genesis hash, so no signature is valid on another chain, and to the spent
/// outputs, so nobody signs amounts blindly (the flaw that BIP 143 mended).
pub fn signature_digest(genesis: &GenesisHash, body: &TransactionBody, spent: &[Output]) -> SignatureDigest {
    let parts: [&[u8]; 3] =
        [genesis.as_bytes(), &encode(body), &spent.iter().flat_map(encode).collect::<Vec<u8>>()];
    SignatureDigest::from_bytes(tagged_hash(Tag::Signature, &parts))
}

/// Signs a digest (RFC 8032).
pub fn sign(key: &SigningKey, digest: &SignatureDigest) -> Signature {
    Signature::from_bytes(key.sign(digest.as_bytes()).to_bytes())
}

/// The transaction that spends outputs of one key into others, as soon as it may; signed.
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
