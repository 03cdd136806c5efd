//! The network: which nodes reach each other, and how long bytes take between them.
//!
//! Links behave like TCP: what is sent arrives in order or the link breaks. A lost packet therefore
//! costs time, not the message.

use core::time::Duration;
use std::collections::BTreeMap;

use cairn_core::time::Timestamp;
use cairn_protocol::random::Random;

use crate::node_index::{NodeIndex, sides};

/// Nanoseconds of a second.
const NANOSECONDS: u64 = 1_000_000_000;
/// A millisecond in nanoseconds.
const MILLISECOND: u64 = 1_000_000;

/// Time that bytes take one way; each pair of nodes draws its own once, from the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// The same for all.
    Fixed(Duration),
    /// Any time between two.
    Uniform { least: Duration, most: Duration },
    /// Log-normal, as measured networks have it: many are near, some are very far.
    LogNormal {
        median: Duration,
        /// The standard deviation of the logarithm, in thousandths.
        sigma_thousandths: u32,
    },
}

impl Latency {
    fn draw(self, random: &mut Random) -> Duration {
        match self {
            Self::Fixed(always) => always,
            Self::Uniform { least, most } => {
                let spread = most.saturating_sub(least).as_millis() as u64;
                least + Duration::from_millis(random.below(spread + 1))
            }
            Self::LogNormal { median, sigma_thousandths } => {
                // Box and Muller 1958, with a library whose results are the same on every machine.
                let uniform = |random: &mut Random| (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
                let (first, second) = (1.0 - uniform(random), uniform(random));
                let normal = libm::sqrt(-2.0 * libm::log(first)) * libm::cos(core::f64::consts::TAU * second);
                let factor = libm::exp(normal * f64::from(sigma_thousandths) / 1_000.0);
                Duration::from_millis((median.as_millis() as f64 * factor) as u64)
            }
        }
    }
}

/// What a link is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality {
    pub latency: Latency,
    /// Up to so much more, drawn for each message.
    pub jitter: Duration,
    /// Bytes a second, each way; none when bytes take no time.
    pub bytes_per_second: Option<u64>,
    /// Of a million messages, how many are delayed by a lost packet.
    pub lost: u32,
    /// What a lost packet costs.
    pub resend: Duration,
}

impl Default for Quality {
    /// A continent: 5 to 80 ms one way, 2 MB/s, one message of a hundred delayed by 200 ms.
    fn default() -> Self {
        Self {
            latency: Latency::Uniform { least: Duration::from_millis(5), most: Duration::from_millis(80) },
            jitter: Duration::ZERO,
            bytes_per_second: Some(2_000_000),
            lost: 10_000,
            resend: Duration::from_millis(200),
        }
    }
}

/// What a plan itself says of its links; of the rest it means what is usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinksSaid {
    /// How late bytes are.
    pub latency: bool,
    /// That messages jitter, get lost, or queue for a bandwidth.
    pub trouble: bool,
}

/// What the links of a world are like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    pub usual: Quality,
    /// but for those between these groups, which may be one and the same.
    pub between: Vec<(usize, usize, Quality)>,
}

impl Links {
    fn quality(&self, one: usize, other: usize) -> &Quality {
        let of_pair =
            |(a, b, _): &&(usize, usize, Quality)| (*a, *b) == (one, other) || (*b, *a) == (one, other);
        self.between.iter().find(of_pair).map_or(&self.usual, |(_, _, quality)| quality)
    }
}

/// The number of a link, by which a connection of two nodes differs from a later one of the same two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkNumber(u32);

/// Every link, and the partition in force.
#[derive(Clone, Debug)]
pub struct Network {
    links: Links,
    seed: u64,
    /// The plan's group of each node.
    groups: Vec<usize>,
    /// The side of the partition that each node is on; only nodes of one side reach each other.
    sides: Vec<usize>,
    /// Per cent of the usual time that each node's messages take.
    slowness: Vec<u32>,
    standing: BTreeMap<(NodeIndex, NodeIndex), LinkNumber>,
    /// How many links there ever were.
    count: u32,
    /// The least latency of these, and the least per cent that any node's messages took.
    least: Option<Duration>,
    least_percent: u32,
}

