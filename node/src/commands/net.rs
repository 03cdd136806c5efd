//! `cairn net`: steers a running devnet from another terminal.

use std::time::Duration;

use cairn_genesis::programs::exit::{AfterDone, answer, answer_done, say};
use cairn_genesis::programs::home::home;
use cairn_genesis::programs::running::{self, Devnet};
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::net::{NetArgs, NetTask};
use crate::devnet::client::{Client, ClientError};
use crate::devnet::command::{
    Account, DevnetCommand, Estimate, EstimateReply, ForkReport, GroupsReply, Mined, Payment, StatusReport,
};
use crate::devnet::line::count;
use crate::devnet::mining::check;
use crate::devnet::{fork, status};

/// Blocks from which on a bar shows how far the mining is.
const WITH_BAR: u32 = 100;
/// Pause between looks at how far it is.
const LOOK: Duration = Duration::from_millis(200);

/// Runs `cairn net`.
pub fn run(arguments: &NetArgs) -> anyhow::Result<()> {
    let (changes, (value, text)) = match &arguments.command {
        NetTask::List => (false, list(&running::living(&home()?))),
        NetTask::Steer(command) => (command.changes_the_devnet(), steer_one(arguments, command)?),
    };
    let text = text.trim_end();
    match changes {
        true => Ok(answer_done(arguments.json, value, text, text)?),
        false if arguments.json => Ok(answer(value)?),
        false => Ok(answer(text)?),
    }
}

/// Steers the devnet that is meant.
fn steer_one(arguments: &NetArgs, command: &DevnetCommand) -> anyhow::Result<(Value, String)> {
    let control = Client::find(arguments.which.wanted().as_deref())?;
    // Before it is done: the devnet may not be the one that was meant.
    if let Some(notice) = control.found.notice("--devnet") {
        say(notice);
    }
    let (mut value, text) = match steer(&control, command) {
        Err(error)
            if command.changes_the_devnet() && error.downcast_ref().is_some_and(ClientError::may_be_done) =>
        {
            let done = "the step was begun and may be done (`cairn net status` shows the nodes)";
            return Err(AfterDone::new(done, json!({}), error).into());
        }
        outcome => outcome?,
    };
    if let Value::Object(fields) = &mut value {
        fields.insert("devnet".into(), json!(control.found.devnet.name));
    }
    Ok((value, text))
}

/// The devnets that run, for programs, and for people.
fn list(living: &[Devnet]) -> (Value, String) {
    let program = |devnet: &Devnet| {
        let Devnet { name, pid, chain, nodes, .. } = devnet;
        let dir = devnet.dir.display().to_string();
        json!({ "name": name, "pid": pid, "dir": dir, "chain": chain, "nodes": nodes.len(), "page": devnet.page() })
    };
    if living.is_empty() {
        return (json!([]), "no devnet runs; start one with `cairn devnet`".to_owned());
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["name", "nodes", "chain", "directory", "page"]);
    for devnet in living {
        let Devnet { name, dir, chain, nodes, .. } = devnet;
        table.add_row([
            &name.to_string(),
            &nodes.len().to_string(),
            chain,
            &dir.display().to_string(),
            &devnet.page(),
        ]);
    }
    (living.iter().map(program).collect(), table.trim_fmt())
}

