//! A fork in one go: cut in halves, mine a longer chain on one side, heal, tell what was reorganised.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::devnet::error::DevnetError;
use crate::devnet::groups::Groups;
use crate::devnet::mining::{estimate, mine};
use crate::devnet::network::Network;
use crate::devnet::status;

/// How long either side, and all after healing, may take to agree.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes a fork and heals it: the first half mines `blocks`, the second one more. Miners rest
/// meanwhile, so that the numbers are those asked for.
///
/// # Errors
/// When a node is down or the nodes do not agree in time; the network is healed in any case.
pub fn run(network: &Network, blocks: u32) -> Result<Value, DevnetError> {
    let running = network.running();
    // Before anything is cut: blocks that would take too long are not begun.
    if let Some(first) = running.first()
        && let Some(estimate) = estimate(network, *first, blocks + 1)?
    {
        estimate.check()?;
    }
    let miners: Vec<u16> = running.iter().copied().filter(|id| is_mining(network, *id)).collect();
    for id in &miners {
        network.mine_at(*id, 0)?;
    }
    let outcome = cut_mine_heal(network, &running, blocks);
    if outcome.is_err() {
        network.cut(Groups::whole(network.ids().end))?;
    }
    for id in &miners {
        network.mine_at(*id, 100)?;
    }
    outcome
}

fn cut_mine_heal(network: &Network, running: &[u16], blocks: u32) -> Result<Value, DevnetError> {
    network.wait_for_agreement(running, PATIENCE)?;
    let groups = Groups::halves(network.ids().end);
    network.cut(groups.clone())?;
    let sides: Vec<Vec<u16>> = groups
        .iter()
        .map(|group| group.iter().copied().filter(|id| running.contains(id)).collect())
        .collect();
    let (Some(first), Some(second)) =
        (sides.first().and_then(|s| s.first()), sides.get(1).and_then(|s| s.first()))
    else {
        return Err(DevnetError::Down {
            node: if sides[0].is_empty() { 0 } else { *running.last().unwrap_or(&0) },
        });
    };
    let fork_height = network.height(*first)?;
    mine(network, *first, blocks, &network.plan(*first)?.reward)?;
    mine(network, *second, blocks + 1, &network.plan(*second)?.reward)?;
    let mut tips = Vec::new();
    for side in &sides {
        network.wait_for_agreement(side, PATIENCE)?;
        tips.push(describe(network, side[0])?);
    }
    let before: Vec<(u16, String)> =
        running.iter().map(|id| Ok((*id, network.tip(*id)?))).collect::<Result<_, DevnetError>>()?;
    let healing = Instant::now();
    network.cut(Groups::whole(network.ids().end))?;
    let (tip, _) = network.wait_for_agreement(running, PATIENCE)?;
    let ms = healing.elapsed().as_millis() as u64;
    let winner = tips.iter().position(|side| side["tip"] == tip.as_str());
    let mut reorganised = Vec::new();
    for (id, old) in before.iter().filter(|(_, old)| *old != tip) {
        reorganised.push(describe_reorganisation(network, *id, old)?);
    }
    Ok(json!({
        "groups": groups.to_string(),
        "fork_height": fork_height,
        "sides": tips,
        "winner": winner.map(|place| Groups::letter(place).to_string()),
        "why": "the valid chain with most accumulated work wins",
        "tip": tip,
        "ms_to_agree": ms,
        "reorganised": reorganised,
    }))
}

fn describe(network: &Network, id: u16) -> Result<Value, DevnetError> {
    let status = network.call(id, "getnodestatus", json!([]))?;
    Ok(json!({ "tip": status["tip"], "height": status["height"], "chainwork": status["chainwork"] }))
}

/// What a node's chain lost and won, as its own headers tell.
fn describe_reorganisation(network: &Network, id: u16, old_tip: &str) -> Result<Value, DevnetError> {
    let header = |hash: &str| network.call(id, "getblockheader", json!([hash]));
    let (mut entry, mut left) = (header(old_tip)?, 0);
    while entry["confirmations"].as_i64().is_some_and(|confirmations| confirmations < 0) {
        left += 1;
        entry = header(entry["previousblockhash"].as_str().unwrap_or_default())?;
    }
    let fork_height = entry["height"].as_u64().unwrap_or_default();
    let joined = network.height(id)?.saturating_sub(fork_height);
    Ok(json!({ "node": id, "left": left, "joined": joined, "fork_height": fork_height }))
}

fn is_mining(network: &Network, id: u16) -> bool {
    network.call(id, "getnodestatus", json!([])).is_ok_and(|status| !status["mining"].is_null())
}

/// The report for people.
pub fn in_words(report: &Value) -> String {
    let side = |place: usize| {
        let side = &report["sides"][place];
        let work = status::work(&side["chainwork"]);
        let tip = side["tip"].as_str().unwrap_or_default();
        format!(
            "  side {}  height {}, work {work}, tip …{}\n",
            Groups::letter(place),
            side["height"],
            tip.get(tip.len().saturating_sub(8)..).unwrap_or_default()
        )
    };
    let mut text = format!(
        "cut into {}, fork point {}\n",
        report["groups"].as_str().unwrap_or_default(),
        report["fork_height"]
    );
    text += &side(0);
    text += &side(1);
    text += &format!(
        "side {} won: {}; all nodes agree {} ms after healing\n",
        report["winner"].as_str().unwrap_or("?"),
        report["why"].as_str().unwrap_or_default(),
        report["ms_to_agree"]
    );
    let mut alike: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in report["reorganised"].as_array().into_iter().flatten() {
        let plural = if node["left"] == 1 { "" } else { "s" };
        let numbers = format!(
            "{} block{plural} left, {} joined, fork point {}",
            node["left"], node["joined"], node["fork_height"]
        );
        alike.entry(numbers).or_default().push(node["node"].to_string());
    }
    for (numbers, nodes) in alike {
        let plural = if nodes.len() == 1 { "" } else { "s" };
        text += &format!("  node{plural} {}: {numbers}\n", nodes.join(","));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_both_sides_their_work_and_who_changed() {
        let report = json!({
            "groups": "0,1 / 2,3", "fork_height": 12, "winner": "B", "why": "most work wins", "ms_to_agree": 17,
            "sides": [
                { "tip": "00aabbccddeeff", "height": 15, "chainwork": "00f11f" },
                { "tip": "00112233445566", "height": 16, "chainwork": "010167" },
            ],
            "reorganised": [
                { "node": 0, "left": 3, "joined": 4, "fork_height": 12 },
                { "node": 1, "left": 3, "joined": 4, "fork_height": 12 },
            ],
        });
        let expected = "cut into 0,1 / 2,3, fork point 12\n  \
            side A  height 15, work 61727, tip …ccddeeff\n  \
            side B  height 16, work 65895, tip …33445566\n\
            side B won: most work wins; all nodes agree 17 ms after healing\n  \
            nodes 0,1: 3 blocks left, 4 joined, fork point 12\n";
        assert_eq!(in_words(&report), expected);
    }
}
