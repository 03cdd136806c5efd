//! Many seeds for people: tables for a terminal and a page, and charts of how they differ.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table};

use crate::canvas::PictureError;
use crate::chart::scale::in_words;
use crate::chart::{Axis, Chart, Point, Series};
use crate::distribution::Distribution;
use crate::html::{Column, page, wide_table};
use crate::seeds::{SeedFigures, Summary};
use crate::tables::{csv, or_empty};
use crate::words::{escaped, grouped, harmless};

/// Seeds that were not as expected, told one by one.
const TOLD_SEEDS: usize = 50;

const HEADER: [&str; 7] = ["", "mean", "± 95 %", "median", "least", "most", "seeds"];

/// Writes it for a terminal.
///
/// # Errors
/// When the output takes no more.
pub fn print_seeds(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", harmless(&summary.name))?;
    if !summary.teaches.is_empty() {
        writeln!(out, "{}", harmless(&summary.teaches))?;
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(HEADER);
    for row in rows(summary) {
        table.add_row(row.map(|cell| harmless(&cell)));
    }
    for column in 1..HEADER.len() {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(out, "\n{}\n\n{}", table.trim_fmt(), summary.verdict())?;
    for (seed, complaint, replay) in complaints(summary).take(TOLD_SEEDS) {
        writeln!(out, "  seed {seed}: {}\n    {replay}", harmless(&complaint))?;
    }
    let hidden = complaints(summary).count().saturating_sub(TOLD_SEEDS);
    if hidden > 0 {
        writeln!(out, "  and {hidden} more; --report DIR or --json tell all")?;
    }
    Ok(())
}

/// Every seed's figures, a line for each.
pub fn seeds_csv(summary: &Summary) -> String {
    let header = [
        "seed",
        "as_expected",
        "height",
        "stale_rate",
        "reorganisations",
        "deepest",
        "converged_after_ms",
        "median_ms",
        "p90_ms",
        "p99_ms",
        "revenue_shares",
        "undone",
        "double_spent",
        "complaint",
    ];
    let row = |outcome: &crate::seeds::SeedOutcome| {
        let figures = outcome.figures.as_ref();
        let cell = |read: &dyn Fn(&SeedFigures) -> Option<u64>| or_empty(figures.and_then(read));
        let revenue = figures.map(|figures| figures.revenue.iter().map(u64::to_string).collect::<Vec<_>>());
        [
            outcome.seed.to_string(),
            outcome.is_as_expected().to_string(),
            cell(&|seed| Some(u64::from(seed.height))),
            cell(&|seed| Some(seed.stale_rate)),
            cell(&|seed| Some(seed.reorganisations)),
            cell(&|seed| Some(u64::from(seed.deepest))),
            cell(&|seed| seed.converged_after_ms),
            cell(&|seed| seed.median_ms),
            cell(&|seed| seed.p90_ms),
            cell(&|seed| seed.p99_ms),
            revenue.unwrap_or_default().join(" "),
            cell(&|seed| Some(seed.undone)),
            cell(&|seed| Some(seed.double_spent)),
            outcome.complaint(),
        ]
    };
    csv(header, summary.seeds.iter().map(row))
}

/// The page.
///
/// # Errors
/// When a chart cannot be drawn.
pub fn seeds_page(summary: &Summary) -> Result<String, PictureError> {
    let is_fine = summary.as_expected == summary.seeds.len();
    let class = if is_fine { "met" } else { "missed" };
    let mut body = format!(
        "<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<h2 class=\"{class}\">{}</h2>\n",
        escaped(&summary.name),
        escaped(&summary.teaches),
        summary.verdict()
    );
    body += "<h2>Figures over all seeds</h2>\n";
    let columns = [Column::Words, Column::Figures, Column::Figures, Column::Figures, Column::Figures];
    let columns = [columns.as_slice(), &[Column::Figures; 2]].concat();
    let mut header = [("", Column::Words); 7];
    for (cell, (name, column)) in header.iter_mut().zip(HEADER.into_iter().zip(columns)) {
        *cell = (name, column);
    }
    body += &wide_table(header, rows(summary));
    for svg in charts(summary)? {
        body += &format!("<figure>{svg}</figure>\n");
    }
    let missed: Vec<[String; 3]> = complaints(summary)
        .take(TOLD_SEEDS)
        .map(|(seed, complaint, replay)| [seed.to_string(), complaint, replay.to_owned()])
        .collect();
    if !missed.is_empty() {
        body += "<h2>Seeds that were not as expected</h2>\n";
        let header = [("seed", Column::Figures), ("what", Column::Words), ("play it again", Column::Words)];
        body += &wide_table(header, missed);
    }
    body += "<p class=\"faint\">Every seed: <a href=\"seeds.csv\">seeds.csv</a>, <a href=\"summary.json\">summary.json</a>. The column ± 95 % is half the confidence interval of the mean, after Student.</p>\n";
    Ok(page(&summary.name, &body))
}

fn rows(summary: &Summary) -> impl Iterator<Item = [String; 7]> {
    let told = |figure: f64| match figure.abs() {
        1_000.0.. => grouped(figure.round() as u64),
        _ => in_words((figure * 100.0).round() / 100.0),
    };
    summary.distributions.iter().map(move |named| {
        let Some(Distribution { runs, mean, confidence, median, min, max }) = named.distribution else {
            let nothing = || "-".to_owned();
            return [named.name.clone(), nothing(), nothing(), nothing(), nothing(), nothing(), "0".into()];
        };
        [
            named.name.clone(),
            told(mean),
            confidence.map_or("-".into(), told),
            told(median),
            told(min),
            told(max),
            runs.to_string(),
        ]
    })
}

fn complaints(summary: &Summary) -> impl Iterator<Item = (u64, String, &str)> {
    let others = summary.seeds.iter().filter(|outcome| !outcome.is_as_expected());
    others.map(|outcome| (outcome.seed, outcome.complaint(), outcome.replay.as_str()))
}

fn charts(summary: &Summary) -> Result<Vec<String>, PictureError> {
    let figures: Vec<&SeedFigures> =
        summary.seeds.iter().filter_map(|outcome| outcome.figures.as_ref()).collect();
    // The part of the seeds that have no more than so much.
    let spread = |read: &dyn Fn(&SeedFigures) -> Option<u64>| {
        let mut times: Vec<u64> = figures.iter().filter_map(|seed| read(seed)).collect();
        times.sort_unstable();
        let all = times.len() as f64;
        let first = times.first().map(|least| (*least as f64, 0.0));
        let rest = (1..).zip(times).map(move |(rank, time)| (time as f64, f64::from(rank) * 100.0 / all));
        first.into_iter().chain(rest).collect::<Vec<_>>()
    };
    let mut times = Chart::new(
        "Times over the seeds",
        Axis::logarithmic("time, ms"),
        Axis::even("seeds with no more, %").from_to(0.0, 100.0),
    )
    .with(Series::steps("propagation, median", spread(&|seed| seed.median_ms)))
    .with(Series::steps("propagation, 90 %", spread(&|seed| seed.p90_ms)))
    .with(Series::steps("propagation, 99 %", spread(&|seed| seed.p99_ms)));
    let agreement = spread(&|seed| seed.converged_after_ms);
    if !agreement.is_empty() {
        times = times.with(Series::steps("agreement after a healing", agreement));
    }
    let mut charts = vec![times.to_svg()?];
    if summary.groups.len() > 1 {
        charts.push(revenue(summary, &figures)?);
    }
    Ok(charts)
}

fn revenue(summary: &Summary, figures: &[&SeedFigures]) -> Result<String, PictureError> {
    const PERCENT: f64 = 10_000.0;
    let title = "Part of the blocks that each group got, mean and 95 % interval";
    let up = Axis::even("blocks in the final chain, %").from(0.0);
    let most = summary.groups.iter().map(|group| group.hashrate_share as f64 / PERCENT).fold(1.0, f64::max);
    let end = ((most / 10.0).floor() * 10.0 + 10.0).min(100.0);
    let fair = [(0.0, 0.0), (end, end)];
    let across = Axis::even("hash rate, %").from_to(0.0, end);
    let mut chart = Chart::new(title, across, up);
    for (number, group) in summary.groups.iter().enumerate() {
        let sample = figures.iter().filter_map(|seed| seed.revenue.get(number));
        let sample: Vec<f64> = sample.map(|share| *share as f64 / PERCENT).collect();
        let point = Distribution::of(&sample).map(|one| {
            let point = Point::new(group.hashrate_share as f64 / PERCENT, one.mean);
            one.confidence.map_or(point, |half| point.between(one.mean - half, one.mean + half))
        });
        chart = chart.with(Series::points(&group.name, point));
    }
    chart.with(Series::dashes("as much as its hash rate", fair)).to_svg()
}
