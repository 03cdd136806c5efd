//! Coalesced moments: one line for reorganisations that many nodes have alike.

use std::collections::BTreeMap;

use cairn_simulator::report::{Moment, MomentKind};

use crate::format::numbers;

/// With more nodes than this, a reorganisation has one line for each block that causes it.
const FEW_NODES: usize = 50;

/// Holds reorganisations back until all that are alike have come.
#[derive(Clone, Debug)]
pub struct Coalescer {
    has_few_nodes: bool,
    /// The time of the first that is held back, in milliseconds.
    since_ms: u64,
    /// The nodes of each reorganisation that is held back.
    held: BTreeMap<String, Vec<u16>>,
}

impl Coalescer {
    /// A coalescer for a run of this many nodes.
    pub const fn new(nodes: usize) -> Self {
        Self { has_few_nodes: nodes <= FEW_NODES, since_ms: 0, held: BTreeMap::new() }
    }

    /// The moments that are complete now that this one happened.
    pub fn push(&mut self, moment: &Moment) -> Vec<Moment> {
        let Some((node, what)) = reorganisation(moment) else {
            let mut complete = self.flush();
            complete.push(moment.clone());
            return complete;
        };
        let is_over = self.has_few_nodes && moment.at_ms != self.since_ms;
        let complete = if is_over { self.flush() } else { Vec::new() };
        if self.held.is_empty() {
            self.since_ms = moment.at_ms;
        }
        self.held.entry(what.to_owned()).or_default().push(node);
        complete
    }

    /// The moments that were held back.
    pub fn flush(&mut self) -> Vec<Moment> {
        let (at_ms, has_few) = (self.since_ms, self.has_few_nodes);
        let moment = |(what, mut nodes): (String, Vec<u16>)| {
            nodes.sort_unstable();
            nodes.dedup();
            let nodes = match nodes.as_slice() {
                [one] => format!("node {one}"),
                many if has_few => format!("nodes {}", numbers(many)),
                many => format!("{} nodes", many.len()),
            };
            let text = format!("reorganisation on {nodes}: {what}");
            Moment { at_ms, kind: MomentKind::Reorganisation, text }
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

/// The node that had a reorganisation, and its text.
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
        coalesce(&timeline(), nodes).into_iter().map(|moment| moment.text).collect()
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
    fn of_many_nodes_only_their_number_is_shown_once_for_each_block() {
        let what = "2 left, 3 joined, fork point 12";
        assert_eq!(
            texts(51),
            [format!("reorganisation on 3 nodes: {what}"), "block 16 by node 1".to_owned()]
        );
    }
}
