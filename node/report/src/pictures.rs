//! The pictures of a run: its fork tree, agreement over time, and the propagation of blocks.

use cairn_simulator::plan::MILLION;
use cairn_simulator::report::{AgreementPoint, Report};

use crate::annotations::steps;
use crate::chart::{Axis, Chart, Series, Style};
use crate::fork_tree::fork_tree;
use crate::format::time_unit;

/// The most changes of agreement that can be told apart in a picture.
const MAX_STEPS: usize = 600;
/// The number of spans of time that a picture of more changes shows.
const SPANS: u64 = 300;

/// A picture and the file that holds it.
#[derive(Clone, Debug)]
pub struct Picture {
    pub file: &'static str,
    /// Description for people who do not see it.
    pub shows: &'static str,
    pub svg: String,
}

/// All pictures of a run.
pub fn pictures(report: &Report) -> Vec<Picture> {
    vec![
        Picture {
            file: "fork-tree.svg",
            shows: "every block at the time when it was found, each branch in a lane of its own",
            svg: fork_tree(report),
        },
        Picture {
            file: "agreement.svg",
            shows: "the share of the nodes that have the tip which most have, over time",
            svg: agreement(report),
        },
        Picture {
            file: "propagation.svg",
            shows: "the share of all pairs of block and node in which the node had the block in time",
            svg: propagation(report),
        },
    ]
}

fn agreement(report: &Report) -> String {
    let unit = time_unit(report.lasted_ms, f64::INFINITY);
    let at = |ms: u64| ms as f64 / unit.ms;
    let percent = |millionths: f64| millionths * 100.0 / MILLION as f64;
    let x = Axis::linear(format!("time, {}", unit.name)).from_to(0.0, at(report.lasted_ms));
    let y = Axis::linear("living nodes, %").from_to(0.0, 100.0);
    let mut chart = Chart::new("Nodes on the majority's tip", x, y);
    if report.agreement.len() <= MAX_STEPS {
        let points = report.agreement.iter().map(|point| (at(point.at_ms), percent(point.share as f64)));
        chart = chart.with(Series::new(Style::Steps, "", points));
    } else {
        let spans = spans(&report.agreement, report.lasted_ms);
        let mean = spans.iter().map(|span| (at(span.begin_ms), percent(span.mean)));
        let least = spans.iter().map(|span| (at(span.begin_ms), percent(span.least)));
        chart = chart.with(Series::new(Style::Steps, "mean of a span", mean)).with(Series::new(
            Style::Steps,
            "least of a span",
            least,
        ));
    }
    steps(report).fold(chart, |chart, (ms, label)| chart.with_annotation(at(ms), label)).to_svg()
}

/// Agreement in a span of time, in millionths.
struct Span {
    begin_ms: u64,
    /// The time of which the agreement is known.
    known_ms: f64,
    /// Mean, weighted by time; the weighted sum until all points are added.
    mean: f64,
    least: f64,
}

/// Equal spans of time; each point holds until the next one.
fn spans(points: &[AgreementPoint], end_ms: u64) -> Vec<Span> {
    let length = end_ms.div_ceil(SPANS).max(1);
    let empty = |begin_ms| Span { begin_ms, known_ms: 0.0, mean: 0.0, least: f64::INFINITY };
    let mut spans: Vec<Span> = (0..end_ms.div_ceil(length)).map(|number| empty(number * length)).collect();
    let ends = points.iter().skip(1).map(|point| point.at_ms).chain([end_ms]);
    for (point, end) in points.iter().zip(ends) {
        let (from, share) = (point.at_ms, point.share as f64);
        let last = end.saturating_sub(1).max(from) / length;
        for span in spans.iter_mut().skip((from / length) as usize).take((last - from / length + 1) as usize)
        {
            let held = end.min(span.begin_ms + length).saturating_sub(from.max(span.begin_ms)) as f64;
            span.known_ms += held;
            span.mean += share * held;
            span.least = span.least.min(share);
        }
    }
    spans.retain(|span| span.known_ms > 0.0);
    spans.iter_mut().for_each(|span| span.mean /= span.known_ms);
    spans
}

fn propagation(report: &Report) -> String {
    let (histogram, pairs) =
        report.propagation.as_ref().map_or((&[][..], 0), |all| (&all.histogram[..], all.pairs));
    let mut reached = 0;
    let points = histogram.iter().map(|(up_to_ms, count)| {
        reached += count;
        (*up_to_ms as f64, reached as f64 * 100.0 / pairs.max(1) as f64)
    });
    let x = Axis::logarithmic("time since the block was found, ms");
    let y = Axis::linear("pairs of block and node, %").from_to(0.0, 100.0);
    Chart::new("Propagation of blocks", x, y).with(Series::new(Style::Line, "", points)).to_svg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_changes_the_mean_over_time_and_the_least_are_drawn() {
        let point = |at_ms, share| AgreementPoint { at_ms, share, tips: 1 };
        let points = [point(0, 1_000_000), point(300, 500_000), point(600, 1_000_000), point(1_200, 200_000)];
        let spans = spans(&points, SPANS * 600);
        let first: Vec<(u64, u64, u64)> =
            spans.iter().take(4).map(|span| (span.begin_ms, span.mean as u64, span.least as u64)).collect();
        assert_eq!(
            first,
            [
                (0, 750_000, 500_000),
                (600, 1_000_000, 1_000_000),
                (1_200, 200_000, 200_000),
                (1_800, 200_000, 200_000),
            ]
        );
        assert_eq!(spans.len() as u64, SPANS);
    }
}
