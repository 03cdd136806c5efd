//! The plan of a world: its nodes and links, what is done to them when, and what is
//! expected of them. A scenario file is read into a plan; both engines play plans.

use core::time::Duration;
use std::collections::BTreeSet;

use cairn_core::target::CompactTarget;
use cairn_genesis::Chain;
use cairn_genesis::definition::Definition;
use cairn_protocol::limits::PING_INTERVAL;

use crate::behaviour::Behaviour;
use crate::expectation::Expectation;
use crate::network::{Links, LinksSaid, Network};
use crate::node_index::{NodeIndex, rest};
use crate::rng_streams;
use crate::topology::{Shape, Topology};
use crate::wallets::{usual_chain, with_wallets};
use cairn_genesis::hashrate::Hashrate;

/// A million: shares and rates are counted in millionths, so that no report depends on how a machine rounds.
pub const MILLION: u64 = 1_000_000;

/// Nodes that are alike: consecutive nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name, unique among groups.
    pub name: String,
    pub first: u16,
    pub nodes: u16,
    /// Its part of all hash rate, in millionths; its nodes have equal parts of it.
    pub share: u64,
    /// What its nodes do.
    pub behaviour: Behaviour,
}

impl Group {
    /// The nodes of the group.
    pub fn members(&self) -> impl DoubleEndedIterator<Item = NodeIndex> + use<> {
        (self.first..self.first + self.nodes).map(NodeIndex::new)
    }

    /// Whether a node belongs to it.
    pub fn has(&self, node: NodeIndex) -> bool {
        let number = node.number();
        number >= self.first && number - self.first < self.nodes
    }

    /// Whether a node is its secret one: that of a double-spender, which all others see nothing of.
    pub fn has_secret(&self, node: NodeIndex) -> bool {
        matches!(self.behaviour, Behaviour::DoubleSpend(_)) && self.has(node) && node.number() != self.first
    }
}

/// One thing that is done to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The network is partitioned: links between groups break, and no node reaches another group. Nodes in no
    /// group form one more.
    Partition(Vec<Vec<NodeIndex>>),
    /// The same, done as a devnet does it: every node blocks the other groups.
    Refuse(Vec<Vec<NodeIndex>>),
    /// The partition in force ends.
    Heal,
    /// Power goes: nodes lose whatever their disks had not taken.
    Kill(Vec<NodeIndex>),
    /// Killed nodes start again on their disks.
    Restart(Vec<NodeIndex>),
    /// Everything to and from these nodes takes a percentage of its usual time.
    Slow { nodes: Vec<NodeIndex>, percent: u32 },
    /// A node finds blocks at once, one on the other.
    Mine { node: NodeIndex, blocks: u32 },
    /// Payments are handed in at a node.
    Pay {
        node: NodeIndex,
        payments: u32,
        /// The node at which their coins are paid once more, to the payer itself.
        twice_at: Option<NodeIndex>,
    },
    /// The clocks of nodes are set ahead of true time, or behind it when negative.
    Clock { nodes: Vec<NodeIndex>, offset_ms: i64 },
    /// Nodes mine at a percentage of their first rate.
    SetHashrate {
        nodes: Vec<NodeIndex>,
        /// 100 is the first rate, 0 ends their mining.
        percent: u32,
    },
    /// A group behaves in another way from now on.
    Behave { group: usize, behaviour: Behaviour },
}

impl Step {
    /// Whether some of `nodes` nodes can agree again because of it: time to agreement counts from here.
    pub fn heals(&self, nodes: u16) -> bool {
        match self {
            Self::Restart(_) => true,
            Self::Behave { behaviour, .. } => behaviour.is_mannerly(),
            step => step.joins_all(nodes),
        }
    }

    /// Whether no partition is between any two of `nodes` nodes after it: a partition into one group of
    /// all heals as well as a heal does, and so does a refusal with a single side.
    pub fn joins_all(&self, nodes: u16) -> bool {
        match self {
            Self::Heal => true,
            Self::Refuse(groups) if groups.len() < 2 => true,
            Self::Partition(groups) | Self::Refuse(groups) => {
                groups.iter().any(|group| rest(core::slice::from_ref(group), nodes).is_empty())
            }
            _ => false,
        }
    }
}

