//! A report's tables as CSV: a header, a line for each thing, times in milliseconds, shares in
//! millionths.

use core::fmt::Write;

use cairn_simulator::report::Report;

/// Every table: the file's name and its text.
pub fn tables(report: &Report) -> [(&'static str, String); 5] {
    [
        ("blocks.csv", blocks(report)),
        ("reorganisations.csv", reorganisations(report)),
        ("agreement.csv", agreement(report)),
        ("propagation.csv", propagation(report)),
        ("groups.csv", groups(report)),
    ]
}

/// A table's text: the header, then a line for each row.
pub fn csv<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut text = header.join(",");
    text.push('\n');
    for row in rows {
        let cells = row.map(|cell| cell_of(&cell));
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", cells.join(","));
    }
    text
}

/// A figure that may be missing: then its cell is empty.
pub fn or_empty(figure: Option<u64>) -> String {
    figure.map(|figure| figure.to_string()).unwrap_or_default()
}

/// A name is in quotation marks when it holds what would end a cell (RFC 4180).
fn cell_of(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

fn blocks(report: &Report) -> String {
    let header = [
        "number",
        "hash",
        "parent",
        "height",
        "miner",
        "at_ms",
        "is_in_chain",
        "transactions",
        "reached",
        "median_ms",
        "p90_ms",
        "p99_ms",
    ];
    let row = |(number, block): (usize, &cairn_simulator::report::BlockReport)| {
        [
            number.to_string(),
            block.hash.clone(),
            or_empty(block.parent.map(|parent| parent as u64)),
            block.height.to_string(),
            block.miner.to_string(),
            block.at_ms.to_string(),
            block.is_in_chain.to_string(),
            block.transactions.to_string(),
            block.reached.to_string(),
            or_empty(block.propagation.median_ms),
            or_empty(block.propagation.p90_ms),
            or_empty(block.propagation.p99_ms),
        ]
    };
    csv(header, report.blocks.iter().enumerate().map(row))
}

fn reorganisations(report: &Report) -> String {
    let header = ["at_ms", "node", "fork_height", "disconnected", "connected", "unconfirmed"];
    let row = |one: &cairn_simulator::report::Reorganisation| {
        [
            one.at_ms.to_string(),
            one.node.to_string(),
            one.fork_height.to_string(),
            one.disconnected.to_string(),
            one.connected.to_string(),
            one.unconfirmed.to_string(),
        ]
    };
    csv(header, report.reorganisations.iter().map(row))
}

fn agreement(report: &Report) -> String {
    let row = |point: &cairn_simulator::report::AgreementPoint| {
        [point.at_ms.to_string(), point.share.to_string(), point.tips.to_string()]
    };
    csv(["at_ms", "share", "tips"], report.agreement.iter().map(row))
}

fn propagation(report: &Report) -> String {
    let steps = report.propagation.iter().flat_map(|all| &all.histogram);
    let row = |(up_to_ms, pairs): &(u64, u64)| [up_to_ms.to_string(), pairs.to_string()];
    csv(["up_to_ms", "pairs"], steps.map(row))
}

fn groups(report: &Report) -> String {
    let header =
        ["name", "first", "nodes", "behaviour", "hashrate_share", "found", "in_chain", "revenue_share"];
    let row = |group: &cairn_simulator::report::GroupReport| {
        [
            group.name.clone(),
            group.first.to_string(),
            group.nodes.to_string(),
            group.behaviour.clone(),
            group.hashrate_share.to_string(),
            group.found.to_string(),
            group.in_chain.to_string(),
            group.revenue_share.to_string(),
        ]
    };
    csv(header, report.groups.iter().map(row))
}
