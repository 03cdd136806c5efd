//! Telling moments as they happen: of what many nodes do alike, one line.

use std::collections::BTreeMap;

use cairn_simulator::report::{Moment, MomentKind};

use crate::words::numbers;

/// With more nodes than this, changes of branch are told once for each block that causes them.
const FEW_NODES: usize = 50;

/// Holds reorganisations back until all that are alike have come.
#[derive(Clone, Debug)]
pub struct Teller {
    has_few_nodes: bool,
    /// When the first of those held back happened.
    since_ms: u64,
    /// What happened to which nodes.
    alike: BTreeMap<String, Vec<u16>>,
}

impl Teller {
    /// Nothing told yet, in a world of so many nodes.
    pub const fn new(nodes: usize) -> Self {
        Self { has_few_nodes: nodes <= FEW_NODES, since_ms: 0, alike: BTreeMap::new() }
    }

    /// What can be told now that this happened too.
    pub fn hear(&mut self, moment: &Moment) -> Vec<Moment> {
        let Some((node, what)) = reorganisation(moment) else {
            let mut told = self.rest();
            told.push(moment.clone());
            return told;
        };
        let is_new = self.alike.is_empty();
        let told = match self.has_few_nodes && !is_new && moment.at_ms != self.since_ms {
            true => self.rest(),
            false => Vec::new(),
        };
        if self.alike.is_empty() {
            self.since_ms = moment.at_ms;
        }
        self.alike.entry(what.to_owned()).or_default().push(node);
        told
    }

    /// Whatever was held back.
    pub fn rest(&mut self) -> Vec<Moment> {
        let (at_ms, has_few) = (self.since_ms, self.has_few_nodes);
        let tell = |(what, mut nodes): (String, Vec<u16>)| {
            nodes.sort_unstable();
            nodes.dedup();
            let who = match (nodes.as_slice(), has_few) {
                ([one], _) => format!("node {one}"),
                (many, true) => format!("nodes {}", numbers(many)),
                (many, false) => format!("{} nodes", many.len()),
            };
            Moment {
                at_ms,
                kind: MomentKind::Reorganisation,
                text: format!("reorganisation on {who}: {what}"),
            }
        };
        core::mem::take(&mut self.alike).into_iter().map(tell).collect()
    }
}

/// A whole timeline, told this way.
pub fn tell_all(timeline: &[Moment], nodes: usize) -> Vec<Moment> {
    let mut teller = Teller::new(nodes);
    let mut told: Vec<Moment> = timeline.iter().flat_map(|moment| teller.hear(moment)).collect();
    told.extend(teller.rest());
    told
}

/// The node that changed branch, and what that was.
fn reorganisation(moment: &Moment) -> Option<(u16, &str)> {
    let rest = moment.text.strip_prefix("reorganisation on node ")?;
    let (node, what) = rest.split_once(": ")?;
    (moment.kind == MomentKind::Reorganisation).then_some((node.parse().ok()?, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline() -> Vec<Moment> {
        let moment = |at_ms, kind, text: &str| Moment { at_ms, kind, text: text.to_owned() };
        let turn = |at_ms, node| {
            let text = format!("reorganisation on node {node}: 2 left, 3 joined, fork point 12");
            moment(at_ms, MomentKind::Reorganisation, &text)
        };
        vec![turn(10, 4), turn(10, 3), turn(25, 7), moment(30, MomentKind::Block, "block 16 by node 1")]
    }

    fn texts(nodes: usize) -> Vec<String> {
        tell_all(&timeline(), nodes).into_iter().map(|moment| moment.text).collect()
    }

    #[test]
    fn nodes_that_change_branch_together_share_a_line() {
        let what = "2 left, 3 joined, fork point 12";
        assert_eq!(
            texts(8),
            [
                format!("reorganisation on nodes 3,4: {what}"),
                format!("reorganisation on node 7: {what}"),
                "block 16 by node 1".to_owned(),
            ]
        );
    }

    #[test]
    fn of_many_nodes_only_their_number_is_told_once_for_each_block() {
        let what = "2 left, 3 joined, fork point 12";
        assert_eq!(
            texts(51),
            [format!("reorganisation on 3 nodes: {what}"), "block 16 by node 1".to_owned()]
        );
    }
}
