//! `cairn simulate`: plays a scenario in a simulated world, prints what happens, and reports.

use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::{anyhow, bail};
use cairn_simulator::plan::Plan;
use cairn_simulator::play::{Failure, Run};
use cairn_simulator::report::{Moment, Report};
use indicatif::ProgressBar;
use replay::Replay;
use serde_json::json;

use crate::cli::simulate::SimulateArgs;
use crate::commands::bar;
use crate::commands::output::{Output, print_report};
use crate::plan_file::read_plan;
use cairn_report as report;
use cairn_report::coalesce::Coalescer;
use cairn_report::figures::verdict;
use cairn_report::format::{count, harmless, moment};

pub mod many;
pub mod replay;

/// The world's time between two looks at what happened.
const SLICE: Duration = Duration::from_millis(500);
/// Events that are printed before the end.
const TRACED_EVENTS: usize = 200;

/// Runs the command.
///
/// # Errors
/// When the scenario cannot be read, something broke that must hold, or an expectation is not met.
pub fn run(arguments: &SimulateArgs) -> anyhow::Result<()> {
    let plan = read_plan(&arguments.scenario)?;
    let replay = Replay::of(&arguments.scenario);
    // A directory that cannot be written should not show only after a long run.
    arguments.report.iter().try_for_each(|directory| report::make(directory))?;
    match (arguments.seeds, arguments.until_event) {
        (Some(seeds), _) => many::run(&plan, seeds, &replay, arguments),
        (None, Some(event)) => run_until(plan, event, &replay, arguments),
        (None, None) => run_one(plan, &replay, arguments),
    }
}

/// Plays a whole run.
fn run_one(plan: Plan, replay: &Replay, arguments: &SimulateArgs) -> anyhow::Result<()> {
    let seed = arguments.seed.unwrap_or(plan.seed);
    let mut narration = Narration::new(&plan, arguments)?;
    let mut run = Run::new(plan, seed).map_err(|failure| broken(&failure, replay, arguments))?;
    if arguments.trace {
        run.world_mut().keep_log(TRACED_EVENTS, u64::MAX);
    }
    while !run.is_over() {
        let outcome = run.advance(SLICE);
        narration.advance(run.timeline(), run.progress())?;
        if let Err(failure) = outcome {
            narration.end(&run)?;
            return Err(broken(&failure, replay, arguments));
        }
    }
    narration.end(&run)?;
    let report = run.finish().map_err(|failure| broken(&failure, replay, arguments))?;
    // Before anything is shown: standard output may be closed.
    if let Some(directory) = &arguments.report {
        let on_page = Replay::for_page(&arguments.scenario).whole(seed);
        report::write(&report, directory, Some(&on_page))?;
    }
    let mut output = narration.output;
    output.write(|out| show(&report, arguments, out));
    output.check()?;
    if !report.is_as_expected() {
        bail!("{}; `{}` plays it again", verdict(&report), replay.whole(seed));
    }
    output.end()
}

/// Shows the report, and says where it was written.
fn show(report: &Report, arguments: &SimulateArgs, out: &mut impl Write) -> std::io::Result<()> {
    if arguments.json {
        return writeln!(out, "{}", serde_json::to_string(report)?);
    }
    if !arguments.quiet {
        writeln!(out)?;
    }
    print_report(report, arguments.report.as_deref(), out)
}

/// A breach as an error, and with --json as an object.
fn broken(failure: &Failure, replay: &Replay, arguments: &SimulateArgs) -> anyhow::Error {
    if arguments.json {
        let breach = json!({
            "breach": failure.violation.to_string(),
            "seed": failure.seed,
            "event": failure.event,
            "after_ms": failure.after_ms,
            "replay": replay.of_failure(failure),
        });
        let _ = writeln!(stdout(), "{breach}");
    }
    let error = replay.broken(failure);
    match arguments.report {
        Some(_) => anyhow!("{error}; a run that breaks has no report"),
        None => error,
    }
}

/// Plays a run up to an event, to see what came before it.
fn run_until(plan: Plan, event: u64, replay: &Replay, arguments: &SimulateArgs) -> anyhow::Result<()> {
    let seed = arguments.seed.unwrap_or(plan.seed);
    let mut narration = Narration::new(&plan, arguments)?;
    let mut run = Run::new(plan, seed).map_err(|failure| replay.broken(&failure))?;
    if arguments.trace {
        run.world_mut().keep_log(TRACED_EVENTS, event);
    }
    let outcome = run.advance_to_event(event);
    narration.advance(run.timeline(), run.progress())?;
    narration.end(&run)?;
    outcome.map_err(|failure| replay.broken(&failure))?;
    let (events, ms) = (run.world().traffic.events, run.world().elapsed().as_millis() as u64);
    // What happens at one time is done at once, in a large world in windows of time.
    let why = if events < event { "the run was over" } else { "stopped" };
    write!(stdout(), "{why} after event {}, at {}", event.min(events), moment(ms))?;
    match events.saturating_sub(event) {
        0 => writeln!(stdout())?,
        more => writeln!(stdout(), "; {} happened by then", count(more, "more event"))?,
    }
    Ok(())
}

/// Prints moments as they happen, over a bar that shows the progress.
struct Narration {
    coalescer: Coalescer,
    printed: usize,
    is_silent: bool,
    bar: ProgressBar,
    output: Output,
}

impl Narration {
    fn new(plan: &Plan, arguments: &SimulateArgs) -> anyhow::Result<Self> {
        let is_silent = arguments.quiet || arguments.json;
        let coalescer = Coalescer::new(usize::from(plan.nodes()));
        let output = Output::new(arguments.report.is_some());
        Ok(Self { coalescer, printed: 0, is_silent, bar: bar::of_scenario()?, output })
    }

    fn advance(&mut self, timeline: &[Moment], progress: u64) -> std::io::Result<()> {
        let new = timeline.get(self.printed..).unwrap_or_default();
        self.printed = timeline.len();
        let moments: Vec<Moment> = new.iter().flat_map(|moment| self.coalescer.push(moment)).collect();
        self.print(&moments)?;
        self.bar.set_position(progress);
        Ok(())
    }

    /// What is left, and the events that were kept.
    fn end(&mut self, run: &Run) -> std::io::Result<()> {
        let rest = self.coalescer.flush();
        self.print(&rest)?;
        self.bar.finish_and_clear();
        let events = run.world().log();
        self.output.write(|out| events.iter().try_for_each(|line| writeln!(out, "{}", harmless(line))));
        self.output.check()
    }

    fn print(&mut self, moments: &[Moment]) -> std::io::Result<()> {
        if self.is_silent || moments.is_empty() {
            return Ok(());
        }
        let Self { bar, output, .. } = self;
        let line = |one: &Moment| format!("{:>9}  {}", moment(one.at_ms), harmless(&one.text));
        bar.suspend(|| output.write(|out| moments.iter().try_for_each(|one| writeln!(out, "{}", line(one)))));
        output.check()
    }
}
