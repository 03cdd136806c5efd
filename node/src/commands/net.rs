//! `cairn net`: steers a running devnet from another terminal.

use anyhow::bail;
use cairn_genesis::programs::exit::{AfterDone, answer, answer_done, say};
use cairn_genesis::programs::home::home;
use cairn_genesis::programs::running::{self, Devnet};
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::net::{NetArgs, NetCommand, NetTask};
use crate::devnet::client::{Client, ClientError};
use crate::devnet::mining::Estimate;
use crate::devnet::{fork, status};

/// Blocks that are asked for in one request, so that a long mining shows how far it is.
const CHUNK: u32 = 100;

/// Runs the command.
///
/// # Errors
/// Whatever a person must be told.
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
fn steer_one(arguments: &NetArgs, command: &NetCommand) -> anyhow::Result<(Value, String)> {
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

/// Carries a command out: its outcome for programs, and for people.
fn steer(control: &Client, command: &NetCommand) -> anyhow::Result<(Value, String)> {
    match command {
        NetCommand::Status => {
            let value = control.step("status", &json!({}))?;
            let text =
                format!("groups {}\n{}", value["groups"].as_str().unwrap_or("?"), status::table(&value));
            Ok((value, text))
        }
        NetCommand::Partition { groups } => {
            let value = control.step("partition", &json!({ "groups": groups.join(" ") }))?;
            let text = format!("cut: {} no longer reach each other", value["groups"].as_str().unwrap_or("?"));
            Ok((value, text))
        }
        NetCommand::Heal => {
            let value = control.step("heal", &json!({}))?;
            Ok((value, "healed: the nodes connect again by themselves".to_owned()))
        }
        NetCommand::Fork { blocks } => {
            // Node 0 may be down, and the devnet itself refuses what would take too long.
            let _told: anyhow::Result<_> = forewarn(control, 0, blocks + 1);
            let value = control.step("fork", &json!({ "blocks": blocks }))?;
            let text = fork::in_words(&value);
            Ok((value, text))
        }
        NetCommand::Kill { node } => {
            let value = control.step("kill", &json!({ "node": node }))?;
            Ok((value, format!("killed node {node}; `cairn net restart {node}` brings it back")))
        }
        NetCommand::Restart { node } => {
            let value = control.step("restart", &json!({ "node": node }))?;
            Ok((value, format!("node {node} runs again")))
        }
        NetCommand::Mine { node, blocks, to } => mine(control, *node, *blocks, to.as_deref()),
        NetCommand::Hashrate { node, percent } => {
            let percent = read_percent(percent)?;
            let value = control.step("hashrate", &json!({ "node": node, "percent": percent }))?;
            Ok((value, format!("node {node} mines at {percent} % of its first rate")))
        }
        NetCommand::Slow { node, delay_ms } => {
            let value = control.step("slow", &json!({ "node": node, "delay_ms": delay_ms }))?;
            Ok((value, format!("the links of node {node} are slower by {delay_ms} ms each way")))
        }
        NetCommand::Faucet { address, amount, node } => {
            let body = json!({ "address": address, "amount": amount, "node": node });
            let value = control.step("faucet", &body)?;
            let text =
                format!("sent {amount} coins by node {node}\n{}", value["txid"].as_str().unwrap_or("?"));
            Ok((value, text))
        }
        NetCommand::Accounts => {
            let value = control.step("accounts", &json!({}))?;
            let text = |account: &Value| {
                let field = |name: &str| account[name].as_str().unwrap_or("?").to_owned();
                let number = &account["account"];
                format!(
                    "{number}  {} coins in genesis  {}\n   {}",
                    field("balance"),
                    field("address"),
                    field("words")
                )
            };
            let text = value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join("\n");
            Ok((value, text))
        }
    }
}

/// Says on standard error what so many blocks at once do to the ones after them, before they are mined.
fn forewarn(control: &Client, node: u16, blocks: u32) -> anyhow::Result<Option<Estimate>> {
    let answer = control.step("estimate", &json!({ "node": node, "blocks": blocks }))?;
    let Estimated { words, estimate } = serde_json::from_value(answer)?;
    if let Some(estimate) = &estimate {
        estimate.check()?;
    }
    if let Some(words) = words {
        say(words);
    }
    Ok(estimate)
}

/// What the devnet answers to `estimate`.
#[derive(Deserialize)]
struct Estimated {
    words: Option<String>,
    estimate: Option<Estimate>,
}

fn mine(control: &Client, node: u16, blocks: u32, to: Option<&str>) -> anyhow::Result<(Value, String)> {
    let estimate = forewarn(control, node, blocks)?;
    let bar = if blocks > CHUNK { ProgressBar::new(blocks.into()) } else { ProgressBar::hidden() };
    let (mut hashes, mut payee, mut left) = (Vec::new(), Value::Null, blocks);
    while left > 0 {
        let chunk = left.min(CHUNK);
        let mined = control.step("mine", &json!({ "node": node, "blocks": chunk, "to": to }));
        let mut value = match mined {
            Err(error) => {
                if let ClientError::Begun { hashes: mined, .. } = &error {
                    hashes.extend(mined.iter().cloned().map(Value::from));
                }
                if hashes.is_empty() {
                    return Err(error.into());
                }
                let done = format!("{} of {blocks} blocks are mined", hashes.len());
                return Err(AfterDone::new(done, json!({ "node": node, "hashes": hashes }), error).into());
            }
            Ok(mined) => mined,
        };
        if let Value::Array(mined) = value["hashes"].take() {
            hashes.extend(mined);
        }
        payee = value["to"].take();
        left -= chunk;
        bar.inc(chunk.into());
    }
    bar.finish_and_clear();
    let plural = if blocks == 1 { "" } else { "s" };
    let paid = payee.as_str().unwrap_or("?");
    let text = format!("node {node} mined {blocks} block{plural}, paid to {paid}");
    Ok((json!({ "node": node, "hashes": hashes, "to": payee, "estimate": estimate }), text))
}

fn read_percent(text: &str) -> anyhow::Result<u64> {
    let number = text.trim().trim_end_matches('%').trim().parse::<u64>();
    match number {
        Ok(percent) if percent <= 100_000 => Ok(percent),
        _ => bail!("{text:?} is no share of a rate: write per cent, as in 30%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_with_and_without_the_sign() {
        assert_eq!(read_percent("30%").expect("a share"), 30);
        assert_eq!(read_percent("0").expect("a share"), 0);
        assert!(read_percent("fast").is_err());
        assert!(read_percent("-5%").is_err());
    }
}
