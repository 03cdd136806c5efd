//! Signatures that were found valid before. Those of a block's transactions were mostly judged when
//! the transactions entered the mempool; nothing about them has changed since.
//!
//! Only the equation of one signature is remembered, under everything that it depends on, and only
//! that it holds: every rule about coins, heights and amounts is checked again each time (ATTACKS 11).

use std::cell::RefCell;
use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::signature::claim::{SignatureBatch, SignatureClaim, Verifier};

/// Signatures remembered at most: about 4 MB.
pub const MAX_REMEMBERED: usize = 65_536;

/// What is remembered of a signature. The salt is secret, so nobody can look for two that share one.
type Mark = [u8; 32];

/// A judge that asks another only about signatures that it has not seen to be valid.
pub struct CachingVerifier<V> {
    inner: V,
    salt: [u8; 32],
    valid: RefCell<Generations>,
}

/// Two generations: when the younger is full it replaces the older, which is forgotten.
#[derive(Debug, Default)]
struct Generations {
    young: BTreeSet<Mark>,
    old: BTreeSet<Mark>,
}

impl<V: Verifier> CachingVerifier<V> {
    /// A judge in front of another. The salt is to be random and nobody else's.
    pub fn new(inner: V, salt: [u8; 32]) -> Self {
        Self { inner, salt, valid: RefCell::default() }
    }

    fn mark(&self, claim: &SignatureClaim) -> Mark {
        let SignatureClaim { key, digest, signature } = claim;
        let hash = Sha256::new_with_prefix(self.salt);
        let hash = hash.chain_update(key.as_bytes()).chain_update(digest.as_bytes());
        hash.chain_update(signature.as_bytes()).finalize().into()
    }
}

