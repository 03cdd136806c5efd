//! What is going to happen, in the order of time; of two things at one time the one planned first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::time::Timestamp;
use cairn_protocol::message::Message;
use cairn_protocol::peer::PeerAddress;

use crate::conductor::schedule::Due;
use crate::network::LinkNumber;
use crate::node_index::NodeIndex;

/// Something that is going to happen. `life` shows what was meant for a node that has been restarted
/// since. Kept small: a large world plans millions.
#[derive(Clone, Debug)]
pub enum Occurrence {
    /// What the plan's schedule says.
    Due(Due),
    /// An attacker begins an attempt.
    Attack(usize),
    /// A dial reaches the other end.
    Dialled { from: NodeIndex, address: Box<PeerAddress> },
    /// The dialler is notified that its dial failed.
    DialFailed { at: NodeIndex, address: Box<PeerAddress> },
    /// The dialler is notified that it has the link.
    LinkStands { at: NodeIndex, to: NodeIndex, number: LinkNumber },
    /// One end is notified that the link is gone.
    LinkGone { at: NodeIndex, to: NodeIndex, number: LinkNumber },
    /// A message arrives over a link.
    Arrival { from: NodeIndex, to: NodeIndex, number: LinkNumber, payload: Payload },
    /// The disk has taken what was written; what waited for it is carried out.
    Flush { at: NodeIndex, life: u32 },
    /// The time that a node named has come.
    Wake { at: NodeIndex, life: u32 },
}

impl Occurrence {
    /// The one node that it happens to, if it touches nothing else.
    pub const fn alone_to(&self) -> Option<NodeIndex> {
        match self {
            Self::Arrival { to: at, .. } | Self::Flush { at, .. } | Self::Wake { at, .. } => Some(*at),
            _ => None,
        }
    }
}

/// A message on its way. Most are blocks, which all nodes share, so that nothing is made for the way.
#[derive(Clone, Debug)]
pub enum Payload {
    Block(Arc<Block>),
    Other(Box<Message>),
}

impl Payload {
    /// Packs a message for the way.
    pub fn pack(message: Message) -> Self {
        match message {
            Message::Block(block) => Self::Block(block),
            other => Self::Other(Box::new(other)),
        }
    }

    /// The message that was packed.
    pub fn unpack(self) -> Message {
        match self {
            Self::Block(block) => Message::Block(block),
            Self::Other(message) => *message,
        }
    }
}

/// Queues kept to be filled again.
const SPARE_QUEUES: usize = 256;

/// Everything that is going to happen: a queue for each millisecond, so that nothing is moved to make
/// room and the order of planning is the order of happening.
#[derive(Clone, Debug, Default)]
pub struct Agenda {
    now: Timestamp,
    /// What is left of this millisecond.
    present: VecDeque<Occurrence>,
    future: BTreeMap<Timestamp, VecDeque<Occurrence>>,
    /// Empty queues with room in them.
    spare: Vec<VecDeque<Occurrence>>,
}

impl Agenda {
    /// Plans something; what lies in the past happens now.
    pub fn plan(&mut self, when: Timestamp, what: Occurrence) {
        if when <= self.now {
            self.present.push_back(what);
        } else {
            let queue = self.future.entry(when);
            queue.or_insert_with(|| self.spare.pop().unwrap_or_default()).push_back(what);
        }
    }

    /// Takes what comes next.
    pub fn take_next(&mut self) -> Option<(Timestamp, Occurrence)> {
        if self.present.is_empty() {
            self.turn();
        }
        self.present.pop_front().map(|what| (self.now, what))
    }

    /// Goes on to the next millisecond for which something is planned.
    fn turn(&mut self) {
        let Some((when, queue)) = self.future.pop_first() else { return };
        self.now = when;
        let empty = core::mem::replace(&mut self.present, queue);
        if self.spare.len() < SPARE_QUEUES {
            self.spare.push(empty);
        }
    }

    /// Takes out, with times and nodes, what comes next and before `end` and happens to one node
    /// alone. Returns where that ends: at `end`, or at something else that comes before it.
    pub fn take_window(
        &mut self,
        end: Timestamp,
        due: &mut Vec<(Timestamp, NodeIndex, Occurrence)>,
    ) -> Timestamp {
        while let Some(when) = self.next_time().filter(|when| *when < end) {
            if self.present.is_empty() {
                self.turn();
            }
            while let Some(node) = self.present.front().map(Occurrence::alone_to) {
                let Some(node) = node else { return when };
                due.extend(self.present.pop_front().map(|what| (when, node, what)));
            }
        }
        end
    }

    /// When something comes next.
    pub fn next_time(&self) -> Option<Timestamp> {
        if self.present.is_empty() { self.future.keys().next().copied() } else { Some(self.now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A large world has a million on their way.
    #[test]
    fn an_occurrence_takes_three_words() {
        assert_eq!(size_of::<Occurrence>(), 24);
    }

    #[test]
    fn of_two_things_at_one_time_the_one_planned_first_happens_first() {
        let mut agenda = Agenda::default();
        let at = Timestamp::from_millis;
        agenda.plan(at(2), Occurrence::Due(Due::Step(0)));
        agenda.plan(at(1), Occurrence::Due(Due::Step(1)));
        agenda.plan(at(2), Occurrence::Due(Due::Step(2)));
        let mut order = Vec::new();
        while let Some((when, what)) = agenda.take_next() {
            let Occurrence::Due(Due::Step(step)) = what else { unreachable!("only plan steps were planned") };
            order.push((when.millis(), step));
            if order.len() == 2 {
                agenda.plan(at(2), Occurrence::Due(Due::Step(3)));
                assert_eq!(agenda.next_time(), Some(at(2)));
            }
        }
        assert_eq!(order, [(1, 1), (2, 0), (2, 2), (2, 3)]);
        assert_eq!(agenda.next_time(), None);
    }
}
