//! Many runs of one scenario: what each seed came to, how that is distributed, and how to show it.

use cairn_simulator::plan::{Group, Plan};
use cairn_simulator::report::Report;
use serde::Serialize;

use crate::distribution::Distribution;
use crate::words::count;

/// What one seed came to; only figures, as whole reports of many runs would fill the memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeedFigures {
    /// The height of the final chain.
    pub height: u32,
    /// Found blocks that are not in it, in millionths.
    pub stale_rate: u64,
    /// Reorganisations, all nodes together.
    pub reorganisations: u64,
    /// Blocks that left in the deepest of an honest node.
    pub deepest: u32,
    /// The longest time to one tip, if each healing led to one.
    pub converged_after_ms: Option<u64>,
    /// Half of the pairs of block and node took no longer,
    pub median_ms: Option<u64>,
    /// nine of ten,
    pub p90_ms: Option<u64>,
    /// 99 of 100.
    pub p99_ms: Option<u64>,
    /// Each group's part of the final chain, in millionths.
    pub revenue: Vec<u64>,
    /// Payments that lost a confirmation at some time.
    pub undone: u64,
    /// Payments taken back for good.
    pub double_spent: u64,
    /// Expectations that are not met, in words.
    pub missed: Vec<String>,
}

impl From<&Report> for SeedFigures {
    fn from(report: &Report) -> Self {
        let missed = report.expectations.iter().filter(|verdict| !verdict.is_met);
        let propagation = report.propagation.as_ref();
        Self {
            height: report.height,
            stale_rate: report.stale.rate,
            reorganisations: report.reorganisations_in_all,
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

/// A seed and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeedOutcome {
    /// The seed.
    pub seed: u64,
    /// Its figures; none when something broke that must hold.
    pub figures: Option<SeedFigures>,
    /// What broke, in words.
    pub broken: Option<String>,
    /// The command that plays it again.
    pub replay: String,
}

impl SeedOutcome {
    /// Whether every expectation is met and nothing broke.
    pub fn is_as_expected(&self) -> bool {
        self.figures.as_ref().is_some_and(|figures| figures.missed.is_empty())
    }

    /// What is wrong with it, in a line.
    pub fn complaint(&self) -> String {
        let missed = || self.figures.as_ref().map(|figures| figures.missed.join("; "));
        self.broken.clone().or_else(missed).unwrap_or_default()
    }
}

/// A group of the scenario, as all its runs have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupWord {
    /// Its name.
    pub name: String,
    /// Its part of all hash rate, in millionths.
    pub hashrate_share: u64,
}

/// All seeds of one scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The scenario's name.
    pub name: String,
    /// What one learns from it.
    pub teaches: String,
    /// Its groups.
    pub groups: Vec<GroupWord>,
    /// How many things are expected of each run.
    pub expectations: usize,
    /// How many seeds met every expectation.
    pub as_expected: usize,
    /// How each figure is distributed over the seeds.
    pub distributions: Vec<Named>,
    /// Every seed, in order.
    pub seeds: Vec<SeedOutcome>,
}

/// A figure's name and how it is distributed.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    /// Its name, with its unit.
    pub name: String,
    /// How it is distributed; none when no seed has it.
    pub distribution: Option<Distribution>,
}

impl Summary {
    /// What these seeds of a plan come to.
    pub fn new(plan: &Plan, seeds: Vec<SeedOutcome>) -> Self {
        let word = |group: &Group| GroupWord { name: group.name.clone(), hashrate_share: group.share };
        let groups: Vec<GroupWord> = plan.groups.iter().map(word).collect();
        let as_expected = seeds.iter().filter(|outcome| outcome.is_as_expected()).count();
        let distributions = distributions(&groups, &seeds);
        Self {
            name: plan.name.clone(),
            teaches: plan.teaches.clone(),
            groups,
            expectations: plan.expectations.len(),
            as_expected,
            distributions,
            seeds,
        }
    }

    /// How many seeds met every expectation, in a sentence.
    pub fn verdict(&self) -> String {
        let (all, met) = (self.seeds.len(), self.as_expected);
        let broken = self.seeds.iter().filter(|seed| seed.figures.is_none()).count();
        match (all, met) {
            _ if broken > 0 && self.expectations == 0 => {
                format!("something broke that must hold in {broken} of {}", count(all as u64, "seed"))
            }
            _ if broken > 0 => format!(
                "something broke that must hold in {broken} of {}, and {met} met every expectation",
                count(all as u64, "seed")
            ),
            _ if self.expectations == 0 && all == met => {
                format!("{} played, of which nothing was expected", count(all as u64, "seed"))
            }
            (1, 1) => "the one seed met every expectation".into(),
            _ if all == met => format!("all {all} seeds met every expectation"),
            _ => format!("only {met} of {all} seeds met every expectation"),
        }
    }
}

/// A figure's name, and how to read it from a seed's.
type Reading = (String, Box<dyn Fn(&SeedFigures) -> Option<f64>>);

fn distributions(groups: &[GroupWord], seeds: &[SeedOutcome]) -> Vec<Named> {
    fn reading(name: &str, read: impl Fn(&SeedFigures) -> Option<f64> + 'static) -> Reading {
        (name.to_owned(), Box::new(read))
    }
    const PERCENT: f64 = 10_000.0;
    let of = |figure: Option<u64>| figure.map(|figure| figure as f64);
    let mut readings = vec![
        reading("final height", |seed| Some(f64::from(seed.height))),
        reading("stale rate, %", |seed| Some(seed.stale_rate as f64 / PERCENT)),
        reading("reorganisations", |seed| Some(seed.reorganisations as f64)),
        reading("deepest, blocks", |seed| Some(f64::from(seed.deepest))),
        reading("agreement after, ms", move |seed| of(seed.converged_after_ms)),
        reading("propagation, median, ms", move |seed| of(seed.median_ms)),
        reading("propagation, 90 %, ms", move |seed| of(seed.p90_ms)),
        reading("propagation, 99 %, ms", move |seed| of(seed.p99_ms)),
    ];
    for (number, group) in groups.iter().enumerate().filter(|_| groups.len() > 1) {
        readings.push(reading(&format!("revenue of {}, %", group.name), move |seed| {
            of(seed.revenue.get(number).copied()).map(|share| share / PERCENT)
        }));
    }
    readings.push(reading("payments undone", |seed| Some(seed.undone as f64)));
    readings.push(reading("double spends", |seed| Some(seed.double_spent as f64)));
    let figures: Vec<&SeedFigures> = seeds.iter().filter_map(|outcome| outcome.figures.as_ref()).collect();
    let distribution = |(name, read): Reading| {
        let sample: Vec<f64> = figures.iter().filter_map(|seed| read(seed)).collect();
        Named { name, distribution: Distribution::of(&sample) }
    };
    readings.into_iter().map(distribution).collect()
}
