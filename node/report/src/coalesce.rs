//! Coalesced moments: one line for reorganizations that many nodes have alike.

use std::collections::BTreeMap;

use cairn_simulator::report::{Branching, Moment, MomentKind};
use cairn_simulator::text::reorganization;

use crate::format::numbers;

/// With more nodes than this, a reorganization has one line for each block that causes it.
const FEW_NODES: usize = 50;

/// Holds reorganizations back until all that are alike have come.
#[derive(Clone, Debug)]
pub struct Coalescer {
    has_few_nodes: bool,
    /// The time of the first that is held back, in milliseconds.
    since_ms: u64,
    /// The nodes of each reorganization that is held back.
    held: BTreeMap<Branching, Vec<u16>>,
}

impl Coalescer {
    /// A coalescer for a run of this many nodes.
    pub const fn new(nodes: usize) -> Self {
        Self { has_few_nodes: nodes <= FEW_NODES, since_ms: 0, held: BTreeMap::new() }
    }

    /// The moments that are complete now that this one happened.
    pub fn push(&mut self, moment: &Moment) -> Vec<Moment> {
        let Some((node, change)) = moment.reorganization else {
            let mut complete = self.flush();
            complete.push(moment.clone());
            return complete;
        };
        let is_over = self.has_few_nodes && moment.at_ms != self.since_ms;
        let complete = if is_over { self.flush() } else { Vec::new() };
        if self.held.is_empty() {
            self.since_ms = moment.at_ms;
        }
        self.held.entry(change).or_default().push(node);
        complete
    }

    /// The moments that were held back.
    pub fn flush(&mut self) -> Vec<Moment> {
        let (at_ms, has_few) = (self.since_ms, self.has_few_nodes);
        let moment = |(change, mut nodes): (Branching, Vec<u16>)| {
            nodes.sort_unstable();
            nodes.dedup();
            let nodes = match nodes.as_slice() {
                [one] => format!("node {one}"),
                many if has_few => format!("nodes {}", numbers(many)),
                many => format!("{} nodes", many.len()),
            };
            let text = reorganization(&nodes, &change);
            Moment { at_ms, kind: MomentKind::Reorganization, text, reorganization: None }
        };
        std::mem::take(&mut self.held).into_iter().map(moment).collect()
    }
}

/// A whole timeline, coalesced.
pub fn coalesce(timeline: &[Moment], nodes: usize) -> Vec<Moment> {
    let mut coalescer = Coalescer::new(nodes);
    let mut moments: Vec<Moment> = timeline.iter().flat_map(|moment| coalescer.push(moment)).collect();
    moments.extend(coalescer.flush());
    moments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline() -> Vec<Moment> {
        let moment = |at_ms, kind, text: &str, reorganization| Moment {
            at_ms,
            kind,
            text: text.to_owned(),
            reorganization,
        };
        let change = Branching { fork_height: 12, disconnected: 2, connected: 3 };
        let turn = |at_ms, node| moment(at_ms, MomentKind::Reorganization, "", Some((node, change)));
        vec![turn(10, 4), turn(10, 3), turn(25, 7), moment(30, MomentKind::Block, "block 16 by node 1", None)]
    }

    fn texts(nodes: usize) -> Vec<String> {
        coalesce(&timeline(), nodes).into_iter().map(|moment| moment.text).collect()
    }

    #[test]
    fn nodes_that_change_branch_together_share_a_line() {
        let what = "2 left, 3 joined, fork point 12";
        assert_eq!(
            texts(8),
            [
                format!("reorganization on nodes 3,4: {what}"),
                format!("reorganization on node 7: {what}"),
                "block 16 by node 1".to_owned(),
            ]
        );
    }

    #[test]
    fn of_many_nodes_only_their_number_is_shown_once_for_each_block() {
        let what = "2 left, 3 joined, fork point 12";
        assert_eq!(
            texts(51),
            [format!("reorganization on 3 nodes: {what}"), "block 16 by node 1".to_owned()]
        );
    }
}
