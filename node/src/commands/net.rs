//! `cairn net`: steers a running devnet from another terminal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use cairn_genesis::format::count;
use cairn_genesis::programs::exit::{AfterDone, answer, answer_done, say};
use cairn_genesis::programs::home::home;
use cairn_genesis::programs::running::{self, Devnet};
use indicatif::ProgressBar;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use signal_hook::consts::SIGINT;
use signal_hook::flag;

use crate::cli::net::{NetArgs, NetTask};
use crate::devnet::client::{Client, ClientError};
use crate::devnet::command::{
    Account, DevnetCommand, Estimate, EstimateReply, GroupsReply, HashrateReply, Mined, Payment, SlowReply,
    StatusReport,
};
use crate::devnet::mining::check;
use crate::devnet::narrator::{hashrate_in_words, slow_in_words};
use crate::devnet::{fork, status};

/// Blocks from which on a bar shows how far the mining is.
const WITH_BAR: u32 = 100;
/// Time limit of one request for blocks.
const SLICE: Duration = Duration::from_secs(1);

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
            let done = match error.downcast_ref() {
                Some(ClientError::Begun { .. }) => "the step was begun",
                _ => "the step may be done (`cairn net status` shows the nodes)",
            };
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
    match command {
        DevnetCommand::Status {} => send(control, command, |reply: &StatusReport| {
            format!("groups {}\n{}", reply.groups, status::table(reply))
        }),
        DevnetCommand::Partition { .. } => send(control, command, |reply: &GroupsReply| {
            format!("cut: {} no longer reach each other", reply.groups)
        }),
        DevnetCommand::Heal {} => send(control, command, |reply: &GroupsReply| match reply.changed {
            true => "healed: the nodes connect again by themselves".to_owned(),
            false => "there was no partition: the network is whole".to_owned(),
        }),
        DevnetCommand::Fork { blocks } => {
            // Node 0 may be down, and the devnet itself rejects what would take too long.
            let _said: anyhow::Result<_> = forewarn(control, 0, blocks + 1);
            send(control, command, fork::in_words)
        }
        DevnetCommand::Mine { node, blocks, to, limit_ms } => {
            mine(control, *node, *blocks, to.as_ref(), Duration::from_millis(*limit_ms))
        }
        DevnetCommand::Estimate { .. } => {
            send(control, command, |reply: &EstimateReply| reply.words.clone().unwrap_or_default())
        }
        DevnetCommand::Faucet { amount, .. } => send(control, command, |reply: &Payment| {
            format!("sent {amount} coins by node {}\n{}", reply.node, reply.txid)
        }),
        DevnetCommand::Accounts {} => send(control, command, |reply: &Vec<Account>| {
            let text = |Account { account, balance, address, words }: &Account| {
                format!("{account}  {balance} coins in genesis  {address}\n   {words}")
            };
            reply.iter().map(text).collect::<Vec<_>>().join("\n")
        }),
        DevnetCommand::Kill { node } => send(control, command, |_: &Value| {
            format!("killed node {node}; `cairn net restart {node}` brings it back")
        }),
        DevnetCommand::Restart { node } => {
            send(control, command, |_: &Value| format!("node {node} runs again"))
        }
        DevnetCommand::Hashrate { .. } => send(control, command, |reply: &HashrateReply| {
            hashrate_in_words(reply.node, reply.percent, reply.in_force)
        }),
        DevnetCommand::Slow { .. } => send(control, command, |reply: &SlowReply| {
            slow_in_words(reply.node, reply.delay_ms, reply.in_force)
        }),
    }
}

fn send<T: Serialize + DeserializeOwned>(
    control: &Client,
    command: &DevnetCommand,
    in_words: impl Fn(&T) -> String,
) -> anyhow::Result<(Value, String)> {
    let reply: T = control.send(command)?;
    Ok((serde_json::to_value(&reply)?, in_words(&reply)))
}

/// Says on standard error what blocks at once do to the ones after them, before they are mined.
fn forewarn(control: &Client, node: u16, blocks: u32) -> anyhow::Result<Option<Estimate>> {
    let EstimateReply { words, estimate } = control.send(&DevnetCommand::Estimate { node, blocks })?;
    estimate.iter().try_for_each(check)?;
    words.into_iter().for_each(say);
    Ok(estimate)
}

/// Mines in slices of a second, so that Ctrl-C and the time limit end it with the blocks that there are.
fn mine(
    control: &Client,
    node: u16,
    blocks: u32,
    to: Option<&String>,
    limit: Duration,
) -> anyhow::Result<(Value, String)> {
    let estimate = forewarn(control, node, blocks)?;
    let stopped = Arc::new(AtomicBool::new(false));
    // The second Ctrl-C ends the program at once.
    flag::register_conditional_default(SIGINT, stopped.clone())?;
    flag::register(SIGINT, stopped.clone())?;
    let bar = if blocks > WITH_BAR { ProgressBar::new(blocks.into()) } else { ProgressBar::hidden() };
    let (until, mut hashes, mut payee) = (Instant::now() + limit, Vec::new(), String::new());
    let failure = loop {
        let left = blocks - hashes.len() as u32;
        let slice = until.saturating_duration_since(Instant::now()).min(SLICE);
        if left == 0 {
            break None;
        }
        if stopped.load(Ordering::Relaxed) {
            break Some(anyhow!("stopped by Ctrl-C"));
        }
        if slice.is_zero() {
            break Some(anyhow!("the time limit of {} s is over; --limit sets another", limit.as_secs()));
        }
        let limit_ms = (slice.as_millis() as u64).max(1);
        match control.send(&DevnetCommand::Mine { node, blocks: left, to: to.cloned(), limit_ms }) {
            Ok(Mined { hashes: mined, to, .. }) => {
                hashes.extend(mined);
                payee = to;
            }
            Err(mut error) => {
                if let ClientError::Begun { hashes: mined, .. } = &mut error {
                    hashes.append(mined);
                }
                break Some(error.into());
            }
        }
        bar.set_position(hashes.len() as u64);
    };
    bar.finish_and_clear();
    match failure {
        None => {
            let text = format!("node {node} mined {}, paid to {payee}", count(blocks.into(), "block"));
            Ok((json!({ "node": node, "hashes": hashes, "to": payee, "estimate": estimate }), text))
        }
        Some(failure) if hashes.is_empty() => Err(failure.context("no block was mined")),
        Some(failure) => {
            let done = format!("{} of {blocks} blocks are mined", hashes.len());
            Err(AfterDone::new(done, json!({ "node": node, "hashes": hashes }), failure).into())
        }
    }
}
