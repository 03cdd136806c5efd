//! `cairn devnet`: starts the nodes, prints what happens, and stops them at a signal.

use std::io::{Write, stderr};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Context;
use cairn_core::address::Address;
use cairn_core::height::Height;
use cairn_genesis::Chain;

use crate::cli::devnet::DevnetArgs;
use crate::commands::output::Output;
use crate::commands::scenario;
use crate::devnet::directory::DevnetDirectory;
use crate::devnet::error::DevnetError;
use crate::devnet::event::{DevnetEvent, TimedEvent};
use crate::devnet::line::{Line, Narrated};
use crate::devnet::mining::mine;
use crate::devnet::network::Network;
use crate::devnet::plan::{self, NodePlan, Wanted};
use crate::devnet::{funded_accounts, startup};
use cairn_genesis::programs::files;

/// How often the narrator looks at the clock when nothing happens.
const TICK: Duration = Duration::from_millis(50);

/// Runs `cairn devnet`.
pub fn run(arguments: &DevnetArgs) -> anyhow::Result<()> {
    if let Some(file) = &arguments.scenario {
        return scenario::run(arguments, file);
    }
    let chain = Chain::find(&arguments.chain)?;
    let prefix = &chain.params.address_prefix;
    let to = arguments.to.as_deref().map(|text| Address::parse(text, prefix));
    let to = to.transpose().context("--to is not an address of this chain")?;
    let mut directory = DevnetDirectory::take(arguments.dir.as_deref(), arguments.name.as_ref())?;
    let chain_argument = keep_chain(&directory, &chain)?;
    let hashrate = arguments.hashrate.unwrap_or_else(|| plan::usual_hashrate(&chain.params));
    let wanted = Wanted {
        chain: &chain,
        nodes: arguments.nodes,
        miners: plan::miners(arguments.mine.as_deref(), arguments.nodes)?,
        hashrate,
        to,
        rpc_port: arguments.rpc_port,
    };
    let (plans, mut remarks) = plan::draw(&wanted, directory.path())?;
    if !wanted.miners.is_empty() {
        remarks.extend(plan::flood(&chain.params, hashrate));
    }
    let mut output = Output::new(true);
    for remark in &remarks {
        match arguments.json {
            // Standard output has events only.
            true => drop(writeln!(stderr(), "{remark}")),
            false => output.write(|out| writeln!(out, "{remark}")),
        }
    }
    let devnet = startup::start(chain.clone(), chain_argument, &plans, &mut directory)?;
    let network = &devnet.network;
    output.write(|out| match arguments.json {
        true => writeln!(out, "{}", devnet.ready()),
        false => {
            let (table, note) = (table(&chain, &plans), &devnet.note);
            writeln!(out, "{table}\n\ndevnet {}; look and steer: {}\n", note.name, note.page())
        }
    });
    if let Some(line) = stuck(network) {
        output.write(|out| print(&[line], arguments.json, out));
    }
    begin_chain(network, wanted.miners.first().copied());
    narrate(network, &devnet.events, arguments.json, &mut output);
    network.stop();
    if !arguments.json {
        output.write(|out| writeln!(out, "stopped all nodes"));
    }
    output.end()
}

/// A chain of nothing but genesis gets its first block at once, from the first miner: the first
/// interval may be many times the mean. From then on blocks come as they are found.
fn begin_chain(network: &Network, miner: Option<u16>) {
    let Some(miner) = miner else { return };
    let height = network.state.read(|state| state.node(miner).map(|node| node.height));
    if let (Some(Height::GENESIS), Ok(plan)) = (height, network.plan(miner)) {
        // If that fails, the miners find one by themselves.
        let _ = mine(network, miner, 1, &plan.reward);
    }
}

/// The first running node that is stuck, and how many others are.
fn stuck(network: &Network) -> Option<Line> {
    let (node, why, others) = network.state.read(|state| {
        let mut stuck =
            state.running().filter_map(|node| Some((node.id, node.status.as_ref()?.stuck.clone()?)));
        let (node, why) = stuck.next()?;
        Some((node, why, stuck.count()))
    })?;
    let others = if others == 0 { String::new() } else { format!(" (and {others} more)") };
    let text = format!("node {node}{others} is stuck: {why}");
    Some(Narrated::Stuck { node, why }.line(text))
}

/// The loop of the devnet: ends at a signal, and goes on when standard output is closed.
fn narrate(network: &Network, events: &Receiver<TimedEvent>, as_json: bool, output: &mut Output) {
    let mut looked = Instant::now();
    loop {
        if looked.elapsed() >= TICK {
            looked = Instant::now();
            network.look_after();
        }
        let lines = match events.recv_timeout(TICK) {
            Ok(TimedEvent { event: DevnetEvent::Stop, .. }) => return,
            Ok(event) => event.lines,
            Err(RecvTimeoutError::Timeout) => network.state.tick(),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if !lines.is_empty() {
            output.write(|out| print(&lines, as_json, out));
        }
    }
}

fn print(lines: &[Line], as_json: bool, out: &mut impl Write) -> std::io::Result<()> {
    for line in lines {
        match (as_json, &line.text) {
            (true, _) => writeln!(out, "{}", serde_json::to_string(&line.event)?)?,
            (false, Some(text)) => writeln!(out, "{text}")?,
            (false, None) => {}
        }
    }
    Ok(())
}

/// Keeps the definition in the directory, so that its nodes read one file however the name was
/// typed; rejects a directory of another chain.
fn keep_chain(directory: &DevnetDirectory, chain: &Chain) -> anyhow::Result<String> {
    let kept = directory.path().join("chain.toml");
    match std::fs::read_to_string(&kept) {
        Ok(text) => {
            let found = Chain::from_toml(&text).with_context(|| format!("{} is damaged", kept.display()))?;
            if found.params.genesis_hash != chain.params.genesis_hash {
                return Err(DevnetError::OtherChain {
                    directory: directory.path().to_owned(),
                    found: found.params.genesis_hash.to_string(),
                    expected: chain.params.genesis_hash.to_string(),
                }
                .into());
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = chain.definition.to_string();
            files::replace(&kept, text.as_bytes())
                .with_context(|| format!("cannot write {}", kept.display()))?;
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", kept.display())),
    }
    Ok(path_text(&kept))
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}

fn table(chain: &Chain, plans: &[NodePlan]) -> String {
    let mut nodes = comfy_table::Table::new();
    nodes.load_style(comfy_table::presets::NOTHING);
    nodes.set_header(["node", "peer address", "RPC address", "cookie file", "data directory"]);
    for plan in plans {
        nodes.add_row([
            plan.id.to_string(),
            plan.peer.to_string(),
            plan.rpc.to_string(),
            path_text(&plan.cookie()),
            path_text(&plan.data()),
        ]);
    }
    let mut text = nodes.trim_fmt();
    let accounts = funded_accounts::funded(chain);
    if !accounts.is_empty() {
        text += "\n\naccounts that genesis funds; their words are published, anyone can spend them\n";
        text += "(`cairn-wallet restore --devnet K` takes account K)";
        for account in accounts {
            text += &format!(
                "\n  {}  {} coins  {}\n     {}",
                account.account, account.balance, account.address, account.words
            );
        }
    }
    text
}
