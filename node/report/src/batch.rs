//! Many runs of one scenario: the figures of each seed, and their distribution over all seeds.

use cairn_simulator::plan::Plan;
use cairn_simulator::report::Report;
use serde::Serialize;

use crate::distribution::Distribution;
use crate::format::count;

/// The figures of one seed. Whole reports of many runs would fill the memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeedFigures {
    /// Height of the final chain.
    pub height: u32,
    /// Found blocks that are not in the final chain, in millionths.
    pub stale_rate: u64,
    /// Reorganizations of all nodes together.
    pub reorganizations: u64,
    /// Blocks that the deepest reorganization of an honest node disconnected.
    pub deepest: u32,
    /// The longest time to one tip; none if some healing did not lead to one.
    pub converged_after_ms: Option<u64>,
    /// Propagation time of half of all pairs of block and node.
    pub median_ms: Option<u64>,
    /// Propagation time of 90 % of all pairs.
    pub p90_ms: Option<u64>,
    /// Propagation time of 99 % of all pairs.
    pub p99_ms: Option<u64>,
    /// Each group's share of the final chain, in millionths.
    pub revenue: Vec<u64>,
    /// Payments that lost a confirmation at some time.
    pub undone: u64,
    /// Confirmed payments that a conflicting one replaced for good.
    pub double_spent: u64,
    /// Expectations that are not met, as text.
    pub missed: Vec<String>,
}

impl From<&Report> for SeedFigures {
    fn from(report: &Report) -> Self {
        let missed = report.expectations.iter().filter(|verdict| !verdict.is_met);
        let propagation = report.propagation.as_ref();
        Self {
            height: report.height,
            stale_rate: report.stale.rate,
            reorganizations: report.reorganizations_in_all,
            deepest: report.deepest,
            converged_after_ms: report.converged_after_ms(),
            median_ms: propagation.map(|all| all.median_ms),
            p90_ms: propagation.map(|all| all.p90_ms),
            p99_ms: propagation.map(|all| all.p99_ms),
            revenue: report.groups.iter().map(|group| group.revenue_share).collect(),
            undone: report.payments.undone,
            double_spent: report.payments.double_spent,
            missed: missed.map(ToString::to_string).collect(),
        }
    }
}

/// A seed and the outcome of its run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeedOutcome {
    pub seed: u64,
    /// None when an invariant was broken.
    pub figures: Option<SeedFigures>,
    /// The broken invariant, as text.
    pub broken: Option<String>,
    /// The command that plays the run again.
    pub replay: String,
}

impl SeedOutcome {
    /// Whether every expectation is met and no invariant was broken.
    pub fn is_as_expected(&self) -> bool {
        self.figures.as_ref().is_some_and(|figures| figures.missed.is_empty())
    }

    /// The broken invariant or the missed expectations, in a line.
    pub fn complaint(&self) -> String {
        let missed = || self.figures.as_ref().map(|figures| figures.missed.join("; "));
        self.broken.clone().or_else(missed).unwrap_or_default()
    }
}

/// A group of the scenario, which is the same in all runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BatchGroup {
    pub name: String,
    /// Share of all hash rate, in millionths.
    pub hashrate_share: u64,
}

/// A figure's name with its unit, and its distribution; none when no seed has the figure.
#[derive(Clone, Debug, Serialize)]
pub struct NamedDistribution {
    pub name: String,
    pub distribution: Option<Distribution>,
}

/// All seeds of one scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub name: String,
    /// The lesson of the scenario.
    pub teaches: String,
    pub groups: Vec<BatchGroup>,
    /// The number of expectations of each run.
    pub expectations: usize,
    /// The number of seeds that met every expectation.
    pub as_expected: usize,
    pub distributions: Vec<NamedDistribution>,
    /// Every seed, in order.
    pub seeds: Vec<SeedOutcome>,
}

impl Summary {
    /// The summary of a plan's seeds.
    pub fn new(plan: &Plan, seeds: Vec<SeedOutcome>) -> Self {
        let groups = plan.groups.iter();
        let groups = groups.map(|group| BatchGroup { name: group.name.clone(), hashrate_share: group.share });
        let mut summary = Self {
            name: plan.name.clone(),
            teaches: plan.teaches.clone(),
            groups: groups.collect(),
            expectations: plan.expectations.len(),
            as_expected: seeds.iter().filter(|outcome| outcome.is_as_expected()).count(),
            distributions: Vec::new(),
            seeds,
        };
        summary.distributions = summary.distributions();
        summary
    }

