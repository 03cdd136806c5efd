//! Amounts: decimal coins in and out, and sums that never wrap.

use proptest::prelude::*;

use super::*;

#[test]
fn coins_are_written_with_as_many_decimals_as_needed() {
    for (units, text) in
        [(0, "0"), (1, "0.00000001"), (150_000_000, "1.5"), (u64::MAX, "184467440737.09551615")]
    {
        assert_eq!(Amount::from_units(units).to_string(), text);
        assert_eq!(text.parse(), Ok(Amount::from_units(units)));
    }
}

#[test]
fn zeros_before_and_after_change_nothing() {
    for text in ["1.5", "1.50000000", "001.5"] {
        assert_eq!(text.parse(), Ok(Amount::from_units(150_000_000)), "{text}");
    }
}

#[test]
fn text_that_is_no_amount_is_refused_by_its_fault() {
    for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", " 1", "1 ", "1,5", "0x1", "١"] {
        assert!(matches!(text.parse::<Amount>(), Err(ParseAmountError::NotANumber(_))), "{text:?}");
    }
    assert!(matches!("0.000000001".parse::<Amount>(), Err(ParseAmountError::TooFine(_))));
    assert!(matches!("184467440737.09551616".parse::<Amount>(), Err(ParseAmountError::TooLarge(_))));
}

/// ATTACKS 4.
#[test]
fn a_sum_that_would_wrap_is_none() {
    let most = Amount::from_units(u64::MAX);
    let one = Amount::from_units(1);
    assert_eq!(most.checked_add(one), None);
    assert_eq!(Amount::ZERO.checked_sub(one), None);
    assert_eq!(Amount::checked_sum([one, most, Amount::ZERO]), None);
    assert_eq!(Amount::checked_sum([one, one]), Some(Amount::from_units(2)));
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(units in any::<u64>()) {
        let amount = Amount::from_units(units);
        prop_assert_eq!(amount.to_string().parse(), Ok(amount));
    }
}
