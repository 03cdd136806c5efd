//! A fork in one go: partition into halves, mine a longer chain on one side, heal, report what was reorganized.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use serde::Deserialize;

use crate::devnet::command::{ForkReport, NodeReorganization, SideTip};
use crate::devnet::error::DevnetError;
use crate::devnet::groups::Groups;
use crate::devnet::line::count;
use crate::devnet::mining::{check, estimate, mine};
use crate::devnet::network::Network;
use crate::devnet::status::short;

/// Time limit for either side, and for all after healing, to agree.
const LIMIT: Duration = Duration::from_secs(30);

/// The part of the reply of `getblockheader` that is read here.
#[derive(Deserialize)]
struct Header {
    height: Height,
    /// -1 off the best chain.
    confirmations: i64,
    #[serde(rename = "previousblockhash")]
    previous: Option<BlockHash>,
}

/// Makes a fork and heals it: the first half mines `blocks`, the second one more. Miners rest
/// meanwhile, so that the numbers are those asked for, and go on as before.
///
/// # Errors
/// When the network is partitioned or a node is down, and then nothing is changed; when the nodes do not agree
/// in time, and then the network is healed again.
pub fn run(network: &Network, blocks: u32) -> Result<ForkReport, DevnetError> {
    let groups = network.groups();
    if !groups.is_whole() {
        return Err(DevnetError::Partitioned { groups });
    }
    let down: Vec<u16> = network.ids().filter(|id| network.client(*id).is_err()).collect();
    if !down.is_empty() {
        return Err(DevnetError::Down { nodes: down });
    }
    // Before anything is changed: blocks that would take too long are not begun.
    if let Some(estimate) = estimate(network, 0, blocks + 1)? {
        check(&estimate)?;
    }
    let paused = network.pause_miners()?;
    let outcome = cut_mine_heal(network, blocks);
    let healed = if network.groups().is_whole() { Ok(()) } else { network.cut(groups) };
    let resumed = network.resume_miners(&paused);
    let report = outcome?;
    healed.and(resumed).map(|()| report)
}

fn cut_mine_heal(network: &Network, blocks: u32) -> Result<ForkReport, DevnetError> {
    let all: Vec<u16> = network.ids().collect();
    network.wait_for_agreement(&all, LIMIT)?;
    let groups = Groups::halves(network.ids().end);
    network.cut(groups.clone())?;
    let first = all[0];
    let second = *all.last().expect("a devnet has two nodes at least");
    let fork_height = network.status(first)?.height;
    mine(network, first, blocks, &network.plan(first)?.reward)?;
    mine(network, second, blocks + 1, &network.plan(second)?.reward)?;
    for side in groups.iter() {
        network.wait_for_agreement(&side.iter().copied().collect::<Vec<_>>(), LIMIT)?;
    }
    let sides = [side_tip(network, first)?, side_tip(network, second)?];
    let healing = Instant::now();
    network.cut(Groups::whole(network.ids().end))?;
    let tip = network.wait_for_agreement(&all, LIMIT)?;
    let ms_to_agree = healing.elapsed().as_millis() as u64;
    let winner = sides.iter().position(|side| side.tip == tip);
    let mut reorganized = Vec::new();
    for id in all {
        let before = sides[groups.of(id)].tip;
        if before != tip {
            reorganized.push(reorganization(network, id, before)?);
        }
    }
    Ok(ForkReport {
        groups: groups.to_string(),
        fork_height,
        sides,
        winner: winner.map(Groups::letter),
        why: "the valid chain with most accumulated work wins".to_owned(),
        tip,
        ms_to_agree,
        reorganized,
    })
}

fn side_tip(network: &Network, id: u16) -> Result<SideTip, DevnetError> {
    let status = network.status(id)?;
    Ok(SideTip { tip: status.tip, height: status.height, chainwork: status.chainwork })
}

/// The blocks that left and joined a node's best chain, as its own headers tell.
fn reorganization(
    network: &Network,
    node: u16,
    old_tip: BlockHash,
) -> Result<NodeReorganization, DevnetError> {
    let header = |hash: BlockHash| network.look::<Header>(node, "getblockheader", [hash]);
    let (mut entry, mut left) = (header(old_tip)?, 0);
    while let (-1, Some(previous)) = (entry.confirmations, entry.previous) {
        left += 1;
        entry = header(previous)?;
    }
    let joined = network.status(node)?.height.get().saturating_sub(entry.height.get());
    Ok(NodeReorganization { node, left, joined, fork_height: entry.height })
}

/// The report for people.
pub fn in_words(report: &ForkReport) -> String {
    let mut text = format!("cut into {}, fork point {}\n", report.groups, report.fork_height.get());
    for (index, side) in report.sides.iter().enumerate() {
        let (letter, height) = (Groups::letter(index), side.height.get());
        let (work, tip) = (side.chainwork.to_u256(), short(&side.tip, 8));
        text += &format!("  side {letter}  height {height}, work {work}, tip {tip}\n");
    }
    let winner = report.winner.as_deref().unwrap_or("?");
    let (why, ms) = (&report.why, report.ms_to_agree);
    text += &format!("side {winner} won: {why}; all nodes agree {ms} ms after healing\n");
    let mut alike: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for NodeReorganization { node, left, joined, fork_height } in &report.reorganized {
        let left = count((*left).into(), "block");
        let numbers = format!("{left} left, {joined} joined, fork point {}", fork_height.get());
        alike.entry(numbers).or_default().push(node.to_string());
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
    use crate::devnet::tests::{hash, work};

    #[test]
    fn the_report_names_both_sides_their_work_and_who_changed() {
        let side = |byte, height| SideTip {
            tip: hash(byte),
            height: Height::from_u32(height),
            chainwork: work(height),
        };
        let changed =
            |node| NodeReorganization { node, left: 3, joined: 4, fork_height: Height::from_u32(12) };
        let report = ForkReport {
            groups: "0,1 / 2,3".into(),
            fork_height: Height::from_u32(12),
            sides: [side(0xcd, 15), side(0x45, 16)],
            winner: Some("B".into()),
            why: "most work wins".into(),
            tip: hash(0x45),
            ms_to_agree: 17,
            reorganized: vec![changed(0), changed(1)],
        };
        let expected = "cut into 0,1 / 2,3, fork point 12\n  \
            side A  height 15, work 480, tip …cdcdcdcd\n  \
            side B  height 16, work 512, tip …45454545\n\
            side B won: most work wins; all nodes agree 17 ms after healing\n  \
            nodes 0,1: 3 blocks left, 4 joined, fork point 12\n";
        assert_eq!(in_words(&report), expected);
    }
}
