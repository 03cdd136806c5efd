//! Times: the median, and arithmetic that ends instead of wrapping.

use super::*;

fn times(millis: &[u64]) -> Vec<Timestamp> {
    millis.iter().copied().map(Timestamp::from_millis).collect()
}

#[test]
fn the_median_is_the_middle_one_whatever_the_order() {
    assert_eq!(median_time_past(&times(&[5, 1, 9, 3, 7])).millis(), 5);
    assert_eq!(median_time_past(&times(&[1, 2])).millis(), 2, "of an even count the later, as in Bitcoin");
    assert_eq!(median_time_past(&times(&[4])).millis(), 4);
    assert_eq!(median_time_past(&[]).millis(), 0);
}

/// ATTACKS 7: no clock and no header makes time wrap around.
#[test]
fn time_ends_instead_of_wrapping() {
    let end = Timestamp::from_millis(u64::MAX);
    assert_eq!(end.saturating_add(Duration::MAX), end);
    assert_eq!(Timestamp::from_millis(1).saturating_sub(Duration::MAX).millis(), 0);
    assert_eq!(Timestamp::from_millis(1).since(end), Duration::ZERO);
}
