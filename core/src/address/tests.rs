//! Addresses: bech32m as BIP 350 has it, and the mistakes that people make.

use bech32::Fe32;
use bech32::primitives::iter::{ByteIterExt, Fe32IterExt};

use super::*;
use crate::testing::lock;

fn prefix(text: &str) -> AddressPrefix {
    AddressPrefix::new(text).unwrap()
}

/// BIP 350, valid and invalid bech32m strings.
#[test]
fn the_checksum_is_that_of_bip_350() {
    let valid = [
        "A1LQFN3A",
        "a1lqfn3a",
        "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
        "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
        "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
        "?1v759aa",
    ];
    let invalid = [
        "1xj0phk",
        "qyrz8wqd2c9m",
        "1qyrz8wqd2c9m",
        "y1b0jsk6g",
        "lt1igcx5c0",
        "in1muywd",
        "mm1crxm3i",
        "au1s5cgom",
        "M1VUXWEZ",
        "16plkw9",
        "1p2gdwpf",
    ];
    for text in valid {
        assert!(CheckedHrpstring::new::<Bech32m>(text).is_ok(), "{text}");
    }
    for text in invalid {
        assert!(CheckedHrpstring::new::<Bech32m>(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_written_is_read_again_in_either_case() {
    let (prefix, lock) = (prefix("tcrn"), lock(1));
    let text = Address::new(&prefix, lock).to_string();
    assert!(text.starts_with("tcrn1q"), "{text}");
    assert_eq!(Address::parse(&text, &prefix).unwrap().lock(), lock);
    assert_eq!(Address::parse(&text.to_uppercase(), &prefix).unwrap().lock(), lock);
}

#[test]
fn an_address_of_another_chain_is_named_as_such() {
    let text = Address::new(&prefix("other"), lock(1)).to_string();
    let error = AddressError::OtherChain { found: "other".into(), expected: "tcrn".into() };
    assert_eq!(Address::parse(&text, &prefix("tcrn")), Err(error));
}

/// ATTACKS 40: a slip of the finger never pays a stranger.
#[test]
fn every_single_wrong_letter_is_noticed() {
    let prefix = prefix("tcrn");
    let text = Address::new(&prefix, lock(1)).to_string();
    for place in 5..text.len() {
        for letter in "qpzry9x8".chars() {
            let mut wrong: Vec<char> = text.chars().collect();
            if wrong[place] == letter {
                continue;
            }
            wrong[place] = letter;
            let wrong: String = wrong.into_iter().collect();
            assert!(matches!(Address::parse(&wrong, &prefix), Err(AddressError::Malformed(_))), "{wrong}");
        }
    }
}

fn written(version: u8, key: &[u8]) -> String {
    let bytes = [&[version], key].concat();
    bech32::encode::<Bech32m>(Hrp::parse("tcrn").unwrap(), &bytes).unwrap()
}

/// Found by the fuzz target `address`.
#[test]
fn a_lock_has_one_address_whatever_fills_the_last_letter() {
    let expected = prefix("tcrn");
    let digits = |fill: &[u8]| {
        let bytes = [&[0][..], &[7; 32]].concat();
        let mut digits: Vec<Fe32> = bytes.into_iter().bytes_to_fes().collect();
        let last = digits.pop().unwrap().to_u8();
        digits.push(Fe32::try_from(last | fill[0]).unwrap());
        digits.extend(fill[1..].iter().map(|digit| Fe32::try_from(*digit).unwrap()));
        digits.into_iter().with_checksum::<Bech32m>(&Hrp::parse("tcrn").unwrap()).chars().collect::<String>()
    };
    let proper = digits(&[0]);
    assert_eq!(Address::parse(&proper, &expected).unwrap().to_string(), proper);
    for fill in [&[1][..], &[0, 0], &[0, 1]] {
        assert!(
            matches!(Address::parse(&digits(fill), &expected), Err(AddressError::Malformed(_))),
            "{fill:?}"
        );
    }
}

#[test]
fn an_unknown_version_and_a_wrong_length_are_named() {
    let prefix = prefix("tcrn");
    assert_eq!(
        Address::parse(&written(1, &[7; 32]), &prefix),
        Err(AddressError::UnknownVersion { found: 1 })
    );
    assert_eq!(Address::parse(&written(0, &[7; 31]), &prefix), Err(AddressError::Length { found: 32 }));
    assert_eq!(Address::parse(&written(0, &[7; 33]), &prefix), Err(AddressError::Length { found: 34 }));
}

#[test]
fn a_prefix_is_short_and_lower_case() {
    for text in ["", "ABC", "käse", "has space", "a-b", "abcdefghijklmnopqrstu"] {
        assert!(AddressPrefix::new(text).is_err(), "{text:?}");
    }
}
