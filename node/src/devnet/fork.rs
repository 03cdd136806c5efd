//! A fork in one go: partition into halves, mine a longer chain on one side, heal, report what was reorganized.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cairn_core::height::Height;
use cairn_daemon::api::status::MiningStatus;
use cairn_genesis::format::count;

use crate::devnet::command::{ForkReport, NodeReorganization, SideTip};
use crate::devnet::error::DevnetError;
use crate::devnet::groups::Groups;
use crate::devnet::line::short;
use crate::devnet::mining::{check, estimate, mine};
use crate::devnet::network::Network;

/// Time limit for either side, and for all after healing, to agree.
const LIMIT: Duration = Duration::from_secs(30);

/// Makes a fork and heals it: the first half mines `blocks`, the second one more. Miners rest
/// meanwhile, so that the numbers are those asked for, and go on as before.
///
/// # Errors
/// When the network is partitioned, a node is down or does not reply, and then nothing is changed;
/// [`DevnetError::ForkStopped`] when a node does not follow, and then the network is healed again.
pub fn run(network: &Network, blocks: u32) -> Result<ForkReport, DevnetError> {
    let paused = prepare(network, blocks).map_err(|error| match error.is_after_the_beginning() {
        true => DevnetError::NotBegun { step: "the fork", error: Box::new(error) },
        false => error,
    })?;
    let outcome = partition_mine_heal(network, blocks);
    let healed = if network.groups().is_whole() { Ok(()) } else { network.heal() };
    let resumed = network.resume_miners(&paused);
    let error = match outcome {
        Ok(report) => return resumed.map(|()| report),
        Err(error) => Box::new(error),
    };
    let said = |outcome: Result<(), DevnetError>, done: &str| match outcome {
        Ok(()) => done.to_owned(),
        Err(error) => error.to_string(),
    };
    let healed = said(healed, "the network is whole again");
    let after = format!("{healed}, and {}", said(resumed, "the miners go on as before"));
    Err(DevnetError::ForkStopped { error, after })
}

/// Checks that a fork is possible, and stops the miners.
fn prepare(network: &Network, blocks: u32) -> Result<Vec<(u16, MiningStatus)>, DevnetError> {
    let groups = network.groups();
    if !groups.is_whole() {
        return Err(DevnetError::Partitioned { groups });
    }
    let down: Vec<u16> = network.ids().filter(|id| network.client(*id).is_err()).collect();
    if !down.is_empty() {
        return Err(DevnetError::Down { nodes: down });
    }
    // Blocks that would take too long are not begun.
    if let Some(estimate) = estimate(network, 0, blocks + 1)? {
        check(&estimate)?;
    }
    network.pause_miners()
}

fn partition_mine_heal(network: &Network, blocks: u32) -> Result<ForkReport, DevnetError> {
    let all: Vec<u16> = network.ids().collect();
    // The events of the last blocks may be under way: the nodes' replies are ahead of the state.
    let replies = network.statuses().into_iter().flatten();
    let best = replies.max_by_key(|status| status.chainwork).map(|status| status.tip);
    network.wait_for_agreement(&all, best, LIMIT)?;
    let groups = Groups::halves(network.ids().end);
    network.partition(groups.clone())?;
    let (first, last) = (0, network.ids().end - 1);
    let fork_height = side_tip(network, first)?.height;
    let sides = [mine_side(network, &groups, first, blocks)?, mine_side(network, &groups, last, blocks + 1)?];
    let healing = Instant::now();
    network.heal()?;
    let tip = network.wait_for_agreement(&all, None, LIMIT)?;
    let ms_to_agree = healing.elapsed().as_millis() as u64;
    let winner = sides.iter().position(|side| side.tip == tip);
    let reorganized = network.state.read(|state| {
        let moved =
            all.into_iter().map(|node| (node, sides[groups.of(node)])).filter(|(_, side)| side.tip != tip);
        let reorganization = |(node, side): (u16, SideTip)| {
            let (left, joined) = state.way(side.tip, tip)?;
            let fork_height = Height::from_u32(side.height.get().saturating_sub(left));
            Some(NodeReorganization { node, left, joined, fork_height })
        };
        moved.filter_map(reorganization).collect()
    });
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

/// Mines blocks on a node, and waits until its group has them.
fn mine_side(network: &Network, groups: &Groups, miner: u16, blocks: u32) -> Result<SideTip, DevnetError> {
    let mined = mine(network, miner, blocks, &network.plan(miner)?.reward)?;
    let side: Vec<u16> = network.ids().filter(|id| groups.of(*id) == groups.of(miner)).collect();
    network.wait_for_agreement(&side, mined.last().copied(), LIMIT)?;
    side_tip(network, miner)
}

fn side_tip(network: &Network, id: u16) -> Result<SideTip, DevnetError> {
    let last = network.ids().end - 1;
    let tip = network.state.read(|state| {
        let node = state.node(id)?;
        Some(SideTip { tip: node.tip, height: node.height, chainwork: state.chainwork(id) })
    });
    tip.ok_or(DevnetError::NoSuchNode { node: id, last })
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
