//! What is seen: the devnet's view, read into what the screen shows.

use serde_json::Value;

use crate::top::behind::{Behind, most};
use crate::top::tree::{Block, Row, rows};

/// A node in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub id: u16,
    /// The place of its group: 0 for A.
    pub group: usize,
    /// Whether it runs.
    pub is_up: bool,
    /// What it is busy with, or why it is down.
    pub phase: String,
    /// Its tip.
    pub tip: String,
    /// The tip's height,
    pub height: u64,
    /// and chainwork, in hex digits.
    pub work: String,
    /// Whether it has had less work than others for long.
    pub is_behind: bool,
    /// Whether it answers, as far as it runs.
    pub answers: bool,
    /// To how many nodes it is linked.
    pub links: usize,
    /// Transactions that wait.
    pub mempool: u64,
    /// Its rate in per cent of the first; none when it does not mine.
    pub percent: Option<u64>,
}

/// Everything that is seen at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scene {
    /// The chain's name.
    pub chain: String,
    /// All nodes.
    pub nodes: Vec<Node>,
    /// The groups, as people write them.
    pub groups: Vec<Vec<u16>>,
    /// The latest blocks, highest first.
    pub rows: Vec<Row>,
    /// Share of running nodes on the tip that most have, in per cent, and since when in milliseconds,
    /// oldest first.
    pub agreement: Vec<(u64, u64)>,
    /// What happened lately, newest first.
    pub marks: Vec<Mark>,
    /// Now, in the same milliseconds.
    pub now_ms: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When, in milliseconds.
    pub at_ms: u64,
    /// What kind.
    pub kind: String,
    /// In words.
    pub text: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

impl Scene {
    /// Reads a view.
    pub fn read(view: &Value) -> Self {
        let node_of = |value: &Value| u16::try_from(number(value)).unwrap_or(u16::MAX);
        let groups: Vec<Vec<u16>> =
            list(&view["groups"]).iter().map(|group| list(group).iter().map(node_of).collect()).collect();
        let links: Vec<(u16, u16)> =
            list(&view["links"]).iter().map(|link| (node_of(&link[0]), node_of(&link[1]))).collect();
        let block = |value: &Value| Block {
            hash: text(&value["hash"]),
            previous: text(&value["previous"]),
            height: number(&value["height"]),
            miner: value["miner"].as_u64(),
            work: text(&value["chainwork"]),
            at_ms: number(&value["at_ms"]),
        };
        let blocks: Vec<Block> = list(&view["blocks"]).iter().map(block).collect();
        let node = |value: &Value| {
            let id = node_of(&value["id"]);
            let is_up = value["up"].as_bool().unwrap_or_default();
            let status = &value["status"];
            let why_down = text(&value["why_down"]);
            let tip = text(&value["tip"]);
            // A tip is told at once, what else is to say of a node a second later.
            let known = blocks.iter().find(|block| block.hash == tip);
            Node {
                id,
                group: groups.iter().position(|group| group.contains(&id)).unwrap_or(0),
                is_up,
                phase: if is_up { text(&status["phase"]) } else { format!("down: {why_down}") },
                tip,
                height: number(&value["height"]),
                work: known.map_or_else(|| text(&status["chainwork"]), |block| block.work.clone()),
                is_behind: false,
                answers: value["answers"].as_bool().unwrap_or(true),
                links: links.iter().filter(|(a, b)| *a == id || *b == id).count(),
                mempool: number(&status["mempool"]),
                percent: value["mining"].as_bool().unwrap_or_default().then(|| number(&value["percent"])),
            }
        };
        let mut nodes: Vec<Node> = list(&view["nodes"]).iter().map(node).collect();
        let works = nodes.iter().filter(|node| node.is_up).map(|node| node.work.as_str());
        let (now_ms, spacing_ms) = (number(&view["now_ms"]), number(&view["chain"]["spacing_ms"]));
        let behind = Behind { most: most(works), blocks: &blocks, now_ms, spacing_ms };
        let are_behind: Vec<bool> = nodes.iter().map(|node| node.is_up && behind.is(&node.work)).collect();
        nodes.iter_mut().zip(are_behind).for_each(|(node, is_behind)| node.is_behind = is_behind);
        let tips: Vec<(u16, String)> =
            nodes.iter().filter(|node| node.is_up).map(|node| (node.id, node.tip.clone())).collect();
        let running = tips.len().max(1) as u64;
        let share = |point: &Value| (number(&point[0]), (number(&point[1]) * 100 / running).min(100));
        let mark = |mark: &Value| Mark {
            at_ms: number(&mark["at_ms"]),
            kind: text(&mark["kind"]),
            text: text(&mark["text"]),
        };
        Self {
            chain: text(&view["chain"]["name"]),
            rows: rows(&blocks, &tips),
            agreement: list(&view["agreement"]).iter().map(share).collect(),
            marks: list(&view["marks"]).iter().rev().map(mark).collect(),
            now_ms,
            nodes,
            groups,
        }
    }

