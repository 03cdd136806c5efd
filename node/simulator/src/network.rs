//! The network: which nodes reach each other, and how long bytes take between them.
//!
//! Links behave like TCP: what is sent arrives in order or the link breaks. A lost packet therefore
//! costs time, not the message.

use core::time::Duration;
use std::collections::BTreeMap;

use cairn_core::time::Timestamp;
use cairn_protocol::random::Random;

use crate::place::Place;

/// What the links are like.
#[derive(Clone, Copy, Debug)]
pub struct Conditions {
    /// The shortest time one way.
    pub latency_least: Duration,
    /// The longest; each pair of nodes draws its own from the seed.
    pub latency_most: Duration,
    /// Bytes a second, each way of each link.
    pub bytes_per_second: u64,
    /// Of a thousand messages, how many are delayed by a lost packet.
    pub lost_per_thousand: u64,
    /// What a lost packet costs.
    pub resend: Duration,
}

impl Default for Conditions {
    /// A continent: 5 to 80 ms one way, 2 MB/s, one message of a hundred delayed by 200 ms.
    fn default() -> Self {
        Self {
            latency_least: Duration::from_millis(5),
            latency_most: Duration::from_millis(80),
            bytes_per_second: 2_000_000,
            lost_per_thousand: 10,
            resend: Duration::from_millis(200),
        }
    }
}

/// Tells one connection of two nodes from a later one of the same two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkNumber(u64);

/// Every link, and who is cut from whom.
#[derive(Clone, Debug)]
pub struct Network {
    conditions: Conditions,
    seed: u64,
    random: Random,
    /// A group for each node; only nodes of one group reach each other.
    groups: Vec<usize>,
    links: BTreeMap<(Place, Place), Link>,
    next_number: u64,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    number: LinkNumber,
    /// Lower place to higher, and back.
    lanes: [Lane; 2],
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    /// Until then earlier bytes are being sent.
    busy_until: Timestamp,
    /// When the last message arrives; none overtakes it.
    last_arrival: Timestamp,
}

impl Network {
    /// A network without links, where everybody reaches everybody.
    pub fn new(conditions: Conditions, nodes: usize, seed: u64, random: Random) -> Self {
        let (groups, links) = (vec![0; nodes], BTreeMap::new());
        Self { conditions, seed, random, groups, links, next_number: 0 }
    }

    /// One way between two nodes; the same for the two as long as the world lasts.
    pub fn latency(&self, one: Place, other: Place) -> Duration {
        let (low, high) = pair(one, other);
        let index = ((low.index() as u64) << 32) | high.index() as u64;
        let spread = self.conditions.latency_most.saturating_sub(self.conditions.latency_least);
        let drawn = Random::derive(self.seed ^ 0x11a7_e2c5, index).below(spread.as_millis() as u64 + 1);
        self.conditions.latency_least + Duration::from_millis(drawn)
    }

    /// Whether no cut lies between two nodes.
    pub fn is_open(&self, one: Place, other: Place) -> bool {
        self.groups.get(one.index()) == self.groups.get(other.index())
    }

    /// Cuts the network; whoever is in no group is alone in one. Returns the links that broke.
    pub fn partition(&mut self, groups: &[Vec<Place>]) -> Vec<(Place, Place, LinkNumber)> {
        for (index, group) in self.groups.iter_mut().enumerate() {
            *group = groups.len() + index;
        }
        for (number, members) in groups.iter().enumerate() {
            for member in members {
                if let Some(group) = self.groups.get_mut(member.index()) {
                    *group = number;
                }
            }
        }
        self.break_links(|network, one, other| !network.is_open(one, other))
    }

    /// Ends every cut. Links do not come back by themselves: somebody must dial.
    pub fn heal(&mut self) {
        self.groups.fill(0);
    }

    /// Breaks every link of a node; returns them.
    pub fn isolate(&mut self, place: Place) -> Vec<(Place, Place, LinkNumber)> {
        self.break_links(|_, one, other| one == place || other == place)
    }

    /// Joins two nodes that have no link, unless they are cut from each other. The side that dialled
    /// hears of it, and of anything else, one latency later.
    pub fn join(
        &mut self,
        now: Timestamp,
        dialled: Place,
        dialler: Place,
    ) -> Option<(LinkNumber, Timestamp)> {
        let key = pair(dialled, dialler);
        if !self.is_open(dialled, dialler) || self.links.contains_key(&key) {
            return None;
        }
        let number = LinkNumber(self.next_number);
        self.next_number += 1;
        let idle = Lane { busy_until: now, last_arrival: now };
        let mut link = Link { number, lanes: [idle; 2] };
        let heard = now.saturating_add(self.latency(dialled, dialler));
        link.lanes[lane(dialled, dialler)].last_arrival = heard;
        self.links.insert(key, link);
        Some((number, heard))
    }

