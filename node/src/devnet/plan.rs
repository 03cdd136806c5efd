//! The plan: which nodes are to run, where, with whom they connect and how fast they mine.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cairn_core::address::Address;
use cairn_core::params::ChainParams;
use cairn_core::text::grouped;
use cairn_genesis::Chain;
use cairn_genesis::hashrate::Hashrate;
use cairn_protocol::random::Random;
use cairn_simulator::text::duration;

use crate::devnet::error::DevnetError;
use crate::devnet::funded_accounts;
use cairn_daemon::miner::spacing_hashrate;

/// Up to this number of nodes each dials every other.
const FULL_MESH: u16 = 8;
/// Beyond that, each dials the node before it and this number of random others.
const CHORDS: u64 = 3;
/// Peers are met this far above the ports for programs.
const PEER_PORTS_ABOVE: u16 = 1000;

/// What the miners of a devnet hash together: its blocks come in time at once (docs/decisions/0002).
const USUAL_HASHRATE: Hashrate = Hashrate::per_second(2_048);

/// Hash rate of all miners together by default. Where no difficulty follows the hash rate, it is
/// the rate that keeps the spacing.
pub fn usual_hashrate(params: &ChainParams) -> Hashrate {
    spacing_hashrate(params).unwrap_or(USUAL_HASHRATE)
}

/// The warning of a rate at which a chain of fixed difficulty is flooded with blocks.
pub fn flood(params: &ChainParams, hashrate: Hashrate) -> Option<String> {
    let usual = usual_hashrate(params);
    let times = hashrate.0 / usual.0.max(1);
    (params.half_life.is_none() && times > 1).then(|| {
        format!(
            "--hashrate {hashrate}: the difficulty of {} is fixed, so blocks come {} times as often as one in {}; \
             without --hashrate the miners keep the spacing with a hash rate of {usual}/s together",
            params.name,
            grouped(times),
            duration(params.spacing.as_millis() as u64)
        )
    })
}

/// One node that is to run.
#[derive(Clone, Debug)]
pub struct NodePlan {
    pub id: u16,
    /// Directory of its data and log.
    pub directory: PathBuf,
    /// Address of its RPC server.
    pub rpc: SocketAddr,
    /// Address where it accepts peers.
    pub peer: SocketAddr,
    /// Addresses of the nodes that it dials.
    pub dials: Vec<SocketAddr>,
    /// Address of the payee of its blocks.
    pub reward: String,
    /// How fast it mines; none when it does not.
    pub hashrate: Option<Hashrate>,
    /// Limit of connections to nodes that it does not dial by itself; none for the usual limit.
    pub max_outbound: Option<u32>,
    /// What keeps other devnets from its two ports.
    _held: [Arc<HeldPort>; 2],
}

/// A port that no other devnet takes while this is held, also while the node that it is for does not run:
/// the plan binds the UDP twin of a port, which nodes do not use, before looking whether it is free. The
/// system lets go of it when the devnet ends, however it ends.
#[derive(Debug)]
struct HeldPort {
    _twin: UdpSocket,
}

/// The tag of a node begins with this; its number follows.
const TAG: &str = "node ";

/// The number of the node that found a block, by its tag. A tag is foreign text: only what a devnet gives its
/// nodes counts.
pub fn miner(tag: &[u8]) -> Option<u16> {
    std::str::from_utf8(tag).ok()?.strip_prefix(TAG)?.parse().ok()
}

impl NodePlan {
    /// The text in the coinbase of the blocks that it finds; [`miner`] reads it.
    pub fn tag(&self) -> String {
        format!("{TAG}{}", self.id)
    }

    /// Directory of the node's data.
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// The file that lets programs in.
    pub fn cookie(&self) -> PathBuf {
        self.data().join(".cookie")
    }

    /// What the node writes.
    pub fn log(&self) -> PathBuf {
        self.directory.join("log")
    }
}