/// What people do: they pay each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The time between two payments; none when no wallet pays.
    pub payment_every: Option<Duration>,
    /// How many take turns.
    pub wallets: u16,
}

/// The end of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The longest time that all miners mine.
    pub after: Duration,
    /// They stop earlier when a best chain has this height.
    pub height: Option<u32>,
    /// They stop earlier when this number of attempts at a double spend has ended.
    pub attempts: Option<u64>,
    /// Afterwards one miner goes on until all agree, but no longer than this. None: the world ends
    /// without it, as it stands.
    pub agreement_within: Option<Duration>,
}

impl Stop {
    /// The share of the mining that is done, in thousandths, at this time and greatest height, as far
    /// as it can be foreseen.
    pub fn progress(&self, elapsed: Duration, highest: u32) -> u64 {
        let by_time = elapsed.as_millis() * 1_000 / self.after.as_millis().max(1);
        let height = |stop: u32| u128::from(highest) * 1_000 / u128::from(stop.max(1));
        let done = by_time.max(self.height.map_or(0, height));
        u64::try_from(done).unwrap_or(1_000).min(1_000)
    }
}

/// What a plan can be played on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// The deterministic simulator, in virtual time.
    Simulator,
    /// Real processes, in real time.
    Devnet,
}

/// A world and what happens in it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The name, unique among groups.
    pub name: String,
    /// What one learns from it, in a sentence.
    pub teaches: String,
    /// The chain's numbers, without premine: each engine adds its own.
    pub chain: Definition,
    /// The groups; their nodes follow each other without gap.
    pub groups: Vec<Group>,
    pub topology: Topology,
    /// What the links are like,
    pub links: Links,
    /// and how much of that the plan has a word about.
    pub links_said: LinksSaid,
    /// The time after which silent peers are pinged; none for never: links of a world notify their
    /// ends when they break.
    pub ping_every: Option<Duration>,
    /// How long a disk takes for what is written at one time.
    pub disk: Duration,
    pub workload: Workload,
    /// What is done when, from the beginning of the world; in the order of time.
    pub steps: Vec<(Duration, Step)>,
    pub stop: Stop,
    /// What it is expected to come to.
    pub expectations: Vec<Expectation>,
    /// The seed when the caller names none.
    pub seed: u64,
}

impl Plan {
    /// The number of all nodes.
    pub fn nodes(&self) -> u16 {
        self.groups.iter().map(|group| group.nodes).sum()
    }

    /// The indexes of all nodes.
    pub fn indices(&self) -> impl DoubleEndedIterator<Item = NodeIndex> + use<> {
        NodeIndex::first(self.nodes())
    }

    /// The group of a node, by its number.
    pub fn group_of(&self, node: NodeIndex) -> usize {
        self.groups.iter().position(|group| group.has(node)).unwrap_or_default()
    }

    /// The network when the world begins, with latencies from a seed.
    pub fn network(&self, seed: u64) -> Network {
        Network::new(self.links.clone(), self.indices().map(|node| self.group_of(node)).collect(), seed)
    }

    /// The hash rate that finds a block every spacing at the first target, all miners together.
    pub fn total_hashrate(&self) -> Hashrate {
        let bits: CompactTarget = self.chain.genesis_bits.compact();
        Hashrate::for_spacing(bits, Duration::from_millis(self.chain.spacing_ms.get()))
    }

    /// How fast a node mines at first.
    pub fn hashrate_of(&self, node: NodeIndex) -> Hashrate {
        self.hashrate_at(node, 100)
    }

    /// The hash rate of a node at a percentage of its first one. What a group's rate leaves when it
    /// is divided goes to nodes evenly spread over it: a small share of many nodes is not nothing.
    pub fn hashrate_at(&self, node: NodeIndex, percent: u32) -> Hashrate {
        match self.groups.get(self.group_of(node)) {
            // Its secret node gets all of it, while it is at work.
            Some(group) if matches!(group.behaviour, Behaviour::DoubleSpend(_)) => Hashrate::NONE,
            Some(group) => {
                let all = self.hashrate_of_group(node, percent);
                let number = u64::from(node.number() - group.first);
                let first = |nodes: u64| all.part(nodes, u64::from(group.nodes)).0;
                Hashrate(first(number + 1) - first(number))
            }
            None => Hashrate::NONE,
        }
    }

