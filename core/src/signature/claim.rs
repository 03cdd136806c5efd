//! What a judge of signatures is asked, and what a judge is.

use crate::hash::SignatureDigest;
use crate::lock::PublicKey;
use crate::transaction::Signature;

/// One signature to be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureClaim {
    /// Who is said to have signed.
    pub key: PublicKey,
    pub digest: SignatureDigest,
    pub signature: Signature,
}

/// Signatures that checks have collected, to be judged together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureBatch(Vec<SignatureClaim>);

impl FromIterator<SignatureClaim> for SignatureBatch {
    fn from_iter<I: IntoIterator<Item = SignatureClaim>>(claims: I) -> Self {
        Self(claims.into_iter().collect())
    }
}

impl SignatureBatch {
    /// Adds one.
    pub fn push(&mut self, key: PublicKey, digest: SignatureDigest, signature: Signature) {
        self.0.push(SignatureClaim { key, digest, signature });
    }

    /// Adds all of another batch.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each in turn.
    pub fn iter(&self) -> impl Iterator<Item = &SignatureClaim> {
        self.0.iter()
    }

    /// All as a slice.
    pub fn as_slice(&self) -> &[SignatureClaim] {
        &self.0
    }
}

/// The judge of signatures.
pub trait Verifier {
    /// Judges all of a batch.
    ///
    /// # Errors
    /// The place of the first that is not valid.
    fn verify(&self, batch: &SignatureBatch) -> Result<(), usize>;
}
