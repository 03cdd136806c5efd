//! Slow links: nodes are told how long to hold back what they say to each other.

use std::collections::BTreeMap;

use serde_json::json;

use crate::devnet::error::DevnetError;
use crate::devnet::happening::What;
use crate::devnet::link_delays::Pair;
use crate::devnet::network::Network;

impl Network {
    /// Makes all links of a node slower, each way; 0 makes them as fast as at first.
    ///
    /// # Errors
    /// When there is no such node, or a running node refuses or does not answer; the others are told.
    pub fn slow(&self, slow: u16, delay_ms: u64) -> Result<(), DevnetError> {
        drop(self.plan(slow)?);
        self.link_delays.set_node(slow, delay_ms);
        let tell = |id: u16| if id == slow { self.hold_back_all(id) } else { self.hold_back(id, slow) };
        // Everybody is told, also when somebody does not answer: that one is told when it is started again.
        let told: Vec<Result<(), DevnetError>> = self.running().into_iter().map(tell).collect();
        self.happened(What::Slowed { node: slow, delay_ms });
        told.into_iter().collect()
    }

    /// Lets what these nodes say to each other take so many milliseconds, each way.
    ///
    /// # Errors
    /// When a running node refuses.
    pub fn lengthen(&self, pairs: &BTreeMap<Pair, u64>) -> Result<(), DevnetError> {
        self.link_delays.set_pairs(pairs);
        let ends = |id: u16| {
            pairs.keys().filter_map(move |(one, other)| match id {
                _ if id == *one => Some(*other),
                _ if id == *other => Some(*one),
                _ => None,
            })
        };
        // Fifty nodes have 1,225 links with two ends each: one thread a node, so that it is done at one time.
        std::thread::scope(|scope| {
            let at = |id: u16| ends(id).try_for_each(|other| self.hold_back(id, other));
            let at_work: Vec<_> = self.running().into_iter().map(|id| scope.spawn(move || at(id))).collect();
            let done = at_work.into_iter().map(|one| one.join().expect("nobody panics at it"));
            done.collect::<Vec<Result<(), DevnetError>>>().into_iter().collect()
        })
    }

    /// Tells a node that was just started what its links are like.
    ///
    /// # Errors
    /// When it refuses.
    pub fn hold_back_again(&self, id: u16) -> Result<(), DevnetError> {
        self.hold_back_all(id)?;
        let is_late = |other: &u16| *other != id && self.link_delays.towards(id, *other) > 0;
        self.ids().filter(is_late).try_for_each(|other| self.hold_back(id, other))
    }

    fn hold_back_all(&self, id: u16) -> Result<(), DevnetError> {
        self.call(id, "setlinkdelay", json!([self.link_delays.of_all(id)])).map(drop)
    }

    fn hold_back(&self, id: u16, other: u16) -> Result<(), DevnetError> {
        let delay_ms = self.link_delays.towards(id, other);
        self.call(id, "setlinkdelay", json!([delay_ms, self.peer_id(other)?])).map(drop)
    }
}
