//! Signatures: RFC 8032, and ZIP 215 judged alike singly and in every batch.

use ed25519_dalek::{Signer, SigningKey};

use super::*;
use crate::hash::SignatureDigest;
use crate::lock::PublicKey;
use crate::transaction::Signature;

/// RFC 8032, section 7.1: secret key, public key, message, signature.
const RFC_8032: [[&str; 4]; 3] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
];

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).unwrap();
    bytes
}

#[test]
fn keys_and_signatures_are_those_of_rfc_8032() {
    for [secret, public, message, signature] in RFC_8032 {
        let key = SigningKey::from_bytes(&bytes(secret));
        let message = hex::decode(message).unwrap();
        assert_eq!(hex::encode(key.verifying_key().to_bytes()), public);
        assert_eq!(hex::encode(key.sign(&message).to_bytes()), signature);
        let key = VerificationKey::try_from(bytes::<32>(public)).unwrap();
        assert!(key.verify(&ed25519_zebra::Signature::from(bytes::<64>(signature)), &message).is_ok());
    }
}

/// Every encoding of a point of small order: the eight canonical ones, then six that are not (ZIP 215).
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

fn claim(key: [u8; 32], signature: [u8; 64]) -> SignatureClaim {
    SignatureClaim {
        key: PublicKey::from_bytes(key),
        digest: SignatureDigest::from_bytes(
            *b"any 32 bytes that could be signed"[..32].first_chunk().unwrap(),
        ),
        signature: Signature::from_bytes(signature),
    }
}

fn honest(number: u8) -> SignatureClaim {
    let key = crate::testing::key(number);
    let digest = claim([0; 32], [0; 64]).digest;
    claim(key.verifying_key().to_bytes(), key.sign(digest.as_bytes()).to_bytes())
}

/// The cases of ZIP 215 with A and R of small order and s = 0.
fn small_order_cases() -> Vec<SignatureClaim> {
    let pairs = SMALL_ORDER.iter().flat_map(|key| SMALL_ORDER.iter().map(move |point| (key, point)));
    let case = |(key, point): (&&str, &&str)| {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&bytes::<32>(point));
        claim(bytes(key), signature)
    };
    pairs.map(case).collect()
}

#[test]
fn the_196_small_order_cases_are_valid_singly_and_in_every_batch() {
    let cases = small_order_cases();
    assert_eq!(cases.len(), 196);
    for case in &cases {
        assert!(is_valid(case), "singly: {case:?}");
        assert!(batch_is_valid(core::slice::from_ref(case)), "alone in a batch: {case:?}");
        assert!(batch_is_valid(&[honest(1), *case, honest(2)]), "among honest ones: {case:?}");
    }
    assert!(batch_is_valid(&cases));
    assert_eq!(ParallelVerifier.verify(&cases), Ok(()));
}

/// ATTACKS 11: s and s + l would be two signatures of one thing.
#[test]
fn a_scalar_above_the_group_order_is_refused_singly_and_in_batches() {
    let order = bytes::<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut signature = *honest(1).signature.as_bytes();
    let mut carry = 0;
    for (byte, add) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    let malleated = SignatureClaim { signature: Signature::from_bytes(signature), ..honest(1) };
    assert!(is_valid(&honest(1)) && !is_valid(&malleated));
    assert!(!batch_is_valid(&[honest(2), malleated]));
}

#[test]
fn the_first_forged_one_is_named_wherever_it_stands() {
    let honest_ones: Vec<SignatureClaim> = (0..40).map(honest).collect();
    let claims: Vec<SignatureClaim> = honest_ones.iter().cycle().take(600).copied().collect();
    assert_eq!(SerialVerifier.verify(&claims), Ok(()));
    for place in [0, 255, 256, 599] {
        let mut claims = claims.clone();
        claims[place].key = honest(200).key;
        assert_eq!(SerialVerifier.verify(&claims), Err(place));
        assert_eq!(ParallelVerifier.verify(&claims), Err(place));
    }
}

#[test]
fn bytes_that_are_no_point_are_no_key() {
    let no_point = bytes("0200000000000000000000000000000000000000000000000000000000000000");
    let case = claim(no_point, [0; 64]);
    assert_eq!(is_valid(&case), batch_is_valid(&[case]));
    assert!(!is_valid(&case));
}