/// Sends a command: its outcome for programs, and for people.
fn steer(control: &Client, command: &DevnetCommand) -> anyhow::Result<(Value, String)> {
    let text = match command {
        DevnetCommand::Status {} => {
            return told(control.send(command)?, |reply: &StatusReport| {
                format!("groups {}\n{}", reply.groups, status::table(reply))
            });
        }
        DevnetCommand::Partition { .. } => {
            return told(control.send(command)?, |reply: &GroupsReply| {
                format!("cut: {} no longer reach each other", reply.groups)
            });
        }
        DevnetCommand::Fork { blocks } => {
            // Node 0 may be down, and the devnet itself refuses what would take too long.
            let _told: anyhow::Result<_> = forewarn(control, 0, blocks + 1);
            return told(control.send(command)?, |reply: &ForkReport| fork::in_words(reply));
        }
        DevnetCommand::Mine { node, blocks, .. } => return mine(control, command, *node, *blocks),
        DevnetCommand::Estimate { .. } => {
            return told(control.send(command)?, |reply: &EstimateReply| {
                reply.words.clone().unwrap_or_default()
            });
        }
        DevnetCommand::Faucet { amount, node, .. } => {
            return told(control.send(command)?, |reply: &Payment| {
                format!("sent {amount} coins by node {node}\n{}", reply.txid)
            });
        }
        DevnetCommand::Accounts {} => {
            return told(control.send(command)?, |reply: &Vec<Account>| {
                let text = |Account { account, balance, address, words }: &Account| {
                    format!("{account}  {balance} coins in genesis  {address}\n   {words}")
                };
                reply.iter().map(text).collect::<Vec<_>>().join("\n")
            });
        }
        DevnetCommand::Heal {} => "healed: the nodes connect again by themselves".to_owned(),
        DevnetCommand::Kill { node } => {
            format!("killed node {node}; `cairn net restart {node}` brings it back")
        }
        DevnetCommand::Restart { node } => format!("node {node} runs again"),
        DevnetCommand::Hashrate { node, percent } => {
            format!("node {node} mines at {percent} % of its first rate")
        }
        DevnetCommand::Slow { node, delay_ms } => {
            format!("the links of node {node} are slower by {delay_ms} ms each way")
        }
    };
    Ok((control.send(command)?, text))
}

fn told<T: Serialize>(reply: T, in_words: impl Fn(&T) -> String) -> anyhow::Result<(Value, String)> {
    Ok((serde_json::to_value(&reply)?, in_words(&reply)))
}

/// Says on standard error what blocks at once do to the ones after them, before they are mined.
fn forewarn(control: &Client, node: u16, blocks: u32) -> anyhow::Result<Option<Estimate>> {
    let EstimateReply { words, estimate } = control.send(&DevnetCommand::Estimate { node, blocks })?;
    estimate.iter().try_for_each(check)?;
    words.into_iter().for_each(say);
    Ok(estimate)
}

fn mine(
    control: &Client,
    command: &DevnetCommand,
    node: u16,
    blocks: u32,
) -> anyhow::Result<(Value, String)> {
    let estimate = forewarn(control, node, blocks)?;
    let bar = if blocks > WITH_BAR { ProgressBar::new(blocks.into()) } else { ProgressBar::hidden() };
    let mined = with_progress(control, node, &bar, || control.send::<Mined>(command));
    bar.finish_and_clear();
    let Mined { hashes, to } = match mined {
        Err(ClientError::Begun { why, hashes }) if !hashes.is_empty() => {
            let done = format!("{} of {blocks} blocks are mined", hashes.len());
            let fields = json!({ "node": node, "hashes": hashes });
            return Err(AfterDone::new(done, fields, ClientError::Begun { why, hashes }).into());
        }
        mined => mined?,
    };
    let text = format!("node {node} mined {}, paid to {to}", count(blocks.into(), "block"));
    Ok((json!({ "node": node, "hashes": hashes, "to": to, "estimate": estimate }), text))
}

/// Moves a bar with the height of a node for as long as something is done.
fn with_progress<T: Send>(
    control: &Client,
    node: u16,
    bar: &ProgressBar,
    act: impl FnOnce() -> T + Send,
) -> T {
    if bar.is_hidden() {
        return act();
    }
    let height = || Some(u64::from(control.view(0).ok()?.nodes.get(usize::from(node))?.height.get()));
    let begin = height();
    std::thread::scope(|scope| {
        let acting = scope.spawn(act);
        while !acting.is_finished() {
            std::thread::sleep(LOOK);
            if let (Some(begin), Some(height)) = (begin, height()) {
                bar.set_position(height.saturating_sub(begin));
            }
        }
        acting.join().expect("a request does not panic")
    })
}
