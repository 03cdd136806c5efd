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

/// Signatures that the checks have collected, to be verified together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureBatch(Vec<SignatureClaim>);

impl FromIterator<SignatureClaim> for SignatureBatch {
    fn from_iter<I: IntoIterator<Item = SignatureClaim>>(claims: I) -> Self {
        Self(claims.into_iter().collect())
    }
}

impl SignatureBatch {
    /// Adds a signature at the end.
    pub fn push(&mut self, key: PublicKey, digest: SignatureDigest, signature: Signature) {
        self.0.push(SignatureClaim { key, digest, signature });
    }

    /// Adds all of another batch.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// The number of signatures.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The signatures in the order of their addition.
    pub fn iter(&self) -> impl Iterator<Item = &SignatureClaim> {
        self.0.iter()
    }

    /// The signatures as a slice.
    pub fn as_slice(&self) -> &[SignatureClaim] {
        &self.0
    }
}

/// Verifies signatures; all implementations give the same verdict.
pub trait Verifier {
    /// Verifies every signature of a batch.
    ///
    /// # Errors
    /// The index of the first signature that is not valid.
    fn verify(&self, batch: &SignatureBatch) -> Result<(), usize>;
}
