//! Corners of plans: what a scenario may ask for, and worlds once got wrong.

#[path = "corners/agreement.rs"]
mod agreement;
#[path = "corners/double_spends.rs"]
mod double_spends;
#[path = "corners/payments.rs"]
mod payments;
#[path = "corners/steps.rs"]
mod steps;

use cairn_simulator::play::{Failure, play};
use cairn_simulator::report::Report;
use cairn_simulator::scenario::parse;

fn played(scenario: &str, seed: u64) -> Result<Report, Failure> {
    play(&parse(scenario).unwrap_or_else(|error| panic!("{error}")), seed)
}

fn report(scenario: &str, seed: u64) -> Report {
    played(scenario, seed).unwrap_or_else(|failure| panic!("{failure}"))
}

fn told(report: &Report) -> Vec<&str> {
    report.timeline.iter().map(|moment| moment.text.as_str()).collect()
}
