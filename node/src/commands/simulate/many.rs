//! Many seeds of one scenario, played on all cores.

use std::io::Write;

use anyhow::bail;
use cairn_simulator::plan::Plan;
use cairn_simulator::play::play;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

use crate::cli::simulate::{Seeds, SimulateArgs};
use crate::commands::bar::bar;
use crate::commands::output::{Output, say_written};
use crate::commands::simulate::replay::Replay;
use cairn_report as report;
use cairn_report::batch::{SeedFigures, SeedOutcome, Summary};
use cairn_report::batch_page::print_seeds;

/// Plays every seed, and prints how they differ and which were not as expected.
///
/// # Errors
/// When a report cannot be written or some seed was not as expected.
pub fn run(plan: &Plan, seeds: Seeds, replay: &Replay, arguments: &SimulateArgs) -> anyhow::Result<()> {
    let summary = play_all(plan, seeds, replay)?;
    // Before anything is shown: standard output may be closed.
    arguments.report.iter().try_for_each(|directory| report::write_seeds(&summary, directory))?;
    let mut text = Vec::new();
    match arguments.json {
        true => serde_json::to_writer(&mut text, &summary)?,
        false => print_seeds(&summary, &mut text)?,
    }
    if !arguments.json {
        say_written(arguments.report.as_deref(), &mut text)?;
    }
    let mut output = Output::new(arguments.report.is_some());
    output.write(|out| writeln!(out, "{}", String::from_utf8_lossy(&text).trim_end()));
    output.end()?;
    if summary.as_expected < summary.seeds.len() {
        bail!("{}", summary.verdict());
    }
    Ok(())
}

fn play_all(plan: &Plan, seeds: Seeds, replay: &Replay) -> anyhow::Result<Summary> {
    let all: Vec<u64> = seeds.iter().collect();
    let bar = bar(all.len() as u64, "{bar:40} {pos} of {len} seeds, {eta} left")?;
    bar.tick();
    // Runs share nothing, and each is done on one thread; the order of the results is that of the seeds.
    let outcomes: Vec<SeedOutcome> = all
        .into_par_iter()
        .with_max_len(1)
        .map(|seed| {
            let outcome = play_one(plan, seed, replay);
            bar.inc(1);
            outcome
        })
        .collect();
    Ok(Summary::new(plan, outcomes))
}

fn play_one(plan: &Plan, seed: u64, replay: &Replay) -> SeedOutcome {
    match play(plan, seed) {
        Ok(report) => SeedOutcome {
            seed,
            figures: Some(SeedFigures::from(&report)),
            broken: None,
            replay: replay.whole(seed),
        },
        Err(failure) => SeedOutcome {
            seed,
            figures: None,
            broken: Some(failure.to_string()),
            replay: replay.of_failure(&failure),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use cairn_simulator::expectation::{Bounds, Expectation};

    use super::*;

    fn plan() -> Plan {
        Plan::partition_and_heal(4, Duration::from_secs(10))
    }

    #[test]
    fn results_are_in_the_order_of_seeds_and_the_same_every_time() {
        let replay = Replay::of(Path::new("cut.toml"));
        let seeds = "1..5".parse().expect("seeds");
        let once = play_all(&plan(), seeds, &replay).expect("played");
        assert_eq!(once.seeds.iter().map(|outcome| outcome.seed).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        let again = play_all(&plan(), seeds, &replay).expect("played");
        assert_eq!(once.seeds, again.seeds);
        assert_eq!(once.as_expected, 5);
        let directory = tempfile::tempdir().expect("a directory");
        report::write_seeds(&once, directory.path()).expect("written");
        let csv = std::fs::read_to_string(directory.path().join("seeds.csv")).expect("a file");
        assert_eq!(csv.lines().count(), 6);
        for name in ["summary.json", "index.html"] {
            assert!(directory.path().join(name).exists(), "{name}");
        }
    }

    #[test]
    fn seeds_that_miss_an_expectation_are_reported_with_the_command_that_plays_them() {
        let height = Bounds { least: Some(10_000), most: None };
        let plan = Plan { expectations: vec![Expectation::Height(height)], ..plan() };
        let seeds = "8..9".parse().expect("seeds");
        let summary = play_all(&plan, seeds, &Replay::of(Path::new("cut.toml"))).expect("played");
        let mut text = Vec::new();
        print_seeds(&summary, &mut text).expect("memory takes all");
        let text = String::from_utf8(text).expect("text");
        assert!(text.contains("0 of 2 seeds met every expectation"), "{text}");
        assert!(text.contains("cairn simulate cut.toml --seed 8\n"), "{text}");
    }
}
