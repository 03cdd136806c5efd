//! Text of reports: numbers, durations and foreign text as people, pages and shells read them.

pub use cairn_genesis::format::{count, decimal, duration, grouped, moment, percent};
pub use cairn_simulator::text::numbers;

/// Foreign text for a terminal or a picture, with U+FFFD for each character that is not harmless.
pub fn harmless(text: &str) -> String {
    cairn_core::text::harmless(text, 10_000)
}

/// Foreign text for a page or a picture, between tags or in quotation marks.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in harmless(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // No character of XML 1.0, section 2.2.
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            plain => safe.push(plain),
        }
    }
    safe
}

/// A text, cut to this many characters.
pub fn shortened(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    text.chars().take(characters.saturating_sub(1)).chain(['…']).collect()
}

/// Text as one word of a shell command.
pub fn shell_word(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "._-/+=:,@".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A unit of time on an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeUnit {
    pub name: &'static str,
    /// Its length in milliseconds.
    pub ms: f64,
}

/// The unit that suits an axis of this length, and of which one fits between two ticks.
pub fn time_unit(span_ms: u64, between_ticks_ms: f64) -> TimeUnit {
    let unit = |name, ms| TimeUnit { name, ms };
    let units = [
        (345_600_000, unit("d", 86_400_000.0)),
        (18_000_000, unit("h", 3_600_000.0)),
        (1_800_000, unit("min", 60_000.0)),
    ];
    let suits = |(longer_than, unit): &(u64, TimeUnit)| span_ms > *longer_than && unit.ms <= between_ticks_ms;
    units.into_iter().find(suits).map_or(unit("s", 1_000.0), |(_, unit)| unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_stays_one_word_of_a_command() {
        assert_eq!(shell_word("scenarios/cut.toml"), "scenarios/cut.toml");
        assert_eq!(shell_word("my cut's.toml"), "'my cut'\\''s.toml'");
    }

    #[test]
    fn hostile_text_is_made_harmless() {
        assert_eq!(
            escaped("<a b='\"'>&\u{1b}[2J\u{202e}\u{ffff}"),
            "&lt;a b=&#39;&quot;&#39;&gt;&amp;\u{fffd}[2J\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn the_unit_of_an_axis_suits_its_length_and_the_distance_of_its_ticks() {
        let day = 86_400_000;
        let names = [(60_000, 500.0), (10 * day, 300_000.0), (10 * day, 5e6), (10 * day, 2_000.0)];
        assert_eq!(names.map(|(span, between)| time_unit(span, between).name), ["s", "min", "h", "s"]);
        assert_eq!(time_unit(100 * day, 1e8).name, "d");
    }
}
