//! Rules for headers: each is broken alone, and its own error comes out.

use super::*;
use crate::hash::MerkleRoot;
use crate::header::HeaderFields;
use crate::testing::{TestChain, mine};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn draft(test: &TestChain) -> Header {
    Header::from(HeaderFields {
        version: 1,
        previous_block_hash: test.genesis.hash(),
        merkle_root: MerkleRoot::ZERO,
        time: test.params.genesis_time.saturating_add(test.params.spacing),
        bits: test.params.pow_limit,
        nonce: 0,
    })
}

fn parent(test: &TestChain) -> ParentContext {
    let time = test.params.genesis_time;
    ParentContext {
        hash: test.genesis.hash(),
        height: Height::GENESIS,
        time,
        median_time_past: time,
        anchor: None,
    }
}

fn on_parent(test: &TestChain, header: &Header) -> Result<(), HeaderError> {
    check_header_on_parent(header, &parent(test), &test.params, NOW)
}

#[test]
fn a_valid_header_passes() {
    let test = TestChain::new();
    let header = mine(draft(&test));
    assert_eq!(check_header_alone(&header, &test.params), Ok(()));
    assert_eq!(on_parent(&test, &header), Ok(()));
}

#[test]
fn another_version_is_refused() {
    let test = TestChain::new();
    let header = mine(Header::from(HeaderFields { version: 2, ..*draft(&test) }));
    let error = HeaderError::Version { found: 2, expected: 1 };
    assert_eq!(check_header_alone(&header, &test.params), Err(error));
}

/// ATTACKS 8.
#[test]
fn a_target_that_is_no_number_is_refused() {
    let test = TestChain::new();
    for bits in [0x0000_0000, 0x0480_0001, 0x2300_0001_u32, 0xff12_3456] {
        let header = Header::from(HeaderFields { bits: CompactTarget::from_bits(bits), ..*draft(&test) });
        let verdict = check_header_alone(&header, &test.params);
        assert!(matches!(verdict, Err(HeaderError::Target(_))), "{bits:08x}: {verdict:?}");
    }
}

#[test]
fn a_target_above_the_limit_is_refused() {
    let mut test = TestChain::new();
    let easy = test.params.pow_limit;
    test.params.pow_limit = CompactTarget::from_bits(0x1f00_ffff);
    let header = mine(Header::from(HeaderFields { bits: easy, ..*draft(&test) }));
    let error = HeaderError::TargetAboveLimit { found: easy, limit: test.params.pow_limit };
    assert_eq!(check_header_alone(&header, &test.params), Err(error));
}

#[test]
fn a_hash_that_misses_the_target_is_refused() {
    let test = TestChain::new();
    let target = test.params.pow_limit.to_target().unwrap();
    let mut header = draft(&test);
    while target.is_met_by(header.hash()) {
        header = header.with_nonce(header.nonce + 1);
    }
    let error = HeaderError::WorkMissing { hash: header.hash(), target: header.bits };
    assert_eq!(check_header_alone(&header, &test.params), Err(error));
}

#[test]
fn a_header_on_another_parent_is_refused() {
    let test = TestChain::new();
    let header = Header::from(HeaderFields { previous_block_hash: BlockHash::ZERO, ..*draft(&test) });
    let error = HeaderError::Parent { found: BlockHash::ZERO, expected: test.genesis.hash() };
    assert_eq!(on_parent(&test, &header), Err(error));
}

#[test]
fn a_target_that_is_not_due_is_refused_though_it_is_harder() {
    let test = TestChain::new();
    let found = CompactTarget::from_bits(0x2000_ffff);
    let error = HeaderError::WrongTarget { found, expected: test.params.pow_limit };
    assert_eq!(on_parent(&test, &Header::from(HeaderFields { bits: found, ..*draft(&test) })), Err(error));
}

#[test]
fn a_time_at_the_median_is_refused_and_a_millisecond_later_passes() {
    let test = TestChain::new();
    let median = test.params.genesis_time;
    let error = HeaderError::TimeTooOld { found: median, median, span: test.params.median_time_span };
    assert_eq!(on_parent(&test, &Header::from(HeaderFields { time: median, ..*draft(&test) })), Err(error));
    let time = median.saturating_add(Duration::from_millis(1));
    assert_eq!(on_parent(&test, &Header::from(HeaderFields { time, ..*draft(&test) })), Ok(()));
}

/// ATTACKS 7: and such a header may be welcome later.
#[test]
fn a_time_beyond_the_drift_is_too_new_and_at_the_drift_passes() {
    let test = TestChain::new();
    let allowed = test.params.max_future_drift;
    let time = NOW.saturating_add(allowed);
    assert_eq!(on_parent(&test, &Header::from(HeaderFields { time, ..*draft(&test) })), Ok(()));
    let time = time.saturating_add(Duration::from_millis(1));
    let error = HeaderError::from(AheadOfClock { time, now: NOW, allowed });
    assert!(error.is_too_new());
    let told = error.to_string();
    assert!(
        told.contains("ahead of this node's clock") && told.ends_with(": set the clock, or wait"),
        "{told}"
    );
    assert_eq!(on_parent(&test, &Header::from(HeaderFields { time, ..*draft(&test) })), Err(error));
}
