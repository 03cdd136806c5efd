//! The tables of a report as CSV (RFC 4180): times in milliseconds, shares in millionths.

use cairn_simulator::report::Report;
use csv::WriterBuilder;
use serde::Serialize;

/// The name and the text of each file.
///
/// # Errors
/// When a record cannot be written as CSV.
pub fn tables(report: &Report) -> Result<[(&'static str, String); 5], csv::Error> {
    let histogram = report.propagation.iter().flat_map(|all| &all.histogram);
    Ok([
        (
            "blocks.csv",
            to_csv(
                "number,hash,parent,height,miner,at_ms,is_in_chain,transactions,hashes,reached,median_ms,p90_ms,p99_ms",
                report.blocks.iter().enumerate(),
            )?,
        ),
        (
            "reorganizations.csv",
            to_csv("at_ms,node,fork_height,disconnected,connected,unconfirmed", &report.reorganizations)?,
        ),
        ("agreement.csv", to_csv("at_ms,share,tips", &report.agreement)?),
        ("propagation.csv", to_csv("up_to_ms,pairs", histogram)?),
        (
            "groups.csv",
            to_csv("name,first,nodes,behaviour,hashrate_share,found,in_chain,revenue_share", &report.groups)?,
        ),
    ])
}

/// A header, then a line for each record, whose fields are in the order of the header.
///
/// # Errors
/// When a record cannot be written as CSV.
pub fn to_csv(header: &str, records: impl IntoIterator<Item = impl Serialize>) -> Result<String, csv::Error> {
    let mut writer = WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    for record in records {
        writer.serialize(record)?;
    }
    let lines = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(format!("{header}\n{}", String::from_utf8_lossy(&lines)))
}
