//! The bar of a command that takes long: the progress, on standard error, if that is a terminal.

use anyhow::Context;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// A bar of this length. It goes when it is dropped, so that the message of a failure stands alone.
pub fn bar(length: u64, template: &str) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template(template).context("the bar's template")?;
    Ok(ProgressBar::new(length).with_style(style).with_finish(ProgressFinish::AndClear))
}

/// The bar of a scenario, in thousandths.
pub fn of_scenario() -> anyhow::Result<ProgressBar> {
    bar(1_000, "{bar:40} {percent} %, {elapsed} gone")
}
