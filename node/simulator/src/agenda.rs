//! What is going to happen, in the order of time; of two things at one time the one planned first.

use std::collections::BTreeMap;

use cairn_core::time::Timestamp;
use cairn_protocol::message::Message;
use cairn_protocol::peer::PeerAddress;

use crate::network::LinkNumber;
use crate::place::Place;

/// One thing that is going to happen. `life` and `round` tell what was meant for a node that has
/// been restarted, or for a search that has begun anew, since.
#[derive(Clone, Debug)]
pub enum Occurrence {
    /// A step of the plan.
    PlanStep(usize),
    /// Somebody pays.
    Payment(usize),
    /// A dial reaches the other end.
    Dialled {
        /// Who dials.
        from: Place,
        /// Where.
        address: PeerAddress,
    },
    /// A dial has come to nothing, and the dialler hears of it.
    DialFailed {
        /// Who dialled.
        at: Place,
        /// Where.
        address: PeerAddress,
    },
    /// The dialler hears that the link stands.
    LinkStands {
        /// Who dialled.
        at: Place,
        /// Who was dialled.
        to: Place,
        /// Which link.
        number: LinkNumber,
    },
    /// One end hears that the link is gone.
    LinkGone {
        /// Who hears.
        at: Place,
        /// Who was at the other end.
        to: Place,
        /// Which link.
        number: LinkNumber,
    },
    /// A message arrives.
    Arrival {
        /// Who said it.
        from: Place,
        /// To whom.
        to: Place,
        /// Over which link.
        number: LinkNumber,
        /// What.
        message: Box<Message>,
    },
    /// The disk has taken what was written; what waited for it is carried out.
    Flush {
        /// Whose disk.
        at: Place,
        /// In which life.
        life: u32,
    },
    /// The time that a node named has come.
    Wake {
        /// Who.
        at: Place,
        /// In which life.
        life: u32,
    },
    /// A miner finds a block.
    Found {
        /// Who.
        at: Place,
        /// In which search.
        round: u64,
    },
}

/// Everything that is going to happen.
#[derive(Clone, Debug, Default)]
pub struct Agenda {
    /// The second key keeps the order of what falls on one time; nothing is moved to make room.
    queue: BTreeMap<(Timestamp, u64), Occurrence>,
    sequence: u64,
}

impl Agenda {
    /// Plans something.
    pub fn plan(&mut self, when: Timestamp, what: Occurrence) {
        self.queue.insert((when, self.sequence), what);
        self.sequence += 1;
    }

    /// Takes what comes next.
    pub fn take_next(&mut self) -> Option<(Timestamp, Occurrence)> {
        self.queue.pop_first().map(|((when, _), what)| (when, what))
    }

    /// When something comes next.
    pub fn next_time(&self) -> Option<Timestamp> {
        self.queue.first_key_value().map(|((when, _), _)| *when)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_things_at_one_time_the_one_planned_first_happens_first() {
        let mut agenda = Agenda::default();
        let at = Timestamp::from_millis;
        agenda.plan(at(2), Occurrence::PlanStep(0));
        agenda.plan(at(1), Occurrence::PlanStep(1));
        agenda.plan(at(2), Occurrence::PlanStep(2));
        let order: Vec<(u64, usize)> = core::iter::from_fn(|| agenda.take_next())
            .map(|(when, what)| match what {
                Occurrence::PlanStep(step) => (when.millis(), step),
                _ => unreachable!("only plan steps were planned"),
            })
            .collect();
        assert_eq!(order, [(1, 1), (2, 0), (2, 2)]);
    }
}
