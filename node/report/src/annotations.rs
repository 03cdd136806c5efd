//! The steps of a run, as pictures annotate them.

use cairn_simulator::report::{MomentKind, Report};

/// The time of each step that changes something, in milliseconds, and its label.
pub fn steps(report: &Report) -> impl Iterator<Item = (u64, &'static str)> {
    let kinds = report.timeline.iter().map(|moment| (moment.at_ms, moment.kind));
    let steps = kinds.filter(|(_, kind)| kind.is_step() && *kind != MomentKind::NoEffect);
    steps.map(|(at_ms, kind)| (at_ms, kind.label()))
}