    /// The link that joins two nodes.
    pub fn link(&self, one: Place, other: Place) -> Option<LinkNumber> {
        self.links.get(&pair(one, other)).map(|link| link.number)
    }

    /// Ends a link, if it is still that one.
    pub fn part(&mut self, one: Place, other: Place, number: LinkNumber) {
        if self.link(one, other) == Some(number) {
            self.links.remove(&pair(one, other));
        }
    }

    /// Sends bytes; says when they arrive, and over which link. None without one.
    pub fn carry(
        &mut self,
        now: Timestamp,
        from: Place,
        to: Place,
        bytes: u64,
    ) -> Option<(LinkNumber, Timestamp)> {
        let latency = self.latency(from, to);
        let Conditions { bytes_per_second, lost_per_thousand, resend, .. } = self.conditions;
        let link = self.links.get_mut(&pair(from, to))?;
        let lane = &mut link.lanes[lane(from, to)];
        let sending = Duration::from_millis(bytes.saturating_mul(1_000) / bytes_per_second.max(1));
        lane.busy_until = lane.busy_until.max(now).saturating_add(sending);
        let is_delayed = self.random.below(1_000) < lost_per_thousand;
        let delay = if is_delayed { latency + resend } else { latency };
        lane.last_arrival = lane.last_arrival.max(lane.busy_until.saturating_add(delay));
        Some((link.number, lane.last_arrival))
    }

    fn break_links(
        &mut self,
        is_meant: impl Fn(&Self, Place, Place) -> bool,
    ) -> Vec<(Place, Place, LinkNumber)> {
        let meant = self.links.iter().filter(|((one, other), _)| is_meant(self, *one, *other));
        let broken: Vec<_> = meant.map(|((one, other), link)| (*one, *other, link.number)).collect();
        for (one, other, _) in &broken {
            self.links.remove(&(*one, *other));
        }
        broken
    }
}

fn pair(one: Place, other: Place) -> (Place, Place) {
    (one.min(other), one.max(other))
}

fn lane(from: Place, to: Place) -> usize {
    usize::from(from > to)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn network(lost_per_thousand: u64) -> Network {
        let conditions = Conditions { lost_per_thousand, ..Conditions::default() };
        Network::new(conditions, 4, 7, Random::derive(7, 0))
    }

    fn places() -> (Place, Place) {
        (Place::new(0), Place::new(3))
    }

    #[test]
    fn messages_arrive_in_the_order_they_were_sent() {
        let (mut network, (a, b)) = (network(500), places());
        network.join(NOW, a, b).expect("nothing is cut");
        let arrivals: Vec<Timestamp> =
            (0..200).map(|sent| network.carry(NOW, a, b, sent).expect("joined").1).collect();
        assert!(arrivals.is_sorted());
    }

    #[test]
    fn nothing_reaches_the_dialler_before_it_knows_of_the_link() {
        let (mut network, (a, b)) = (network(0), places());
        let (number, heard) = network.join(NOW, b, a).expect("nothing is cut");
        let (over, arrival) = network.carry(NOW, b, a, 10).expect("joined");
        assert_eq!(over, number);
        assert!(arrival >= heard);
    }

    #[test]
    fn a_large_message_takes_its_time() {
        let (mut network, (a, b)) = (network(0), places());
        network.join(NOW, a, b).expect("nothing is cut");
        let (_, arrival) = network.carry(NOW, a, b, 4_000_000).expect("joined");
        assert_eq!(arrival.since(NOW), Duration::from_secs(2) + network.latency(a, b));
    }

    #[test]
    fn a_cut_breaks_links_between_groups_and_no_other() {
        let mut network = network(0);
        let all: Vec<Place> = Place::first(4).collect();
        for (index, one) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                network.join(NOW, *one, *other).expect("nothing is cut");
            }
        }
        let broken = network.partition(&[vec![all[0], all[1]], vec![all[2], all[3]]]);
        assert_eq!(broken.len(), 4);
        assert!(network.link(all[0], all[1]).is_some());
        assert_eq!(network.link(all[0], all[2]), None);
        assert!(network.join(NOW, all[0], all[2]).is_none());
        network.heal();
        assert_eq!(network.link(all[0], all[2]), None);
        assert!(network.join(NOW, all[0], all[2]).is_some());
    }
}
