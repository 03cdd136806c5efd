//! A table of results with the set-up it came from, as Markdown for people and CSV for programs.

use core::fmt;

/// A title, sentences that say how the numbers were made, a header, and rows as wide as the header.
///
/// ```
/// use cairn_tests::papers::table::Table;
///
/// let mut table = Table::new("Stale blocks", ["delay", "share"]);
/// table.set_up("20 equal miners, one block in 600 s.");
/// table.row(["10 s", "1.64 %"]);
/// assert!(table.markdown().contains("| 10 s  | 1.64 % |"));
/// assert_eq!(table.csv(), "delay,share\n10 s,1.64 %\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    title: String,
    set_up: Vec<String>,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    ///
    /// # Panics
    /// When the header is empty.
    pub fn new<C: ToString>(title: &str, header: impl IntoIterator<Item = C>) -> Self {
        let header = cells(header);
        assert!(!header.is_empty(), "a table has columns");
        Self { title: title.to_owned(), set_up: Vec::new(), header, rows: Vec::new() }
    }

    /// One more sentence on how the numbers were made.
    pub fn set_up(&mut self, sentence: impl ToString) -> &mut Self {
        self.set_up.push(sentence.to_string());
        self
    }

    /// One more row.
    ///
    /// # Panics
    /// When it has not as many cells as the header.
    pub fn row<C: ToString>(&mut self, row: impl IntoIterator<Item = C>) -> &mut Self {
        let row = cells(row);
        assert_eq!(row.len(), self.header.len(), "cells in a row of {:?}", self.title);
        self.rows.push(row);
        self
    }

    /// A heading of the third level, the set-up as a paragraph, and the table with its columns aligned:
    /// the first to the left, the others, numbers as a rule, to the right.
    pub fn markdown(&self) -> String {
        let written: Vec<Vec<String>> =
            self.lines().map(|line| line.iter().map(|cell| in_one_line(cell)).collect()).collect();
        let width = |column: usize| written.iter().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> =
            (0..self.header.len()).map(|column| width(column).unwrap_or(0).max(3)).collect();
        let mut text = format!("### {}\n\n", self.title);
        if !self.set_up.is_empty() {
            text += &format!("{}\n\n", self.set_up.join(" "));
        }
        for (index, line) in written.iter().enumerate() {
            text += &padded(line, &widths);
            if index == 0 {
                text += &rule(&widths);
            }
        }
        text
    }

    /// Header and rows by RFC 4180, but with lines that end as on Unix. Title and set-up have no place
    /// in it.
    pub fn csv(&self) -> String {
        let line =
            |line: &Vec<String>| line.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n";
        self.lines().map(line).collect()
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        core::iter::once(&self.header).chain(&self.rows)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.markdown())
    }
}

fn cells<C: ToString>(cells: impl IntoIterator<Item = C>) -> Vec<String> {
    cells.into_iter().map(|cell| cell.to_string()).collect()
}

/// A bar would end the cell, and a line's end the table.
fn in_one_line(cell: &str) -> String {
    cell.replace('|', "\\|").replace(['\r', '\n'], " ")
}

fn padded(line: &[String], widths: &[usize]) -> String {
    let cell = |(column, (cell, width)): (usize, (&String, &usize))| match column {
        0 => format!("| {cell:<width$} "),
        _ => format!("| {cell:>width$} "),
    };
    line.iter().zip(widths).enumerate().map(cell).collect::<String>() + "|\n"
}

fn rule(widths: &[usize]) -> String {
    let cell = |(column, width): (usize, &usize)| match column {
        0 => format!("| {} ", "-".repeat(*width)),
        _ => format!("| {}: ", "-".repeat(width - 1)),
    };
    widths.iter().enumerate().map(cell).collect::<String>() + "|\n"
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_has_the_set_up_and_aligned_columns() {
        let mut table = Table::new("Forks", ["γ", "measured"]);
        table.set_up("One seed.").set_up("Two sides.").row(["0.5", "1"]).row(["0.25", "1 (0 to 2)"]);
        let expected = "### Forks\n\nOne seed. Two sides.\n\n\
            | γ    |   measured |\n\
            | ---- | ---------: |\n\
            | 0.5  |          1 |\n\
            | 0.25 | 1 (0 to 2) |\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn a_bar_or_a_lines_end_does_not_break_markdown() {
        let mut table = Table::new("Bars", ["x"]);
        table.row(["a|b\nc"]);
        assert!(table.markdown().ends_with("| a\\|b c |\n"), "{table}");
    }

    #[test]
    fn csv_quotes_what_would_end_a_cell() {
        let mut table = Table::new("Quotes", ["a", "b"]);
        table.row(["1,5", "say \"no\""]).row([2, 3]);
        assert_eq!(table.csv(), "a,b\n\"1,5\",\"say \"\"no\"\"\"\n2,3\n");
    }

    #[test]
    #[should_panic(expected = "cells in a row of \"Narrow\"")]
    fn a_row_of_another_width_is_refused() {
        Table::new("Narrow", ["a", "b"]).row(["1"]);
    }
}