/// The devnet that is wanted.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    pub chain: &'a Chain,
    pub nodes: u16,
    /// The nodes that mine.
    pub miners: BTreeSet<u16>,
    /// How fast all miners hash together.
    pub hashrate: Hashrate,
    /// Who is paid for all blocks; none pays node k's to devnet account k.
    pub to: Option<Address>,
    /// First port for programs.
    pub rpc_port: u16,
}

/// Draws up the plan; with it, sentences about ports that were taken.
pub fn draw(wanted: &Wanted<'_>, directory: &Path) -> Result<(Vec<NodePlan>, Vec<String>), DevnetError> {
    let mut remarks = Vec::new();
    let mut next_rpc = wanted.rpc_port;
    let mut next_peer = wanted.rpc_port.saturating_add(PEER_PORTS_ABOVE);
    let share = wanted.hashrate.part(1, wanted.miners.len().max(1) as u64);
    let mut plans: Vec<NodePlan> = Vec::new();
    for id in 0..wanted.nodes {
        let (rpc, rpc_held) = free_port(&mut next_rpc)?;
        let expected = wanted.rpc_port.saturating_add(id);
        if rpc.port() != expected && plans.last().is_none_or(|last| last.rpc.port() + 1 != rpc.port()) {
            remarks.push(format!("port {expected} is taken: node {id} answers at {rpc}"));
        }
        let (peer, peer_held) = free_port(&mut next_peer)?;
        let dials = dialled_by(id).into_iter().map(|earlier| plans[usize::from(earlier)].peer).collect();
        let account = funded_accounts::payee(wanted.chain, id);
        let reward = wanted.to.clone().unwrap_or(account).to_string();
        let directory = directory.join(format!("node-{id}"));
        let hashrate = wanted.miners.contains(&id).then_some(share);
        let _held = [rpc_held, peer_held].map(Arc::new);
        plans.push(NodePlan { id, directory, rpc, peer, dials, reward, hashrate, max_outbound: None, _held });
    }
    Ok((plans, remarks))
}

/// The earlier nodes that a node dials; later ones dial it.
fn dialled_by(id: u16) -> BTreeSet<u16> {
    if id < FULL_MESH {
        return (0..id).collect();
    }
    // The draw depends on the number alone, so that a resumed devnet has the links it had.
    let mut random = Random::derive(0, u64::from(id));
    let chords = (0..CHORDS).map(|_| random.below(u64::from(id)) as u16);
    chords.chain([id - 1]).collect()
}

/// Which nodes mine: `0,2`, `none`, or all when nothing is said.
///
/// # Errors
/// When the text names no nodes of this devnet.
pub fn miners(text: Option<&str>, nodes: u16) -> Result<BTreeSet<u16>, DevnetError> {
    let Some(text) = text else { return Ok((0..nodes).collect()) };
    if text == "none" {
        return Ok(BTreeSet::new());
    }
    let one = |word: &str| match word.trim().parse::<u16>() {
        Ok(node) if node < nodes => Ok(node),
        Ok(node) => Err(DevnetError::NoSuchNode { node, last: nodes - 1 }),
        Err(_) => Err(DevnetError::Argument {
            found: word.to_owned(),
            expected: "numbers of nodes with commas, as in 0,2, or none".to_owned(),
        }),
    };
    text.split(',').map(one).collect()
}

