//! The plan of a world: how many nodes, what joins them, and what is done to them when.

use core::time::Duration;

use crate::mining::Hashrate;
use crate::network::Conditions;
use crate::place::Place;
use crate::topology::Topology;

/// One thing that is done to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The network is cut: links between groups break, and nobody reaches another group.
    Partition(Vec<Vec<Place>>),
    /// The same, done as a devnet does it: every node is told to refuse the other groups.
    Refuse(Vec<Vec<Place>>),
    /// Every cut ends.
    Heal,
    /// Power goes: a node loses whatever its disk had not taken.
    Kill(Place),
    /// A killed node starts again on its disk.
    Restart(Place),
    /// A miner changes its speed.
    SetHashrate(Place, Hashrate),
}

/// A world and what happens in it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many nodes.
    pub nodes: u16,
    /// Who dials whom.
    pub topology: Topology,
    /// What the links are like.
    pub conditions: Conditions,
    /// How long a disk takes for what is written at one time.
    pub disk: Duration,
    /// How fast each node mines.
    pub hashrate: Hashrate,
    /// Every so often somebody pays.
    pub payments_every: Duration,
    /// What is done when, from the beginning of the world.
    pub steps: Vec<(Duration, Step)>,
    /// How long all miners mine; afterwards the first alone, until all agree.
    pub mining_for: Duration,
    /// How long it may take until all agree.
    pub agreement_within: Duration,
}

impl Plan {
    /// A quiet world: so many nodes that together find a block every two seconds.
    pub fn quiet(nodes: u16) -> Self {
        Self {
            nodes,
            topology: Topology::Ring { chords: 2 },
            conditions: Conditions::default(),
            disk: Duration::from_millis(3),
            hashrate: Hashrate(16_000 / u64::from(nodes.max(1))),
            payments_every: Duration::from_millis(700),
            steps: Vec::new(),
            mining_for: Duration::from_secs(60),
            agreement_within: Duration::from_secs(120),
        }
    }

    /// Cuts the world in two unequal parts for so long, and heals it.
    pub fn partition_and_heal(nodes: u16, cut_for: Duration) -> Self {
        let begin = Duration::from_secs(20);
        let groups = Self::parts(nodes, nodes * 3 / 5);
        let steps = vec![(begin, Step::Partition(groups)), (begin + cut_for, Step::Heal)];
        Self { steps, mining_for: begin + cut_for + Duration::from_secs(40), ..Self::quiet(nodes) }
    }

    /// The first so many nodes, and the others.
    pub fn parts(nodes: u16, first: u16) -> Vec<Vec<Place>> {
        let (one, other) = Place::first(nodes).partition(|place| place.index() < usize::from(first));
        vec![one, other]
    }
}
