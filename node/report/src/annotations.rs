//! The steps of a run, as pictures annotate them.

use cairn_simulator::report::{MomentKind, Report};

/// The time of each step in milliseconds, and the beginning of its text.
pub fn steps(report: &Report) -> impl Iterator<Item = (u64, &str)> {
    let steps = report.timeline.iter().filter(|moment| moment.kind == MomentKind::Step);
    steps.map(|moment| (moment.at_ms, moment.text.split(':').next().unwrap_or_default()))
}
