//! The pictures of a run: agreement over time, and how long blocks took to reach nodes.

use cairn_simulator::plan::MILLION;
use cairn_simulator::report::Report;

use crate::report::chart::{Axis, Chart, PictureError, Series};
use crate::report::fork_tree::fork_tree;
use crate::report::steps::steps;
use crate::report::words::unit_for;

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
    let points = report.agreement.iter().map(|point| (at(point.at_ms), share(point.share)));
    let across = Axis::even(format!("time, {unit}")).from_to(0.0, at(report.lasted_ms));
    let up = Axis::even("living nodes, %").from_to(0.0, 100.0);
    let chart = Chart::new("Nodes on the majority's tip", across, up).with(Series::steps("", points));
    let marked = steps(report).fold(chart, |chart, (time, label)| chart.with_mark(at(time), label));
    marked.to_svg()
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