    /// The hash rate of a node that has its whole group's, at a percentage of the first one.
    pub fn hashrate_of_group(&self, node: NodeIndex, percent: u32) -> Hashrate {
        let share = self.groups.get(self.group_of(node)).map_or(0, |group| group.share);
        self.total_hashrate().part(share, MILLION).part(u64::from(percent), 100)
    }

    /// Whether a node is a double-spender's secret one, which is no part of the network.
    pub fn is_secret(&self, node: NodeIndex) -> bool {
        self.groups.iter().any(|group| group.has_secret(node))
    }

    /// Whether nodes may go without having said so: then what disks had not taken is lost.
    pub fn may_lose_power(&self) -> bool {
        let kills = self.steps.iter().any(|(_, step)| matches!(step, Step::Kill(_)));
        kills || self.groups.iter().any(|group| matches!(group.behaviour, Behaviour::Intermittent { .. }))
    }

    /// The nodes that each node dials, as drawn from a seed. `apart` are nodes without any link.
    pub fn dials(&self, seed: u64, apart: &BTreeSet<NodeIndex>) -> Vec<BTreeSet<NodeIndex>> {
        let members: Vec<Vec<NodeIndex>> =
            self.groups.iter().map(|group| group.members().collect()).collect();
        self.topology.dials(&members, apart, &mut rng_streams::topology(seed))
    }

    /// The chain with a coin for each wallet in its genesis.
    pub fn simulated_chain(&self) -> Chain {
        let attackers =
            self.groups.iter().filter(|group| matches!(group.behaviour, Behaviour::DoubleSpend(_)));
        with_wallets(&self.chain, self.workload.wallets + attackers.count() as u16)
    }

    /// A quiet world of honest nodes that have equal parts of the hash rate: a block every two
    /// seconds, a payment every 700 ms, for a minute.
    pub fn quiet(nodes: u16) -> Self {
        let group =
            Group { name: "all".into(), first: 0, nodes, share: MILLION, behaviour: Behaviour::Honest };
        Self {
            name: "quiet".into(),
            teaches: "Left alone, nodes agree.".into(),
            chain: usual_chain(),
            groups: vec![group],
            topology: Shape::Ring { chords: 2 }.into(),
            links: Links::default(),
            links_said: LinksSaid::default(),
            ping_every: Some(PING_INTERVAL),
            disk: Duration::from_millis(3),
            workload: Workload { payment_every: Some(Duration::from_millis(700)), wallets: 10 },
            steps: Vec::new(),
            stop: Stop {
                after: Duration::from_secs(60),
                height: None,
                attempts: None,
                agreement_within: Some(Duration::from_secs(120)),
            },
            expectations: Vec::new(),
            seed: 1,
        }
    }

    /// Such a world, partitioned in two unequal parts for a time.
    pub fn partition_and_heal(nodes: u16, cut_for: Duration) -> Self {
        let begin = Duration::from_secs(20);
        let groups = Self::parts(nodes, nodes * 3 / 5);
        let steps = vec![(begin, Step::Partition(groups)), (begin + cut_for, Step::Heal)];
        let mut plan = Self { steps, ..Self::quiet(nodes) };
        plan.stop.after = begin + cut_for + Duration::from_secs(40);
        plan
    }

    /// The first nodes, and the others.
    pub fn parts(nodes: u16, first: u16) -> Vec<Vec<NodeIndex>> {
        let (one, other) = NodeIndex::first(nodes).partition(|node| node.index() < usize::from(first));
        vec![one, other]
    }
}

#[cfg(test)]
mod tests {
    use cairn_genesis::bounded::Bounded;

    use super::*;

    #[test]
    fn a_small_share_of_many_nodes_is_not_nothing() {
        let mut plan = Plan::quiet(15_000);
        plan.chain.spacing_ms = Bounded::new(3_600_000).expect("an hour");
        plan.groups[0].share = MILLION / 1_000;
        let all = |percent| plan.indices().map(|node| plan.hashrate_at(node, percent).0).sum::<u64>();
        assert!(all(100) > 0);
        assert_eq!(all(100), plan.hashrate_of_group(NodeIndex::new(0), 100).0);
        assert_eq!(all(50), all(100) / 2);
    }
}
