//! Eclipse: which outbound connections of a restarted node are the attacker's, against the attacker's addresses and
//! network groups, with every countermeasure and without one.
//!
//! The node's real `Peers` is driven without a network: this file plays the honest nodes and the attacker.

use core::time::Duration;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use cairn_core::hash::{BlockHash, GenesisHash};
use cairn_core::height::Height;
use cairn_core::time::Timestamp;
use cairn_core::work::Work;
use cairn_protocol::action::Action;
use cairn_protocol::chain::tree::ChainTip;
use cairn_protocol::limits::{
    BLOCKS_ONLY_TARGET, MAX_INBOUND, MAX_LISTEN_ADDRESSES, MAX_PEERS_PER_MESSAGE, OUTBOUND_TARGET,
};
use cairn_protocol::message::{Hello, Message};
use cairn_protocol::peer::{Direction, PeerAddress, PeerId};
use cairn_protocol::peers::address_key::AddressKey;
use cairn_protocol::peers::handshake::Identity;
use cairn_protocol::peers::purpose::Purpose;
use cairn_protocol::peers::{ConnectionLimits, Peers, SavedPeers};
use cairn_protocol::random::Random;
use cairn_report::chart::{Axis, Chart, Point as Dot, Series, Style};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

use crate::papers::interval::{Confidence, Interval};
use crate::papers::table::Table;
use crate::sweeps::finding::{Finding, Size};

/// Honest nodes, each in a /16 of its own. The node learns of all of them.
const HONEST: usize = 500;
/// One in this number of honest nodes is online when the node restarts.
const ONE_ONLINE_OF: u64 = 4;
/// Time without an attacker, and time of the attack.
const HALF_A_DAY: Duration = Duration::from_secs(12 * 60 * 60);
/// Interval between the rounds of the attack, in each of which every address connects once.
const ROUND: Duration = Duration::from_secs(60 * 60);
/// Outbound connections of a node.
const SLOTS: usize = OUTBOUND_TARGET + BLOCKS_ONLY_TARGET;
const START: Timestamp = Timestamp::from_millis(1_000_000_000);
/// The first octet of the attacker's addresses; those of honest nodes are lower.
const HOSTILE_OCTET: u8 = 64;

/// The countermeasure that is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    Nothing,
    /// The anchors are deleted from what was saved.
    Anchors,
    /// The node sleeps between filling its slots and the restart.
    Feelers,
    /// Each test of a tried address whose place is disputed fails.
    TestBeforeEvict,
}

impl Without {
    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "-",
            Self::Anchors => "anchors",
            Self::Feelers => "feelers",
            Self::TestBeforeEvict => "test before evict",
        }
    }
}

/// The attacker's addresses, spread evenly over /16 groups.
#[derive(Clone, Copy, Debug)]
pub struct Attacker {
    pub addresses: usize,
    pub groups: usize,
}

/// An attacker and a node, with the figures of the whole sweep, which a quick one must not contradict.
#[derive(Clone, Copy, Debug)]
struct Case {
    attacker: Attacker,
    without: Without,
    /// Restarts in a hundred after which the node was eclipsed.
    eclipsed: f64,
    /// Outbound slots in a hundred that the attacker got.
    share: f64,
    /// Whether the quick sweep has it.
    is_quick: bool,
}

const fn case(
    [addresses, groups]: [usize; 2],
    without: Without,
    [eclipsed, share]: [f64; 2],
    is_quick: bool,
) -> Case {
    Case { attacker: Attacker { addresses, groups }, without, eclipsed, share, is_quick }
}