/// The next port without a listener that no other devnet has drawn.
fn free_port(next: &mut u16) -> Result<(SocketAddr, HeldPort), DevnetError> {
    let first = *next;
    for port in first..=u16::MAX {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if let Ok(twin) = UdpSocket::bind(address)
            && TcpListener::bind(address).is_ok()
        {
            *next = port.saturating_add(1);
            return Ok((address, HeldPort { _twin: twin }));
        }
    }
    Err(DevnetError::NoPort { first })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miner_is_known_by_the_tag_that_its_devnet_gave_it() {
        assert_eq!(miner(b"node 12"), Some(12));
        assert_eq!(miner(b"other 1"), None);
    }

    #[test]
    fn few_nodes_are_all_linked_and_many_are_linked_to_one_another_by_a_chain_at_least() {
        assert_eq!(dialled_by(4).len(), 4);
        for id in FULL_MESH..50 {
            let dialled = dialled_by(id);
            assert!(dialled.contains(&(id - 1)) && dialled.len() <= 4, "{id}: {dialled:?}");
            assert!(dialled.iter().all(|other| *other < id));
        }
    }

    #[test]
    fn miners_are_named_by_number() {
        assert_eq!(miners(Some("0, 2"), 5).expect("fits"), BTreeSet::from([0, 2]));
        assert_eq!(miners(None, 3).expect("fits").len(), 3);
        assert!(miners(Some("none"), 3).expect("fits").is_empty());
        assert!(matches!(miners(Some("5"), 5), Err(DevnetError::NoSuchNode { node: 5, last: 4 })));
        assert!(matches!(miners(Some("a"), 5), Err(DevnetError::Argument { .. })));
    }

    #[test]
    fn on_a_chain_of_fixed_difficulty_the_miners_keep_the_spacing_together() {
        let [devnet, regtest] = ["devnet", "regtest"].map(|name| Chain::builtin(name).expect("built in"));
        assert_eq!(usual_hashrate(&devnet.params), Hashrate::per_second(2_048));
        // Two hashes make a block, and one is meant every two seconds.
        assert_eq!(usual_hashrate(&regtest.params), Hashrate::per_second(1));
        let miners = BTreeSet::from([0, 1, 2, 3]);
        let hashrate = usual_hashrate(&regtest.params);
        let wanted = Wanted { chain: &regtest, nodes: 4, miners, hashrate, to: None, rpc_port: 21_950 };
        let (plans, _) = draw(&wanted, Path::new("d")).expect("ports above");
        assert!(plans.iter().all(|plan| plan.hashrate.expect("it mines").to_string() == "0.25"));
    }

    #[test]
    fn a_rate_that_floods_a_chain_is_reported_at_the_start() {
        let [devnet, regtest] = ["devnet", "regtest"].map(|name| Chain::builtin(name).expect("built in"));
        let text = flood(&regtest.params, Hashrate::per_second(2_048)).expect("it floods");
        assert!(text.contains("blocks come 2,048 times as often as one in 2 s"), "{text}");
        assert_eq!(flood(&regtest.params, usual_hashrate(&regtest.params)), None);
        assert_eq!(flood(&devnet.params, Hashrate::per_second(1_000_000)), None);
    }

    #[test]
    fn a_taken_port_is_passed_over_and_said() {
        let chain = Chain::builtin("devnet").expect("devnet");
        let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let taken = holder.local_addr().expect("an address").port();
        let miners = BTreeSet::from([0]);
        let wanted = Wanted {
            chain: &chain,
            nodes: 2,
            miners,
            hashrate: Hashrate::per_second(10),
            to: None,
            rpc_port: taken,
        };
        let (plans, remarks) = draw(&wanted, Path::new("d")).expect("ports above");
        assert!(plans.iter().all(|plan| plan.rpc.port() != taken));
        assert_eq!(remarks.len(), 1, "{remarks:?}");
        assert_eq!((plans[0].hashrate, plans[1].hashrate), (Some(Hashrate::per_second(10)), None));
    }

    #[test]
    fn devnets_that_are_drawn_up_at_one_moment_share_no_port() {
        let chain = Chain::builtin("devnet").expect("devnet");
        let drawn = || {
            let wanted = Wanted {
                chain: &chain,
                nodes: 3,
                miners: BTreeSet::new(),
                hashrate: Hashrate::NONE,
                to: None,
                rpc_port: 21_900,
            };
            draw(&wanted, Path::new("d")).expect("ports above").0
        };
        // None of their nodes listens yet.
        let all = std::thread::scope(|scope| {
            let drawn: Vec<_> = (0..4).map(|_| scope.spawn(drawn)).collect();
            drawn.into_iter().flat_map(|one| one.join().expect("drawn")).collect::<Vec<_>>()
        });
        let ports: BTreeSet<u16> = all.iter().flat_map(|one| [one.rpc.port(), one.peer.port()]).collect();
        assert_eq!(ports.len(), 4 * 3 * 2);
    }
}
