//! Subsidies: halvings, and that supply is their sum.

use super::*;
use crate::testing::TestChain;

#[test]
fn the_subsidy_halves_after_its_interval_and_ends_at_nothing() {
    let TestChain { params, .. } = TestChain::new();
    let at = |height| subsidy(&params, Height::from_u32(height)).units();
    let first = params.subsidy.units();
    assert_eq!(at(0), 0);
    assert_eq!((at(1), at(1_000)), (first, first));
    assert_eq!((at(1_001), at(2_000), at(2_001)), (first / 2, first / 2, first / 4));
    assert_eq!(at(33 * 1_000 + 1), 0);
    assert_eq!(at(u32::MAX), 0);
}

#[test]
fn supply_is_the_premine_and_the_sum_of_all_subsidies() {
    let TestChain { mut params, .. } = TestChain::new();
    params.halving_interval = 7;
    let mut sum = params.premine.units();
    for height in (0..400).map(Height::from_u32) {
        sum += subsidy(&params, height).units();
        assert_eq!(supply(&params, height).units(), sum, "height {height}");
    }
}

#[test]
fn supply_at_the_end_of_all_heights_stays_below_the_maximum() {
    let TestChain { params, .. } = TestChain::new();
    assert!(supply(&params, Height::from_u32(u32::MAX)) <= params.max_supply);
}