impl<V: Verifier> Verifier for CachingVerifier<V> {
    fn verify(&self, batch: &SignatureBatch) -> Result<(), usize> {
        let (mut places, mut marks, mut unknown) = (Vec::new(), Vec::new(), SignatureBatch::default());
        for (place, claim) in batch.iter().enumerate() {
            let mark = self.mark(claim);
            if !self.valid.borrow().contains(&mark) {
                unknown.push(claim.key, claim.digest, claim.signature);
                places.push(place);
                marks.push(mark);
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        // An inner judge that names a place which was not in its batch is taken to mean the first.
        self.inner.verify(&unknown).map_err(|place| places.get(place).copied().unwrap_or_default())?;
        let mut valid = self.valid.borrow_mut();
        marks.into_iter().for_each(|mark| valid.remember(mark));
        Ok(())
    }
}

impl Generations {
    fn contains(&self, mark: &Mark) -> bool {
        self.young.contains(mark) || self.old.contains(mark)
    }

    fn remember(&mut self, mark: Mark) {
        if self.young.len() >= MAX_REMEMBERED / 2 {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(mark);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::hash::SignatureDigest;
    use crate::lock::PublicKey;
    use crate::signature::SerialVerifier;
    use crate::testing::key;
    use crate::transaction::Signature;

    /// Counts what it is asked about.
    #[derive(Default)]
    struct Asked(Cell<usize>);

    impl Verifier for &Asked {
        fn verify(&self, batch: &SignatureBatch) -> Result<(), usize> {
            self.0.set(self.0.get() + batch.len());
            SerialVerifier.verify(batch)
        }
    }

    /// Says yes to everything: for bounds, not for verdicts.
    struct Yes;

    impl Verifier for Yes {
        fn verify(&self, _: &SignatureBatch) -> Result<(), usize> {
            Ok(())
        }
    }

    fn claim(owner: u8, text: u8) -> SignatureClaim {
        let digest = SignatureDigest::from_bytes([text; 32]);
        let key = key(owner);
        let signature = crate::signing::sign(&key, &digest);
        SignatureClaim { key: PublicKey::from_bytes(key.verifying_key().to_bytes()), digest, signature }
    }

    fn batch(claims: &[SignatureClaim]) -> SignatureBatch {
        let mut batch = SignatureBatch::default();
        claims.iter().for_each(|claim| batch.push(claim.key, claim.digest, claim.signature));
        batch
    }

    #[test]
    fn what_was_found_valid_is_not_asked_about_again() {
        let asked = Asked::default();
        let verifier = CachingVerifier::new(&asked, [7; 32]);
        let claims = [claim(1, 1), claim(2, 2)];
        assert_eq!(verifier.verify(&batch(&claims[..1])), Ok(()));
        assert_eq!(verifier.verify(&batch(&claims)), Ok(()));
        assert_eq!(verifier.verify(&batch(&claims)), Ok(()));
        assert_eq!(asked.0.get(), 2);
    }

    #[test]
    fn a_verdict_serves_its_own_key_digest_and_signature_alone() {
        let asked = Asked::default();
        let verifier = CachingVerifier::new(&asked, [7; 32]);
        let known = claim(1, 1);
        assert_eq!(verifier.verify(&batch(&[known])), Ok(()));
        let mut other_signature = *known.signature.as_bytes();
        other_signature[40] ^= 1;
        for forged in [
            SignatureClaim { key: claim(2, 1).key, ..known },
            SignatureClaim { digest: claim(1, 2).digest, ..known },
            SignatureClaim { signature: Signature::from_bytes(other_signature), ..known },
            SignatureClaim { signature: claim(1, 2).signature, ..known },
        ] {
            assert_eq!(verifier.verify(&batch(&[known, forged])), Err(1));
        }
        assert_eq!(asked.0.get(), 5);
    }

    #[test]
    fn the_first_forged_one_is_named_wherever_the_known_ones_stand() {
        let verifier = CachingVerifier::new(SerialVerifier, [7; 32]);
        let (known, fresh) = ([claim(1, 1), claim(2, 2)], claim(3, 3));
        let forged = SignatureClaim { digest: claim(1, 9).digest, ..claim(4, 4) };
        verifier.verify(&batch(&known)).expect("valid");
        assert_eq!(verifier.verify(&batch(&[known[0], fresh, known[1], forged, forged])), Err(3));
        assert_eq!(verifier.verify(&batch(&[forged, known[0]])), Err(0));
    }

    #[test]
    fn a_forged_one_is_judged_every_time_and_makes_nothing_valid_that_came_with_it() {
        let asked = Asked::default();
        let verifier = CachingVerifier::new(&asked, [7; 32]);
        let forged = SignatureClaim { digest: claim(1, 9).digest, ..claim(4, 4) };
        for times in 1..4 {
            assert_eq!(verifier.verify(&batch(&[claim(1, 1), forged])), Err(1));
            assert_eq!(asked.0.get(), 2 * times);
        }
    }

    #[test]
    fn memory_is_bounded_and_the_latest_are_remembered() {
        let verifier = CachingVerifier::new(Yes, [7; 32]);
        let some = claim(1, 1);
        let numbered = |number: u32| {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&number.to_le_bytes());
            SignatureClaim { digest: SignatureDigest::from_bytes(digest), ..some }
        };
        let count = 2 * MAX_REMEMBERED as u32;
        let all: Vec<_> = (0..count).map(numbered).collect();
        verifier.verify(&batch(&all)).expect("it says yes");
        let valid = verifier.valid.borrow();
        assert!(valid.young.len() + valid.old.len() <= MAX_REMEMBERED);
        assert!(all[all.len() - MAX_REMEMBERED / 2..].iter().all(|one| valid.contains(&verifier.mark(one))));
        assert!(!valid.contains(&verifier.mark(&all[0])));
    }

    #[test]
    fn another_salt_makes_other_marks() {
        let one = CachingVerifier::new(SerialVerifier, [1; 32]).mark(&claim(1, 1));
        assert_ne!(one, CachingVerifier::new(SerialVerifier, [2; 32]).mark(&claim(1, 1)));
    }
}
