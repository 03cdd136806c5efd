//! The links that a host knows of. Every message looks for one of them, so the search stays within two bytes
//! of each, side by side: a line of the processor's cache; a link's queue is touched once it is found.

use crate::network::LinkQueue;
use crate::node_index::NodeIndex;

/// A queue for each node at the other end, in the order of node indices.
#[derive(Debug, Default)]
pub struct Sessions {
    nodes: Vec<NodeIndex>,
    queues: Vec<LinkQueue>,
}

impl Sessions {
    /// The queue to another node.
    pub fn get(&self, to: NodeIndex) -> Option<&LinkQueue> {
        self.queues.get(self.find(to).ok()?)
    }

    /// The queue to another node, to be used.
    pub fn get_mut(&mut self, to: NodeIndex) -> Option<&mut LinkQueue> {
        let at = self.find(to).ok()?;
        self.queues.get_mut(at)
    }

    /// Every node at the other end.
    pub fn indices(&self) -> impl Iterator<Item = NodeIndex> {
        self.nodes.iter().copied()
    }

    /// Notes a link, in the place of whatever led there.
    pub fn open(&mut self, to: NodeIndex, queue: LinkQueue) {
        match self.find(to) {
            Ok(at) => self.queues[at] = queue,
            Err(at) => {
                self.nodes.insert(at, to);
                self.queues.insert(at, queue);
            }
        }
    }

    /// Removes a link, and what waits to be sent over it.
    pub fn close(&mut self, to: NodeIndex) {
        if let Ok(at) = self.find(to) {
            self.nodes.remove(at);
            self.queues.remove(at);
        }
    }

    /// Where a node is, or would be.
    fn find(&self, to: NodeIndex) -> Result<usize, usize> {
        // One after the other: with as few as links are, that is faster than a search by halves.
        let at = self.nodes.iter().position(|node| *node >= to).unwrap_or(self.nodes.len());
        if self.nodes.get(at) == Some(&to) { Ok(at) } else { Err(at) }
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::time::Timestamp;

    use crate::network::{Links, Network};

    use super::*;

    #[test]
    fn a_link_is_found_until_it_is_closed_and_a_new_one_takes_the_place_of_the_old() {
        let now = Timestamp::from_millis(0);
        let mut network = Network::new(Links::default(), vec![0; 9], 1);
        let mut queue =
            |to: u16| network.join(now, NodeIndex::new(0), NodeIndex::new(to)).expect("nothing is cut").0;
        let queues = [7, 2, 5].map(|to| (NodeIndex::new(to), queue(to)));
        let mut sessions = Sessions::default();
        queues.iter().for_each(|(to, queue)| sessions.open(*to, *queue));
        assert_eq!(sessions.indices().collect::<Vec<_>>(), [2, 5, 7].map(NodeIndex::new));
        for (to, queue) in &queues {
            assert_eq!(sessions.get(*to).map(|found| found.number), Some(queue.number));
        }
        sessions.open(NodeIndex::new(5), queue(8));
        assert_ne!(sessions.get(NodeIndex::new(5)).map(|found| found.number), Some(queues[2].1.number));
        sessions.close(NodeIndex::new(2));
        sessions.close(NodeIndex::new(3));
        assert!(sessions.get(NodeIndex::new(2)).is_none() && sessions.get_mut(NodeIndex::new(7)).is_some());
    }
}
