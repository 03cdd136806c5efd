//! Targets: the vectors of Bitcoin Core's `arith_uint256` tests, and work.

use super::*;

fn expand(bits: u32) -> Result<Target, TargetError> {
    CompactTarget::from_bits(bits).to_target()
}

/// Bitcoin Core, `arith_uint256_tests.cpp`, `bignum_SetCompact`: bits, number, bits again.
#[test]
fn compact_forms_expand_and_shrink_as_in_bitcoin_core() {
    let vectors: [(u32, u64, usize, u32); 8] = [
        (0x0112_3456, 0x12, 0, 0x0112_0000),
        (0x0200_8000, 0x80, 0, 0x0200_8000),
        (0x0212_3456, 0x1234, 0, 0x0212_3400),
        (0x0312_3456, 0x12_3456, 0, 0x0312_3456),
        (0x0412_3456, 0x1234_5600, 0, 0x0412_3456),
        (0x0500_9234, 0x9234_0000, 0, 0x0500_9234),
        (0x2012_3456, 0x12_3456, 232, 0x2012_3456),
        (0x1d00_ffff, 0xffff, 208, 0x1d00_ffff),
    ];
    for (bits, number, shift, again) in vectors {
        let target = expand(bits).unwrap_or_else(|error| panic!("{bits:08x}: {error}"));
        assert_eq!(target.to_u256(), U256::from(number) << shift, "{bits:08x}");
        assert_eq!(target.to_compact().bits(), again, "{bits:08x}");
    }
}

/// ATTACKS 8; the forms that Bitcoin Core flags or reads as zero.
#[test]
fn forms_that_are_no_target_are_refused_by_name() {
    for bits in [0, 0x0012_3456, 0x0100_3456, 0x0200_0056, 0x0300_0000, 0x0400_0000, 0x0092_3456, 0x0180_3456]
    {
        assert_eq!(expand(bits), Err(TargetError::Zero(bits)), "{bits:08x}");
    }
    for bits in [0x01fe_dcba, 0x0492_3456, 0x2080_0001_u32] {
        assert_eq!(expand(bits), Err(TargetError::Negative(bits)), "{bits:08x}");
    }
    for bits in [0xff12_3456, 0x2300_0001, 0x2200_0100, 0x2101_0000_u32] {
        assert_eq!(expand(bits), Err(TargetError::Overflow(bits)), "{bits:08x}");
    }
}

#[test]
fn a_hash_at_the_target_meets_it_and_one_above_does_not() {
    let target = expand(0x1d00_ffff).unwrap();
    let mut bytes: [u8; 32] = target.to_u256().to_le_bytes();
    assert!(target.is_met_by(BlockHash::from_bytes(bytes)));
    bytes[0] += 1;
    assert!(!target.is_met_by(BlockHash::from_bytes(bytes)));
}

/// Bitcoin's first blocks: chainwork 0x100010001 each.
#[test]
fn work_is_that_of_bitcoin_core() {
    assert_eq!(expand(0x1d00_ffff).unwrap().work(), Work::from_u256(U256::from(0x1_0001_0001_u64)));
    assert_eq!(expand(0x207f_ffff).unwrap().work(), Work::from_u256(U256::from(2)));
    assert_eq!(Target::from_u256(U256::MAX).work(), Work::from_u256(U256::from(1)));
    assert_eq!(Target::from_u256(U256::from(1)).work(), Work::from_u256(U256::from(1) << 255));
}

#[test]
fn work_beyond_256_bits_is_noticed() {
    let all = Work::from_u256(U256::MAX);
    assert_eq!(all.checked_add(Work::from_u256(U256::from(1))), None);
    assert_eq!(Work::ZERO.checked_sub(all), None);
}