const CASES: [Case; 19] = [
    case([20, 1], Without::Nothing, [0.0, 6.6], true),
    case([20, 20], Without::Nothing, [0.0, 11.6], true),
    case([100, 100], Without::Nothing, [0.0, 37.0], true),
    case([400, 400], Without::Nothing, [2.0, 76.3], true),
    case([400, 400], Without::Anchors, [13.0, 81.0], true),
    case([400, 400], Without::Feelers, [0.0, 67.1], true),
    case([400, 400], Without::TestBeforeEvict, [7.0, 77.3], true),
    case([1_600, 1], Without::Anchors, [0.0, 8.7], false),
    case([1_600, 8], Without::Anchors, [0.0, 63.8], false),
    case([1_600, 32], Without::Nothing, [13.0, 83.1], false),
    case([1_600, 32], Without::Anchors, [22.0, 87.3], false),
    case([1_600, 1_600], Without::Nothing, [27.0, 88.0], false),
    case([1_600, 1_600], Without::Anchors, [37.0, 90.8], false),
    case([1_600, 1_600], Without::Feelers, [9.0, 78.5], false),
    case([1_600, 1_600], Without::TestBeforeEvict, [22.0, 87.5], false),
    case([4_600, 4_600], Without::Nothing, [20.0, 86.0], false),
    case([4_600, 4_600], Without::Anchors, [45.0, 92.7], false),
    case([4_600, 4_600], Without::Feelers, [0.0, 76.0], false),
    case([8_192, 32], Without::Nothing, [7.5, 80.5], false),
];

/// Restarts in a hundred after which Bitcoin Core 0.9.3 was eclipsed, in their experiments (Heilman et al. 2015, table 2).
const THEIRS: [([usize; 2], u8, &str); 3] =
    [([400, 400], 84, "live node"), ([4_600, 4_600], 100, "worst case"), ([8_192, 32], 98, "worst case")];

/// The outbound connections after a restart.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    pub hostile: usize,
    /// Full connections to honest nodes.
    pub honest_full: usize,
    pub is_eclipsed: bool,
}

/// A node, the nodes that it dials, and the time.
struct World {
    peers: Peers,
    now: Timestamp,
    honest: Vec<PeerAddress>,
    hostile: Vec<PeerAddress>,
    online: BTreeSet<PeerAddress>,
    without: Without,
    random: Random,
}

/// The host with a number in a group of one of the two sides.
fn address(first_octet: u8, group: usize, host: usize) -> PeerAddress {
    let [_, _, high, low] = (group as u32).to_be_bytes();
    let [_, _, third, fourth] = (host as u32).to_be_bytes();
    PeerAddress::new((Ipv4Addr::new(first_octet + high, low, third, fourth), 4000).into())
}

fn is_hostile(address: &PeerAddress) -> bool {
    matches!(address.socket().ip(), IpAddr::V4(host) if host.octets()[0] >= HOSTILE_OCTET)
}

/// An identity of an address; an attacker has several.
fn identity(address: &PeerAddress, number: u8) -> PeerId {
    let mut bytes = [number; 32];
    if let IpAddr::V4(host) = address.socket().ip() {
        bytes[..4].copy_from_slice(&host.octets());
    }
    PeerId::from_bytes(bytes)
}

fn new_peers(mut random: Random) -> Peers {
    let genesis = GenesisHash::from_bytes([1; 32]);
    let identity = Identity { genesis, nonce: 1, user_agent: "node".into(), listen: Vec::new() };
    let limits = ConnectionLimits { outbound: OUTBOUND_TARGET, inbound: MAX_INBOUND };
    let key = AddressKey::derive(&mut random);
    Peers::new(PeerId::from_bytes([255; 32]), identity, limits, None, &[], key, random)
}

fn sample(addresses: &[PeerAddress], count: usize, random: &mut Random) -> Vec<PeerAddress> {
    (0..count).map(|_| addresses[random.index(addresses.len())]).collect()
}

impl World {
    fn new(attacker: Attacker, without: Without, seed: u64) -> Self {
        let honest: Vec<PeerAddress> = (0..HONEST).map(|number| address(20, number, 1)).collect();
        let of_attacker = |number| {
            let (group, host) = (number % attacker.groups, number / attacker.groups);
            address(HOSTILE_OCTET, group, host + 1)
        };
        let mut world = Self {
            peers: new_peers(Random::derive(seed, 0)),
            now: START,
            online: honest.iter().copied().collect(),
            honest,
            hostile: (0..attacker.addresses).map(of_attacker).collect(),
            without,
            random: Random::derive(seed, 1),
        };
        for seed_node in sample(&world.honest, SLOTS, &mut world.random) {
            world.peers.address_found(START, seed_node);
        }
        world
    }

