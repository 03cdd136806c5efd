//! Status: what every node is doing, as one JSON value; and as a table for people.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::devnet::groups::Groups;
use crate::devnet::network::Network;

/// Every node's state. A node that is down or silent says so in its place.
pub fn collect(network: &Network) -> Value {
    let groups = network.groups();
    let nodes: Vec<Value> = network
        .ids()
        .map(|id| {
            let mut status = match network.call(id, "getnodestatus", json!([])) {
                Ok(status) => status,
                Err(error) => json!({ "phase": "down", "why": error.to_string() }),
            };
            status["id"] = json!(id);
            status["group"] = json!(Groups::letter(groups.of(id)).to_string());
            let from = status["sync_from"].as_str().and_then(|peer| network.by_peer_id(peer));
            status["sync_from_node"] = json!(from);
            status
        })
        .collect();
    json!({ "chain": network.chain.params.name, "groups": groups.to_string(), "nodes": nodes })
}

/// The first running node that is stuck, and why; with it, how many others are.
pub fn first_stuck(network: &Network) -> Option<(u16, String, usize)> {
    #[derive(Deserialize)]
    struct Status {
        stuck: Option<String>,
    }
    let why = |id: u16| {
        let status = network.call(id, "getnodestatus", json!([])).ok()?;
        Some((id, serde_json::from_value::<Status>(status).ok()?.stuck?))
    };
    let mut stuck = network.running().into_iter().filter_map(why);
    let (first, why) = stuck.next()?;
    Some((first, why, stuck.count()))
}

/// The status as a table.
pub fn table(status: &Value) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["node", "group", "phase", "height", "tip", "work", "peers", "mempool", "stuck"]);
    let nodes = status["nodes"].as_array().cloned().unwrap_or_default();
    let best = nodes.iter().filter_map(|node| node["chainwork"].as_str()).max().unwrap_or_default();
    for node in &nodes {
        if node["phase"] == "down" {
            let why = node["why"].as_str().unwrap_or_default();
            table.add_row([&number(&node["id"]), &text(&node["group"]), "down", "", "", "", "", "", why]);
            continue;
        }
        let behind = node["chainwork"].as_str().is_some_and(|work| work < best);
        let stuck = match node["stuck"].as_str() {
            Some(why) => why.to_owned(),
            None if behind => "less work than the best".to_owned(),
            None => "-".to_owned(),
        };
        table.add_row([
            number(&node["id"]),
            text(&node["group"]),
            phase(node),
            number(&node["height"]),
            short(&node["tip"]),
            work(&node["chainwork"]),
            node["peers"].as_array().map_or(0, Vec::len).to_string(),
            number(&node["mempool"]),
            stuck,
        ]);
    }
    table.trim_fmt()
}

fn phase(node: &Value) -> String {
    let height = node["height"].as_u64().unwrap_or_default();
    match (node["phase"].as_str(), node["sync_from_node"].as_u64()) {
        (Some("syncing"), from) => {
            let from = from.map_or_else(String::new, |from| format!(" from node {from}"));
            format!("syncing{from}, {height} of {}", node["headers"])
        }
        (Some(phase), _) => phase.to_owned(),
        (None, _) => "?".to_owned(),
    }
}

fn number(value: &Value) -> String {
    value.as_u64().map_or_else(|| "?".to_owned(), |number| number.to_string())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("?").to_owned()
}

/// The end of a hash: its beginning is zeros.
fn short(hash: &Value) -> String {
    let hash = hash.as_str().unwrap_or_default();
    format!("…{}", hash.get(hash.len().saturating_sub(8)..).unwrap_or_default())
}

/// Chainwork in hashes, for as long as that fits a number people can read.
pub fn work(hex: &Value) -> String {
    let hex = hex.as_str().unwrap_or_default().trim_start_matches('0');
    u128::from_str_radix(hex, 16).map_or_else(|_| format!("0x{hex}"), |hashes| hashes.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_who_syncs_from_whom_and_who_is_behind() {
        let status = json!({ "nodes": [
            { "id": 0, "group": "A", "phase": "idle", "height": 12, "headers": 12, "tip": "00ab", "chainwork": "0100", "peers": ["x"], "mempool": 2 },
            { "id": 1, "group": "A", "phase": "syncing", "sync_from_node": 0, "height": 5, "headers": 12, "tip": "00cd", "chainwork": "0050", "peers": ["y"], "mempool": 0 },
            { "id": 2, "group": "B", "phase": "down", "why": "not running" },
        ]});
        let table = table(&status);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].contains("idle") && lines[1].contains("256"), "{table}");
        assert!(
            lines[2].contains("syncing from node 0, 5 of 12") && lines[2].contains("less work"),
            "{table}"
        );
        assert!(lines[3].contains("down") && lines[3].contains("not running"), "{table}");
    }
}