    /// The seeds in which no invariant was broken.
    pub fn figures(&self) -> impl Iterator<Item = &SeedFigures> {
        self.seeds.iter().filter_map(|outcome| outcome.figures.as_ref())
    }

    /// The distribution of a group's revenue, in per cent.
    pub fn revenue(&self, group: usize) -> Option<Distribution> {
        let shares = self.figures().filter_map(|seed| seed.revenue.get(group));
        Distribution::of(&shares.map(|share| *share as f64 / PERCENT).collect::<Vec<f64>>())
    }

    fn distributions(&self) -> Vec<NamedDistribution> {
        let measured = |measure: &Measure| {
            let sample = self.figures().filter_map(|seed| (measure.read)(seed));
            let sample: Vec<f64> = sample.map(|figure| figure as f64 / measure.unit).collect();
            NamedDistribution { name: measure.name.to_owned(), distribution: Distribution::of(&sample) }
        };
        let revenue = |(number, group): (usize, &BatchGroup)| NamedDistribution {
            name: format!("revenue of {}, %", group.name),
            distribution: self.revenue(number),
        };
        let groups = self.groups.iter().enumerate().filter(|_| self.groups.len() > 1);
        let chain = CHAIN_MEASURES.iter().map(measured);
        chain.chain(groups.map(revenue)).chain(PAYMENT_MEASURES.iter().map(measured)).collect()
    }

    /// How many seeds met every expectation, in a sentence.
    pub fn verdict(&self) -> String {
        let (all, met) = (self.seeds.len(), self.as_expected);
        let seeds = count(all as u64, "seed");
        let broken = all - self.figures().count();
        match (all, met) {
            _ if broken > 0 && self.expectations == 0 => format!("an invariant broke in {broken} of {seeds}"),
            _ if broken > 0 => {
                format!("an invariant broke in {broken} of {seeds}, and {met} met every expectation")
            }
            _ if self.expectations == 0 && all == met => {
                format!("{seeds} played, of which the scenario expects nothing")
            }
            (1, 1) => "the one seed met every expectation".into(),
            _ if all == met => format!("all {all} seeds met every expectation"),
            _ => format!("only {met} of {all} seeds met every expectation"),
        }
    }
}

/// A figure of a seed: how tables call it, and how it is read.
pub struct Measure {
    /// Name with unit, for people.
    pub name: &'static str,
    /// Name in a CSV table.
    pub key: &'static str,
    /// The figure is shown divided by this.
    unit: f64,
    pub read: fn(&SeedFigures) -> Option<u64>,
}

/// Millionths in a per cent.
pub const PERCENT: f64 = 10_000.0;

/// Figures of the chain.
pub const CHAIN_MEASURES: [Measure; 8] = [
    measure("final height", "height", 1.0, |seed| Some(seed.height as u64)),
    measure("stale rate, %", "stale_rate", PERCENT, |seed| Some(seed.stale_rate)),
    measure("reorganizations", "reorganizations", 1.0, |seed| Some(seed.reorganizations)),
    measure("deepest, blocks", "deepest", 1.0, |seed| Some(seed.deepest as u64)),
    measure("agreement after, ms", "converged_after_ms", 1.0, |seed| seed.converged_after_ms),
    measure("propagation, median, ms", "median_ms", 1.0, |seed| seed.median_ms),
    measure("propagation, 90 %, ms", "p90_ms", 1.0, |seed| seed.p90_ms),
    measure("propagation, 99 %, ms", "p99_ms", 1.0, |seed| seed.p99_ms),
];

/// Figures of payments and double spends.
pub const PAYMENT_MEASURES: [Measure; 2] = [
    measure("payments undone", "undone", 1.0, |seed| Some(seed.undone)),
    measure("double spends", "double_spent", 1.0, |seed| Some(seed.double_spent)),
];

const fn measure(
    name: &'static str,
    key: &'static str,
    unit: f64,
    read: fn(&SeedFigures) -> Option<u64>,
) -> Measure {
    Measure { name, key, unit, read }
}