    /// Connects a peer and lets it send its `Hello`.
    fn connect(
        &mut self,
        peer: PeerId,
        direction: Direction,
        at: PeerAddress,
        listen: Vec<PeerAddress>,
    ) -> Vec<Action> {
        let tip = ChainTip { hash: BlockHash::ZERO, height: Height::GENESIS, work: Work::ZERO };
        let mut actions = Vec::new();
        self.peers.connected(self.now, peer, direction, at, tip, &mut actions);
        let theirs = Hello { listen, nonce: 2, ..self.peers.identity.hello(tip, Purpose::Full) };
        self.peers.received_hello(self.now, peer, theirs, &mut actions);
        actions
    }

    fn dial(&mut self, at: PeerAddress) -> Vec<Action> {
        let is_test = self.peers.dialer.purpose(&at) == Purpose::Feeler;
        let fails_tests = self.without == Without::TestBeforeEvict;
        let fails = fails_tests && is_test && self.peers.addresses.tried().any(|tried| *tried == at);
        if fails || !(is_hostile(&at) || self.online.contains(&at)) {
            self.peers.dial_failed(self.now, &at);
            return Vec::new();
        }
        self.connect(identity(&at, 0), Direction::Outbound, at, vec![at])
    }

    /// Carries out what the node wants, until it wants nothing or no more connections, or until `end`.
    fn run(&mut self, end: Timestamp, is_done: fn(&Peers) -> bool) {
        while self.now < end && !is_done(&self.peers) {
            let mut actions = Vec::new();
            self.peers.wake(self.now, &mut actions);
            while let Some(action) = actions.pop() {
                match action {
                    Action::Connect { address } => actions.extend(self.dial(address)),
                    Action::Disconnect { peer } => {
                        self.peers.disconnected(self.now, &peer, &mut actions);
                    }
                    Action::Send { peer, message: Message::GetPeers } => self.name_addresses(peer),
                    _ => {}
                }
            }
            let next = self.peers.next_wake(self.now).unwrap_or(end);
            self.now = next.max(self.now.saturating_add(Duration::from_millis(50))).min(end);
        }
    }

    /// Replies to a request for addresses with those of the peer's own side.
    fn name_addresses(&mut self, peer: PeerId) {
        let Some(connection) = self.peers.get(&peer) else { return };
        let side = if is_hostile(&connection.address) { &self.hostile } else { &self.honest };
        let named = sample(side, MAX_PEERS_PER_MESSAGE, &mut self.random);
        self.peers.received_addresses(self.now, peer, &named);
    }

