//! The report of a run, for a terminal.

use std::io::{self, Write};

use cairn_simulator::report::{Branching, Reorganization, Report};
use cairn_simulator::text::reorganization;

use crate::figures::{Fact, convergence, groups, key_figures, verdict};
use crate::format::{count, duration, harmless};
use crate::table::{Table, words};

/// The most reorganizations that are listed.
const MAX_REORGANIZATIONS: usize = 5;

/// Writes a report as text.
pub fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", harmless(&report.name))?;
    if !report.teaches.is_empty() {
        writeln!(out, "{}", harmless(&report.teaches))?;
    }
    writeln!(out, "\n{}", facts(&key_figures(report)))?;
    if report.groups.len() > 1 {
        writeln!(out, "\n{}", groups(report).to_terminal())?;
    }
    if !report.convergence.is_empty() {
        writeln!(out, "\nagreement after\n{}", facts(&convergence(report)))?;
    }
    if !report.reorganizations.is_empty() {
        writeln!(out, "\ndeepest reorganizations")?;
    }
    for one in report.reorganizations.iter().take(MAX_REORGANIZATIONS) {
        let unconfirmed = match one.unconfirmed {
            0 => String::new(),
            many => format!(", {} unconfirmed again", count(u64::from(many), "transaction")),
        };
        let &Reorganization { at_ms, node, fork_height, disconnected, connected, .. } = one;
        let change = Branching { fork_height, disconnected, connected };
        let text = reorganization(&format!("node {node}"), &change);
        writeln!(out, "  {:>9}  {text}{unconfirmed}", duration(at_ms))?;
    }
    if !report.expectations.is_empty() {
        writeln!(out, "\nexpectations: {}", verdict(report))?;
    }
    for verdict in &report.expectations {
        writeln!(out, "  {}", harmless(&verdict.to_string()))?;
    }
    Ok(())
}

fn facts(facts: &[Fact]) -> String {
    let columns = [words("", |fact: &Fact| fact.name.clone()), words("", |fact| fact.value.clone())];
    Table::new(facts, &columns).to_terminal()
}
