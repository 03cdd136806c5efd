//! Tables for people: data once, written for a terminal or for a page.

use comfy_table::{CellAlignment, presets};

use crate::format::{escaped, harmless};

/// A column, and how its cells are made of an item.
pub struct Column<T> {
    name: &'static str,
    is_figure: bool,
    cell: fn(&T) -> String,
}

/// A column of words, on the left of its cells.
pub const fn words<T>(name: &'static str, cell: fn(&T) -> String) -> Column<T> {
    Column { name, is_figure: false, cell }
}

/// A column of figures, on the right of its cells.
pub const fn figures<T>(name: &'static str, cell: fn(&T) -> String) -> Column<T> {
    Column { name, is_figure: true, cell }
}

/// A table with a header.
#[derive(Clone, Debug)]
pub struct Table {
    header: Vec<String>,
    are_figures: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a row for each item.
    pub fn new<'a, T: 'a>(items: impl IntoIterator<Item = &'a T>, columns: &[Column<T>]) -> Self {
        let row = |item: &T| columns.iter().map(|column| (column.cell)(item)).collect();
        Self {
            header: columns.iter().map(|column| column.name.to_owned()).collect(),
            are_figures: columns.iter().map(|column| column.is_figure).collect(),
            rows: items.into_iter().map(row).collect(),
        }
    }

    /// Whether it has no rows.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table for a terminal, two spaces in.
    pub fn to_terminal(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        if self.header.iter().any(|name| !name.is_empty()) {
            table.set_header(indented(&self.header));
        }
        table.add_rows(self.rows.iter().map(|row| indented(row)));
        for (column, is_figure) in table.column_iter_mut().zip(&self.are_figures) {
            let alignment = if *is_figure { CellAlignment::Right } else { CellAlignment::Left };
            column.set_cell_alignment(alignment);
        }
        table.trim_fmt()
    }

    /// The table as HTML. It scrolls by itself where the page is too narrow for it.
    pub fn to_html(&self) -> String {
        let row = |tag: &str, cells: &[String]| {
            let cell = |(text, is_figure): (&String, &bool)| {
                let class = if *is_figure { " class=\"figure\"" } else { "" };
                format!("<{tag}{class}>{}</{tag}>", escaped(text))
            };
            let cells: String = cells.iter().zip(&self.are_figures).map(cell).collect();
            format!("<tr>{cells}</tr>\n")
        };
        let rows: String = self.rows.iter().map(|cells| row("td", cells)).collect();
        format!("<div class=\"scroll\"><table>\n{}{rows}</table></div>\n", row("th", &self.header))
    }
}

fn indented(cells: &[String]) -> impl Iterator<Item = String> {
    cells.iter().enumerate().map(|(column, cell)| {
        let cell = harmless(cell);
        if column == 0 { format!(" {cell}") } else { cell }
    })
}
