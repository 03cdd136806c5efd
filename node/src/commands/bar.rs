//! The bar of a command that plays a scenario: how far it is, below what it tells.

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error; nothing where that is no terminal. It goes when it is dropped, so that what is
/// said of a failure stands alone.
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar of which nothing is done, shown with the first step.
    pub fn new() -> anyhow::Result<Self> {
        let style = ProgressStyle::with_template("{bar:40} {percent} %, {elapsed} gone");
        Ok(Self(ProgressBar::new(1_000).with_style(style.context("the bar's template")?)))
    }

    /// So many thousandths are done.
    pub fn set(&self, thousandths: u64) {
        self.0.set_position(thousandths);
    }

    /// Takes the bar away for as long as something is written.
    pub fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    /// Takes the bar away for good.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}
