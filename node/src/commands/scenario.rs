//! `cairn devnet --scenario`: plays a plan on real nodes, prints what happens, reports, and ends.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use cairn_genesis::Chain;
use cairn_genesis::hashrate::Hashrate;
use cairn_simulator::plan::Plan;
use cairn_simulator::report::{Moment, Report};
use serde_json::json;

use crate::cli::devnet::DevnetArgs;
use crate::commands::bar;
use crate::commands::output::{Output, print_report};
use crate::devnet::directory::DevnetDirectory;
use crate::devnet::error::DevnetError;
use crate::devnet::plan::{self, NodePlan, Wanted};
use crate::devnet::scenario::chain_setup;
use crate::devnet::scenario::error::ScenarioError;
use crate::devnet::scenario::play::play;
use crate::devnet::scenario::rates::Rates;
use crate::devnet::startup;
use crate::plan_file::read_plan;
use cairn_genesis::programs::files;
use cairn_report as report;
use cairn_report::figures::verdict;

/// Runs the command.
///
/// # Errors
/// Every error of the run; also when an expectation is not met.
pub fn run(arguments: &DevnetArgs, file: &Path) -> anyhow::Result<()> {
    let plan = read_plan(file)?;
    let (rates, chain) = prepare(&plan)?;
    arguments.report.iter().try_for_each(|path| report::make(path))?;
    let mut directory = DevnetDirectory::take(arguments.dir.as_deref(), arguments.name.as_ref())?;
    let chain_file = directory.path().join("chain.toml");
    if chain_file.exists() {
        return Err(ScenarioError::UsedDirectory(directory.path().to_owned()).into());
    }
    files::replace(&chain_file, chain.definition.to_string().as_bytes())
        .with_context(|| format!("cannot write {}", chain_file.display()))?;
    let plans = node_plans(&plan, &chain, &directory, arguments.rpc_port)?;
    let devnet = startup::start(chain, chain_file.display().to_string(), &plans, &mut directory)?;
    let mut output = Output::new(true);
    output.write(|out| match arguments.json {
        true => writeln!(out, "{}", devnet.ready()),
        false => {
            let (name, nodes, page) = (&plan.name, plan.nodes(), devnet.note.page());
            writeln!(out, "{name}: {nodes} real nodes run; look at {page}\n")
        }
    });
    let bar = bar::of_scenario()?;
    let mut show_moments = |news: &[Moment], progress: u64| {
        if !news.is_empty() {
            let write =
                |out: &mut _| news.iter().try_for_each(|moment| print_moment(moment, arguments.json, out));
            bar.suspend(|| output.write(write));
        }
        bar.set_position(progress);
    };
    let report = play(&plan, &rates, &devnet.network, &devnet.events, &mut show_moments)?;
    bar.finish_and_clear();
    // Before anything is shown: standard output may be closed.
    if let Some(directory) = &arguments.report {
        report::write(&report, directory, None)?;
    }
    output.write(|out| show(&report, arguments, out));
    if report.is_interrupted {
        bail!("the scenario was stopped before its end; what is reported is what was seen until then");
    }
    if !report.is_as_expected() {
        bail!("{}", verdict(&report));
    }
    output.end()
}

/// Hash rates and chain of a plan that real nodes can play.
fn prepare(plan: &Plan) -> Result<(Rates, Chain), ScenarioError> {
    if let Some(why) = plan.refusal_of_devnet() {
        return Err(ScenarioError::Unplayable { name: plan.name.clone(), why });
    }
    let rates = Rates::of(plan)?;
    let wallets = plan.workload.wallets;
    let chain = chain_setup::chain(plan, &rates).map_err(|error| ScenarioError::Chain { wallets, error })?;
    Ok((rates, chain))
}

/// Nodes that dial the nodes of the topology and no other, and do not mine until all are connected.
fn node_plans(
    plan: &Plan,
    chain: &Chain,
    directory: &DevnetDirectory,
    rpc_port: u16,
) -> Result<Vec<NodePlan>, DevnetError> {
    let miners = Default::default();
    let wanted = Wanted { chain, nodes: plan.nodes(), miners, hashrate: Hashrate::NONE, to: None, rpc_port };
    let (mut plans, _) = plan::draw(&wanted, directory.path())?;
    let addresses: Vec<_> = plans.iter().map(|node| node.peer).collect();
    for (node, dialled) in plans.iter_mut().zip(chain_setup::dials(plan)) {
        node.dials = dialled.into_iter().map(|other| addresses[usize::from(other)]).collect();
        node.max_outbound = Some(0);
    }
    Ok(plans)
}

fn print_moment(moment: &Moment, as_json: bool, out: &mut impl Write) -> std::io::Result<()> {
    let Moment { at_ms, kind, text, .. } = moment;
    match as_json {
        true => writeln!(out, "{}", json!({ "event": "moment", "at_ms": at_ms, "kind": kind, "text": text })),
        false => writeln!(out, "{:>7.1} s  {text}", *at_ms as f64 / 1_000.0),
    }
}

/// Shows the report, and says where it was written.
fn show(report: &Report, arguments: &DevnetArgs, out: &mut impl Write) -> std::io::Result<()> {
    if arguments.json {
        return writeln!(out, "{}", json!({ "event": "report", "report": report }));
    }
    writeln!(out)?;
    print_report(report, arguments.report.as_deref(), out)
}
