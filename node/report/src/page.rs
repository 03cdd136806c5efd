//! A report as one page: no network, light and dark, readable on a phone.

use cairn_simulator::report::{BlockPropagation, BlockReport, MomentKind, Report};

use crate::figures::{convergence, group_cells, key_figures, verdict_in_words};
use crate::html::{Column, page, table, wide_table};
use crate::pictures::Picture;
use crate::telling::tell_all;
use crate::words::{duration, escaped, grouped, moment};

/// Moments on a page; all are in `report.json`.
const TOLD_MOMENTS: usize = 400;
/// Blocks whose spreading is on a page; all are in `blocks.csv`.
const TOLD_BLOCKS: usize = 200;

/// The page. `replay` is the command that plays the run again.
pub fn run_page(report: &Report, pictures: &[Picture], replay: Option<&str>) -> String {
    let mut body =
        format!("<h1>{}</h1>\n<p class=\"lead\">{}</p>\n", escaped(&report.name), escaped(&report.teaches));
    body += &verdicts(report);
    body += "<h2>Figures</h2>\n";
    body += &table(key_figures(report).into_iter().map(|(name, figure)| (name.to_owned(), figure)));
    for picture in pictures {
        // The pictures are written by this program, with every text in them escaped.
        body += &format!("<figure aria-label=\"{}\">{}</figure>\n", picture.shows, picture.svg);
    }
    body += "<h2>Groups</h2>\n";
    body += &groups(report);
    body += &spread(report);
    let mended = convergence(report);
    if !mended.is_empty() {
        body += "<h2>Agreement after</h2>\n";
        body += &table(mended);
    }
    body += "<h2>Timeline</h2>\n";
    body += &timeline(report);
    if let Some(replay) = replay {
        body += &format!("<h2>Play it again</h2>\n<pre><code>{}</code></pre>\n", escaped(replay));
    }
    body += "<p class=\"faint\">Everything in figures: <a href=\"report.json\">report.json</a>, <a href=\"blocks.csv\">blocks.csv</a>, <a href=\"reorganisations.csv\">reorganisations.csv</a>, <a href=\"agreement.csv\">agreement.csv</a>, <a href=\"propagation.csv\">propagation.csv</a>, <a href=\"groups.csv\">groups.csv</a>.</p>\n";
    page(&report.name, &body)
}

fn verdicts(report: &Report) -> String {
    let class = match (report.expectations.is_empty(), report.is_as_expected()) {
        (true, _) => "faint",
        (false, true) => "met",
        (false, false) => "missed",
    };
    let mut text =
        format!("<h2>Expectations: <span class=\"{class}\">{}</span></h2>\n", verdict_in_words(report));
    if !report.expectations.is_empty() {
        text += "<ul class=\"verdicts\">\n";
    }
    for verdict in &report.expectations {
        let (class, word) = if verdict.is_met { ("met", "met") } else { ("missed", "NOT MET") };
        text += &format!(
            "<li><b class=\"{class}\">{word}</b> {}; found {}</li>\n",
            escaped(&verdict.expected),
            escaped(&verdict.found)
        );
    }
    if !report.expectations.is_empty() {
        text += "</ul>\n";
    }
    text
}

fn groups(report: &Report) -> String {
    let header = [
        ("group", Column::Words),
        ("nodes", Column::Figures),
        ("behaviour", Column::Words),
        ("hash rate", Column::Figures),
        ("found", Column::Figures),
        ("in the chain", Column::Figures),
        ("revenue", Column::Figures),
    ];
    wide_table(header, report.groups.iter().map(group_cells))
}

/// How each block spread, folded: all in the order of finding, or of many the slowest.
fn spread(report: &Report) -> String {
    let header = [
        ("block", Column::Figures),
        ("found at", Column::Figures),
        ("by node", Column::Figures),
        ("half", Column::Figures),
        ("90 %", Column::Figures),
        ("99 %", Column::Figures),
        ("nodes that had it", Column::Figures),
        ("", Column::Words),
    ];
    let mut blocks: Vec<&BlockReport> = report.blocks.iter().collect();
    let all = blocks.len();
    let which = if all > TOLD_BLOCKS {
        // Blocks that nine of ten never had come first.
        let slowness =
            |block: &&BlockReport| core::cmp::Reverse(block.propagation.p90_ms.unwrap_or(u64::MAX));
        blocks.sort_by_key(slowness);
        blocks.truncate(TOLD_BLOCKS);
        format!(
            "The {TOLD_BLOCKS} slowest of {} blocks, by the time until 90 % had them; all are in blocks.csv.",
            grouped(all as u64)
        )
    } else {
        "In the order of finding. A time is missing where so many never had it.".into()
    };
    let time = |ms: Option<u64>| ms.map_or_else(|| "-".into(), duration);
    let row = |block: &BlockReport| {
        let BlockPropagation { median_ms, p90_ms, p99_ms } = block.propagation;
        [
            grouped(u64::from(block.height)),
            moment(block.at_ms),
            block.miner.to_string(),
            time(median_ms),
            time(p90_ms),
            time(p99_ms),
            grouped(u64::from(block.reached)),
            if block.is_in_chain { String::new() } else { "stale".into() },
        ]
    };
    let table = wide_table(header, blocks.into_iter().map(row));
    format!(
        "<details>\n<summary>How each block spread: when half, 90 % and 99 % of the nodes had it</summary>\n<p class=\"faint\">{which}</p>\n{table}</details>\n"
    )
}

/// Every step, and of the rest what comes first.
fn timeline(report: &Report) -> String {
    let told = tell_all(&report.timeline, report.nodes);
    let always =
        |kind: MomentKind| matches!(kind, MomentKind::Step | MomentKind::Agreement | MomentKind::Phase);
    let mut left = TOLD_MOMENTS;
    let mut rows = Vec::new();
    for one in &told {
        if left > 0 || (always(one.kind) && rows.len() < 2 * TOLD_MOMENTS) {
            left = left.saturating_sub(1);
            rows.push([moment(one.at_ms), kind_word(one.kind).to_owned(), one.text.clone()]);
        }
    }
    let hidden = told.len() - rows.len();
    let mut text =
        wide_table([("when", Column::Figures), ("what", Column::Words), ("", Column::Words)], rows);
    if hidden > 0 {
        text += &format!("<p class=\"faint\">{} more are in report.json.</p>\n", grouped(hidden as u64));
    }
    text
}

const fn kind_word(kind: MomentKind) -> &'static str {
    match kind {
        MomentKind::Step => "step",
        MomentKind::Block => "block",
        MomentKind::Reorganisation => "reorganisation",
        MomentKind::Agreement => "agreement",
        MomentKind::Attack => "attack",
        MomentKind::Phase => "run",
    }
}
