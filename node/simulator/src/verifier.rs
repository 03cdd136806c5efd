//! Signatures, each judged once per world: twenty nodes that check one signature are one fact.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use cairn_core::signature::{SignatureClaim, Verifier, is_valid};

type Verdicts = BTreeMap<([u8; 32], [u8; 32], [u8; 64]), bool>;

/// A verifier that all nodes of a world share. The verdict is kept under everything that it
/// depends on: key, digest and signature.
#[derive(Clone, Debug, Default)]
pub struct OncePerWorld {
    verdicts: Arc<Mutex<Verdicts>>,
}

impl OncePerWorld {
    fn judge(&self, claim: &SignatureClaim) -> bool {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (*claim.key.as_bytes(), *claim.digest.as_bytes(), *claim.signature.as_bytes());
        *verdicts.entry(key).or_insert_with(|| is_valid(claim))
    }
}

impl Verifier for OncePerWorld {
    fn verify(&self, claims: &[SignatureClaim]) -> Result<(), usize> {
        claims.iter().position(|claim| !self.judge(claim)).map_or(Ok(()), Err)
    }
}