/// One way of a link. Its sender keeps it, with its place in the queue of bytes.
#[derive(Clone, Copy, Debug)]
pub struct LinkQueue {
    pub number: LinkNumber,
    latency: Duration,
    /// Until then earlier bytes are being sent.
    busy_until: Timestamp,
    /// and so many nanoseconds longer: many small messages take as long as a large one.
    busy_ns: u32,
    /// When the last message arrives; none overtakes it.
    last_arrival: Timestamp,
}

impl Network {
    /// A network without links or partition. `groups` has the group of each node.
    pub fn new(links: Links, groups: Vec<usize>, seed: u64) -> Self {
        let (sides, slowness) = (vec![0; groups.len()], vec![100; groups.len()]);
        let standing = BTreeMap::new();
        Self { links, seed, groups, sides, slowness, standing, count: 0, least: None, least_percent: 100 }
    }

    /// The least time in which anything that is sent from now on arrives, over any link.
    pub fn lookahead(&self) -> Duration {
        self.least.map_or(Duration::ZERO, |least| least * self.least_percent / 100)
    }

    /// One way between two nodes, as it is now.
    pub fn latency(&self, one: NodeIndex, other: NodeIndex) -> Duration {
        self.slowed(one, other, self.usual_latency(one, other))
    }

    /// The same for the two as long as the world lasts.
    fn usual_latency(&self, one: NodeIndex, other: NodeIndex) -> Duration {
        let (low, high) = pair(one, other);
        let index = ((low.index() as u64) << 32) | high.index() as u64;
        let latency = self.quality(one, other).latency;
        latency.draw(&mut Random::derive(self.seed ^ 0x11a7_e2c5, index))
    }

    fn quality(&self, one: NodeIndex, other: NodeIndex) -> &Quality {
        let group = |node: NodeIndex| self.groups.get(node.index()).copied().unwrap_or_default();
        self.links.quality(group(one), group(other))
    }

    fn slowed(&self, one: NodeIndex, other: NodeIndex, time: Duration) -> Duration {
        let percent = |node: NodeIndex| self.slowness.get(node.index()).copied().unwrap_or(100);
        match percent(one).max(percent(other)) {
            100 => time,
            percent => time * percent / 100,
        }
    }

    /// Lets everything to and from a node take a percentage of its usual time.
    pub fn slow(&mut self, node: NodeIndex, percent: u32) {
        self.least_percent = self.least_percent.min(percent);
        if let Some(slowness) = self.slowness.get_mut(node.index()) {
            *slowness = percent;
        }
    }

    /// Whether two nodes are on one side.
    pub fn is_open(&self, one: NodeIndex, other: NodeIndex) -> bool {
        self.sides.get(one.index()) == self.sides.get(other.index())
    }

    /// Partitions the network; a node in no group is alone. Returns the links that broke.
    pub fn partition(&mut self, groups: &[Vec<NodeIndex>]) -> Vec<(NodeIndex, NodeIndex, LinkNumber)> {
        self.sides = sides(groups, self.sides.len());
        self.break_links(|network, one, other| !network.is_open(one, other))
    }

    /// Ends the partition. Links do not come back by themselves: a node must dial.
    pub fn heal(&mut self) {
        self.sides.fill(0);
    }

    /// Breaks every link of a node; returns them.
    pub fn isolate(&mut self, node: NodeIndex) -> Vec<(NodeIndex, NodeIndex, LinkNumber)> {
        self.break_links(|_, one, other| one == node || other == node)
    }

    /// Links two nodes that have no link, unless a partition is between them. Returns the queue from
    /// the dialled node to the dialler, and the time before which nothing reaches the dialler.
    pub fn join(
        &mut self,
        now: Timestamp,
        dialled: NodeIndex,
        dialler: NodeIndex,
    ) -> Option<(LinkQueue, Timestamp)> {
        let key = pair(dialled, dialler);
        if !self.is_open(dialled, dialler) || self.standing.contains_key(&key) {
            return None;
        }
        let number = LinkNumber(self.count);
        self.count = self.count.checked_add(1)?;
        self.standing.insert(key, number);
        let queue = self.queue(now, number, dialled, dialler);
        self.least = Some(self.least.map_or(queue.latency, |least| least.min(queue.latency)));
        let arrival = now.saturating_add(self.slowed(dialled, dialler, queue.latency));
        Some((LinkQueue { last_arrival: arrival, ..queue }, arrival))
    }