    /// Lets every attacker connect once and name itself and others of the attacker.
    fn attack_once(&mut self) {
        for number in 0..self.hostile.len() {
            let own = self.hostile[number];
            let mut listen = sample(&self.hostile, MAX_LISTEN_ADDRESSES, &mut self.random);
            listen[0] = own;
            let (peer, from) = (identity(&own, 1), PeerAddress::new((own.socket().ip(), 50_000).into()));
            self.connect(peer, Direction::Inbound, from, listen);
            self.peers.disconnected(self.now, &peer, &mut Vec::new());
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.saturating_add(time);
        if self.without == Without::Feelers {
            self.now = end;
        }
        self.run(end, |_| false);
    }

    /// Restarts the node while few honest nodes are online. At once every inbound slot is an attacker's, which claims
    /// the addresses of honest nodes for its own.
    fn restart(mut self, saved: SavedPeers) -> Outcome {
        let random = &mut self.random;
        self.online = self.honest.iter().copied().filter(|_| random.below(ONE_ONLINE_OF) == 0).collect();
        self.peers = new_peers(Random::derive(self.random.next_u64(), 0));
        self.peers.restore(saved);
        let claims: Vec<Vec<PeerAddress>> =
            self.honest.chunks(MAX_LISTEN_ADDRESSES).map(<[PeerAddress]>::to_vec).collect();
        for (own, claimed) in self.hostile.clone().iter().take(MAX_INBOUND).zip(claims) {
            let from = PeerAddress::new((own.socket().ip(), 50_000).into());
            self.connect(identity(own, 2), Direction::Inbound, from, claimed);
        }
        self.run(self.now.saturating_add(Duration::from_secs(600)), |peers| outbound(peers).count() == SLOTS);
        let hostile = outbound(&self.peers).filter(|(_, address)| is_hostile(address)).count();
        let mut honest = outbound(&self.peers).filter(|(_, address)| !is_hostile(address));
        let is_eclipsed = hostile > 0 && honest.clone().next().is_none();
        let honest_full = honest.by_ref().filter(|(purpose, _)| *purpose == Purpose::Full).count();
        Outcome { hostile, honest_full, is_eclipsed }
    }
}

/// The outbound connections that last.
fn outbound(peers: &Peers) -> impl Iterator<Item = (Purpose, PeerAddress)> + Clone {
    let lasting = peers.ready().filter(|one| one.direction == Direction::Outbound);
    let lasting = lasting.filter(|one| one.purpose != Purpose::Feeler);
    lasting.map(|one| (one.purpose, one.address)).collect::<Vec<_>>().into_iter()
}

/// One node: half a day without an attacker, half a day of attack, and a restart.
pub fn play(attacker: Attacker, without: Without, seed: u64) -> Outcome {
    let mut world = World::new(attacker, without, seed);
    world.run(START.saturating_add(Duration::from_secs(600)), |peers| outbound(peers).count() == SLOTS);
    world.pass(HALF_A_DAY);
    for _ in 0..HALF_A_DAY.as_secs() / ROUND.as_secs() {
        world.attack_once();
        world.pass(ROUND);
    }
    let mut saved = world.peers.saved(world.now);
    if without == Without::Anchors {
        saved.anchors.clear();
    }
    world.restart(saved)
}

/// What one case came to.
struct Point {
    case: Case,
    eclipsed: Interval,
    share: Interval,
    outcomes: Vec<Outcome>,
}

impl Point {
    fn of(case: Case, worlds: u64) -> Self {
        let seeds = (1..=worlds).collect::<Vec<u64>>().into_par_iter().with_max_len(1);
        let outcomes: Vec<Outcome> = seeds.map(|seed| play(case.attacker, case.without, seed)).collect();
        let eclipsed = outcomes.iter().filter(|outcome| outcome.is_eclipsed).count() as u64;
        let shares: Vec<f64> = outcomes.iter().map(|outcome| outcome.hostile as f64 / SLOTS as f64).collect();
        Self {
            case,
            eclipsed: Interval::of_proportion(eclipsed, worlds, Confidence::P99),
            share: Interval::of_mean(&shares, Confidence::P99),
            outcomes,
        }
    }

    fn is_botnet(&self) -> bool {
        self.case.attacker.addresses == self.case.attacker.groups
    }

