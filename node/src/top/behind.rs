//! Who is behind: nodes that have stood on a tip with less work for longer than a block takes to travel.

use std::collections::{BTreeMap, BTreeSet};

use crate::top::scene::Scene;

/// Intervals between blocks after which a node that has less work is behind,
const INTERVALS: u64 = 3;
/// and the least that is waited: the page waits as long.
const LEAST_MS: u64 = 3_000;

/// Since when each node has had less work than another that runs.
#[derive(Debug, Default)]
pub struct Watch(BTreeMap<u16, u64>);

impl Watch {
    /// Looks at a scene, and notes on it who is behind.
    pub fn look(&mut self, scene: &mut Scene) {
        let running = || scene.nodes.iter().filter(|node| node.is_up);
        let Some(most) = running().map(|node| work(&node.work)).max() else { return self.0.clear() };
        let less: BTreeSet<u16> =
            running().filter(|node| work(&node.work) < most).map(|node| node.id).collect();
        let (now_ms, patience_ms) = (scene.now_ms, (INTERVALS * scene.spacing_ms).max(LEAST_MS));
        self.0.retain(|node, _| less.contains(node));
        for node in scene.nodes.iter_mut().filter(|node| less.contains(&node.id)) {
            let since_ms = *self.0.entry(node.id).or_insert(now_ms);
            node.is_behind = now_ms.saturating_sub(since_ms) > patience_ms;
        }
    }
}

/// Work in hex digits, so that it can be compared: more digits are more.
fn work(digits: &str) -> (usize, &str) {
    let digits = digits.trim_start_matches('0');
    (digits.len(), digits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is seen of two nodes with so much work, and who of them is behind.
    fn behind(watch: &mut Watch, now_ms: u64, works: [&str; 2]) -> Vec<u16> {
        let node =
            |(id, work): (usize, &str)| json!({ "id": id, "up": true, "status": { "chainwork": work } });
        let nodes: Vec<_> = works.into_iter().enumerate().map(node).collect();
        let view = json!({ "chain": { "spacing_ms": 2_000 }, "nodes": nodes, "now_ms": now_ms });
        let mut scene = Scene::read(&view);
        watch.look(&mut scene);
        scene.nodes.iter().filter(|node| node.is_behind).map(|node| node.id).collect()
    }

    #[test]
    fn who_has_less_work_for_three_intervals_is_behind_until_it_has_as_much() {
        let mut watch = Watch::default();
        assert!(behind(&mut watch, 1_000, ["0a", "0a"]).is_empty());
        assert!(behind(&mut watch, 2_000, ["0a", "0100"]).is_empty());
        assert!(behind(&mut watch, 8_000, ["0a", "0104"]).is_empty());
        assert_eq!(behind(&mut watch, 8_001, ["ff", "0104"]), [0]);
        assert!(behind(&mut watch, 8_002, ["0104", "0104"]).is_empty());
        assert!(behind(&mut watch, 9_000, ["0104", "0105"]).is_empty(), "it begins anew");
    }
}
