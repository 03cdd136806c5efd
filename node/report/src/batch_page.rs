//! Many seeds for people: tables for a terminal and a page, and charts of how the seeds differ.

use std::io::{self, Write};

use crate::batch::{CHAIN_MEASURES, Measure, NamedDistribution, PAYMENT_MEASURES, PERCENT, SeedFigures};
use crate::batch::{SeedOutcome, Summary};
use crate::chart::{Axis, Chart, Point, Series, Style};
use crate::distribution::Distribution;
use crate::format::{decimal, escaped, harmless};
use crate::html::page;
use crate::table::{Table, figures, words};
use crate::tables::to_csv;

/// The most seeds that are listed because they were not as expected.
const MAX_COMPLAINTS: usize = 50;

/// Writes a summary for a terminal.
pub fn print_seeds(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", harmless(&summary.name))?;
    if !summary.teaches.is_empty() {
        writeln!(out, "{}", harmless(&summary.teaches))?;
    }
    writeln!(out, "\n{}\n\n{}", distributions(summary).to_terminal(), summary.verdict())?;
    for outcome in complaints(summary).take(MAX_COMPLAINTS) {
        let SeedOutcome { seed, replay, .. } = outcome;
        writeln!(out, "  seed {seed}: {}\n    {replay}", harmless(&outcome.complaint()))?;
    }
    let hidden = complaints(summary).count().saturating_sub(MAX_COMPLAINTS);
    if hidden > 0 {
        writeln!(out, "  and {hidden} more; --report DIR or --json lists all")?;
    }
    Ok(())
}

/// The figures of every seed, a line for each.
///
/// # Errors
/// When a record cannot be written as CSV.
pub fn seeds_csv(summary: &Summary) -> Result<String, csv::Error> {
    let keys =
        |measures: &[Measure]| measures.iter().map(|measure| measure.key).collect::<Vec<_>>().join(",");
    let (chain, payments) = (keys(&CHAIN_MEASURES), keys(&PAYMENT_MEASURES));
    let header = format!("seed,as_expected,{chain},revenue_shares,{payments},complaint");
    let record = |outcome: &SeedOutcome| {
        let seed = outcome.figures.as_ref();
        let figures = |measures: &[Measure]| -> Vec<Option<u64>> {
            measures.iter().map(|measure| seed.and_then(measure.read)).collect()
        };
        let revenue = seed.map(|seed| seed.revenue.iter().map(u64::to_string).collect::<Vec<_>>().join(" "));
        let (seed, is_as_expected) = (outcome.seed, outcome.is_as_expected());
        let (chain, payments) = (figures(&CHAIN_MEASURES), figures(&PAYMENT_MEASURES));
        (seed, is_as_expected, chain, revenue, payments, outcome.complaint())
    };
    to_csv(&header, summary.seeds.iter().map(record))
}

/// The page of a summary.
pub fn seeds_page(summary: &Summary) -> String {
    let class = if summary.as_expected == summary.seeds.len() { "met" } else { "missed" };
    let mut body = format!(
        "<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<h2 class=\"{class}\">{}</h2>\n",
        escaped(&summary.name),
        escaped(&summary.teaches),
        summary.verdict()
    );
    body += "<h2>Figures over all seeds</h2>\n";
    body += &distributions(summary).to_html();
    body += &format!("<figure>{}</figure>\n", times(summary));
    if summary.groups.len() > 1 {
        body += &format!("<figure>{}</figure>\n", revenue(summary));
    }
    let complaints = Table::new(
        complaints(summary).take(MAX_COMPLAINTS),
        &[
            figures("seed", |outcome| outcome.seed.to_string()),
            words("what", SeedOutcome::complaint),
            words("play it again", |outcome| outcome.replay.clone()),
        ],
    );
    if !complaints.is_empty() {
        body += "<h2>Seeds that were not as expected</h2>\n";
        body += &complaints.to_html();
    }
    body += "<p class=\"faint\">Every seed: <a href=\"seeds.csv\">seeds.csv</a>, <a href=\"summary.json\">summary.json</a>. The column ± 95 % is half the confidence interval of the mean, after Student.</p>\n";
    page(&summary.name, &body)
}

fn distributions(summary: &Summary) -> Table {
    Table::new(
        &summary.distributions,
        &[
            words("", |named| named.name.clone()),
            figures("mean", |named| cell(named, |one| Some(one.mean))),
            figures("± 95 %", |named| cell(named, |one| one.confidence)),
            figures("median", |named| cell(named, |one| Some(one.median))),
            figures("least", |named| cell(named, |one| Some(one.min))),
            figures("most", |named| cell(named, |one| Some(one.max))),
            figures("seeds", |named| named.distribution.map_or(0, |one| one.runs).to_string()),
        ],
    )
}

fn cell(named: &NamedDistribution, read: fn(Distribution) -> Option<f64>) -> String {
    let figure = named.distribution.and_then(read);
    figure.map_or("-".into(), |figure| decimal(figure, if figure.abs() >= 1_000.0 { 0 } else { 2 }))
}

fn complaints(summary: &Summary) -> impl Iterator<Item = &SeedOutcome> {
    summary.seeds.iter().filter(|outcome| !outcome.is_as_expected())
}

/// For each time, the share of the seeds that took no longer.
fn times(summary: &Summary) -> String {
    let x = Axis::logarithmic("time, ms");
    let y = Axis::linear("seeds with no more, %").from_to(0.0, 100.0);
    let series = |name: &str, read: fn(&SeedFigures) -> Option<u64>| {
        let mut times: Vec<u64> = summary.figures().filter_map(read).collect();
        times.sort_unstable();
        let all = times.len() as f64;
        let first = times.first().map(|least| (*least as f64, 0.0));
        let rest = (1..).zip(&times).map(|(rank, time)| (*time as f64, f64::from(rank) * 100.0 / all));
        Series::new(Style::Steps, name, first.into_iter().chain(rest))
    };
    let mut chart = Chart::new("Times over the seeds", x, y)
        .with(series("propagation, median", |seed| seed.median_ms))
        .with(series("propagation, 90 %", |seed| seed.p90_ms))
        .with(series("propagation, 99 %", |seed| seed.p99_ms));
    if summary.figures().any(|seed| seed.converged_after_ms.is_some()) {
        chart = chart.with(series("agreement after a healing", |seed| seed.converged_after_ms));
    }
    chart.to_svg()
}

fn revenue(summary: &Summary) -> String {
    let share = |millionths: u64| millionths as f64 / PERCENT;
    let most = summary.groups.iter().map(|group| share(group.hashrate_share)).fold(1.0, f64::max);
    let end = ((most / 10.0).floor() * 10.0 + 10.0).min(100.0);
    let x = Axis::linear("hash rate, %").from_to(0.0, end);
    let y = Axis::linear("blocks in the final chain, %").from(0.0);
    let mut chart = Chart::new("Share of the blocks of each group, mean and 95 % interval", x, y);
    for (number, group) in summary.groups.iter().enumerate() {
        let point = summary.revenue(number).map(|one| {
            let half = one.confidence.unwrap_or(0.0);
            Point::new(share(group.hashrate_share), one.mean).between(one.mean - half, one.mean + half)
        });
        chart = chart.with(Series::new(Style::Points, &group.name, point));
    }
    let fair = [(0.0, 0.0), (end, end)];
    chart.with(Series::new(Style::DashedLine, "equal to its hash rate", fair)).to_svg()
}
