//! Signatures to be verified, and the interface of a verifier.

use crate::hash::SignatureDigest;
use crate::lock::PublicKey;
use crate::transaction::Signature;

/// One signature to be verified: the key is said to have signed the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureClaim {
    /// Who is said to have signed.
    pub key: PublicKey,
    pub digest: SignatureDigest,
    pub signature: Signature,
}

/// Verifies signatures; all implementations give the same verdict.
pub trait Verifier {
    /// Verifies all signatures together.
    ///
    /// # Errors
    /// The index of the first signature that is not valid.
    fn verify(&self, claims: &[SignatureClaim]) -> Result<(), usize>;
}
