//! Bytes: one value has one byte string, and a lying length costs nothing.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::amount::Amount;
use crate::block::Block;
use crate::hash::{BlockHash, Txid};
use crate::height::Height;
use crate::lock::{Lock, PublicKey};
use crate::target::CompactTarget;
use crate::testing::{TestChain, pay, seal};
use crate::time::Timestamp;
use crate::transaction::{Coinbase, LockTime, OutPoint, Output, Signature, Transaction, TransactionBody};

const MAX: usize = 1 << 20;

fn transaction() -> impl Strategy<Value = Transaction> {
    let input = any::<([u8; 32], u32)>();
    let output = any::<(u64, [u8; 32])>();
    let lock_time = prop_oneof![
        Just(LockTime::Immediate),
        any::<u32>().prop_map(|height| LockTime::Height(Height::from_u32(height))),
        any::<u64>().prop_map(|millis| LockTime::Time(Timestamp::from_millis(millis))),
    ];
    let lists = (proptest::collection::vec(input, 0..5), proptest::collection::vec(output, 0..5), 0usize..4);
    (lists, lock_time).prop_map(|((inputs, outputs, signatures), lock_time)| {
        let input = |(txid, index)| OutPoint { txid: Txid::from_bytes(txid), index };
        let lock = |key| Lock::PublicKey(PublicKey::from_bytes(key));
        let output = |(units, key)| Output { amount: Amount::from_units(units), lock: lock(key) };
        let inputs = inputs.into_iter().map(input).collect();
        let outputs = outputs.into_iter().map(output).collect();
        let signatures = vec![Signature::from_bytes([9; 64]); signatures];
        Transaction::new(TransactionBody { inputs, outputs, lock_time }, signatures)
    })
}

fn block() -> impl Strategy<Value = Block> {
    let tag = proptest::collection::vec(any::<u8>(), 0..64);
    (proptest::collection::vec(transaction(), 0..4), any::<u32>(), tag).prop_map(
        |(transactions, height, tag)| {
            let coinbase = Coinbase { height: Height::from_u32(height), outputs: vec![pay(1, 1)], tag };
            let bits = CompactTarget::from_bits(0x207f_ffff);
            let transactions = transactions.into_iter().map(Arc::new).collect();
            seal(BlockHash::ZERO, Timestamp::from_millis(1), bits, coinbase, transactions)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn transactions_and_blocks_are_read_as_they_were_written(transaction in transaction(), block in block()) {
        prop_assert_eq!(decode(&encode(&transaction), MAX), Ok(transaction.clone()));
        prop_assert_eq!(encode(&transaction).len(), transaction.size());
        prop_assert_eq!(decode(&encode(&block), MAX), Ok(block.clone()));
        prop_assert_eq!(encode(&block).len(), block.size());
        prop_assert_eq!(encoded_size(&block), block.size());
    }

    /// ATTACKS 12: whatever decodes is written the same.
    #[test]
    fn a_changed_byte_either_fails_or_means_something_else(
        block in block(), place in any::<proptest::sample::Index>(), flip in 1u8..,
    ) {
        let mut bytes = encode(&block);
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        if let Ok(other) = decode::<Block>(&bytes, MAX) {
            prop_assert_eq!(encode(&other), bytes);
            prop_assert_ne!(other, block);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode::<Block>(&bytes, MAX);
        let _ = decode::<Transaction>(&bytes, MAX);
        let _ = decode::<Coinbase>(&bytes, MAX);
    }
}

/// ATTACKS 12.
#[test]
fn bytes_left_over_are_refused() {
    let bytes = [encode(&TestChain::new().genesis.as_ref().clone()), vec![0, 0]].concat();
    assert_eq!(decode::<Block>(&bytes, MAX), Err(DecodeError::TrailingBytes { left: 2 }));
}

#[test]
fn more_bytes_than_allowed_are_refused_unread() {
    assert_eq!(decode::<Txid>(&[0; 32], 31), Err(DecodeError::TooLong { found: 32, allowed: 31 }));
}

/// ATTACKS 24: each list of each type may lie about its length.
#[test]
fn a_length_far_beyond_the_bytes_is_refused() {
    for lie in [1u64 << 20, 1 << 32, 1 << 61, u64::MAX] {
        let bytes = lie.to_le_bytes();
        // Refused by the bound, before anything of that length is allocated.
        assert_eq!(decode::<Vec<u8>>(&bytes, MAX), Err(DecodeError::CountTooLarge));
        assert_eq!(decode::<Vec<[u8; 32]>>(&bytes, MAX), Err(DecodeError::CountTooLarge));
        assert_eq!(decode::<TransactionBody>(&bytes, MAX), Err(DecodeError::CountTooLarge));
        assert_eq!(decode::<String>(&bytes, MAX), Err(DecodeError::CountTooLarge));
    }
}

/// ATTACKS 24: padding buys a lie at most 64 times its own length.
#[test]
fn a_lie_claims_no_more_than_64_times_the_bytes_that_come_with_it() {
    for size in [0x401_usize, 0x4001, 0x4_0001, 0x40_0001] {
        let mut bytes = vec![0; size];
        bytes[..8].copy_from_slice(&(size as u64 * 64 + 1).to_le_bytes());
        assert_eq!(decode::<Vec<u8>>(&bytes, usize::MAX), Err(DecodeError::CountTooLarge), "{size} bytes");
    }
}

#[test]
fn numbers_have_fixed_width_and_the_least_significant_byte_first() {
    assert_eq!(encode(&0x0102_0304_u32), [4, 3, 2, 1]);
    assert_eq!(encode(&vec![7u8]), [1, 0, 0, 0, 0, 0, 0, 0, 7]);
    assert_eq!(encode(&LockTime::Height(Height::from_u32(5))), [1, 0, 0, 0, 5, 0, 0, 0]);
    assert_eq!(encode(&pay(0, 1))[..12], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_variant_that_does_not_exist_is_refused() {
    assert_eq!(decode::<LockTime>(&[3, 0, 0, 0], MAX), Err(DecodeError::UnknownChoice { found: 3 }));
    let lock = [[1, 0, 0, 0].as_slice(), &[0; 32]].concat();
    assert_eq!(decode::<Lock>(&lock, MAX), Err(DecodeError::UnknownChoice { found: 1 }));
}

#[test]
fn bytes_that_are_no_value_are_told_in_words_and_not_as_the_decoder_prints_its_faults() {
    let text = [1, 0, 0, 0, 0, 0, 0, 0, 0xff];
    assert_eq!(decode::<String>(&text, MAX), Err(DecodeError::NotUtf8));
    assert_eq!(decode::<Option<u8>>(&[2, 0], MAX), Err(DecodeError::UnknownChoice { found: 2 }));
    let short = decode::<u32>(&[0; 3], MAX).expect_err("three bytes of four").to_string();
    assert_eq!(short, "the bytes end before the value does");
}
