//! A report for a terminal.

use std::io::{self, Write};

use cairn_simulator::report::Report;
use comfy_table::{CellAlignment, Table};

use crate::figures::{convergence, group_cells, key_figures, verdict_in_words};
use crate::words::{count, duration, harmless};

/// Reorganisations told one by one.
const TOLD_REORGANISATIONS: usize = 5;

/// Writes it.
///
/// # Errors
/// When the output takes no more.
pub fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", harmless(&report.name))?;
    if !report.teaches.is_empty() {
        writeln!(out, "{}", harmless(&report.teaches))?;
    }
    writeln!(out, "\n{}", rows(key_figures(report)))?;
    if report.groups.len() > 1 {
        writeln!(out, "\n{}", groups(report))?;
    }
    let mended = convergence(report);
    if !mended.is_empty() {
        let mended = mended.iter().map(|(after, took)| (harmless(after), took.clone()));
        writeln!(out, "\nagreement after\n{}", rows(mended))?;
    }
    let deepest = &report.reorganisations[..report.reorganisations.len().min(TOLD_REORGANISATIONS)];
    if !deepest.is_empty() {
        writeln!(out, "\ndeepest reorganisations")?;
    }
    for one in deepest {
        let unconfirmed = match one.unconfirmed {
            0 => String::new(),
            many => format!(", {} unconfirmed again", count(u64::from(many), "transaction")),
        };
        writeln!(
            out,
            "  {:>9}  node {}: {} left, {} joined, fork point {}{unconfirmed}",
            duration(one.at_ms),
            one.node,
            one.disconnected,
            one.connected,
            one.fork_height
        )?;
    }
    if !report.expectations.is_empty() {
        writeln!(out, "\nexpectations: {}", verdict_in_words(report))?;
    }
    for verdict in &report.expectations {
        writeln!(out, "  {}", harmless(&verdict.to_string()))?;
    }
    Ok(())
}

/// Two columns, two spaces in.
fn rows(rows: impl IntoIterator<Item = (impl Into<String>, String)>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    for (name, figure) in rows {
        table.add_row([format!(" {}", name.into()), figure]);
    }
    table.trim_fmt()
}

fn groups(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header([" group", "nodes", "behaviour", "hash rate", "found", "in chain", "revenue"]);
    for group in &report.groups {
        let [name, rest @ ..] = group_cells(group);
        table.add_row([format!(" {}", harmless(&name))].into_iter().chain(rest));
    }
    for column in [1, 3, 4, 5, 6] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}