    /// A way on which nothing was sent yet.
    pub fn queue(&self, now: Timestamp, number: LinkNumber, from: NodeIndex, to: NodeIndex) -> LinkQueue {
        LinkQueue {
            number,
            latency: self.usual_latency(from, to),
            busy_until: now,
            busy_ns: 0,
            last_arrival: now,
        }
    }

    /// The link that joins two nodes.
    pub fn link(&self, one: NodeIndex, other: NodeIndex) -> Option<LinkNumber> {
        self.standing.get(&pair(one, other)).copied()
    }

    /// The two ends of every link.
    pub fn links(&self) -> impl Iterator<Item = (NodeIndex, NodeIndex)> {
        self.standing.keys().copied()
    }

    /// Ends a link, if it is still that one.
    pub fn part(&mut self, one: NodeIndex, other: NodeIndex, number: LinkNumber) {
        if self.link(one, other) == Some(number) {
            self.standing.remove(&pair(one, other));
        }
    }

    /// Sends bytes over a link, with the sender's random generator; returns the time of arrival.
    pub fn carry(
        &self,
        now: Timestamp,
        (from, to): (NodeIndex, NodeIndex),
        queue: &mut LinkQueue,
        random: &mut Random,
        bytes: u64,
    ) -> Timestamp {
        let quality = self.quality(from, to);
        let mut delay = queue.latency;
        if quality.jitter > Duration::ZERO {
            delay += Duration::from_millis(random.below(quality.jitter.as_millis() as u64 + 1));
        }
        if quality.lost > 0 && random.below(1_000_000) < u64::from(quality.lost) {
            delay += quality.resend;
        }
        let delay = self.slowed(from, to, delay);
        if queue.busy_until < now {
            (queue.busy_until, queue.busy_ns) = (now, 0);
        }
        if let Some(speed) = quality.bytes_per_second {
            let sending = bytes.saturating_mul(NANOSECONDS) / speed.max(1);
            let busy = sending.saturating_add(u64::from(queue.busy_ns));
            queue.busy_until = queue.busy_until.saturating_add(Duration::from_millis(busy / MILLISECOND));
            queue.busy_ns = (busy % MILLISECOND) as u32;
        }
        queue.last_arrival = queue.last_arrival.max(queue.busy_until.saturating_add(delay));
        queue.last_arrival
    }

    fn break_links(
        &mut self,
        is_meant: impl Fn(&Self, NodeIndex, NodeIndex) -> bool,
    ) -> Vec<(NodeIndex, NodeIndex, LinkNumber)> {
        let meant = self.standing.iter().filter(|((one, other), _)| is_meant(self, *one, *other));
        let broken: Vec<_> = meant.map(|((one, other), number)| (*one, *other, *number)).collect();
        for (one, other, _) in &broken {
            self.standing.remove(&(*one, *other));
        }
        broken
    }
}

