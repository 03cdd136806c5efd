//! Status: what every node is doing, as one value for programs, and as a table for people.

use cairn_core::work::Work;
use cairn_daemon::api::status::NodeStatus;

use crate::devnet::command::{NodeReport, ReportedStatus, StatusReport};
use crate::devnet::groups::Groups;
use crate::devnet::line::short;
use crate::devnet::network::Network;

/// Asks all nodes at once. A node that is down or does not reply says so in its entry.
pub fn collect(network: &Network) -> StatusReport {
    let replies = network.statuses();
    network.state.read(|state| {
        let node = |(id, reply): (u16, Option<NodeStatus>)| {
            let known = state.node(id);
            let is_up = known.is_some_and(|node| node.up);
            let silent = || {
                let (phase, why) = match is_up {
                    true => ("silent", format!("node {id} does not answer")),
                    false => {
                        ("down", format!("node {id} is not running; `cairn net restart {id}` starts it"))
                    }
                };
                ReportedStatus::Silent { phase: phase.into(), why }
            };
            let status = reply.map_or_else(silent, |status| ReportedStatus::Replied(Box::new(status)));
            let from = match &status {
                ReportedStatus::Replied(status) => status.sync_from.as_deref(),
                ReportedStatus::Silent { .. } => None,
            };
            NodeReport {
                id,
                group: Groups::letter(state.groups().of(id)),
                sync_from_node: from.and_then(|peer| state.by_peer_id(peer)),
                behind: known.and_then(|node| node.behind),
                percent: known.and_then(|node| node.percent),
                status,
            }
        };
        StatusReport {
            chain: network.chain.params.name.clone(),
            groups: state.groups().to_string(),
            nodes: (0..).zip(replies).map(node).collect(),
        }
    })
}

/// The status as a table.
pub fn table(report: &StatusReport) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header([
        "node",
        "group",
        "phase",
        "height",
        "tip",
        "work",
        "peers",
        "mempool",
        "hash rate",
        "stuck",
    ]);
    let work = |node: &NodeReport| match &node.status {
        ReportedStatus::Replied(status) => Some(status.chainwork),
        ReportedStatus::Silent { .. } => None,
    };
    let best = report.nodes.iter().filter_map(work).max().unwrap_or(Work::ZERO);
    for node in &report.nodes {
        let (id, group) = (node.id.to_string(), node.group.clone());
        match &node.status {
            ReportedStatus::Silent { phase, why } => {
                let none = String::new;
                let phase = phase.clone();
                table.add_row([id, group, phase, none(), none(), none(), none(), none(), none(), why.clone()])
            }
            ReportedStatus::Replied(status) => table.add_row([
                id,
                group,
                phase(node, status),
                status.height.get().to_string(),
                short(&status.tip, 8),
                status.chainwork.to_u256().to_string(),
                status.peers.len().to_string(),
                status.mempool.to_string(),
                match node.percent.filter(|_| status.mining.is_some()) {
                    Some(percent) => format!("{percent} %"),
                    None => "-".to_owned(),
                },
                match (&status.stuck, node.behind) {
                    (Some(why), _) => why.clone(),
                    (None, Some(behind)) => {
                        format!("less work than the best, {} blocks behind", behind.blocks)
                    }
                    (None, None) if status.chainwork < best => "less work than the best".to_owned(),
                    (None, None) => "-".to_owned(),
                },
            ]),
        };
    }
    table.trim_fmt()
}

fn phase(node: &NodeReport, status: &NodeStatus) -> String {
    if status.phase != "syncing" {
        return status.phase.clone();
    }
    let from = node.sync_from_node.map_or_else(String::new, |from| format!(" from node {from}"));
    format!("syncing{from}, {} of {}", status.height.get(), status.headers.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::tests::status;

    #[test]
    fn the_table_says_who_syncs_from_whom_and_who_is_behind() {
        let node = |id, group: &str, from, status| NodeReport {
            id,
            group: group.into(),
            sync_from_node: from,
            behind: None,
            percent: Some(30),
            status,
        };
        let syncing = NodeStatus { phase: "syncing".into(), headers: status(12, 1).height, ..status(5, 2) };
        let down = ReportedStatus::Silent { phase: "down".into(), why: "not running".into() };
        let nodes = vec![
            node(0, "A", None, ReportedStatus::Replied(Box::new(status(12, 1)))),
            node(1, "A", Some(0), ReportedStatus::Replied(Box::new(syncing))),
            node(2, "B", None, down),
        ];
        let table = table(&StatusReport { chain: "devnet".into(), groups: "0,1 / 2".into(), nodes });
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].contains("idle") && lines[1].contains("384"), "{table}");
        assert!(
            lines[2].contains("syncing from node 0, 5 of 12") && lines[2].contains("less work"),
            "{table}"
        );
        assert!(lines[3].contains("down") && lines[3].contains("not running"), "{table}");
    }
}
