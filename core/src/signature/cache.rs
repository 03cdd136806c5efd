//! Cache of valid signatures: most transactions of a block were verified when they entered the mempool.
//!
//! Only the equation of one signature is remembered, under everything that it depends on, and only
//! that it holds: every rule about coins, heights and amounts is checked again each time (ATTACKS 11,
//! CVE-2018-17144).

use std::cell::RefCell;

use sha2::{Digest, Sha256};

use crate::generations::Generations;
use crate::signature::claim::{SignatureClaim, Verifier};

/// Signatures remembered at most: about 4 MB.
pub const MAX_REMEMBERED: usize = 65_536;

/// A salted hash of a claim. The salt is secret, so no attacker can look for two claims that share one.
type ClaimHash = [u8; 32];

/// A verifier that asks another only about signatures that it has not seen to be valid.
pub struct CachingVerifier<V> {
    inner: V,
    salt: [u8; 32],
    valid: RefCell<Generations<ClaimHash, ()>>,
}

impl<V: Verifier> CachingVerifier<V> {
    /// A cache in front of another verifier. The salt must be random and known to this node alone.
    pub fn new(inner: V, salt: [u8; 32]) -> Self {
        Self { inner, salt, valid: RefCell::new(Generations::new(MAX_REMEMBERED / 2)) }
    }

    fn hash(&self, claim: &SignatureClaim) -> ClaimHash {
        let SignatureClaim { key, digest, signature } = claim;
        let hash = Sha256::new_with_prefix(self.salt);
        let hash = hash.chain_update(key.as_bytes()).chain_update(digest.as_bytes());
        hash.chain_update(signature.as_bytes()).finalize().into()
    }
}

impl<V: Verifier> Verifier for CachingVerifier<V> {
    fn verify(&self, claims: &[SignatureClaim]) -> Result<(), usize> {
        let (mut indexes, mut hashes, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        for (index, claim) in claims.iter().enumerate() {
            let hash = self.hash(claim);
            if self.valid.borrow().get(&hash).is_none() {
                unknown.push(*claim);
                indexes.push(index);
                hashes.push(hash);
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        // An inner verifier that names an index outside of its batch is taken to mean the first.
        self.inner.verify(&unknown).map_err(|index| indexes.get(index).copied().unwrap_or_default())?;
        let mut valid = self.valid.borrow_mut();
        hashes.into_iter().for_each(|hash| valid.insert(hash, (), 1));
        Ok(())
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
        fn verify(&self, batch: &[SignatureClaim]) -> Result<(), usize> {
            self.0.set(self.0.get() + batch.len());
            SerialVerifier.verify(batch)
        }
    }

    /// Says yes to everything: for bounds, not for verdicts.
    struct Yes;

    impl Verifier for Yes {
        fn verify(&self, _: &[SignatureClaim]) -> Result<(), usize> {
            Ok(())
        }
    }

    fn claim(owner: u8, text: u8) -> SignatureClaim {
        let digest = SignatureDigest::from_bytes([text; 32]);
        let key = key(owner);
        let signature = crate::signing::sign(&key, &digest);
        SignatureClaim { key: PublicKey::from_bytes(key.verifying_key().to_bytes()), digest, signature }
    }

    #[test]
    fn what_was_found_valid_is_not_asked_about_again() {
        let asked = Asked::default();
        let verifier = CachingVerifier::new(&asked, [7; 32]);
        let claims = [claim(1, 1), claim(2, 2)];
        assert_eq!(verifier.verify(&claims[..1]), Ok(()));
        assert_eq!(verifier.verify(&claims), Ok(()));
        assert_eq!(verifier.verify(&claims), Ok(()));
        assert_eq!(asked.0.get(), 2);
    }

    #[test]
    fn a_verdict_serves_its_own_key_digest_and_signature_alone() {
        let asked = Asked::default();
        let verifier = CachingVerifier::new(&asked, [7; 32]);
        let known = claim(1, 1);
        assert_eq!(verifier.verify(&[known]), Ok(()));
        let mut other_signature = *known.signature.as_bytes();
        other_signature[40] ^= 1;
        for forged in [
            SignatureClaim { key: claim(2, 1).key, ..known },
            SignatureClaim { digest: claim(1, 2).digest, ..known },
            SignatureClaim { signature: Signature::from_bytes(other_signature), ..known },
            SignatureClaim { signature: claim(1, 2).signature, ..known },
        ] {
            assert_eq!(verifier.verify(&[known, forged]), Err(1));
        }
        assert_eq!(asked.0.get(), 5);
    }

    #[test]
    fn the_first_forged_one_is_named_wherever_the_known_ones_stand() {
        let verifier = CachingVerifier::new(SerialVerifier, [7; 32]);
        let (known, fresh) = ([claim(1, 1), claim(2, 2)], claim(3, 3));
        let forged = SignatureClaim { digest: claim(1, 9).digest, ..claim(4, 4) };
        verifier.verify(&known).expect("valid");
        assert_eq!(verifier.verify(&[known[0], fresh, known[1], forged, forged]), Err(3));
        assert_eq!(verifier.verify(&[forged, known[0]]), Err(0));
    }

    #[test]
    fn a_forged_one_is_judged_every_time_and_makes_nothing_valid_that_came_with_it() {
        let asked = Asked::default();
        let verifier = CachingVerifier::new(&asked, [7; 32]);
        let forged = SignatureClaim { digest: claim(1, 9).digest, ..claim(4, 4) };
        for times in 1..4 {
            assert_eq!(verifier.verify(&[claim(1, 1), forged]), Err(1));
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
        verifier.verify(&all).expect("it says yes");
        let valid = verifier.valid.borrow();
        let is_remembered = |one: &&SignatureClaim| valid.get(&verifier.hash(one)).is_some();
        assert!(all.iter().filter(is_remembered).count() <= MAX_REMEMBERED);
        assert!(all[all.len() - MAX_REMEMBERED / 2..].iter().all(|one| is_remembered(&one)));
        assert!(!is_remembered(&&all[0]));
    }

    #[test]
    fn another_salt_makes_other_hashes() {
        let one = CachingVerifier::new(SerialVerifier, [1; 32]).hash(&claim(1, 1));
        assert_ne!(one, CachingVerifier::new(SerialVerifier, [2; 32]).hash(&claim(1, 1)));
    }
}
