//! The running devnet: where it says its nodes are, so that nobody has to type it.

use std::path::PathBuf;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::cli::Common;

/// What `cairn devnet` writes to `~/.cairn/devnet.json` while it runs; other fields are not ours.
#[derive(Debug, Deserialize)]
struct Running {
    nodes: Vec<RunningNode>,
}

/// One node of it.
#[derive(Debug, Deserialize)]
struct RunningNode {
    rpc: String,
    cookie: PathBuf,
}

/// Cairn's directory for this user: `CAIRN_HOME`, else `~/.cairn`.
///
/// # Errors
/// When there is neither.
pub fn home() -> anyhow::Result<PathBuf> {
    if let Some(home) = std::env::var_os("CAIRN_HOME") {
        return Ok(PathBuf::from(home));
    }
    let home = std::env::home_dir().context("there is no home directory: set CAIRN_HOME")?;
    Ok(home.join(".cairn"))
}

/// Where to ask: RPC address and cookie file, as typed or those of the devnet's first node.
///
/// # Errors
/// When they are not typed and no devnet runs.
pub fn node_of(common: &Common) -> anyhow::Result<(String, PathBuf)> {
    match (&common.rpc, &common.cookie) {
        (Some(rpc), Some(cookie)) => Ok((rpc.clone(), cookie.clone())),
        (None, Some(cookie)) => Ok(("127.0.0.1:18443".to_owned(), cookie.clone())),
        (rpc, None) => {
            let node = running_node(rpc.as_deref())?;
            Ok((node.rpc, node.cookie))
        }
    }
}

/// The devnet's node at that RPC address, or its first.
fn running_node(rpc: Option<&str>) -> anyhow::Result<RunningNode> {
    let path = home()?.join("devnet.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        bail!("no devnet runs: start one with `cairn devnet`, or name a node with --rpc and --cookie");
    };
    let running: Running =
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
    let address = |text: &str| text.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let wanted = running.nodes.into_iter().find(|node| rpc.is_none_or(|rpc| address(rpc) == node.rpc));
    wanted.with_context(|| match rpc {
        Some(rpc) => {
            format!("no node of the running devnet answers at {rpc}: name its cookie file with --cookie")
        }
        None => "the running devnet has no nodes".to_owned(),
    })
}
