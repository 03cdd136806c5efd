//! What the screen shows of the devnet's view.

use cairn_core::hash::BlockHash;

use crate::devnet::view::{Agreement, DevnetView, Mark, NodeView};
use crate::top::tree::{Row, rows};

/// A node in a line.
#[derive(Clone, Debug)]
pub struct Node {
    pub view: NodeView,
    /// Index of its group: 0 for A.
    pub group: usize,
    /// Number of nodes that it is connected to.
    pub links: usize,
}

impl Node {
    /// The activity of a node that runs.
    pub fn phase(&self) -> &str {
        self.view.status.as_ref().map_or("", |status| &status.phase)
    }

    /// Number of unconfirmed transactions.
    pub fn mempool(&self) -> usize {
        self.view.status.as_ref().map_or(0, |status| status.mempool)
    }

    /// Hash rate in per cent of the first; none when it does not mine.
    pub fn percent(&self) -> Option<u64> {
        self.view.percent.filter(|_| self.view.mining)
    }
}

/// Everything that is seen at one time.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Name of the chain.
    pub chain: String,
    pub nodes: Vec<Node>,
    /// The groups as people write them; none of a whole network.
    pub groups: Option<String>,
    /// The latest blocks, highest first.
    pub rows: Vec<Row>,
    /// Agreement over time, oldest first.
    pub agreement: Vec<Agreement>,
    /// Marks, the newest first.
    pub marks: Vec<Mark>,
    /// Milliseconds since the devnet started.
    pub now_ms: u64,
}

impl From<DevnetView> for Scene {
    fn from(view: DevnetView) -> Self {
        let running = view.nodes.iter().filter(|node| node.up);
        let tips: Vec<(u16, BlockHash)> = running.map(|node| (node.id, node.tip)).collect();
        let node = |node: NodeView| Node {
            group: view.groups.of(node.id),
            links: view.links.iter().filter(|(a, b)| *a == node.id || *b == node.id).count(),
            view: node,
        };
        Self {
            chain: view.chain.name,
            rows: rows(&view.blocks, &tips),
            nodes: view.nodes.into_iter().map(node).collect(),
            groups: (!view.groups.is_whole()).then(|| view.groups.to_string()),
            agreement: view.agreement,
            marks: view.marks.into_iter().rev().collect(),
            now_ms: view.now_ms,
        }
    }
}

impl Scene {
    /// The nodes that run.
    pub fn running(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.view.up)
    }

    /// The least share of running nodes on one tip in each of `parts` equal parts of the last `window_ms`, in per
    /// cent, the latest last. None where nothing was known yet.
    pub fn agreement_over(&self, window_ms: u64, parts: usize) -> Vec<Option<u64>> {
        let running = self.running().count().max(1) as u64;
        let share = |point: &Agreement| (point.most as u64 * 100 / running).min(100);
        let part_ms = (window_ms / parts.max(1) as u64).max(1);
        let part = |number: usize| {
            // Of a devnet that is younger the window begins before it did.
            let from = (self.now_ms + number as u64 * part_ms).checked_sub(window_ms)?;
            let held = self.agreement.iter().rfind(|point| point.at <= from);
            let changes = self.agreement.iter().filter(|point| (from..from + part_ms).contains(&point.at));
            held.into_iter().chain(changes).map(share).min()
        };
        (0..parts).map(part).collect()
    }

    /// How many of the running nodes agree, and how many run.
    pub fn agreeing(&self) -> (usize, usize) {
        let on = |tip: BlockHash| self.running().filter(|node| node.view.tip == tip).count();
        (self.running().map(|node| on(node.view.tip)).max().unwrap_or(0), self.running().count())
    }

    /// In a sentence: how many of the running nodes agree.
    pub fn agreement_in_words(&self) -> String {
        match self.agreeing() {
            (_, 0) => "no node runs".to_owned(),
            (most, all) if all == most => format!("all {all} running nodes agree"),
            (most, all) => format!("{most} of {all} running nodes agree"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::tests::{node, view};

    #[test]
    fn a_view_is_read_into_nodes_groups_and_agreement() {
        let nodes = vec![
            NodeView { mining: true, percent: Some(30), ..node(0, 0xa) },
            NodeView { percent: Some(100), ..node(1, 0xb) },
            NodeView { up: false, ..node(2, 0xa) },
        ];
        let scene = Scene::from(DevnetView {
            agreement: vec![(0, 2, 1).into(), (5, 1, 2).into()],
            now_ms: 8,
            ..view(nodes, "0,2 / 1")
        });
        assert_eq!(scene.agreement_in_words(), "1 of 2 running nodes agree");
        assert_eq!(scene.groups.as_deref(), Some("0,2 / 1"));
        assert_eq!((scene.nodes[0].percent(), scene.nodes[1].percent()), (Some(30), None));
        assert_eq!((scene.nodes[0].links, scene.nodes[1].group), (1, 1));
        assert_eq!(scene.agreement_over(8, 4), [Some(100), Some(100), Some(50), Some(50)]);
    }

    #[test]
    fn a_view_without_nodes_is_an_empty_scene() {
        let scene = Scene::from(view(Vec::new(), ""));
        assert_eq!((scene.agreement_in_words().as_str(), scene.groups), ("no node runs", None));
    }
}