    fn dot(&self) -> Dot {
        let Interval { low, estimate, high } = self.eclipsed.times(100.0);
        Dot::new(self.case.attacker.addresses as f64, estimate).between(low, high)
    }
}

/// Probability that ten random nodes of those that are online are all the attacker's.
fn by_share_alone(addresses: f64) -> f64 {
    let honest = HONEST as f64 / ONE_ONLINE_OF as f64;
    (addresses / (addresses + honest)).powf(SLOTS as f64)
}

/// Eclipsed restarts and the attacker's slots against its addresses and groups.
pub fn finding(size: Size) -> Finding {
    let mut table = Table::new(
        "Eclipse: restarts after which every outbound connection is the attacker's",
        [
            "addresses",
            "groups (/16)",
            "without",
            "eclipsed (99 % interval)",
            "attacker's slots (99 % interval)",
            "by share alone, %",
            "Heilman et al., %",
        ],
    );
    table
        .set_up(format!("The node's own address manager and dialer, with no network below: it learns of {HONEST} honest nodes, each in a /16 of its own, for 12 hours. For 12 more, each of the attacker's addresses connects once an hour and names eight addresses of the attacker, of which the node accepts 256 at once and then 6 a minute of each group. Then the node restarts: every address of the attacker is online and one in {ONE_ONLINE_OF} honest ones, anchors as well. At once up to {MAX_INBOUND} attackers take the inbound slots, and claim the addresses of honest nodes for their own. While a node still believed such claims, 100 addresses eclipsed it after 40 restarts of 40."))
        .set_up("Eclipsed: the 8 full and 2 blocks-only connections that follow lead to the attacker alone; inbound ones count for nothing. An attacker's peer that is asked for addresses names the attacker's, an honest one honest ones.")
        .set_up("Without anchors: they are deleted before the restart. Without feelers: the node tests no address between its first connections and the restart. Without test before evict: each test of a tried address whose place another would take fails. Outbound diversity and buckets by group and source do nothing against an attacker with a /16 for each address: the rows with as many groups as addresses are those without them, and those with fewer groups show what they do. Feelers help this attacker, whose every address replies: they carry it into the tried table at 30 addresses an hour, and no faster. Test before evict decides nothing here, since half a day of feelers fills little of 16,384 places.")
        .set_up("By share alone: ten random nodes of those online are the attacker's.")
        .set_up("Heilman, Kendler, Zohar and Goldberg (USENIX Security 2015, table 2) ran their attack on Bitcoin Core 0.9.3, which had 8 outbound connections, no anchors, feelers, or test before evict, and preferred fresh addresses: 98 % with 8,192 addresses in 32 groups and 100 % with 4,600 bots, both in their worst case of full tables, and 84 % with 400 bots on a live node. Their attacker filled the tried table by connecting, and the new one with addresses that lead nowhere; here no inbound connection enters the tried table, and the attacker names only nodes of its own.")
        .set_up(size.of("40 restarts a row.", "100 restarts a row, 40 where there are more than 1,600 addresses."));
    let chart = Chart::new(
        "Restarts that end eclipsed, by the number of attacker addresses",
        Axis::logarithmic("attacker addresses, each in a /16 of its own but where said"),
        Axis::linear("eclipsed, %").from_to(0.0, 100.0),
    );
    let mut finding = Finding::new("eclipse", table, chart);
    let cases = CASES.iter().filter(|case| case.is_quick || size == Size::Full);
    let worlds = |case: &Case| if case.attacker.addresses > 1_600 { 40 } else { size.of(40, 100) };
    let points: Vec<Point> = cases.map(|case| Point::of(*case, worlds(case))).collect();
    for point in &points {
        let Case { attacker: Attacker { addresses, groups }, without, eclipsed, share, .. } = point.case;
        let name =
            |what| format!("{what}, {addresses} addresses, {groups} groups, without {}", without.name());
        finding.hold(name("eclipsed"), &point.eclipsed, eclipsed / 100.0);
        finding.hold(name("slots"), &point.share, share / 100.0);
        let most = point.outcomes.iter().map(|outcome| outcome.hostile).max().unwrap_or(SLOTS);
        finding.told_apart.push((name("one slot of each group at most"), most <= groups.min(SLOTS)));
        if groups == 1 && addresses == 20 {
            let least = point.outcomes.iter().map(|outcome| outcome.honest_full).min().unwrap_or(0);
            finding.told_apart.push((name("6 of 8 full connections are honest"), least >= 6));
        }
        let theirs =
            THEIRS.iter().find(|(who, ..)| *who == [addresses, groups] && without == Without::Nothing);
        finding.table.row([
            addresses.to_string(),
            groups.to_string(),
            without.name().to_owned(),
            point.eclipsed.percent(),
            point.share.percent(),
            format!("{:.1}", by_share_alone(addresses as f64) * 100.0),
            theirs.map_or("-".to_owned(), |(_, percent, set_up)| format!("{percent} ({set_up})")),
        ]);
    }
    let share_alone = (0..=60).map(|step| 20.0 * (4_600.0_f64 / 20.0).powf(f64::from(step) / 60.0));
    let share_alone = share_alone.map(|addresses| (addresses, by_share_alone(addresses) * 100.0));
    finding.draw(Series::new(Style::DashedLine, "by share alone", share_alone));
    for without in [Without::Nothing, Without::Anchors, Without::Feelers, Without::TestBeforeEvict] {
        let of_series = points.iter().filter(|point| point.is_botnet() && point.case.without == without);
        let name = match without {
            Without::Nothing => "with everything".to_owned(),
            _ => format!("without {}", without.name()),
        };
        finding.draw(Series::new(Style::Points, name, of_series.map(Point::dot)));
    }
    let few = points
        .iter()
        .filter(|point| point.case.attacker.groups == 32 && point.case.without == Without::Nothing);
    finding.draw(Series::new(Style::Points, "32 groups", few.map(Point::dot)));
    let theirs = THEIRS.iter().map(|([addresses, _], percent, _)| (*addresses as f64, f64::from(*percent)));
    finding.draw(Series::new(Style::Points, "Heilman et al., Bitcoin Core 0.9.3", theirs));
    finding
}
