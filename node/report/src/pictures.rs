//! The pictures of a run: agreement over time, and how long blocks took to reach nodes.

use cairn_simulator::plan::MILLION;
use cairn_simulator::report::{AgreementPoint, Report};

use crate::chart::{Axis, Chart, PictureError, Series};
use crate::fork_tree::fork_tree;
use crate::steps::steps;
use crate::words::unit_for;

/// Changes of agreement that can be told apart in a picture.
const MAX_STEPS: usize = 600;
/// Spans of time in a picture of more.
const SPANS: u64 = 300;

/// A picture and where it is kept.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The file's name.
    pub file: &'static str,
    /// What it shows, for people who do not see it.
    pub shows: &'static str,
    /// The picture.
    pub svg: String,
}

/// All pictures of a run.
///
/// # Errors
/// When the drawing fails.
pub fn pictures(report: &Report) -> Result<Vec<Picture>, PictureError> {
    Ok(vec![
        Picture {
            file: "fork-tree.svg",
            shows: "every block at the time when it was found, each branch in a lane of its own",
            svg: fork_tree(report)?,
        },
        Picture {
            file: "agreement.svg",
            shows: "the part of the nodes that have the tip which most have, over time",
            svg: agreement(report)?,
        },
        Picture {
            file: "propagation.svg",
            shows: "the part of all pairs of block and node in which the node had the block in time",
            svg: propagation(report)?,
        },
    ])
}

fn agreement(report: &Report) -> Result<String, PictureError> {
    let (unit, ms) = unit_for(report.lasted_ms);
    let at = |time: u64| time as f64 / ms;
    let share = |millionths: u64| millionths as f64 * 100.0 / MILLION as f64;
    let across = Axis::even(format!("time, {unit}")).from_to(0.0, at(report.lasted_ms));
    let up = Axis::even("living nodes, %").from_to(0.0, 100.0);
    let chart = Chart::new("Nodes on the majority's tip", across, up);
    let chart = match report.agreement.len() {
        0..=MAX_STEPS => {
            let points = report.agreement.iter().map(|point| (at(point.at_ms), share(point.share)));
            chart.with(Series::steps("", points))
        }
        _ => {
            let spans = spans(&report.agreement, report.lasted_ms);
            let of = |read: fn(&Span) -> f64| {
                spans.iter().map(move |span| (at(span.begin_ms), read(span) * 100.0 / MILLION as f64))
            };
            chart
                .with(Series::steps("mean of a while", of(|span| span.mean)))
                .with(Series::steps("least in it", of(|span| span.least)))
        }
    };
    let marked = steps(report).fold(chart, |chart, (time, label)| chart.with_mark(at(time), label));
    marked.to_svg()
}

/// Agreement in a while of many changes, in millionths.
struct Span {
    begin_ms: u64,
    /// Weighed by time.
    mean: f64,
    least: f64,
}

/// Equal spans of time; each point holds until the next one.
fn spans(points: &[AgreementPoint], end_ms: u64) -> Vec<Span> {
    let long = end_ms.div_ceil(SPANS).max(1);
    let ends = points.iter().skip(1).map(|point| point.at_ms).chain([end_ms]);
    let mut held: Vec<(u64, u64, u64)> = points
        .iter()
        .zip(ends)
        .map(|(point, end)| (point.at_ms, end.max(point.at_ms), point.share))
        .collect();
    held.reverse();
    let mut spans = Vec::new();
    for begin_ms in (0..end_ms).step_by(usize::try_from(long).unwrap_or(usize::MAX)) {
        let end = begin_ms + long;
        let (mut weighed, mut weight, mut least) = (0.0, 0.0, f64::INFINITY);
        while let Some((from, to, share)) = held.last().copied().filter(|(from, _, _)| *from < end) {
            let time = to.min(end).saturating_sub(from.max(begin_ms)) as f64;
            weighed += share as f64 * time;
            weight += time;
            least = least.min(share as f64);
            if to > end {
                break;
            }
            held.pop();
        }
        if weight > 0.0 {
            spans.push(Span { begin_ms, mean: weighed / weight, least });
        }
    }
    spans
}

fn propagation(report: &Report) -> Result<String, PictureError> {
    let (histogram, pairs) =
        report.propagation.as_ref().map_or((&[][..], 0), |all| (&all.histogram[..], all.pairs));
    let mut reached = 0;
    let points = histogram.iter().map(|(up_to_ms, count)| {
        reached += count;
        (*up_to_ms as f64, reached as f64 * 100.0 / pairs.max(1) as f64)
    });
    let across = Axis::logarithmic("time since the block was found, ms");
    let up = Axis::even("pairs of block and node, %").from_to(0.0, 100.0);
    Chart::new("How long blocks took to reach nodes", across, up).with(Series::line("", points)).to_svg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_changes_the_mean_over_time_and_the_least_are_drawn() {
        let point = |at_ms, share| AgreementPoint { at_ms, share, tips: 1 };
        let points = [point(0, 1_000_000), point(300, 500_000), point(600, 1_000_000), point(1_200, 200_000)];
        let spans = spans(&points, SPANS * 600);
        let told: Vec<(u64, u64, u64)> =
            spans.iter().take(4).map(|span| (span.begin_ms, span.mean as u64, span.least as u64)).collect();
        assert_eq!(
            told,
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