fn pair(one: NodeIndex, other: NodeIndex) -> (NodeIndex, NodeIndex) {
    (one.min(other), one.max(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn network(lost: u32) -> Network {
        let links = Links { usual: Quality { lost, ..Quality::default() }, between: Vec::new() };
        Network::new(links, vec![0; 4], 7)
    }

    fn nodes() -> (NodeIndex, NodeIndex) {
        (NodeIndex::new(0), NodeIndex::new(3))
    }

    #[test]
    fn messages_arrive_in_the_order_they_were_sent() {
        let (mut network, (a, b)) = (network(500_000), nodes());
        let (mut queue, _) = network.join(NOW, a, b).expect("nothing is cut");
        let mut random = Random::derive(7, 0);
        let mut carry = |sent| network.carry(NOW, (a, b), &mut queue, &mut random, sent);
        let arrivals: Vec<Timestamp> = (0..200).map(&mut carry).collect();
        assert!(arrivals.is_sorted());
    }

    #[test]
    fn nothing_reaches_the_dialler_before_it_knows_of_the_link() {
        let (mut network, (a, b)) = (network(0), nodes());
        let (mut queue, arrival) = network.join(NOW, b, a).expect("nothing is cut");
        assert!(network.carry(NOW, (b, a), &mut queue, &mut Random::derive(7, 0), 10) >= arrival);
    }

    #[test]
    fn a_large_message_takes_its_time() {
        let (mut network, (a, b)) = (network(0), nodes());
        let (_, arrival) = network.join(NOW, b, a).expect("nothing is cut");
        let mut queue = network.queue(NOW, network.link(a, b).expect("they are joined"), a, b);
        assert_eq!(arrival.since(NOW), network.latency(a, b));
        let arrival = network.carry(NOW, (a, b), &mut queue, &mut Random::derive(7, 0), 4_000_000);
        assert_eq!(arrival.since(NOW), Duration::from_secs(2) + network.latency(a, b));
    }

    #[test]
    fn many_small_messages_take_as_long_as_a_large_one() {
        let (mut network, (a, b)) = (network(0), nodes());
        network.join(NOW, b, a).expect("nothing is cut");
        let mut queue = network.queue(NOW, network.link(a, b).expect("they are joined"), a, b);
        let mut random = Random::derive(7, 0);
        let mut carry = |now| network.carry(now, (a, b), &mut queue, &mut random, 250).since(now);
        let last = (0..1_000).map(|_| carry(NOW)).last();
        assert_eq!(last, Some(Duration::from_millis(125) + network.latency(a, b)));
        // What was left of a millisecond is no debt of later ones.
        let later = NOW.saturating_add(Duration::from_secs(1));
        let arrivals: Vec<Duration> = (0..8).map(|_| carry(later)).collect();
        assert_eq!(arrivals[..7], [network.latency(a, b); 7]);
        assert_eq!(arrivals[7], Duration::from_millis(1) + network.latency(a, b));
    }

    #[test]
    fn a_slow_node_takes_its_time_until_it_is_no_longer_slow() {
        let (mut network, (a, b)) = (network(0), nodes());
        let (queue, _) = network.join(NOW, a, b).expect("nothing is cut");
        let usual = network.latency(a, b);
        network.slow(b, 1_000);
        let arrival = network.carry(NOW, (a, b), &mut { queue }, &mut Random::derive(7, 0), 0);
        assert_eq!(arrival.since(NOW), usual * 10);
        assert!(network.lookahead() <= usual);
        network.slow(b, 100);
        assert_eq!(network.latency(a, b), usual);
    }

    #[test]
    fn groups_may_have_links_of_their_own() {
        let far = Quality { latency: Latency::Fixed(Duration::from_secs(1)), ..Quality::default() };
        let links = Links { usual: Quality::default(), between: vec![(1, 0, far)] };
        let network = Network::new(links, vec![0, 0, 0, 1], 7);
        let (a, b) = nodes();
        assert_eq!(network.latency(a, b), Duration::from_secs(1));
        assert!(network.latency(a, NodeIndex::new(1)) <= Duration::from_millis(80));
    }

    #[test]
    fn half_of_log_normal_latencies_are_below_the_median() {
        let latency = Latency::LogNormal { median: Duration::from_millis(1_000), sigma_thousandths: 700 };
        let mut random = Random::derive(5, 0);
        let drawn: Vec<Duration> = (0..10_000).map(|_| latency.draw(&mut random)).collect();
        let below = drawn.iter().filter(|drawn| **drawn < Duration::from_millis(1_000)).count();
        assert!((4_800..5_200).contains(&below), "{below}");
        // The mean of a log-normal is its median times e^(sigma^2 / 2): 1,277 ms here.
        let mean = drawn.iter().sum::<Duration>() / 10_000;
        assert!((1_240..1_315).contains(&mean.as_millis()), "{mean:?}");
    }

    #[test]
    fn a_cut_breaks_links_between_groups_and_no_other() {
        let mut network = network(0);
        let all: Vec<NodeIndex> = NodeIndex::first(4).collect();
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
