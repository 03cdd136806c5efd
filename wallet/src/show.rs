//! Output: tables, dates, notices, and text of a node with its control characters removed.

use std::fmt::Display;
use std::time::{Duration, UNIX_EPOCH};

use cairn_core::time::Timestamp;
use cairn_genesis::programs::exit::{answer, say};
use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;

use crate::view::Notice;

/// Foreign text for the terminal, without characters that control it; at most 500 are kept.
pub fn harmless(text: &str) -> String {
    cairn_core::text::harmless(text, 500)
}

/// Writes to stderr what a person should know, also when stdout is for a program.
pub fn tell(notices: &[Notice]) {
    for notice in notices {
        say(format_args!("note: {notice}"));
    }
}

/// Prints the answer of a command that reads: one JSON value for programs, else the text.
pub fn reply(json: bool, value: &impl Serialize, text: impl Display) -> anyhow::Result<()> {
    match json {
        true => answer(serde_json::to_string(value)?)?,
        false => answer(text)?,
    }
    Ok(())
}

/// Several things on one line.
pub fn list(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Several things, each on a line of its own.
pub fn lines(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A table without lines; the columns named in `right` are numbers.
pub fn table(head: &[&str], right: &[usize], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(head);
    for row in rows {
        table.add_row(row.into_iter().map(Cell::new));
    }
    for index in right {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A time as `2026-11-23T18:36:00Z`.
pub fn date(time: Timestamp) -> String {
    // Block times come from miners; far-off ones must not overflow the calendar.
    let since_1970 = Duration::from_millis(time.millis().min(253_402_300_799_000));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since_1970).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_steer_a_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(harmless(&"x".repeat(1000)).len(), 500);
    }

    #[test]
    fn any_time_a_miner_writes_can_be_shown() {
        assert_eq!(date(Timestamp::from_millis(951_782_400_999)), "2000-02-29T00:00:00Z");
        assert_eq!(date(Timestamp::from_millis(u64::MAX)), "9999-12-31T23:59:59Z");
    }
}
