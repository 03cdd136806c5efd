//! Text that others wrote and people read: which characters may be shown as they are.

/// Whether a character only shows itself: it commands no terminal, turns no direction of what
/// follows, and can be seen.
pub fn is_harmless(character: char) -> bool {
    let hides_or_turns = matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    !character.is_control() && !hides_or_turns
}

#[cfg(test)]
mod tests {
    use super::is_harmless;

    #[test]
    fn what_commands_hides_or_turns_is_not_harmless() {
        let foul = ['\u{1b}', '\n', '\u{7f}', '\u{9b}', '\u{200b}', '\u{202e}', '\u{2066}', '\u{feff}'];
        assert!(!foul.into_iter().any(is_harmless));
        assert!("Grüße, 世界 ✓".chars().all(is_harmless));
    }
}
