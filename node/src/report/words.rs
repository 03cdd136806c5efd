//! Figures and strangers' texts as people read them.

use cairn_core::text::is_harmless;

pub use cairn_simulator::words::{numbers, percent};

/// A duration, about three digits of it.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0 => format!("{ms} ms"),
        1..600 => format!("{}.{} s", seconds, ms % 1_000 / 100),
        600..10_800 => format!("{} min {} s", seconds / 60, seconds % 60),
        10_800..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A time since the beginning, in seconds.
pub fn moment(ms: u64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

/// A number with its digits in threes.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A count and what is counted, with its plural.
pub fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

/// A stranger's text for a terminal or a picture: what commands, hides or turns is replaced.
pub fn harmless(text: &str) -> String {
    let shown =
        |character: char| match is_harmless(character) && !matches!(character, '\u{fffe}' | '\u{ffff}') {
            true => character,
            false => '\u{fffd}',
        };
    text.chars().map(shown).collect()
}

/// A stranger's text for a page, between tags or in quotation marks.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in harmless(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            plain => safe.push(plain),
        }
    }
    safe
}

/// A word that a shell reads as one, as it is.
pub fn shell_word(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "._-/+=:,@".contains(character);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// The unit that suits an axis of this length: its name and how many milliseconds it has.
pub const fn unit_for(span_ms: u64) -> (&'static str, f64) {
    match span_ms {
        0..=1_800_000 => ("s", 1_000.0),
        1_800_001..=18_000_000 => ("min", 60_000.0),
        18_000_001..=345_600_000 => ("h", 3_600_000.0),
        _ => ("d", 86_400_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shares_are_told_in_units_that_suit_them() {
        let told = [850, 12_345, 750_000, 18_720_000, 200_000_000].map(duration);
        assert_eq!(told, ["850 ms", "12.3 s", "12 min 30 s", "5 h 12 min", "2 d 7 h"]);
        assert_eq!(percent(123_456), "12.34 %");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(numbers(&[0, 1, 2, 4, 5, 9]), "0-2,4,5,9");
    }

    #[test]
    fn a_file_name_stays_one_word_of_a_command() {
        assert_eq!(shell_word("scenarios/cut.toml"), "scenarios/cut.toml");
        assert_eq!(shell_word("my cut's.toml"), "'my cut'\\''s.toml'");
    }

    #[test]
    fn hostile_text_is_made_harmless() {
        assert_eq!(
            escaped("<a b='\"'>&\u{1b}[2J\u{202e}"),
            "&lt;a b=&#39;&quot;&#39;&gt;&amp;\u{fffd}[2J\u{fffd}"
        );
    }
}
