//! Numbers as people read them: 1,234,567; 12.35 %; 1.5 s; 3 blocks.

pub use cairn_core::text::grouped;

/// A number and what is counted, in the plural where the number is not one: `3 blocks`.
pub fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

/// Millionths as per cent with two decimals: `12.35 %`.
pub fn percent(millionths: u64) -> String {
    let hundredths = millionths.saturating_add(50) / 100;
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

/// A number rounded to this many decimals, without zeros at the end: `1,234.5`. Exponents (`3e-9`) are used
/// for numbers from 10 million on, and for those that would be rounded to zero.
pub fn decimal(number: f64, decimals: usize) -> String {
    let size = number.abs();
    let rounded = format!("{size:.decimals$}");
    let is_zero = rounded.bytes().all(|byte| byte == b'0' || byte == b'.');
    match size {
        // Rounding errors around zero.
        0.0..1e-12 => return "0".into(),
        _ if is_zero || size >= 1e7 => return format!("{number:e}"),
        _ => {}
    }
    let (whole, fraction) = rounded.split_once('.').unwrap_or((&rounded, ""));
    let mut text = String::from(if number < 0.0 { "-" } else { "" });
    text += &whole.parse().map_or_else(|_| whole.to_owned(), grouped);
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        text.push('.');
        text += fraction;
    }
    text
}

/// A duration with about three digits, rounded: `850 ms`, `12.3 s`, `5 h 12 min`.
pub fn duration(ms: u64) -> String {
    let rounded = |unit: u64| ms.saturating_add(unit / 2) / unit;
    let two = |small_units: u64, each: u64, large: &str, small: &str| match small_units % each {
        0 => format!("{} {large}", small_units / each),
        rest => format!("{} {large} {rest} {small}", small_units / each),
    };
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..600_000 => format!("{} s", decimal(rounded(100) as f64 / 10.0, 1)),
        600_000..10_800_000 => two(rounded(1_000), 60, "min", "s"),
        10_800_000..172_800_000 => two(rounded(60_000), 60, "h", "min"),
        _ => two(rounded(3_600_000), 24, "d", "h"),
    }
}

/// A time since the start of a run, in seconds with one decimal: `42.0 s`.
pub fn moment(ms: u64) -> String {
    let tenths = ms.saturating_add(50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_and_have_units_that_suit_them() {
        let times = [850, 1_000, 12_345, 12_350, 30_000, 750_000, 1_200_000, 18_720_000, 200_000_000];
        let expected =
            ["850 ms", "1 s", "12.3 s", "12.4 s", "30 s", "12 min 30 s", "20 min", "5 h 12 min", "2 d 8 h"];
        assert_eq!(times.map(duration), expected);
        assert_eq!([0, 949, 950, 12_345].map(moment), ["0.0 s", "0.9 s", "1.0 s", "12.3 s"]);
    }

    #[test]
    fn counts_and_shares_have_digits_in_threes_and_two_decimals() {
        assert_eq!([1, 2, 1_234_567].map(|n| count(n, "block")), ["1 block", "2 blocks", "1,234,567 blocks"]);
        assert_eq!(
            [123_456, 4, 999_950, 1_000_000].map(percent),
            ["12.35 %", "0.00 %", "100.00 %", "100.00 %"]
        );
    }

    #[test]
    fn decimals_have_no_zeros_at_the_end_and_exponents_where_digits_would_not_do() {
        let six = [0.0, 1e-17, 0.05, 20.0, 0.1 + 0.2, -2_500.0, 1_234.56, 3e9, 1e-7];
        let expected = ["0", "0", "0.05", "20", "0.3", "-2,500", "1,234.56", "3e9", "1e-7"];
        assert_eq!(six.map(|number| decimal(number, 6)), expected);
        assert_eq!([14_400.0, 1_234.56, 0.26].map(|number| decimal(number, 1)), ["14,400", "1,234.6", "0.3"]);
    }
}
