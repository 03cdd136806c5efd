//! Text for people: characters that are safe to show, numbers with separators, errors with their causes.

use std::error::Error;

/// Whether a character is safe to show: it is visible, is no terminal command and does not change the
/// direction of the text after it (CVE-2021-42574).
pub fn is_harmless(character: char) -> bool {
    let hides_or_turns = matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    );
    !character.is_control() && !hides_or_turns
}

/// Text of others for a terminal, picture or page: U+FFFD stands for each character that is not harmless, and no
/// more than `limit` characters are kept.
pub fn harmless(text: &str, limit: usize) -> String {
    text.chars().take(limit).map(|one| if is_harmless(one) { one } else { '\u{fffd}' }).collect()
}

/// A number with separators: 1,234,567.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let (mut text, mut left) = (String::new(), digits.len());
    for digit in digits.chars() {
        if left < digits.len() && left % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
        left = left.saturating_sub(1);
    }
    text
}

/// The error and its causes as one sentence. A cause that the sentence already contains is left out: some
/// errors quote theirs, because they are also shown alone.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut sentence = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !sentence.contains(&told) {
            sentence += ": ";
            sentence += &told;
        }
        cause = error.source();
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{told}")]
    struct Told {
        told: &'static str,
        source: Option<Box<Told>>,
    }

    #[test]
    fn a_cause_is_told_once() {
        let caused = |told, source: Told| Told { told, source: Some(Box::new(source)) };
        let root = || Told { told: "no such file", source: None };
        assert_eq!(with_causes(&root()), "no such file");
        assert_eq!(with_causes(&caused("cannot read k", root())), "cannot read k: no such file");
        let quoting = caused("cannot read k: no such file; is it there?", root());
        assert_eq!(
            with_causes(&caused("no key", quoting)),
            "no key: cannot read k: no such file; is it there?"
        );
    }

    #[test]
    fn what_commands_hides_or_turns_is_not_harmless() {
        let foul = ['\u{1b}', '\n', '\u{7f}', '\u{9b}', '\u{200b}', '\u{202e}', '\u{2066}', '\u{feff}'];
        assert!(!foul.into_iter().any(is_harmless));
        assert!("Grüße, 世界 ✓".chars().all(is_harmless));
        assert_eq!(harmless("a\u{1b}[2Jb\nc\u{202e}d", 100), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert_eq!(harmless(&"x".repeat(1000), 256).len(), 256);
    }
}
