//! A finding: ours against theirs, as a table, a picture and a list of what does not fit.

use cairn_report::chart::{Chart, Series};

use crate::papers::interval::Interval;
use crate::papers::table::Table;

/// How many runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Seconds: enough to find a model that is wrong, run by every check.
    Quick,
    /// Minutes: what `tests/papers` shows.
    Full,
}

impl Size {
    /// The number that goes with the size.
    pub const fn of<T: Copy>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// What a sweep found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What files are called after it.
    pub name: &'static str,
    /// Ours and theirs.
    pub table: Table,
    /// The same to be seen at a glance.
    pub chart: Chart,
    /// Points whose interval does not hold what theory says.
    pub misses: Vec<String>,
    /// How many points there are.
    pub points: usize,
    /// Points that tell our model from a wrong one, and whether they do.
    pub told_apart: Vec<(String, bool)>,
}

impl Finding {
    /// Nothing was looked at yet.
    pub fn new(name: &'static str, table: Table, chart: Chart) -> Self {
        Self { name, table, chart, misses: Vec::new(), points: 0, told_apart: Vec::new() }
    }

    /// Draws one more series.
    pub fn draw(&mut self, series: Series) {
        self.chart = self.chart.clone().with(series);
    }

    /// Looks whether an interval holds what theory says; returns the word for it.
    pub fn hold(&mut self, point: impl Into<String>, ours: &Interval, theirs: f64) -> &'static str {
        self.points += 1;
        if ours.contains(theirs) {
            return "yes";
        }
        self.misses.push(format!("{}: {ours} does not hold {theirs}", point.into()));
        "no"
    }

    /// Looks whether what was measured decides as theory does; what decides nothing contradicts nothing.
    /// Returns the word for it.
    pub fn agree(
        &mut self,
        point: impl Into<String>,
        ours: Option<bool>,
        theirs: Option<bool>,
    ) -> &'static str {
        self.points += 1;
        if ours.is_none() {
            return "-";
        }
        if ours == theirs {
            return "yes";
        }
        self.misses.push(format!("{}: {ours:?}, and {theirs:?} by theory", point.into()));
        "no"
    }
}
