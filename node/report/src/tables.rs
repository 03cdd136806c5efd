//! The tables of a report as CSV: times in milliseconds, shares in millionths.

use cairn_simulator::report::{BlockReport, Report};

use crate::table::{Table, figures, or_empty, words};

/// The name and the text of each file.
pub fn tables(report: &Report) -> [(&'static str, String); 5] {
    let tables = [
        ("blocks.csv", blocks(report)),
        ("reorganisations.csv", reorganisations(report)),
        ("agreement.csv", agreement(report)),
        ("propagation.csv", propagation(report)),
        ("groups.csv", groups(report)),
    ];
    tables.map(|(name, table)| (name, table.to_csv()))
}

fn blocks(report: &Report) -> Table {
    let numbered: Vec<(usize, &BlockReport)> = report.blocks.iter().enumerate().collect();
    Table::new(
        &numbered,
        &[
            figures("number", |(number, _)| number.to_string()),
            words("hash", |(_, block)| block.hash.clone()),
            figures("parent", |(_, block)| or_empty(block.parent)),
            figures("height", |(_, block)| block.height.to_string()),
            figures("miner", |(_, block)| block.miner.to_string()),
            figures("at_ms", |(_, block)| block.at_ms.to_string()),
            words("is_in_chain", |(_, block)| block.is_in_chain.to_string()),
            figures("transactions", |(_, block)| block.transactions.to_string()),
            figures("reached", |(_, block)| block.reached.to_string()),
            figures("median_ms", |(_, block)| or_empty(block.propagation.median_ms)),
            figures("p90_ms", |(_, block)| or_empty(block.propagation.p90_ms)),
            figures("p99_ms", |(_, block)| or_empty(block.propagation.p99_ms)),
        ],
    )
}

fn reorganisations(report: &Report) -> Table {
    Table::new(
        &report.reorganisations,
        &[
            figures("at_ms", |one| one.at_ms.to_string()),
            figures("node", |one| one.node.to_string()),
            figures("fork_height", |one| one.fork_height.to_string()),
            figures("disconnected", |one| one.disconnected.to_string()),
            figures("connected", |one| one.connected.to_string()),
            figures("unconfirmed", |one| one.unconfirmed.to_string()),
        ],
    )
}

fn agreement(report: &Report) -> Table {
    Table::new(
        &report.agreement,
        &[
            figures("at_ms", |point| point.at_ms.to_string()),
            figures("share", |point| point.share.to_string()),
            figures("tips", |point| point.tips.to_string()),
        ],
    )
}

fn propagation(report: &Report) -> Table {
    let steps = report.propagation.iter().flat_map(|all| &all.histogram);
    Table::new(
        steps,
        &[
            figures("up_to_ms", |(up_to_ms, _)| up_to_ms.to_string()),
            figures("pairs", |(_, pairs)| pairs.to_string()),
        ],
    )
}

fn groups(report: &Report) -> Table {
    Table::new(
        &report.groups,
        &[
            words("name", |group| group.name.clone()),
            figures("first", |group| group.first.to_string()),
            figures("nodes", |group| group.nodes.to_string()),
            words("behaviour", |group| group.behaviour.clone()),
            figures("hashrate_share", |group| group.hashrate_share.to_string()),
            figures("found", |group| group.found.to_string()),
            figures("in_chain", |group| group.in_chain.to_string()),
            figures("revenue_share", |group| group.revenue_share.to_string()),
        ],
    )
}
