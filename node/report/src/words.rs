//! Figures and strangers' texts as people read them.

pub use cairn_simulator::text::{count, duration, grouped, numbers, percent};

/// A time since the beginning, in seconds, rounded.
pub fn moment(ms: u64) -> String {
    let tenths = ms.saturating_add(50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

/// Foreign text for a terminal or a picture, without characters that control it; at most 10,000 are kept.
pub fn harmless(text: &str) -> String {
    cairn_core::text::harmless(text, 10_000)
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
    fn moments_are_rounded_to_tenths_of_a_second() {
        assert_eq!([0, 949, 950, 12_345].map(moment), ["0.0 s", "0.9 s", "1.0 s", "12.3 s"]);
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
