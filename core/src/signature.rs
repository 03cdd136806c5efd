//! Signatures, verified in batches. ZIP 215 says which are valid, so that one and many get the same verdict.

pub mod cache;
pub mod claim;

use ed25519_zebra::{VerificationKey, batch};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

pub use self::claim::{SignatureClaim, Verifier};

/// Signatures per thread below which sharing the work costs more than it saves.
#[cfg(any(test, feature = "rayon"))]
const BATCH_PER_THREAD: usize = 256;

/// Verifies on the calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct SerialVerifier;

/// Shares large batches among all processors. The calling thread verifies one of the equal parts, so that its own CPU
/// time says what a batch costs.
#[cfg(any(test, feature = "rayon"))]
#[derive(Clone, Copy, Debug, Default)]
pub struct ParallelVerifier;

impl Verifier for SerialVerifier {
    fn verify(&self, claims: &[SignatureClaim]) -> Result<(), usize> {
        verify_part(claims)
    }
}

#[cfg(any(test, feature = "rayon"))]
impl Verifier for ParallelVerifier {
    fn verify(&self, claims: &[SignatureClaim]) -> Result<(), usize> {
        let threads = rayon::current_num_threads().max(1);
        let part = claims.len().div_ceil(threads).max(BATCH_PER_THREAD);
        let mut parts = vec![Ok(()); claims.len().div_ceil(part)];
        rayon::in_place_scope(|scope| {
            let mut work = claims.chunks(part).zip(&mut parts);
            let own = work.next();
            work.for_each(|(claims, verdict)| scope.spawn(move |_| *verdict = verify_part(claims)));
            own.into_iter().for_each(|(claims, verdict)| *verdict = verify_part(claims));
        });
        for (number, verdict) in parts.into_iter().enumerate() {
            verdict.map_err(|place| number.saturating_mul(part).saturating_add(place))?;
        }
        Ok(())
    }
}

/// Whether one signature is valid by ZIP 215.
pub fn is_valid(claim: &SignatureClaim) -> bool {
    let signature = ed25519_zebra::Signature::from(*claim.signature.as_bytes());
    let key = VerificationKey::try_from(*claim.key.as_bytes());
    key.is_ok_and(|key| key.verify(&signature, claim.digest.as_bytes()).is_ok())
}

fn verify_part(claims: &[SignatureClaim]) -> Result<(), usize> {
    if claims.len() > 1 && batch_is_valid(claims) {
        return Ok(());
    }
    claims.iter().position(|claim| !is_valid(claim)).map_or(Ok(()), Err)
}

fn batch_is_valid(claims: &[SignatureClaim]) -> bool {
    let mut verifier = batch::Verifier::new();
    let mut seed = Sha256::new_with_prefix(b"cairn/batch");
    for SignatureClaim { key, digest, signature } in claims {
        let (key, digest) = (*key.as_bytes(), digest.as_bytes());
        let signature = *signature.as_bytes();
        seed.update(key);
        seed.update(digest);
        seed.update(signature);
        verifier.queue((key.into(), signature.into(), digest));
    }
    // The factors depend on the whole batch: no signer can choose signatures that fit them.
    verifier.verify(ChaCha20Rng::from_seed(seed.finalize().into())).is_ok()
}

#[cfg(test)]
mod tests;