    /// The least share in each of so many equal parts of the last `window_ms`, in per cent, the latest last.
    /// Nothing where nothing was known yet.
    pub fn agreement_over(&self, window_ms: u64, parts: usize) -> Vec<Option<u64>> {
        let part_ms = (window_ms / parts.max(1) as u64).max(1);
        let part = |number: usize| {
            // Of a devnet that is younger the window begins before it did.
            let from = (self.now_ms + number as u64 * part_ms).checked_sub(window_ms)?;
            let held = self.agreement.iter().rfind(|(at, _)| *at <= from);
            let changes = self.agreement.iter().filter(|(at, _)| (from..from + part_ms).contains(at));
            held.into_iter().chain(changes).map(|(_, share)| *share).min()
        };
        (0..parts).map(part).collect()
    }

    /// How many of the running nodes agree, and how many run.
    pub fn agreeing(&self) -> (usize, usize) {
        let running: Vec<&Node> = self.nodes.iter().filter(|node| node.is_up).collect();
        let on = |tip: &str| running.iter().filter(|node| node.tip == tip).count();
        (running.iter().map(|node| on(&node.tip)).max().unwrap_or(0), running.len())
    }

    /// In a sentence: how many of the running nodes agree.
    pub fn agreement_in_words(&self) -> String {
        match self.agreeing() {
            (_, 0) => "no node runs".to_owned(),
            (most, all) if all == most => format!("all {all} running nodes agree"),
            (most, all) => format!("{most} of {all} running nodes agree"),
        }
    }

    /// The groups, as people write them.
    pub fn groups_in_words(&self) -> String {
        let numbers = |group: &Vec<u16>| group.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        match self.groups.as_slice() {
            [] | [_] => "whole".to_owned(),
            groups => groups.iter().map(numbers).collect::<Vec<_>>().join(" / "),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_view_is_read_into_nodes_groups_and_agreement() {
        let view = json!({
            "chain": { "name": "devnet" },
            "groups": [[0, 2], [1]],
            "links": [[0, 2]],
            "nodes": [
                { "id": 0, "up": true, "tip": "a", "height": 4, "mining": true, "percent": 30, "status": { "phase": "idle", "mempool": 2 } },
                { "id": 1, "up": true, "tip": "b", "height": 5, "mining": false, "percent": 100, "status": { "phase": "idle" } },
                { "id": 2, "up": false, "why_down": "killed", "tip": "a", "height": 4 },
            ],
            "agreement": [[0, 2, 1], [5, 1, 2]],
            "marks": [{ "at_ms": 3, "kind": "partition", "text": "first" }, { "at_ms": 5, "kind": "heal", "text": "second" }],
            "now_ms": 8,
        });
        let scene = Scene::read(&view);
        assert_eq!(scene.agreement_in_words(), "1 of 2 running nodes agree");
        assert_eq!(scene.groups_in_words(), "0,2 / 1");
        assert_eq!(
            (scene.nodes[0].links, scene.nodes[0].percent, scene.nodes[1].percent),
            (1, Some(30), None)
        );
        assert_eq!((scene.nodes[1].group, scene.nodes[2].phase.as_str()), (1, "down: killed"));
        assert_eq!(scene.agreement_over(8, 4), [Some(100), Some(100), Some(50), Some(50)]);
        let marks: Vec<(u64, &str)> =
            scene.marks.iter().map(|mark| (mark.at_ms, mark.text.as_str())).collect();
        assert_eq!(marks, [(5, "second"), (3, "first")]);
    }

    #[test]
    fn a_view_that_makes_no_sense_is_an_empty_scene() {
        let scene = Scene::read(&json!("nonsense"));
        assert_eq!(scene, Scene::default());
        assert_eq!(
            (scene.agreement_in_words(), scene.groups_in_words()),
            ("no node runs".into(), "whole".into())
        );
    }
}
