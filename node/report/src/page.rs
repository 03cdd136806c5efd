//! The page of a run: it needs no network, is light or dark, and can be read on a phone.

use std::cmp::Reverse;

use cairn_simulator::report::{BlockReport, Report};

use crate::coalesce::coalesce;
use crate::figures::{convergence, groups, key_figures, verdict};
use crate::format::{duration, escaped, grouped, moment};
use crate::html::{facts, page};
use crate::pictures::Picture;
use crate::table::{Table, figures, words};

/// The most moments on a page; `report.json` has all.
const MAX_MOMENTS: usize = 400;
/// The most blocks in the table of propagation; `blocks.csv` has all.
const MAX_BLOCKS: usize = 200;

/// The page of a run. `replay` is the command that plays it again.
pub fn run_page(report: &Report, pictures: &[Picture], replay: Option<&str>) -> String {
    let mut body =
        format!("<h1>{}</h1>\n<p class=\"lead\">{}</p>\n", escaped(&report.name), escaped(&report.teaches));
    body += &expectations(report);
    body += "<h2>Figures</h2>\n";
    body += &facts(&key_figures(report));
    for picture in pictures {
        // The pictures are written by this program, with every text in them escaped.
        body += &format!("<figure aria-label=\"{}\">{}</figure>\n", picture.shows, picture.svg);
    }
    body += "<h2>Groups</h2>\n";
    body += &groups(report).to_html();
    body += &propagation(report);
    if !report.convergence.is_empty() {
        body += "<h2>Agreement after</h2>\n";
        body += &facts(&convergence(report));
    }
    body += "<h2>Timeline</h2>\n";
    body += &timeline(report);
    if let Some(replay) = replay {
        body += &format!("<h2>Play it again</h2>\n<pre><code>{}</code></pre>\n", escaped(replay));
    }
    body += "<p class=\"faint\">Everything in figures: <a href=\"report.json\">report.json</a>, <a href=\"blocks.csv\">blocks.csv</a>, <a href=\"reorganizations.csv\">reorganizations.csv</a>, <a href=\"agreement.csv\">agreement.csv</a>, <a href=\"propagation.csv\">propagation.csv</a>, <a href=\"groups.csv\">groups.csv</a>.</p>\n";
    page(&report.name, &body)
}

fn expectations(report: &Report) -> String {
    let class = match (report.expectations.is_empty(), report.is_as_expected()) {
        (true, _) => "faint",
        (false, true) => "met",
        (false, false) => "missed",
    };
    let mut text = format!("<h2>Expectations: <span class=\"{class}\">{}</span></h2>\n", verdict(report));
    if report.expectations.is_empty() {
        return text;
    }
    text += "<ul class=\"verdicts\">\n";
    for one in &report.expectations {
        let (class, word) = if one.is_met { ("met", "met") } else { ("missed", "NOT MET") };
        let (expected, found) = one.in_words();
        let (expected, found) = (escaped(&expected), escaped(&found));
        text += &format!("<li><b class=\"{class}\">{word}</b> {expected}; found {found}</li>\n");
    }
    text + "</ul>\n"
}

/// When each block had reached nodes, folded: all in the order of finding, or of many the slowest.
fn propagation(report: &Report) -> String {
    let mut blocks: Vec<&BlockReport> = report.blocks.iter().collect();
    let which = if blocks.len() > MAX_BLOCKS {
        // Blocks that nine of ten nodes never had come first.
        blocks.sort_by_key(|block| Reverse(block.propagation.p90_ms.unwrap_or(u64::MAX)));
        blocks.truncate(MAX_BLOCKS);
        let all = grouped(report.blocks.len() as u64);
        format!(
            "The {MAX_BLOCKS} slowest of {all} blocks, by the time until 90 % had them; all are in blocks.csv."
        )
    } else {
        "In the order of finding. A time is missing where this many nodes never had the block.".into()
    };
    let table = Table::new(
        blocks,
        &[
            figures("block", |block| grouped(u64::from(block.height))),
            figures("found at", |block| moment(block.at_ms)),
            figures("by node", |block| block.miner.to_string()),
            figures("half", |block| duration_or_dash(block.propagation.median_ms)),
            figures("90 %", |block| duration_or_dash(block.propagation.p90_ms)),
            figures("99 %", |block| duration_or_dash(block.propagation.p99_ms)),
            figures("nodes that had it", |block| grouped(u64::from(block.reached))),
            words("", |block| if block.is_in_chain { String::new() } else { "stale".into() }),
        ],
    );
    format!(
        "<details>\n<summary>Propagation of each block: when half, 90 % and 99 % of the nodes had it</summary>\n<p class=\"faint\">{which}</p>\n{}</details>\n",
        table.to_html()
    )
}

fn duration_or_dash(ms: Option<u64>) -> String {
    ms.map_or_else(|| "-".into(), duration)
}

/// Every step, and of the rest what comes first.
fn timeline(report: &Report) -> String {
    let mut moments = coalesce(&report.timeline, report.nodes);
    let (all, mut shown) = (moments.len(), 0);
    moments.retain(|one| {
        let is_shown = shown < MAX_MOMENTS || (one.kind.is_kept() && shown < 2 * MAX_MOMENTS);
        shown += usize::from(is_shown);
        is_shown
    });
    let table = Table::new(
        &moments,
        &[
            figures("when", |one| moment(one.at_ms)),
            words("what", |one| one.kind.label().to_owned()),
            words("", |one| one.text.clone()),
        ],
    );
    let mut text = table.to_html();
    if all > shown {
        let hidden = grouped((all - shown) as u64);
        text += &format!("<p class=\"faint\">{hidden} more are in report.json.</p>\n");
    }
    text
}
